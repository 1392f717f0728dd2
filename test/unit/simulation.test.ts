// The simulator's own promises, and what it says of the cores: fixed seeds and fresh ones pass all judges, every event
// that a run should provoke was provoked, and a seed replays byte for byte.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { EVENT_NAMES, FAULT_NAMES } from '../simulation/census.js';
import { createPlan, NO_FAULTS, type PlanOverrides } from '../simulation/plan.js';
import { runSimulation } from '../simulation/simulation.js';
import { describeViolation, type JudgedRun, judgeSeed, replayCommand, sweep } from '../simulation/sweep.js';

const FIXED_SEEDS = 300;
const FRESH_SEEDS = 50;

function describeFailures(runs: readonly JudgedRun[]): string {
  return runs
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations }) => `${replayCommand(seed)}\n${violations.map(describeViolation).join('\n')}`)
    .join('\n\n');
}

describe('simulation', function () {
  this.timeout(120_000);

  it('fixed seeds: no violation, and every kind of event occurs', () => {
    const runs: JudgedRun[] = [];
    const report = sweep(1, FIXED_SEEDS, (run) => runs.push(run));
    assert.equal(describeFailures(runs), '');
    assert.ok(report.operations >= 200 * FIXED_SEEDS, `only ${report.operations} operations`);
    assert.deepEqual(report.missing, [], 'these events never happened');
    assert.deepEqual(Object.keys(report.faults), [...FAULT_NAMES]);
    assert.deepEqual(Object.keys(report.events).slice(0, EVENT_NAMES.length), [...EVENT_NAMES]);
  });

  it('fresh seeds: no violation', () => {
    // Fresh seeds differ from run to run; a failure prints the command that replays it.
    const from = 1_000_000 + Math.floor(Date.now() / 1000);
    const runs: JudgedRun[] = [];
    const report = sweep(from, FRESH_SEEDS, (run) => runs.push(run));
    assert.equal(describeFailures(runs), '', `fresh seeds from ${from}`);
    assert.equal(report.violations, 0);
  });

  it('no epoch begins because a coordinator was halted', () => {
    const quiet: PlanOverrides = {
      ...{ viewChanges: 0, leaderTransfers: 0, witnessRestarts: 0, witnessCrashes: 0, recordRollbacks: 0 },
      ...{
        replicaRestarts: 0,
        replicaCrashes: 0,
        powerLosses: 0,
        isolations: 0,
        diskObstructions: 0,
      },
      ...{ leaderStrandings: 0, witnessLossAtStart: 0 },
      ...{ coordinators: 2, streamGraceUs: 7500, thinkUs: 30_000, faults: { ...NO_FAULTS, haltEveryUs: 50_000 } },
    };
    let halts = 0;
    for (let seed = 1; seed <= 30; seed++) {
      const { result, violations } = judgeSeed({ seed, overrides: quiet });
      assert.deepEqual(violations.map(describeViolation), [], `seed ${seed}`);
      assert.equal(result?.census.counts.get('viewChange') ?? 0, 0, `seed ${seed}`);
      halts += result?.census.counts.get('pauseCoordinator') ?? 0;
    }
    assert.ok(halts >= 60, `only ${halts} halts`);
  });

  it('the same seed gives the same run, byte for byte', () => {
    const digests = [1, 2].map(() => {
      const transcript: string[] = [];
      const { history } = runSimulation({ plan: createPlan(7), transcript });
      return createHash('sha256').update(transcript.join('\n')).update(JSON.stringify(history)).digest('hex');
    });
    assert.equal(digests[0], digests[1]);
  });

  it('a transcript changes nothing about a run', () => {
    const transcript: string[] = [];
    const spoken = judgeSeed({ seed: 11, transcript }).result;
    const silent = judgeSeed({ seed: 11 }).result;
    assert.deepEqual(spoken?.history, silent?.history);
    assert.ok(transcript.length > 500, 'the transcript is not there');
  });

  it('different seeds give different runs', () => {
    const [one, other] = [1, 2].map((seed) => JSON.stringify(judgeSeed({ seed }).result?.history));
    assert.notEqual(one, other);
  });
});
