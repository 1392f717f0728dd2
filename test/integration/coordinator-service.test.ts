// The coordinator over a real nats-server: compare-and-set decides, every coordinator converges on the record, and what
// was written survives restarts.

import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { pino } from 'pino';
import { type NatsServer, startNatsServer } from '../../deploy/nats-server.js';
import { NodeRole } from '../../proto/gen/curpho/v1/coordinator.js';
import type { StoredRecord } from '../../protocol/coordinator/types.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { RecordFormatError, RecordStore } from '../../services/coordinator/record-store.js';
import { type CoordinatorCalls, ObedientNodes, openTestCoordinator } from './coordinator-stage.js';
import { NatsServer as EmptyNats, eventually } from './services-fixture.js';

const log = pino({ level: 'silent' });
const isOpen = (config: ClusterConfig): boolean => config.status === EpochStatus.open;

describe('coordinator over NATS', function () {
  this.timeout(20_000);
  let nats: NatsServer;
  let buckets = 0;
  const cleanups: (() => unknown)[] = [];

  before(async () => {
    nats = await startNatsServer();
  });
  after(() => nats.stop());
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  const newBucket = (): string => `curpho_test${++buckets}`;

  async function openCoordinator(bucket: string, flags: string[] = []) {
    const { service, calls } = await openTestCoordinator(nats.url, ['--bucket', bucket, ...flags]);
    let isClosed = false;
    const close = async (): Promise<void> => {
      if (isClosed) return;
      isClosed = true;
      calls.client.close();
      await service.close();
    };
    cleanups.push(close);
    return { calls, close };
  }

  async function openNodes(): Promise<ObedientNodes> {
    const nodes = new ObedientNodes();
    await nodes.open();
    cleanups.push(() => nodes.close());
    return nodes;
  }

  describe('record store', () => {
    let connection: NatsConnection;
    const openStore = (bucket: string): RecordStore => {
      const store = new RecordStore({ connection, bucket, log });
      cleanups.push(() => store.close());
      return store;
    };
    before(async () => {
      connection = await connect({ servers: nats.url });
    });
    after(() => connection.close());

    const record = { clusterId: 'a', sessionFloor: 1, config: undefined, recovery: undefined };

    it('D7: of two writes that expect the same revision one goes through', async () => {
      const bucket = newBucket();
      const [s0, s1] = [openStore(bucket), openStore(bucket)];
      assert.deepEqual(await s0.read(), { revision: 0, record: null });
      const outcomes = await Promise.all([s0.write(0, record), s1.write(0, { ...record, clusterId: 'b' })]);
      const won = outcomes.filter((revision) => revision !== null);
      assert.equal(won.length, 1);
      const stored = await s1.read();
      assert.equal(stored.record?.clusterId, outcomes[0] === null ? 'b' : 'a');
      assert.equal(stored.revision, won[0]);
      assert.equal(await s0.write(stored.revision + 1, record), null);
      assert.notEqual(await s0.write(stored.revision, { ...record, sessionFloor: 7 }), null);
    });

    it('tells changes by others, and what is there when the watch begins', async () => {
      const bucket = newBucket();
      const [s0, s1] = [openStore(bucket), openStore(bucket)];
      const first = await s0.write(0, record);
      const seen: StoredRecord[] = [];
      const watched = new Promise<void>((resolve) => {
        s1.watch((stored) => {
          seen.push(stored);
          if (seen.length === 2) resolve();
          else s0.write(first ?? 0, { ...record, sessionFloor: 9 });
        });
      });
      await watched;
      assert.deepEqual(
        seen.map((stored) => stored.record?.sessionFloor),
        [1, 9],
      );
    });

    it('does not take foreign text for a record', async () => {
      const bucket = newBucket();
      const store = openStore(bucket);
      await store.read();
      const text = JSON.stringify({ version: 2 });
      await connection.request(`$KV.${bucket}.cluster`, text);
      await assert.rejects(store.read(), RecordFormatError);
    });
  });

  it('brings a first epoch to life and tells watchers every step', async () => {
    const nodes = await openNodes();
    const { calls } = await openCoordinator(newBucket());
    const recovering = calls.watchFor((config) => config.status === EpochStatus.recovering);
    nodes.isLeading = false;
    await nodes.register(calls);
    assert.equal((await recovering).epoch, 1);
    nodes.isLeading = true;
    const config = await calls.watchFor(isOpen);
    assert.equal(config.openSlot, 1);
    assert.equal(config.natsUrl, nats.url);
    assert.equal(config.fastQuorum, 3);
    assert.deepEqual(await calls.getConfig(config.clusterId), config);
    assert.ok(nodes.leads.length >= 1);
    assert.deepEqual(nodes.leads[0]?.config?.status, EpochStatus.recovering);
  });

  it('serves the record after a restart and never hands out a session id twice (F8)', async () => {
    const bucket = newBucket();
    const nodes = await openNodes();
    const first = await openCoordinator(bucket);
    await nodes.register(first.calls);
    const config = await first.calls.watchFor(isOpen);
    const before = await first.calls.openSessions(config.clusterId, 3);
    await first.close();

    const second = await openCoordinator(bucket);
    nodes.follow(second.calls);
    assert.deepEqual(await second.calls.watchFor(isOpen), config);
    const after = await second.calls.openSessions(config.clusterId, 3);
    assert.ok(after.firstSession >= before.firstSession + before.count);
  });

  it('writes what it knows again when NATS comes back with nothing (D9)', async () => {
    let emptied = await EmptyNats.start();
    cleanups.push(() => emptied.stop());
    const { service, calls } = await openTestCoordinator(emptied.url, ['--bucket', 'curpho_emptied']);
    cleanups.push(() => service.close());
    cleanups.push(() => calls.client.close());
    const nodes = await openNodes();
    await nodes.register(calls);
    const config = await calls.watchFor(isOpen);
    const issued = await calls.openSessions(config.clusterId, 3);
    const { port } = emptied;
    await emptied.stop();
    emptied = await EmptyNats.start(port);

    const connection = await connect({ servers: emptied.url });
    cleanups.push(() => connection.close());
    const store = new RecordStore({ connection, bucket: 'curpho_emptied', log });
    cleanups.push(() => store.close());
    let known: StoredRecord = { revision: 0, record: null };
    void store.watch((stored) => {
      known = stored;
    });
    await eventually('the record', () => known.record !== null);
    assert.deepEqual(known.record?.config, config);
    const later = await calls.openSessions(config.clusterId, 3);
    assert.ok(later.firstSession >= issued.firstSession + issued.count, 'no session is issued twice');
  });

  it('several coordinators converge, also when nodes know different ones', async () => {
    const bucket = newBucket();
    const nodes = await openNodes();
    const [c0, c1] = [await openCoordinator(bucket), await openCoordinator(bucket)];
    const clusterIds = await registerAlternately(nodes, [c0.calls, c1.calls]);
    assert.equal(new Set(clusterIds).size, 1);
    nodes.follow(c0.calls);
    const [seen0, seen1] = await Promise.all([c0.calls.watchFor(isOpen), c1.calls.watchFor(isOpen)]);
    assert.deepEqual(seen0, seen1);
    const ids = await Promise.all([c0, c1].map(({ calls }) => calls.openSessions(seen0.clusterId, 10_000)));
    const [low, high] = ids.map(({ firstSession }) => firstSession).sort((a, b) => a - b);
    assert.ok((high ?? 0) >= (low ?? 0) + 10_000);
  });

  it('refuses to transfer the leadership with a status that says why, and answers if there is nothing to do', async () => {
    const nodes = await openNodes();
    const { calls } = await openCoordinator(newBucket());
    await nodes.register(calls);
    const { clusterId } = await calls.watchFor(isOpen);
    const unknown = { code: status.FAILED_PRECONDITION, details: /r9 is not among the replicas r0, r1, r2/ };
    await assert.rejects(calls.transferLeader(clusterId, 'r9'), unknown);
    assert.equal((await calls.transferLeader(clusterId, 'r0')).epoch, 1);
  });

  it('refuses with statuses that say what is wrong', async () => {
    const { calls } = await openCoordinator(newBucket(), ['--session-limit', '5']);
    const node = { role: NodeRole.REPLICA, nodeId: 'r0', address: '127.0.0.1:1', incarnation: 1 };
    const { clusterId } = await calls.register(node);
    const duplicate = { code: status.ALREADY_EXISTS, details: /r0 .*127\.0\.0\.1:1/ };
    await assert.rejects(calls.register({ ...node, address: '127.0.0.1:2', incarnation: 2 }), duplicate);
    const stranger = { code: status.FAILED_PRECONDITION, details: /another cluster/ };
    await assert.rejects(calls.getConfig('elsewhere'), stranger);
    await assert.rejects(calls.openSessions(clusterId, 0), { code: status.INVALID_ARGUMENT });
    await assert.rejects(calls.openSessions(clusterId, 6), { details: /session limit of 5/ });
    assert.equal((await calls.openSessions(clusterId, 5)).firstSession, 1);
  });
});

async function registerAlternately(nodes: ObedientNodes, coordinators: CoordinatorCalls[]): Promise<string[]> {
  return await Promise.all(
    nodes.members().map(async (member, index) => {
      const calls = coordinators[index % coordinators.length] as CoordinatorCalls;
      return (await calls.register(member)).clusterId;
    }),
  );
}
