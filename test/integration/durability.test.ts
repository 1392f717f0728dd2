// Durability `disk` on real processes: nodes are killed, all at once too, come back with what they kept, and what clients
// were told is still so.

import assert from 'node:assert/strict';
import { type Client, connect, type Session } from '../../client/index.js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { withCoordinator } from './coordinator-stage.js';
import { RecordedLoad } from './recorded-load.js';

const SESSIONS = 3;
const DEADLINE_MS = 60_000;
const FILLING = 2000;

describe('durability disk', function () {
  this.timeout(120_000);
  let cluster: LocalCluster;
  const clients: Client[] = [];

  beforeEach(async () => {
    cluster = await startLocalCluster({ serviceSettings: { durability: 'disk' } });
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close({ graceMs: 0 });
    await cluster.stop();
  });

  async function open(): Promise<Client> {
    const client = await connect({ target: cluster.target, deadlineMs: DEADLINE_MS });
    clients.push(client);
    return client;
  }

  /** Names of the nodes that keep something. */
  function nodes(): string[] {
    return cluster.services.filter(({ role }) => role === 'replica' || role === 'witness').map(({ name }) => name);
  }

  async function config(): Promise<ClusterConfig> {
    const found = await withCoordinator(cluster.target, (calls) => calls.getConfig());
    assert.ok(found);
    return found;
  }

  /** Ends nodes at once, as a power cut would, and starts them again. */
  async function restart(names: readonly string[], signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    for (const name of names) cluster.kill(name, signal);
    await Promise.all(names.map((name) => restartOnceEnded(name)));
  }

  async function restartOnceEnded(name: string): Promise<void> {
    for (;;) {
      try {
        return await cluster.restart(name);
      } catch (error) {
        if (!(error instanceof Error) || !error.message.includes('while it runs')) throw error;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async function fill(session: Session): Promise<void> {
    const names = Array.from({ length: FILLING }, (_, index) => `m${index}`);
    await Promise.all(names.map((name) => session.put(name, name)));
  }

  async function assertFilled(session: Session): Promise<void> {
    const names = Array.from({ length: FILLING }, (_, index) => `m${index}`);
    const values = await Promise.all(names.map(async (name) => (await session.get(name)).value));
    assert.deepEqual(
      values.map((value) => Buffer.from(value ?? []).toString()),
      names,
    );
  }

  it('C6: kill -9 of every replica and witness at once loses nothing that was answered', async () => {
    const before = await config();
    await fill(await (await open()).session());
    await restart(nodes());
    // Nobody who saw the writes lives: everything comes from the disks.
    await assertFilled(await (await open()).session());
    const after = await config();
    assert.ok(after.epoch > before.epoch, 'nobody leads the same epoch twice (C4)');
    assert.deepEqual(
      after.replicas.map(({ id, incarnation }) => [id, incarnation]),
      before.replicas.map(({ id, incarnation }) => [id, incarnation]),
      'who has its memory is who it was (B6)',
    );
  });

  it('D10: everybody comes back at another address, and is found there by who stayed', async () => {
    const client = await open();
    const session = await client.session();
    await fill(session);
    const before = await config();
    await restart(nodes());
    await assertFilled(session);
    await session.put('after', 'all');
    const after = await config();
    const members = ({ replicas, witnesses }: ClusterConfig) => [...replicas, ...witnesses];
    assert.deepEqual(
      members(after).map(({ id, incarnation }) => [id, incarnation]),
      members(before).map(({ id, incarnation }) => [id, incarnation]),
    );
    const places = (config: ClusterConfig) => members(config).map(({ id, address }) => [id, address]);
    assert.notDeepEqual(places(after), places(before), 'ports are chosen anew');
    for (const [id, address] of places(after)) {
      assert.equal(cluster.services.find(({ name }) => name === id)?.address, address);
    }
    // And one alone, which is no reason for another epoch unless it led.
    const follower = after.replicas.find(({ index }) => index !== after.leader)?.id ?? '';
    await restart([follower]);
    const found = cluster.services.find(({ name }) => name === follower)?.address;
    const untilMs = performance.now() + DEADLINE_MS;
    for (;;) {
      const now = await config();
      if (now.replicas.find(({ id }) => id === follower)?.address === found) break;
      assert.ok(performance.now() < untilMs, `${follower} is not looked for at ${found}`);
      await session.put('meanwhile', 'served');
    }
    assert.equal((await config()).epoch, after.epoch);
  });

  it('under load: nodes are killed one after the other and all at once, and what clients saw is right', async () => {
    const load = new RecordedLoad();
    const client = await open();
    await load.start(client, SESSIONS);
    await load.startCounter(client);
    await load.answered(200);
    for (const name of nodes()) {
      await restart([name]);
      await load.answered(100);
    }
    await restart(nodes());
    await load.answered(200);
    await load.stop();
    await load.judge(client);
  });

  it('SIGTERM keeps what was told before the process ends', async () => {
    await fill(await (await open()).session());
    await restart(nodes(), 'SIGTERM');
    await assertFilled(await (await open()).session());
  });
});
