// Processes die or halt under load, and clients go on: what was acknowledged stays, nothing is executed twice, and what
// clients saw is judged by the checkers.

import assert from 'node:assert/strict';
import { type Client, connect, type ScanOutcome, type Session } from '../../client/index.js';
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from '../../deploy/local-cluster.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import type { HistoryEvent } from '../checkers/history.js';
import { CoordinatorCalls, withCoordinator } from './coordinator-stage.js';
import { RecordedLoad } from './recorded-load.js';

const SESSIONS = 3;
const DEADLINE_MS = 40_000;
/** More than twice what replicas keep of a log that everybody has. */
const FILLING = 5000;

/** Strong operations that an epoch from `epoch` on answered. */
function strongFrom(epoch: number): (event: HistoryEvent) => boolean {
  return (event) => event.consistency === 'strong' && event.epoch >= epoch;
}

/** A cluster under load from two client processes' worth of connections. */
class Stage {
  readonly load = new RecordedLoad();
  readonly clients: Client[] = [];

  private constructor(readonly cluster: LocalCluster) {}

  static async open(options: LocalClusterOptions = {}): Promise<Stage> {
    const stage = new Stage(await startLocalCluster(options));
    for (let count = 0; count < 2; count++) {
      const client = await stage.connect();
      await stage.load.start(client, SESSIONS);
      await stage.load.startCounter(client);
    }
    await stage.load.answered(200);
    return stage;
  }

  async connect(boundReplica?: string): Promise<Client> {
    const { target } = this.cluster;
    const client = await connect({ target, deadlineMs: DEADLINE_MS, ...(boundReplica && { boundReplica }) });
    this.clients.push(client);
    return client;
  }

  /** The configuration as some coordinator that lives has it. */
  config(coordinator = 0): Promise<ClusterConfig | undefined> {
    return withCoordinator(this.cluster.target.split(',')[coordinator] ?? '', (calls) => calls.getConfig());
  }

  async leader(): Promise<string> {
    const config = await this.config();
    return config?.replicas[config.leader]?.id ?? '';
  }

  /** Ends the load, judges it, and counts the epochs that the first client went through. */
  async judge(): Promise<number> {
    await this.load.stop();
    const [client] = this.clients;
    assert.ok(client);
    await this.load.judge(client);
    return client.stats().epochChanges;
  }

  async close(): Promise<void> {
    for (const client of this.clients) await client.close({ graceMs: 0 });
    await this.cluster.stop();
  }
}

/** Writes so much that replicas have dropped the beginning of their logs, and waits until it is committed. */
async function fill(session: Session): Promise<void> {
  const names = Array.from({ length: FILLING }, (_, index) => `m${index}`);
  await Promise.all(names.map((name) => session.put(name, name, { consistency: 'weak' }).committed));
}

/** How many of these writes are there. */
async function countFilling(session: Session): Promise<number> {
  let found = 0;
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: ScanOutcome = await session.scan({
      limit: 1000,
      end: 'n',
      ...(cursor === '' ? { start: 'm' } : { cursor }),
    });
    found += page.entries.length;
    cursor = page.cursor;
  }
  return found;
}

describe('failover', function () {
  this.timeout(90_000);
  let stage: Stage;

  afterEach(async () => {
    await stage.close();
  });

  it('kill -9 of the leader: what was acknowledged stays, and clients go on in the next epoch', async () => {
    stage = await Stage.open();
    const session = await (await stage.connect()).session();
    await fill(session);
    stage.cluster.kill(await stage.leader(), 'SIGKILL');
    await stage.load.answered(300, strongFrom(2));
    assert.equal(await countFilling(session), FILLING);
    await stage.load.answered(50, ({ consistency, op }) => consistency === 'weak' && op === 'put');
    assert.equal(await stage.judge(), 1);
  });

  it('a leader that halts is replaced, and serves nothing stale when it goes on', async () => {
    stage = await Stage.open();
    const halted = await stage.leader();
    stage.cluster.kill(halted, 'SIGSTOP');
    await stage.load.answered(200, strongFrom(2));
    stage.cluster.kill(halted, 'SIGCONT');
    const bound = await stage.connect(halted);
    const sessions = await stage.load.start(bound, SESSIONS);
    await stage.load.answered(200, ({ session }) => sessions.includes(session));
    assert.equal(bound.stats().boundReplica, halted);
    assert.equal(await stage.judge(), 1);
  });

  it('five replicas outlive two leaders', async () => {
    stage = await Stage.open({ replicas: 5 });
    stage.cluster.kill(await stage.leader(), 'SIGKILL');
    await stage.load.answered(200, strongFrom(2));
    const { epoch } = (await stage.config()) ?? { epoch: 0 };
    stage.cluster.kill(await stage.leader(), 'SIGKILL');
    await stage.load.answered(200, strongFrom(epoch + 1));
    assert.ok((await stage.judge()) >= 2);
  });

  it('a coordinator dies in the middle of a change, another one finishes it, and without any the cluster serves on', async () => {
    stage = await Stage.open({ coordinators: 2 });
    const survivor = new CoordinatorCalls(stage.cluster.target.split(',')[1] ?? '');
    try {
      const begun = survivor.watchFor(({ epoch }) => epoch > 1);
      stage.cluster.kill(await stage.leader(), 'SIGKILL');
      await begun;
      stage.cluster.kill('c0', 'SIGKILL');
      await stage.load.answered(200, strongFrom(2));
    } finally {
      survivor.client.close();
    }
    stage.cluster.kill('c1', 'SIGKILL');
    await stage.load.answered(200, strongFrom(2));
    await stage.load.answered(100, ({ consistency }) => consistency === 'weak');
    await stage.judge();
  });
});
