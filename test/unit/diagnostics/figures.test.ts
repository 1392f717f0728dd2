// What becomes of a service's numbers: differences of what only grows, looks at what goes up and down, highest values as
// they are.

import assert from 'node:assert/strict';
import { type FigureSource, FigureWatch } from '../../../diagnostics/figures.js';

/** A source whose numbers the test sets. */
function createSource() {
  const stats: Record<string, number> = { commits: 100, waiting: 7, waitingMax: 90 };
  const traffic = { framesIn: 10, framesOut: 20, bytesIn: 30, bytesOut: 40, operationFrames: 5, operations: 50 };
  const source: FigureSource = {
    stats: () => stats,
    kinds: { commits: 'counter', waiting: 'gauge', waitingMax: 'peak' },
    traffic: () => traffic,
    resetPeaks: () => {
      stats.waitingMax = 0;
    },
  };
  return { stats, traffic, watch: new FigureWatch(source) };
}

describe('figures of a service', () => {
  it('tells all that there was before the first reset', () => {
    const { watch } = createSource();
    assert.deepEqual(watch.read(), {
      traffic: { framesIn: 10, framesOut: 20, bytesIn: 30, bytesOut: 40, operationFrames: 5, operations: 50 },
      counters: { commits: 100 },
      gauges: { waiting: { now: 7, mean: 7, max: 7 } },
      peaks: { waitingMax: 90 },
    });
  });

  it('tells counters and frames as they grew since the reset, peaks as they came after it', () => {
    const { stats, traffic, watch } = createSource();
    watch.reset();
    stats.commits = 130;
    stats.waitingMax = 12;
    traffic.framesIn = 11;
    traffic.operations = 58;
    const read = watch.read();
    assert.deepEqual([read.counters, read.peaks], [{ commits: 30 }, { waitingMax: 12 }]);
    assert.deepEqual([read.traffic.framesIn, read.traffic.framesOut, read.traffic.operations], [1, 0, 8]);
  });

  it('tells a gauge as mean and maximum of the looks at it, and as it is', () => {
    const { stats, watch } = createSource();
    watch.look();
    watch.reset();
    for (const waiting of [0, 10, 50]) {
      stats.waiting = waiting;
      watch.look();
    }
    stats.waiting = 2;
    assert.deepEqual(watch.read().gauges.waiting, { now: 2, mean: 20, max: 50 });
    stats.waiting = 70;
    assert.equal(watch.read().gauges.waiting?.max, 70, 'what is seen when it is read counts as well');
  });

  it('takes a counter that fell for one that began anew', () => {
    const { stats, watch } = createSource();
    watch.reset();
    stats.commits = 4;
    assert.deepEqual(watch.read().counters, { commits: 4 });
  });

  it('counts a name that appears after the reset from its beginning, and a name without a kind as a gauge', () => {
    const { stats, watch } = createSource();
    watch.reset();
    stats.strange = 3;
    assert.deepEqual(watch.read().gauges.strange, { now: 3, mean: 3, max: 3 });
    assert.equal(watch.read().counters.strange, undefined);
  });
});
