// Replicas without a disk die and are started again under load: each comes back as another life, is brought up to date,
// and then counts in full, so that in the end none of the first ones is left and nothing is lost.

import assert from 'node:assert/strict';
import { connect } from '../../client/index.js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { CoordinatorCalls } from './coordinator-stage.js';
import { RecordedLoad } from './recorded-load.js';

const SESSIONS = 3;
const DEADLINE_MS = 40_000;

function lives(config: ClusterConfig | undefined): Map<string, number> {
  return new Map(config?.replicas.map(({ id, incarnation }) => [id, incarnation]));
}

describe('rejoin', function () {
  this.timeout(90_000);
  let cluster: LocalCluster;
  let calls: CoordinatorCalls;

  beforeEach(async () => {
    cluster = await startLocalCluster();
    calls = new CoordinatorCalls(cluster.target);
  });

  afterEach(async () => {
    calls.client.close();
    await cluster.stop();
  });

  /** Kills a replica and waits until its next life is a member of an open epoch. */
  async function replace(name: string): Promise<void> {
    const former = lives(await calls.getConfig()).get(name);
    const replaced = calls.watchFor(
      (config) => config.status === EpochStatus.open && lives(config).get(name) !== former,
    );
    cluster.kill(name, 'SIGKILL');
    await cluster.restart(name);
    await replaced;
  }

  it('D10 P7: replicas killed one after the other come back by admission and count, and nothing is lost', async () => {
    const load = new RecordedLoad();
    const client = await connect({ target: cluster.target, deadlineMs: DEADLINE_MS });
    try {
      await load.start(client, SESSIONS);
      await load.startCounter(client);
      await load.answered(200);
      const first = lives(await calls.getConfig());
      const leader = cluster.services.find((service) => service.leader)?.name ?? '';
      const followers = [...first.keys()].filter((name) => name !== leader);
      for (const name of [...followers, leader]) {
        await replace(name);
        await load.answered(200, ({ consistency }) => consistency === 'strong');
      }
      const last = lives(await calls.getConfig());
      assert.deepEqual([...last.keys()].sort(), [...first.keys()].sort());
      assert.ok([...last].every(([name, life]) => life !== first.get(name)));
      // A majority of what is there now came by admission alone, and has to carry the cluster by itself.
      const { replicas, leader: index } = (await calls.getConfig()) ?? { replicas: [], leader: 0 };
      cluster.kill(replicas[index]?.id ?? '', 'SIGKILL');
      const epoch = (await calls.getConfig())?.epoch ?? 0;
      await load.answered(200, (event) => event.consistency === 'strong' && event.epoch > epoch);
      await load.stop();
      await load.judge(client);
    } finally {
      await client.close({ graceMs: 0 });
    }
  });
});
