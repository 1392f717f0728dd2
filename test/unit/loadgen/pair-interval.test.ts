// Intervals from all pairs: against brute force and against bounds worked out by hand.

import assert from 'node:assert/strict';
import { CONFIDENCE_LEAST, changeInterval } from '../../../loadgen/outcome/pair-interval.js';

/** Whether 1 lies outside of the interval, for every way to deal the ranks 1 … n + m to two sides. */
function dealRanks(n: number, m: number): boolean[] {
  const outcomes: boolean[] = [];
  for (let choice = 0; choice < 2 ** (n + m); choice++) {
    const before: number[] = [];
    const after: number[] = [];
    for (let rank = 1; rank <= n + m; rank++) ((choice >> (rank - 1)) & 1 ? before : after).push(rank);
    if (before.length !== n) continue;
    const interval = changeInterval('ratio', before, after);
    assert.ok(interval);
    outcomes.push(interval.low > 1 || interval.high < 1);
  }
  return outcomes;
}

describe('changeInterval', () => {
  it('takes all pairs of three and three', () => {
    assert.deepEqual(changeInterval('ratio', [10, 20, 25], [20, 30, 50]), { low: 0.8, high: 5, confidence: 0.9 });
  });

  it('takes differences of all pairs as well, also of values that are 0', () => {
    const { low, high, confidence } = changeInterval('difference', [0, 0, 4], [1, 2, 8]) ?? assert.fail('no interval');
    assert.deepEqual([low, high, confidence], [-3, 8, 0.9]);
    assert.equal(changeInterval('ratio', [0, 0, 4], [1, 2, 8]), null);
  });

  it('leaves out one pair at each end of four and four', () => {
    // 70 orders, 2 of which have at most one pair in the wrong order: 1 − 2 × 2 / 70.
    const interval = changeInterval('ratio', [1, 1, 1, 1], [1, 2, 2, 9]);
    assert.deepEqual([interval?.low, interval?.high], [1, 9]);
    assert.equal(interval?.confidence, 1 - 4 / 70);
  });

  for (const [n, m] of [
    [3, 3],
    [3, 5],
    [4, 4],
    [5, 5],
    [6, 3],
  ] as const) {
    it(`misses as often as it says when ${n} and ${m} values come from one source`, () => {
      const outcomes = dealRanks(n, m);
      const missed = outcomes.filter((isMissed) => isMissed).length / outcomes.length;
      const { confidence } = changeInterval('ratio', Array(n).fill(1), Array(m).fill(1)) ?? { confidence: 0 };
      assert.ok(confidence >= CONFIDENCE_LEAST);
      assert.ok(Math.abs(missed - (1 - confidence)) < 1e-9, `missed ${missed}, confidence ${confidence}`);
    });
  }

  it('grows narrower with more values and stays finite for many', () => {
    const width = (count: number) => {
      const values = Array.from({ length: count }, (_, at) => 100 + at / count);
      const interval = changeInterval('ratio', values, values);
      assert.ok(interval);
      return interval.high - interval.low;
    };
    assert.ok(width(6) < width(3));
    assert.ok(width(60) < width(20));
  });

  it('is none with fewer than three values on a side', () => {
    assert.equal(changeInterval('ratio', [1, 2], [1, 2, 3]), null);
    assert.equal(changeInterval('ratio', [1, 2, 3], [1]), null);
  });

  it('is none for values of which no ratio can be taken', () => {
    assert.equal(changeInterval('ratio', [0, 1, 2], [1, 2, 3]), null);
  });
});
