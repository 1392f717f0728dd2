// From runs to effects: what is paired with what, and what is called a difference.

import assert from 'node:assert/strict';
import { exitCodeOfAblation } from '../../../loadgen/ablate/ablation-result.js';
import type { MetricName } from '../../../loadgen/ablate/figures.js';
import { readFigures } from '../../../loadgen/ablate/figures.js';
import { parsePlan, RUN_DEFAULTS } from '../../../loadgen/plan.js';
import { type FiguresOf, PLAIN_FIGURES, sampleAblation } from './sample-ablation.js';
import { samplePoint } from './sample-result.js';

const BATCH = { factors: 'batch-delay', levels: ['batch-delay=0,50'] };

function effectOf(figuresOf: FiguresOf, name: MetricName, repetitions = 3) {
  const { factors } = sampleAblation({ ...BATCH, repetitions: String(repetitions) }, figuresOf);
  return factors[0]?.levels[1]?.effect[name] ?? assert.fail('no effect');
}

describe('effects of an ablation', () => {
  it('pairs what was measured in the same repetition, so that a machine that slows down does not hide a difference', () => {
    const pace = [1, 0.6, 0.3];
    const effect = effectOf(
      ({ level, repetition }) => ({
        opsPerSecond:
          1000 * (pace[repetition - 1] ?? 1) * (level === '50' ? ([1.09, 1.1, 1.11][repetition - 1] ?? 1) : 1),
      }),
      'opsPerSecond',
    );
    assert.equal(effect.verdict, 'difference');
    assert.equal(effect.ratio?.toFixed(3), '1.100');
    assert.ok(effect.low !== null && effect.low > 1.08 && effect.high !== null && effect.high < 1.12);
    assert.deepEqual(
      [effect.pairs, effect.difference, effect.repetitionsMissing, effect.confidence],
      [3, null, 0, 0.9],
    );
  });

  it('calls nothing a difference whose interval holds no change', () => {
    const { verdict, low, high } = effectOf(
      ({ level, repetition }) => ({ weakP50Ms: level === '50' ? ([2.2, 1.9, 2.3][repetition - 1] ?? 2) : 2 }),
      'weakP50Ms',
    );
    assert.equal(verdict, 'alike');
    assert.ok(low !== null && low < 1 && high !== null && high > 1);
  });

  it('compares shares by their difference', () => {
    const { verdict, ratio, difference, low } = effectOf(
      ({ level, repetition }) => ({ fastPathShare: level === '50' ? 0.8 + repetition / 1000 : 0.95 }),
      'fastPathShare',
    );
    assert.deepEqual([verdict, ratio, difference?.toFixed(3)], ['difference', null, '-0.148']);
    assert.ok(low !== null && low < -0.148);
  });

  for (const [repetitions, missing] of [
    [1, 2],
    [2, 1],
  ] as const) {
    it(`is undecided after ${repetitions} repetitions, however far apart, and wants ${missing} more`, () => {
      const effect = effectOf(({ level }) => ({ opsPerSecond: level === '50' ? 9 : 1 }), 'opsPerSecond', repetitions);
      const { verdict, ratio, low, high, confidence, repetitionsMissing } = effect;
      assert.deepEqual([verdict, low, high, confidence, repetitionsMissing], ['undecided', null, null, null, missing]);
      assert.equal(ratio?.toFixed(6), '9.000000');
    });
  }

  it('leaves a repetition out in which one of both failed', () => {
    const effect = effectOf(({ level, repetition }) => (level === '0' && repetition === 2 ? null : {}), 'opsPerSecond');
    assert.deepEqual([effect.pairs, effect.verdict, effect.repetitionsMissing], [2, 'undecided', 1]);
  });

  it('does not ask for repetitions of a figure that there is nothing of', () => {
    const effect = effectOf(({ level }) => (level === '50' ? { weakP50Ms: null } : {}), 'weakP50Ms');
    assert.deepEqual([effect.verdict, effect.ratio, effect.repetitionsMissing], ['undecided', null, 0]);
  });

  it('holds the baseline against itself', () => {
    const { factors } = sampleAblation(BATCH, () => ({}));
    const [baseline] = factors[0]?.levels ?? [];
    assert.equal(baseline?.isBaseline, true);
    assert.deepEqual(baseline?.figures, PLAIN_FIGURES);
    const { ratio, low, high, verdict } = baseline?.effect.opsPerSecond ?? assert.fail('no effect');
    assert.deepEqual([ratio, low, high, verdict], [1, 1, 1, 'baseline']);
  });

  it('says by its exit code whether it may be believed', () => {
    const result = sampleAblation(BATCH, () => ({}));
    assert.equal(exitCodeOfAblation(result), 0);
    assert.equal(exitCodeOfAblation({ ...result, failures: ['one'] }), 4);
    assert.equal(exitCodeOfAblation({ ...result, interrupted: true, failures: ['one'] }), 130);
    const [run] = result.factors[0]?.levels[0]?.runs ?? [];
    assert.ok(run !== undefined);
    run.doubts.push('a client process used 99 % of a core');
    assert.equal(exitCodeOfAblation(result), 4);
    run.dataWrong = true;
    assert.equal(exitCodeOfAblation({ ...result, interrupted: true }), 5);
  });
});

describe('CPU per operation', () => {
  const plan = parsePlan({ duration: '1s', warmup: '3s' }, RUN_DEFAULTS);
  const share = { role: 'replica', name: 'r0', pid: 1, cpuShare: 0.4, rssBytes: 1 };

  it('shares the time of services out over the load before the window and the window', () => {
    const point = {
      ...samplePoint(8, [1000]),
      processes: [
        { ...share, cpuSeconds: 0.8 },
        { ...share, cpuSeconds: 0.2 },
      ],
    };
    // 1 s of services in 2 s of load at 1,000 operations a second, and half a core of the client.
    assert.equal(readFigures(point, plan).cpuUsPerOperation, 1000);
  });

  it('is not known without services of our own, and where the system does not tell', () => {
    assert.equal(readFigures(samplePoint(8, [1000]), plan).cpuUsPerOperation, null);
    assert.equal(readFigures({ ...samplePoint(8, [1000]), processes: [share] }, plan).cpuUsPerOperation, null);
  });
});
