// Whole clusters whose leader lives, is heard by the coordinators, and can commit nothing: strong operations go on long
// before that heals, and a cluster that is merely slow keeps its leader.

import assert from 'node:assert/strict';
import { NO_FAULTS, type PlanOverrides } from '../simulation/plan.js';
import type { SimulationResult } from '../simulation/simulation.js';
import { describeViolation, judgeSeed } from '../simulation/sweep.js';

const STALL_US = 150_000;
/** Until a leader says so, is replaced, and clients have heard of it and asked again; it is stranded for longer. */
const BOUND_US = 450_000;
const SEEDS = 40;

const QUIET: PlanOverrides = {
  ...{ viewChanges: 0, leaderTransfers: 0, witnessRestarts: 0, witnessCrashes: 0, recordRollbacks: 0, spares: 0 },
  ...{ replicaRestarts: 0, replicaCrashes: 0, powerLosses: 0, isolations: 0, diskObstructions: 0, clientLosses: 0 },
  ...{ streamGraceUs: 7500, silenceEveryUs: 0, sessionLeaseUs: 60_000_000, sessionChurn: 0, abandon: 0 },
  ...{
    announceUs: 5000,
    thinkUs: 3000,
    strong: 0.8,
    operations: 400,
    recordFaults: false,
    leaderStrandings: 0,
    witnessLossAtStart: 0,
    faults: NO_FAULTS,
  },
};

function judge(seed: number, overrides: PlanOverrides): SimulationResult {
  const { result, violations } = judgeSeed({ seed, overrides: { ...QUIET, ...overrides } });
  assert.deepEqual(violations.map(describeViolation), [], `seed ${seed}`);
  assert.ok(result);
  return result;
}

/** The longest that a strong operation took, in virtual time. */
function slowestStrongUs({ history, durationUs }: SimulationResult): number {
  const strong = history.filter(({ consistency }) => consistency === 'strong');
  return Math.max(...strong.map(({ invokeUs, returnUs = durationUs }) => returnUs - invokeUs));
}

describe('a leader that is heard and can commit nothing', function () {
  this.timeout(120_000);

  for (const durability of ['memory', 'disk'] as const) {
    it(`is replaced within a bound while it is still stranded (${durability})`, () => {
      let stranded = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const result = judge(seed, { durability, leaderStrandings: 1, stallUs: STALL_US });
        const { counts } = result.census;
        stranded += (counts.get('leaderStranded') ?? 0) + (counts.get('leaderDiskFull') ?? 0);
        const slowestUs = slowestStrongUs(result);
        assert.ok(slowestUs < BOUND_US, `seed ${seed}: a strong operation took ${slowestUs} µs`);
        assert.ok((counts.get('viewChange') ?? 0) <= 1, `seed ${seed}: epochs follow each other`);
      }
      assert.ok(stranded >= SEEDS / 2, `only ${stranded} were stranded`);
    });
  }

  it('is waited for until it heals where nobody heeds what it says', () => {
    const slow = Array.from({ length: SEEDS }, (_, at) => at + 1).filter((seed) => {
      const result = judge(seed, { durability: 'memory', leaderStrandings: 1, stallUs: 60_000_000 });
      return slowestStrongUs(result) >= BOUND_US;
    });
    assert.ok(slow.length >= SEEDS / 4, `only seeds ${slow.join()} show it`);
  });

  it('keeps its place while answers are late and disks are slow: no epoch begins', () => {
    const faults = { ...NO_FAULTS, tail: 1, tailUs: 30_000, reorders: true };
    for (let seed = 1; seed <= SEEDS; seed++) {
      const slow: PlanOverrides = {
        durability: 'disk',
        diskObstructions: 0,
        diskUs: 100_000,
        stallUs: STALL_US,
        faults,
      };
      const { census } = judge(seed, { ...slow, operations: 200 });
      assert.equal(census.counts.get('viewChange') ?? 0, 0, `seed ${seed}`);
    }
  });
});
