// Intervals over pairs: against values worked out by hand and against printed quantiles of Student's distribution.

import assert from 'node:assert/strict';
import { type PairedChange, pairedChange } from '../../../loadgen/outcome/paired-interval.js';

function near(value: number | undefined, wanted: number, within = 1e-3): void {
  assert.ok(value !== undefined && Math.abs(value - wanted) <= within, `${value} is not ${wanted}`);
}

function intervalOf(paired: PairedChange | null) {
  return paired?.interval ?? assert.fail('no interval');
}

describe('pairedChange', () => {
  it('takes the geometric mean of ratios, and what lies 2.92 standard errors of three logarithms around it', () => {
    const pairs = [0.1, 0.2, 0.3].map((log) => ({ before: 5, after: 5 * Math.exp(log) }));
    const paired = pairedChange('ratio', pairs);
    near(paired?.change, Math.exp(0.2));
    const { low, high, confidence } = intervalOf(paired);
    const half = (2.92 * 0.1) / Math.sqrt(3);
    near(low, Math.exp(0.2 - half));
    near(high, Math.exp(0.2 + half));
    assert.equal(confidence, 0.9);
  });

  it('takes differences as they are, also of values that are 0', () => {
    const paired = pairedChange('difference', [
      { before: 0, after: 1 },
      { before: 0, after: 2 },
      { before: 4, after: 7 },
    ]);
    assert.equal(paired?.change, 2);
    const { low, high } = intervalOf(paired);
    near(low, 2 - 2.92 / Math.sqrt(3));
    near(high, 2 + 2.92 / Math.sqrt(3));
  });

  it('does not see what slows both of a pair', () => {
    const pairs = [1, 3, 0.2].map((slowness) => ({ before: slowness, after: slowness * 1.1 }));
    const { low, high } = intervalOf(pairedChange('ratio', pairs));
    near(low, 1.1, 1e-9);
    near(high, 1.1, 1e-9);
  });

  it('gives no interval for fewer than three pairs, and no change without any', () => {
    const pair = { before: 1, after: 2 };
    assert.deepEqual(pairedChange('ratio', [pair, pair]), { change: 2, interval: null });
    assert.equal(pairedChange('ratio', []), null);
    assert.equal(pairedChange('difference', []), null);
  });

  it('gives no ratio of values that are not positive', () => {
    assert.equal(pairedChange('ratio', [{ before: 0, after: 2 }]), null);
  });

  for (const [pairs, quantile] of [
    [4, 2.3534],
    [11, 1.8125],
    [12, 1.7959],
    [21, 1.7247],
    [61, 1.6706],
  ] as const) {
    it(`is ${quantile} standard errors wide either way for ${pairs} pairs`, () => {
      const values = Array.from({ length: pairs }, (_, at) => at);
      const average = (pairs - 1) / 2;
      const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / (pairs - 1);
      const { high } = intervalOf(
        pairedChange(
          'difference',
          values.map((after) => ({ before: 0, after })),
        ),
      );
      near((high - average) / Math.sqrt(variance / pairs), quantile);
    });
  }
});
