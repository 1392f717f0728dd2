// The codec: what is encoded comes back equal, every limit is enforced by name, foreign bytes never do worse than a
// FrameError, and the number reader and writer agree with protobuf's own.

import assert from 'node:assert/strict';
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import fc from 'fast-check';
import * as codec from '../../../proto/codec.js';
import { SessionRequest as SessionRequestWire } from '../../../proto/gen/curpho/v1/replica.js';
import { NumberReader, NumberWriter } from '../../../proto/number-wire.js';
import {
  BATCH_MUTATIONS_LIMIT,
  FRAME_BYTES_HARD_LIMIT,
  FRAME_OPERATIONS_LIMIT,
  KEY_BYTES_LIMIT,
  SCAN_BYTES_LIMIT,
  SCAN_ENTRIES_LIMIT,
  VALUE_BYTES_LIMIT,
} from '../../../protocol/limits.js';
import type { Command, ConfirmedRead, FrameTrace, ScanRange, Write } from '../../../protocol/messages.js';
import * as samples from './frame-samples.js';

const { bytesOf, createCommand, createWrite, createConfirmedScan, createWeakGet } = samples;

/** A frame type as tests see it: a good sample and both directions. */
interface Kind {
  name: string;
  roundTrip: () => [before: unknown, after: unknown];
  decode: (bytes: Uint8Array) => unknown;
  bytes: Buffer;
}

function kindOf<T>(name: string, sample: T, encode: (frame: T) => Buffer, decode: (bytes: Uint8Array) => T): Kind {
  return { name, roundTrip: () => [sample, decode(encode(sample))], decode, bytes: encode(sample) };
}

const kinds: Kind[] = [
  kindOf('SessionRequest', samples.createSessionRequest(), codec.encodeSessionRequest, codec.decodeSessionRequest),
  kindOf('SessionResponse', samples.createSessionResponse(), codec.encodeSessionResponse, codec.decodeSessionResponse),
  kindOf(
    'ReplicateRequest',
    samples.createReplicateRequest(),
    codec.encodeReplicateRequest,
    codec.decodeReplicateRequest,
  ),
  kindOf(
    'ReplicateResponse',
    samples.createReplicateResponse(),
    codec.encodeReplicateResponse,
    codec.decodeReplicateResponse,
  ),
  kindOf('RecordRequest', samples.createRecordRequest(), codec.encodeRecordRequest, codec.decodeRecordRequest),
  kindOf('RecordResponse', samples.createRecordResponse(), codec.encodeRecordResponse, codec.decodeRecordResponse),
  kindOf('CollectRequest', samples.createCollectRequest(), codec.encodeCollectRequest, codec.decodeCollectRequest),
  kindOf('CollectResponse', samples.createCollectResponse(), codec.encodeCollectResponse, codec.decodeCollectResponse),
  kindOf('AckBatch', samples.createAckBatch(), codec.encodeAckBatch, codec.decodeAckBatch),
];

/** Views of a frame as plain arrays, so that a Buffer's slice equals the array it came from. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
}

function assertRefused(decode: () => unknown, field: string, limit: RegExp): void {
  assert.throws(decode, (error: unknown) => {
    assert.ok(error instanceof codec.FrameError, String(error));
    assert.equal(error.field, field);
    assert.match(error.limit, limit);
    assert.equal(error.message, `${error.field} must be ${error.limit}`);
    return true;
  });
}

function recodeWrite(write: Write): unknown {
  return codec.decodeSessionRequest(codec.encodeSessionRequest(samples.createSessionRequest({ writes: [write] })));
}

function recodeCommand(changes: Partial<Command>): unknown {
  return recodeWrite(createWrite({ command: createCommand(changes) }));
}

function recodeScan(range: Partial<ScanRange>, changes: Partial<ConfirmedRead> = {}): unknown {
  const whole = { start: bytesOf(0), end: bytesOf(0), limit: 1, byteLimit: 1, ...range };
  const confirmedReads = [createConfirmedScan({ range: whole, ...changes })];
  return codec.decodeSessionRequest(codec.encodeSessionRequest(samples.createSessionRequest({ confirmedReads })));
}

const put = (keyBytes: number, valueBytes: number) => ({
  key: bytesOf(keyBytes),
  value: bytesOf(valueBytes),
  deletes: false,
});

describe('codec', () => {
  for (const kind of kinds) {
    it(`${kind.name} comes back as it was`, () => {
      const [before, after] = kind.roundTrip();
      assert.deepEqual(plain(after), plain(before));
    });

    it(`${kind.name}: foreign bytes are refused or decoded, nothing else`, () => {
      const survives = (bytes: Uint8Array) => {
        try {
          kind.decode(bytes);
        } catch (error) {
          if (!(error instanceof codec.FrameError)) throw error;
        }
        return true;
      };
      fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), survives), { numRuns: 500 });
      const spoilt = fc
        .record({ at: fc.nat(kind.bytes.length - 1), byte: fc.nat(255), cut: fc.nat(kind.bytes.length) })
        .map(({ at, byte, cut }) => {
          const bytes = Buffer.from(kind.bytes);
          bytes[at] = byte;
          return bytes.subarray(0, cut);
        });
      fc.assert(fc.property(spoilt, survives), { numRuns: 2000 });
    });

    it(`${kind.name}: a frame cut in its last field is refused`, () => {
      assert.throws(() => kind.decode(kind.bytes.subarray(0, -1)), codec.FrameError);
    });
  }

  it('decodes without copying', () => {
    const bytes = codec.encodeSessionRequest(samples.createSessionRequest());
    const key = codec.decodeSessionRequest(bytes).writes[0]?.command?.mutations[0]?.key;
    assert.equal(key?.buffer, bytes.buffer);
  });

  it('yields bytes that later encoding does not touch', () => {
    const bytes = codec.encodeAckBatch(samples.createAckBatch());
    const before = bytes.toString('hex');
    codec.encodeSessionRequest(samples.createSessionRequest({ clusterId: 'another' }));
    assert.equal(bytes.toString('hex'), before);
  });

  it('recovers after a frame that cannot be encoded', () => {
    assert.throws(() => codec.encodeAckBatch(samples.createAckBatch({ replica: -1 })));
    const [before, after] = kindOf(
      '',
      samples.createAckBatch(),
      codec.encodeAckBatch,
      codec.decodeAckBatch,
    ).roundTrip();
    assert.deepEqual(plain(after), plain(before));
  });

  it('takes everything at its limit', () => {
    assert.ok(recodeCommand({ mutations: [put(KEY_BYTES_LIMIT, VALUE_BYTES_LIMIT)] }));
    const expected = { present: true, value: bytesOf(VALUE_BYTES_LIMIT) };
    assert.ok(recodeCommand({ mutations: [put(KEY_BYTES_LIMIT, VALUE_BYTES_LIMIT)], condition: expected }));
    const each = VALUE_BYTES_LIMIT / BATCH_MUTATIONS_LIMIT - 10;
    assert.ok(recodeCommand({ mutations: new Array(BATCH_MUTATIONS_LIMIT).fill(put(10, each)) }));
    assert.ok(recodeScan({ limit: SCAN_ENTRIES_LIMIT, byteLimit: SCAN_BYTES_LIMIT, start: bytesOf(KEY_BYTES_LIMIT) }));
    assert.ok(recodeCommand({ session: Number.MAX_SAFE_INTEGER, seq: Number.MAX_SAFE_INTEGER }));
  });
});

describe('codec limits', () => {
  const at = 'SessionRequest.writes.command';

  it('a write has a command with a name', () => {
    assertRefused(() => recodeWrite(createWrite({ command: undefined })), at, /present/);
    assertRefused(() => recodeCommand({ session: 0 }), `${at}.session`, /at least 1/);
    assertRefused(() => recodeCommand({ seq: 0 }), `${at}.seq`, /at least 1/);
  });

  it('keys have 1 to 1,024 bytes', () => {
    assertRefused(() => recodeCommand({ mutations: [put(0, 1)] }), `${at}.key`, /1 to 1024 bytes, not 0/);
    assertRefused(() => recodeCommand({ mutations: [put(1025, 1)] }), `${at}.key`, /1 to 1024 bytes, not 1025/);
    const strongRead = { nonce: 1, session: 1, barrier: 0, key: bytesOf(0) };
    const frame = samples.createSessionRequest({ strongReads: [strongRead] });
    const decode = () => codec.decodeSessionRequest(codec.encodeSessionRequest(frame));
    assertRefused(decode, 'SessionRequest.strong_reads.key', /1 to 1024/);
  });

  it('values and expected values have at most 1 MiB', () => {
    const large = VALUE_BYTES_LIMIT + 1;
    assertRefused(
      () => recodeCommand({ mutations: [put(1, large)] }),
      `${at}.mutations.value bytes`,
      /at most 1048576/,
    );
    const condition = { present: true, value: bytesOf(large) };
    assertRefused(() => recodeCommand({ condition }), `${at}.condition.value bytes`, /at most 1048576/);
  });

  it('a command has 1 to 1,024 mutations, and a batch at most 1 MiB', () => {
    assertRefused(() => recodeCommand({ mutations: [] }), `${at}.mutations`, /1 to 1024 mutations, not 0/);
    const many = new Array(BATCH_MUTATIONS_LIMIT + 1).fill(put(1, 1));
    assertRefused(() => recodeCommand({ mutations: many }), `${at}.mutations`, /1 to 1024 mutations, not 1025/);
    const half = put(1, VALUE_BYTES_LIMIT / 2);
    assertRefused(() => recodeCommand({ mutations: [half, half] }), `${at}.mutations bytes`, /at most 1048576/);
  });

  it('a condition belongs to a strong command with one mutation', () => {
    const condition = { present: false, value: bytesOf(0) };
    assertRefused(() => recodeCommand({ condition, strong: false }), `${at}.condition`, /weak/);
    assertRefused(() => recodeCommand({ condition, mutations: [put(1, 1), put(2, 1)] }), `${at}.condition`, /several/);
  });

  it('dependencies are names, and trace contexts are whole', () => {
    const dependencies = [{ session: 0, seq: 1 }];
    assertRefused(
      () => recodeWrite(createWrite({ dependencies })),
      'SessionRequest.writes.dependencies.session',
      /at least/,
    );
    const many = new Array(FRAME_OPERATIONS_LIMIT + 1).fill({ session: 1, seq: 1 });
    assertRefused(
      () => recodeWrite(createWrite({ dependencies: many })),
      'SessionRequest.writes.dependencies',
      /at most/,
    );
    const operations = [{ session: 9, seq: 4, nonce: 0, context: bytesOf(24) }];
    const cut = { sentUs: 1, operations, turn: 0, stampUs: 0, taken: [] };
    const frame = samples.createSessionRequest({ trace: cut });
    const decode = () => codec.decodeSessionRequest(codec.encodeSessionRequest(frame));
    assertRefused(decode, 'SessionRequest.trace.operations.context', /25 bytes/);
  });

  it('stamps are times', () => {
    for (const us of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      const refused = (trace: FrameTrace, field: string): void => {
        const frame = samples.createSessionRequest({ trace });
        const path = `SessionRequest.trace.${field}`;
        assertRefused(() => codec.decodeSessionRequest(codec.encodeSessionRequest(frame)), path, /a time/);
      };
      const taken = { turn: 1, sentUs: 1, receivedUs: 1, loopUs: 0, decodeUs: 0, stepUs: 0, nodeTurn: 1 };
      const trace = { sentUs: 0, operations: [], turn: 1, stampUs: 1, taken: [taken] };
      refused({ ...trace, stampUs: us }, 'stamp_us');
      refused({ ...trace, taken: [{ ...taken, sentUs: us }] }, 'taken.sent_us');
      refused({ ...trace, taken: [{ ...taken, receivedUs: us }] }, 'taken.received_us');
    }
  });

  it('a scan has limits of its own', () => {
    const path = 'SessionRequest.confirmed_reads';
    assertRefused(() => recodeScan({ limit: 0 }), `${path}.range.limit`, /at least 1/);
    assertRefused(() => recodeScan({ limit: SCAN_ENTRIES_LIMIT + 1 }), `${path}.range.limit`, /at most 10000/);
    assertRefused(() => recodeScan({ byteLimit: 0 }), `${path}.range.byte_limit`, /at least 1/);
    assertRefused(() => recodeScan({ byteLimit: SCAN_BYTES_LIMIT + 1 }), `${path}.range.byte_limit`, /at most 1048576/);
    assertRefused(() => recodeScan({ start: bytesOf(1025) }), `${path}.range.start bytes`, /at most 1024/);
    assertRefused(() => recodeScan({ end: bytesOf(1025) }), `${path}.range.end bytes`, /at most 1024/);
  });

  it('a read is of one key or of one range', () => {
    assertRefused(
      () => recodeScan({}, { key: bytesOf(1) }),
      'SessionRequest.confirmed_reads.key',
      /empty where a range/,
    );
    const weakReads = [createWeakGet({ key: bytesOf(0) })];
    const frame = samples.createSessionRequest({ weakReads });
    const decode = () => codec.decodeSessionRequest(codec.encodeSessionRequest(frame));
    assertRefused(decode, 'SessionRequest.weak_reads.key', /1 to 1024/);
  });

  it('attempts, clients and entries are numbered from 1', () => {
    const recode = (changes: Parameters<typeof samples.createSessionRequest>[0]) => () =>
      codec.decodeSessionRequest(codec.encodeSessionRequest(samples.createSessionRequest(changes)));
    assertRefused(recode({ clientId: 0 }), 'SessionRequest.client_id', /at least 1/);
    assertRefused(
      recode({ weakReads: [createWeakGet({ nonce: 0 })] }),
      'SessionRequest.weak_reads.nonce',
      /at least 1/,
    );
    assertRefused(recode({ ackQueries: [{ session: 1, seq: 0 }] }), 'SessionRequest.ack_queries.seq', /at least 1/);
    const entries = [{ epoch: 0, command: undefined, expiry: undefined }];
    const replicate = codec.encodeReplicateRequest(samples.createReplicateRequest({ entries }));
    assertRefused(() => codec.decodeReplicateRequest(replicate), 'ReplicateRequest.entries.epoch', /at least 1/);
  });

  it('a frame has at most 8,192 operations, of whatever kinds', () => {
    const ackQueries = new Array(FRAME_OPERATIONS_LIMIT).fill({ session: 1, seq: 1 });
    const none = { writes: [], strongReads: [], confirmedReads: [], weakReads: [], ackQueries };
    const full = codec.encodeSessionRequest(samples.createSessionRequest(none));
    assert.equal(codec.decodeSessionRequest(full).ackQueries.length, FRAME_OPERATIONS_LIMIT);
    const over = codec.encodeSessionRequest(samples.createSessionRequest({ ...none, weakReads: [createWeakGet()] }));
    assertRefused(() => codec.decodeSessionRequest(over), 'SessionRequest.operations', /at most 8192, not 8193/);
  });

  it('F5: what is said of sessions is bounded and names sessions', () => {
    const many = new Array(FRAME_OPERATIONS_LIMIT + 1).fill(1);
    const upkeep = (changes: object) => () => {
      const whole = { alive: [], ended: [], queries: [], ...changes };
      return codec.decodeSessionRequest(codec.encodeSessionRequest(samples.createSessionRequest({ upkeep: whole })));
    };
    const path = 'SessionRequest.upkeep';
    assertRefused(upkeep({ alive: many }), `${path}.alive`, /at most 8192, not 8193/);
    assertRefused(upkeep({ ended: many }), `${path}.ended`, /at most 8192, not 8193/);
    assertRefused(upkeep({ ended: [0] }), `${path}.ended`, /at least 1/);
    const query = { nonce: 1, session: 1, seq: 1 };
    assertRefused(upkeep({ queries: new Array(1025).fill(query) }), `${path}.queries`, /at most 1024/);
    assertRefused(upkeep({ queries: [{ ...query, nonce: 0 }] }), `${path}.queries.nonce`, /at least 1/);
    assertRefused(upkeep({ queries: [{ ...query, seq: 0 }] }), `${path}.queries.seq`, /at least 1/);
  });

  it('F5: an end is an entry of its own, with 1 to 8,192 sessions; an inquiry has a number', () => {
    const recode = (changes: Parameters<typeof samples.createReplicateRequest>[0]) => () =>
      codec.decodeReplicateRequest(codec.encodeReplicateRequest(samples.createReplicateRequest(changes)));
    const entry = (sessions: number[], command?: Command) =>
      recode({ entries: [{ epoch: 1, command, expiry: { sessions } }] });
    const path = 'ReplicateRequest.entries.expiry';
    assertRefused(entry([]), `${path}.sessions`, /at least 1/);
    assertRefused(entry(new Array(8193).fill(1)), `${path}.sessions`, /at most 8192/);
    assertRefused(entry([1], createCommand()), path, /absent where there is a command/);
    assertRefused(recode({ inquiry: { number: 0, sessions: [] } }), 'ReplicateRequest.inquiry.number', /at least 1/);
    const collect = samples.createCollectRequest({ inquiry: { number: 1, sessions: [0] } });
    const decode = () => codec.decodeCollectRequest(codec.encodeCollectRequest(collect));
    assertRefused(decode, 'CollectRequest.inquiry.sessions', /at least 1/);
  });

  it('a frame has at most the bytes that limits.ts allows', () => {
    const decode = () => codec.decodeAckBatch(new Uint8Array(FRAME_BYTES_HARD_LIMIT + 1));
    assertRefused(decode, 'AckBatch.bytes', /at most/);
  });

  it('numbers beyond 2^53-1 are refused, not rounded', () => {
    const bytes = new BinaryWriter()
      .uint32(16)
      .uint64(2n ** 53n)
      .finish();
    assertRefused(() => codec.decodeAckBatch(bytes), 'AckBatch', /well-formed/);
  });

  it('a frame that ends before its bytes do is refused', () => {
    const trailing = Buffer.concat([codec.encodeAckBatch(samples.createAckBatch()), Buffer.from([0, 1, 2])]);
    assertRefused(() => codec.decodeAckBatch(trailing), 'AckBatch', /up to its end/);
  });
});

describe('number reader and writer', () => {
  const edges = [0, 1, 127, 128, 16383, 16384, 2 ** 28 - 1, 2 ** 28, 2 ** 32 - 1, 2 ** 32, 2 ** 49 - 1, 2 ** 49];
  const safe = fc.oneof(fc.constantFrom(...edges, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());

  it('write what protobuf writes', () => {
    fc.assert(
      fc.property(safe, (value) => {
        assert.deepEqual(new NumberWriter().uint64(value).finish(), new BinaryWriter().uint64(value).finish());
      }),
    );
    const frame = samples.createSessionRequest();
    assert.deepEqual(new Uint8Array(codec.encodeSessionRequest(frame)), SessionRequestWire.encode(frame).finish());
  });

  it('read what protobuf reads, and leave off at the same place', () => {
    fc.assert(
      fc.property(safe, safe, (first, second) => {
        const bytes = new BinaryWriter().uint64(first).uint64(second).finish();
        const reader = new NumberReader(bytes);
        assert.equal(Number(reader.uint64()), first);
        assert.equal(Number(reader.uint64()), second);
        assert.equal(reader.pos, bytes.length);
      }),
    );
  });

  it('fail where protobuf fails', () => {
    const cut = new Uint8Array([0x80, 0x80]);
    assert.throws(() => new BinaryReader(cut).uint64());
    assert.throws(() => new NumberReader(cut).uint64());
    assert.throws(() => new NumberWriter().uint64(-1));
    assert.throws(() => new NumberWriter().uint64(1.5));
    assert.throws(() => new NumberWriter().uint64(Number.NaN));
  });
});

describe('byte streams', () => {
  it('have the paths of the services and pass bytes through', () => {
    const paths = Object.values(codec.streamMethods).map((method) => method.path);
    assert.deepEqual(paths, [
      '/curpho.v1.Replica/Session',
      '/curpho.v1.Replica/Replicate',
      '/curpho.v1.Witness/Record',
      '/curpho.v1.Witness/Collect',
    ]);
    const bytes = Buffer.from([1, 2]);
    assert.equal(codec.streamMethods.session.requestSerialize(bytes), bytes);
    assert.equal(codec.streamMethods.session.responseDeserialize(bytes), bytes);
  });

  it('replace the streams of the service definitions and nothing else', () => {
    assert.equal(codec.replicaServiceDefinition.session, codec.streamMethods.session);
    assert.equal(codec.replicaServiceDefinition.fence.path, '/curpho.v1.Replica/Fence');
    assert.equal(codec.witnessServiceDefinition.collect, codec.streamMethods.collect);
    assert.equal(codec.witnessServiceDefinition.seal.path, '/curpho.v1.Witness/Seal');
  });
});
