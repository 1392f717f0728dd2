// When the cluster's processes are asked around one window: told with a cluster that notes the order, and no real time but
// that of the window itself.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { type DiagnosedCluster, WindowWatch } from '../../../loadgen/driver/window-watch.js';
import { wallUs } from '../../../tracing/wall-clock.js';

/** A cluster of nobody. */
class NotingCluster implements DiagnosedCluster {
  readonly asked: string[] = [];

  async find(): Promise<void> {
    this.asked.push('find');
  }

  async reset(): Promise<void> {
    this.asked.push('reset');
  }

  async collect() {
    this.asked.push('collect');
    return { snapshots: [], missing: [] };
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(1);
}

describe('the watch over a window', () => {
  it('looks for processes at once, has them begin when the window opens, and asks when it is over', async () => {
    const cluster = new NotingCluster();
    const watch = new WindowWatch(cluster, { settleMs: 20, durationMs: 20 });
    assert.deepEqual(cluster.asked, ['find']);
    watch.begin(wallUs());
    await until(() => cluster.asked.length === 3);
    const learnt = await watch.end();
    assert.deepEqual(cluster.asked, ['find', 'reset', 'collect'], 'once each, before the phase was over');
    assert.deepEqual([learnt.snapshots, learnt.missing], [[], []]);
  });

  it('asks when the phase is over where a number of operations ends the window', async () => {
    const cluster = new NotingCluster();
    const watch = new WindowWatch(cluster, { settleMs: 0, durationMs: 0 });
    watch.begin(wallUs());
    await until(() => cluster.asked.length === 2);
    await watch.end();
    assert.deepEqual(cluster.asked, ['find', 'reset', 'collect']);
  });

  it('asks nothing more once it is cancelled', async () => {
    const cluster = new NotingCluster();
    const watch = new WindowWatch(cluster, { settleMs: 0, durationMs: 1 });
    watch.begin(wallUs());
    watch.cancel();
    await delay(5);
    assert.deepEqual(cluster.asked, ['find']);
  });
});
