// Streams and coordinator calls against small gRPC servers in this process.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { ClientError } from '../../../client/client-error.js';
import { SessionIds } from '../../../client/session-ids.js';
import { CoordinatorLink } from '../../../client/transport/coordinator-link.js';
import { NodeStreams } from '../../../client/transport/node-streams.js';
import {
  decodeSessionRequest,
  encodeRecordResponse,
  encodeSessionResponse,
  replicaServiceDefinition,
  witnessServiceDefinition,
} from '../../../proto/codec.js';
import {
  CoordinatorService,
  type GetConfigRequest,
  type GetConfigResponse,
  type OpenSessionsRequest,
  type OpenSessionsResponse,
  type WatchRequest,
  type WatchResponse,
} from '../../../proto/gen/curpho/v1/coordinator.js';
import type { ClientInput } from '../../../protocol/core.js';
import { createRecordResponse, createSessionResponse } from '../../../protocol/frames.js';
import type { ClusterConfig } from '../../../protocol/messages.js';

type FrameStream = ServerDuplexStream<Buffer, Buffer>;

const servers: Server[] = [];
const closers: (() => void)[] = [];

async function listen(server: Server, address = '127.0.0.1:0'): Promise<string> {
  servers.push(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return `127.0.0.1:${port}`;
}

function refuse(call: { emit(event: 'error', error: object): boolean }): void {
  call.emit('error', { code: status.UNIMPLEMENTED, details: 'not in this test' });
}

/** A replica that answers pings and remembers its streams. */
function createReplica(onStream: (stream: FrameStream, metadata: Metadata) => void): Server {
  const server = new Server();
  server.addService(replicaServiceDefinition, {
    session: (stream: FrameStream) => {
      stream.sendMetadata(stream.metadata.clone());
      stream.on('error', () => {});
      stream.on('data', (bytes: Buffer) => {
        const { ping } = decodeSessionRequest(bytes);
        if (ping !== 0) stream.write(encodeSessionResponse({ ...createSessionResponse('c', 1, 0), pong: ping }));
      });
      onStream(stream, stream.metadata);
    },
    replicate: refuse,
    fence: refuse,
    lead: refuse,
  });
  return server;
}

function createConfig(replicas: string[], witnesses: string[] = []): ClusterConfig {
  const members = (addresses: string[]) =>
    addresses.map((address, index) => ({ id: `n${index}`, index, address, incarnation: 1 }));
  return {
    clusterId: 'c',
    epoch: 1,
    status: 2,
    leader: 0,
    replicas: members(replicas),
    witnesses: members(witnesses),
    fastQuorum: 1,
    openSlot: 1,
    natsUrl: '',
    version: 1,
  };
}

interface Inputs {
  seen: ClientInput[];
  /** Resolves with the first input of the kind that has come or comes, and forgets it and those before. */
  take(kind: ClientInput['kind']): Promise<ClientInput>;
  push(input: ClientInput): void;
}

function createInputs(): Inputs {
  const seen: ClientInput[] = [];
  let wake: () => void = () => {};
  return {
    seen,
    push: (input) => {
      seen.push(input);
      wake();
    },
    take: async (kind) => {
      for (;;) {
        const at = seen.findIndex((input) => input.kind === kind);
        const input = seen[at];
        if (input !== undefined) {
          seen.splice(0, at + 1);
          return input;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function openStreams(config: ClusterConfig, inputs: Inputs, ackTransport: 'nats' | 'stream' = 'nats'): NodeStreams {
  const streams = new NodeStreams({
    clientId: 9,
    config,
    ackTransport,
    boundReplica: null,
    onArrival: () => undefined,
    clock: () => performance.now(),
    onInput: (input) => inputs.push(input),
    onResume: () => {},
  });
  closers.push(() => streams.close());
  streams.applyConfig(config);
  return streams;
}

afterEach(() => {
  for (const close of closers.splice(0)) close();
  for (const server of servers.splice(0)) server.forceShutdown();
});

describe('node streams', () => {
  it('open, bind to the replica that answers, and open again with a higher connection number', async () => {
    const opened: { stream: FrameStream; connection: number; acks: unknown }[] = [];
    const server = createReplica((stream, metadata) => {
      assert.equal(metadata.get('curpho-client')[0], '9');
      const acks = metadata.get('curpho-acks')[0];
      opened.push({ stream, connection: Number(metadata.get('curpho-connection')[0]), acks });
    });
    const inputs = createInputs();
    const streams = openStreams(createConfig([await listen(server)]), inputs, 'stream');
    await inputs.take('replicaUp');
    assert.deepEqual(await inputs.take('bind'), { kind: 'bind', replica: 0 });
    opened[0]?.stream.end();
    await inputs.take('replicaDown');
    await inputs.take('replicaUp');
    assert.equal(opened.length, 2);
    assert.ok((opened[1]?.connection ?? 0) > (opened[0]?.connection ?? 0));
    assert.equal(opened[1]?.acks, 'stream');
    assert.equal(streams.counters.reconnects, 1);
  });

  it('find a node that starts late, at the address where it was missing', async () => {
    const reserved = new Server();
    const address = await listen(reserved);
    reserved.forceShutdown();
    const inputs = createInputs();
    openStreams(createConfig([address]), inputs);
    await listen(
      createReplica(() => {}),
      address,
    );
    assert.deepEqual(await inputs.take('replicaUp'), { kind: 'replicaUp', replica: 0 });
  });

  it('bring frames of witnesses, and open anew after a malformed one', async () => {
    const server = new Server();
    const opened: FrameStream[] = [];
    server.addService(witnessServiceDefinition, {
      record: (stream: FrameStream) => {
        opened.push(stream);
        stream.on('error', () => {});
        stream.write(encodeRecordResponse(createRecordResponse('c', { epoch: 1, witness: 0, incarnation: 1 })));
      },
      collect: refuse,
      seal: refuse,
      getRecoveryData: refuse,
      start: refuse,
      end: refuse,
    });
    const inputs = createInputs();
    openStreams(createConfig([], [await listen(server)]), inputs);
    await inputs.take('witnessUp');
    const input = await inputs.take('record');
    assert.ok(input.kind === 'record' && input.frame.incarnation === 1);
    opened[0]?.write(Buffer.from('not a frame'));
    await inputs.take('witnessDown');
    await inputs.take('witnessUp');
    assert.equal(opened.length, 2);
  });

  it('follow the configuration', async () => {
    const addresses = [await listen(createReplica(() => {})), await listen(createReplica(() => {}))];
    const [first, second] = addresses;
    assert.ok(first !== undefined && second !== undefined);
    const inputs = createInputs();
    const streams = openStreams(createConfig([first]), inputs);
    await inputs.take('replicaUp');
    streams.applyConfig({ ...createConfig([second]), epoch: 2 });
    await inputs.take('replicaDown');
    await inputs.take('replicaUp');
    await inputs.take('bind');
    assert.equal(streams.bound.index, 0);
  });

  it('are congested while the leader does not read, and drop frames rather than keep too many', async () => {
    const paused: FrameStream[] = [];
    const server = createReplica((stream) => paused.push(stream));
    const inputs = createInputs();
    const streams = openStreams(createConfig([await listen(server)]), inputs);
    await inputs.take('bind');
    paused[0]?.pause();
    const read = { nonce: 1, session: 1, barrier: 0, key: Buffer.alloc(1024) };
    const frame = {
      ...{ clusterId: 'c', epoch: 1, clientId: 9, writes: [], confirmedReads: [], weakReads: [], ackQueries: [] },
      ...{ strongReads: new Array(1024).fill(read), ping: 0, trace: undefined, upkeep: undefined },
    };
    while (!streams.isCongested()) streams.sendSession([0], frame);
    for (let i = 0; i < 40; i++) streams.sendSession([0], frame);
    const sent = streams.counters.bytesSent;
    streams.sendSession([0], frame);
    assert.equal(streams.counters.bytesSent, sent, 'frames beyond the bound are dropped');
    await inputs.take('replicaDown');
    paused[0]?.resume();
    await inputs.take('replicaUp');
    assert.equal(streams.isCongested(), false);
  });
});

describe('coordinator link', () => {
  interface Coordinator {
    address: string;
    config: ClusterConfig | undefined;
    watchers: ServerWritableStream<WatchRequest, WatchResponse>[];
    watched: Promise<unknown[]>;
  }

  async function startCoordinator(config: ClusterConfig | undefined): Promise<Coordinator> {
    const server = new Server();
    const events = new EventEmitter();
    let next = 100;
    const coordinator: Coordinator = { address: '', config, watchers: [], watched: once(events, 'watch') };
    server.addService(CoordinatorService, {
      getConfig: (
        _call: ServerUnaryCall<GetConfigRequest, GetConfigResponse>,
        answer: sendUnaryData<GetConfigResponse>,
      ) => answer(null, { config: coordinator.config }),
      openSessions: (
        { request }: ServerUnaryCall<OpenSessionsRequest, OpenSessionsResponse>,
        answer: sendUnaryData<OpenSessionsResponse>,
      ) => {
        answer(null, { firstSession: next, count: request.count });
        next += request.count;
      },
      watch: (stream: ServerWritableStream<WatchRequest, WatchResponse>) => {
        coordinator.watchers.push(stream);
        stream.on('error', () => {});
        events.emit('watch');
      },
      register: refuse,
      heartbeat: refuse,
      transferLeader: refuse,
    });
    coordinator.address = await listen(server);
    return coordinator;
  }

  function createLink(targets: string[], clusterId = ''): CoordinatorLink {
    const link = new CoordinatorLink(targets, clusterId);
    closers.push(() => link.close());
    return link;
  }

  const nobody = '127.0.0.1:1';

  it('names the targets when nobody answers in time', async () => {
    await assert.rejects(createLink([nobody]).getConfig(200), (error) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.code, 'UNREACHABLE');
      assert.match(error.message, /target: no coordinator answered within 200 ms at 127\.0\.0\.1:1/);
      return true;
    });
  });

  it('asks the next one when one is away', async () => {
    const { address } = await startCoordinator(createConfig([]));
    const config = await createLink([nobody, address]).getConfig(5000);
    assert.equal(config.clusterId, 'c');
  });

  it('says that a cluster is still gathering, and waits for it', async () => {
    const coordinator = await startCoordinator(undefined);
    const link = createLink([coordinator.address]);
    await assert.rejects(link.getConfig(100), /still gathering/);
    const waiting = link.getConfig(5000);
    coordinator.config = createConfig([]);
    assert.equal((await waiting).epoch, 1);
  });

  it('refuses another cluster at once', async () => {
    const { address } = await startCoordinator(createConfig([]));
    await assert.rejects(createLink([address], 'other').getConfig(5000), (error) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.code, 'WRONG_CLUSTER');
      return true;
    });
  });

  it('hands out session ids once, fetched in ranges', async () => {
    const { address } = await startCoordinator(createConfig([]));
    const ids = new SessionIds(createLink([address]));
    const taken = await Promise.all(Array.from({ length: 50 }, () => ids.take(5000)));
    assert.equal(new Set(taken).size, 50);
  });

  it('tells every change, also after the stream broke', async () => {
    const coordinator = await startCoordinator(createConfig([]));
    const link = createLink([coordinator.address]);
    const epochs: number[] = [];
    let told: () => void = () => {};
    const next = (): Promise<void> =>
      new Promise((resolve) => {
        told = resolve;
      });
    link.watch((config) => {
      epochs.push(config.epoch);
      told();
    });
    await coordinator.watched;
    const first = next();
    coordinator.watchers[0]?.write({ config: { ...createConfig([]), epoch: 2 } });
    await first;
    coordinator.watchers[0]?.end();
    while (coordinator.watchers.length < 2) await new Promise((resolve) => setImmediate(resolve));
    const second = next();
    coordinator.watchers[1]?.write({ config: { ...createConfig([]), epoch: 3 } });
    await second;
    assert.deepEqual(epochs, [2, 3]);
  });
});
