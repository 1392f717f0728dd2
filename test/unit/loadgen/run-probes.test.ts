// Probes of a run, with doubles for what they start: what they ask for, in which order, and what becomes of failures.

import assert from 'node:assert/strict';
import { type ProbeDoors, runProbes } from '../../../loadgen/driver/run-probes.js';
import { type LoadPlan, parsePlan, STUDY_DEFAULTS } from '../../../loadgen/plan.js';
import { samplePoint, sampleResult } from './sample-result.js';

const CEILING = { streams: 1, windowFrames: 8, settleMs: 1, durationMs: 1, frames: 1, elapsedMs: 1, spread: 0 };
const REST = { driverCpuUs: 1, echoCpuUs: 1, driverCpuShare: 1, echoCpuShare: 1, roundTripP50Us: 1, roundTripP99Us: 1 };

function doors(changes: Partial<ProbeDoors> = {}): { doors: ProbeDoors; plans: LoadPlan[] } {
  const plans: LoadPlan[] = [];
  const whole: ProbeDoors = {
    progress: { step: () => {}, relabel: () => {}, detail: () => {} },
    workerEntry: new URL('file:///none'),
    signal: new AbortController().signal,
    out: '',
    measure: async (plan) => {
      plans.push(plan);
      // The machine gets slower from run to run; shards do not matter.
      return sampleResult([samplePoint(8, [1000 - 10 * plans.length])]);
    },
    calibrateWith: async () => ({
      ceilings: [
        { ...CEILING, ...REST, frameBytes: 1024, framesPerSecond: 30_000, mibPerSecond: 29 },
        { ...CEILING, ...REST, frameBytes: 16_384, framesPerSecond: 9000, mibPerSecond: 140 },
      ],
    }),
    ...changes,
  };
  return { doors: whole, plans };
}

describe('probes', () => {
  const plan = parsePlan({}, STUDY_DEFAULTS);

  it('try shards in pairs that begin with either, at the most streams and without tracing', async () => {
    const { doors: all, plans } = doors();
    const probes = await runProbes(plan, all);
    assert.deepEqual(probes.failures, []);
    assert.deepEqual(
      plans.map(({ shards, threads, traceRatio, attributeEvery, probes: again }) => [
        ...[shards, threads.join(), traceRatio, attributeEvery, again],
      ]),
      [512, 32_768, 32_768, 512].map((shards) => [shards, '8', 0, 0, false]),
    );
    const [first = 0, second = 0] = probes.shards;
    assert.ok(first < 0 && second > 0 && Math.abs(first) < 0.02 && Math.abs(second) < 0.02, `${probes.shards}`);
    assert.deepEqual(probes.loopback, { frameBytes: 1024, framesPerSecond: 30_000, mibPerSecond: 140 });
  });

  it('that fail are said, and the others are made', async () => {
    const failing = doors({ calibrateWith: () => Promise.reject(new Error('no echo')) });
    const probes = await runProbes(plan, failing.doors);
    assert.deepEqual([probes.loopback, probes.shards.length], [null, 2]);
    assert.deepEqual(probes.failures, ['what loopback carries: no echo']);
    const broken = await runProbes(plan, doors({ measure: async () => sampleResult([samplePoint(8, [0])]) }).doors);
    assert.deepEqual([broken.shards, broken.failures], [[], ['numbers of shards: no figures']]);
    const elsewhere = await runProbes({ ...plan, target: '127.0.0.1:1' }, doors().doors);
    assert.deepEqual(elsewhere.failures, ['numbers of shards: an existing cluster has the shards that it has']);
  });

  it('end with the signal', async () => {
    const controller = new AbortController();
    const { doors: all, plans } = doors({ signal: controller.signal });
    controller.abort();
    assert.deepEqual((await runProbes(plan, all)).shards, []);
    assert.equal(plans.length, 0);
  });
});
