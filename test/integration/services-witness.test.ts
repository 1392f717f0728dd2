// A witness service in this process, spoken to over real gRPC.

import assert from 'node:assert/strict';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { decodeRecordResponse, encodeCollectRequest, encodeRecordRequest, streamMethods } from '../../proto/codec.js';
import {
  type GetRecoveryDataResponse,
  type SealResponse,
  type StartResponse,
  WitnessClient,
} from '../../proto/gen/curpho/v1/witness.js';
import { EpochStatus, type RecordRequest, RecordStatus, type Write } from '../../protocol/messages.js';
import { readConfig } from '../../services/host/config.js';
import { openWitness, type WitnessService } from '../../services/witness/service.js';
import { witnessSettings } from '../../services/witness/settings.js';
import { checkHealth, eventually, RawStream } from './services-fixture.js';

const CLUSTER = 'test-cluster';

function config(overrides: Record<string, string> = {}) {
  const environment = { CURPHO_CLUSTER_ID: CLUSTER, CURPHO_NODE_ID: 'w0', CURPHO_LOG_LEVEL: 'silent', ...overrides };
  return readConfig(witnessSettings, [], environment);
}

function write(session: number, seq: number, key: string, value: string | Uint8Array = 'v'): Write {
  const mutations = [{ key: Buffer.from(key), value: Buffer.from(value), deletes: false }];
  const command = { session, seq, strong: true, mutations, condition: undefined, ackedThrough: 0 };
  return { command, committedThrough: 0, bound: 0, dependencies: [] };
}

function frame(records: Write[], overrides: Partial<RecordRequest> = {}): Buffer {
  return encodeRecordRequest({
    clusterId: CLUSTER,
    epoch: 1,
    clientId: 7,
    records,
    checks: [],
    trace: undefined,
    ...overrides,
  });
}

describe('witness service', () => {
  let witness: WitnessService;
  let client: WitnessClient;
  const open: RawStream[] = [];

  const dial = (client: number, connection = 1): RawStream => {
    const keys = { 'curpho-client': String(client), 'curpho-connection': String(connection) };
    const stream = new RawStream(witness.address, streamMethods.record.path, keys);
    open.push(stream);
    return stream;
  };

  const start = (epoch: number, clusterId = CLUSTER): Promise<StartResponse> => {
    const { incarnation, address } = witness;
    const members = { replicas: [], witnesses: [{ id: 'w0', index: 0, address, incarnation }] };
    const shape = { status: EpochStatus.open, leader: 0, fastQuorum: 1, openSlot: 1, natsUrl: '', version: 1 };
    const request = { config: { clusterId, epoch, ...members, ...shape }, witnessId: 'w0', committed: [] };
    return new Promise((resolve, reject) => {
      client.start(request, (error, response) => (error === null ? resolve(response) : reject(error)));
    });
  };

  const seal = (epoch: number): Promise<SealResponse> =>
    new Promise((resolve, reject) => {
      client.seal({ clusterId: CLUSTER, epoch }, (error, response) =>
        error === null ? resolve(response) : reject(error),
      );
    });

  const recover = (epoch: number): Promise<GetRecoveryDataResponse[]> =>
    new Promise((resolve, reject) => {
      const chunks: GetRecoveryDataResponse[] = [];
      const call = client.getRecoveryData({ clusterId: CLUSTER, epoch });
      call.on('data', (chunk: GetRecoveryDataResponse) => chunks.push(chunk));
      call.on('error', reject);
      call.on('end', () => resolve(chunks));
    });

  beforeEach(async () => {
    witness = await openWitness(config(), {
      onBroken: (error) => {
        throw error;
      },
    });
    client = new WitnessClient(witness.address, credentials.createInsecure());
  });

  afterEach(async () => {
    for (const stream of open.splice(0)) stream.close();
    client.close();
    await witness.close();
  });

  it('records a write and says what is pending on its key', async () => {
    assert.equal((await start(1)).epoch, 1);
    const stream = dial(7);
    const checks = [{ nonce: 3, session: 8, key: Buffer.from('x') }];
    stream.call.write(frame([write(5, 1, 'x')], { checks }));
    const answer = decodeRecordResponse(await stream.frame(1));
    assert.equal(answer.incarnation, witness.incarnation);
    assert.deepEqual(answer.recordReplies, [{ session: 5, seq: 1, status: RecordStatus.accepted, watermark: 1 }]);
    assert.deepEqual(answer.checkReplies, [{ nonce: 3, watermark: 0, pending: [{ session: 5, seq: 1 }] }]);
  });

  it('answers all frames of one turn of a client in one', async () => {
    await start(1);
    const stream = dial(7);
    for (let seq = 1; seq <= 20; seq++) stream.call.write(frame([write(5, seq, `k${seq}`)]));
    let replies = 0;
    for (let count = 1; replies < 20; count++)
      replies += decodeRecordResponse(await stream.frame(count)).recordReplies.length;
    assert.equal(replies, 20);
    assert.ok(stream.frames.length < 20, `${stream.frames.length} frames`);
  });

  it('ends only the stream of a malformed frame', async () => {
    await start(1);
    const [good, bad] = [dial(7), dial(8)];
    bad.call.write(Buffer.from([0xff, 0xff, 0xff]));
    assert.equal((await bad.ended()).code, status.INVALID_ARGUMENT);
    good.call.write(frame([write(5, 1, 'x')]));
    assert.equal(decodeRecordResponse(await good.frame(1)).recordReplies[0]?.status, RecordStatus.accepted);
    assert.equal(good.end, null);
  });

  it('refuses frames of another cluster and frames that speak for another client', async () => {
    await start(1);
    const stranger = dial(7);
    stranger.call.write(frame([write(5, 1, 'x')], { clusterId: 'other' }));
    const end = await stranger.ended();
    assert.equal(end.code, status.FAILED_PRECONDITION);
    assert.match(end.details, /cluster_id must be test-cluster, not other/);
    const impostor = dial(9);
    impostor.call.write(frame([write(5, 1, 'x')], { clientId: 7 }));
    assert.match((await impostor.ended()).details, /client_id must be 9 .* not 7/);
    assert.equal(witness.stats().records, 0);
  });

  it('refuses calls of another cluster', async () => {
    await assert.rejects(start(1, 'other'), (error: ServiceError) => error.code === status.FAILED_PRECONDITION);
  });

  it('is healthy exactly while it records', async () => {
    assert.equal(await checkHealth(witness.address), 'NOT_SERVING');
    await start(1);
    await eventually('the end of the turn', () => witness.epoch === 1);
    assert.equal(await checkHealth(witness.address), 'SERVING');
    assert.equal(await checkHealth(witness.address, 'curpho.v1.Witness'), 'SERVING');
    assert.deepEqual(await seal(2), { epoch: 2, incarnation: witness.incarnation, lifeEpoch: 1, entries: 0 });
    assert.equal(await checkHealth(witness.address), 'NOT_SERVING');
  });

  it('hands over a sealed pool in arrival order, in messages of bounded size', async () => {
    await start(1);
    const stream = dial(7);
    const value = Buffer.alloc(300_000, 1);
    for (let seq = 1; seq <= 10; seq++) stream.call.write(frame([write(5, seq, `k${seq}`, value)]));
    await eventually('all records', () => witness.stats().accepted === 10);
    await assert.rejects(recover(1), (error: ServiceError) => error.code === status.UNAVAILABLE);
    assert.equal((await seal(2)).entries, 10);
    const chunks = await recover(2);
    assert.equal(chunks.length, 3);
    const seqs = chunks.flatMap(({ entries }) => entries.map(({ command }) => command?.seq));
    assert.deepEqual(seqs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.ok(chunks.every(({ incarnation }) => incarnation === witness.incarnation));
  });

  it('tells the life of an empty pool', async () => {
    await start(1);
    await seal(2);
    assert.deepEqual(await recover(2), [{ incarnation: witness.incarnation, entries: [] }]);
  });

  it('collects what the leader says is committed', async () => {
    await start(1);
    const stream = dial(7);
    stream.call.write(frame([write(5, 1, 'x')]));
    await stream.frame(1);
    const leader = new RawStream(witness.address, streamMethods.collect.path);
    open.push(leader);
    const committed = [{ session: 5, committedThrough: 1 }];
    leader.call.write(
      encodeCollectRequest({ clusterId: CLUSTER, epoch: 1, leader: 0, committed, inquiry: undefined, expired: [] }),
    );
    await eventually('an empty pool', () => witness.stats().poolEntries === 0);
    assert.equal(witness.stats().collected, 1);
  });

  it('ends streams and calls when it closes', async () => {
    await start(1);
    const stream = dial(7);
    await eventually('the stream', () => stream.isUp);
    await witness.close();
    assert.equal((await stream.ended()).code, status.UNAVAILABLE);
  });

  it('needs a coordinator or the name of its cluster', async () => {
    await assert.rejects(openWitness(config({ CURPHO_CLUSTER_ID: '' })), /coordinators: must name at least one/);
  });
});
