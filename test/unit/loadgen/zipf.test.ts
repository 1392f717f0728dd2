// Zipf: the realised popularity of ranks against the theory, below, at and above exponent 1.

import assert from 'node:assert/strict';
import { Random } from '../../../loadgen/worker/random.js';
import { Zipf } from '../../../loadgen/worker/zipf.js';

const DRAWS = 400_000;

function drawShares(items: number, exponent: number): Float64Array {
  const zipf = new Zipf(items, exponent);
  const random = new Random(7, Math.round(exponent * 100));
  const shares = new Float64Array(items);
  for (let i = 0; i < DRAWS; i++) {
    const rank = zipf.next(random);
    shares[rank] = (shares[rank] ?? Number.NaN) + 1 / DRAWS;
  }
  return shares;
}

function theory(items: number, exponent: number): Float64Array {
  const weights = Float64Array.from({ length: items }, (_, rank) => (rank + 1) ** -exponent);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/** Largest distance of the two cumulative distributions. */
function kolmogorovDistance(a: Float64Array, b: Float64Array): number {
  let distance = 0;
  let sumA = 0;
  let sumB = 0;
  a.forEach((share, at) => {
    sumA += share;
    sumB += b[at] ?? 0;
    distance = Math.max(distance, Math.abs(sumA - sumB));
  });
  return distance;
}

describe('Zipf', () => {
  for (const exponent of [0, 0.5, 0.9, 0.99, 1, 1.2, 3]) {
    it(`follows the theory at exponent ${exponent}`, () => {
      const expected = theory(1000, exponent);
      const actual = drawShares(1000, exponent);
      // One in 10^7 correct samples would miss this bound: 3 / sqrt(draws).
      assert.ok(kolmogorovDistance(actual, expected) < 3 / Math.sqrt(DRAWS));
      const mostPopular = expected[0] ?? 0;
      assert.ok(
        Math.abs((actual[0] ?? 0) - mostPopular) < 6 * Math.sqrt(mostPopular / DRAWS),
        `share of rank 0 is ${actual[0]}, not ${mostPopular}`,
      );
    });
  }

  it('tells 0.9 from 1 and from 1.2 over a million keys: nothing is clamped', () => {
    const topShare = (exponent: number) => {
      const zipf = new Zipf(1_000_000, exponent);
      const random = new Random(3);
      let top = 0;
      for (let i = 0; i < 200_000; i++) top += zipf.next(random) < 100 ? 1 : 0;
      return top / 200_000;
    };
    const exact = (exponent: number) =>
      theory(1_000_000, exponent)
        .slice(0, 100)
        .reduce((sum, share) => sum + share, 0);
    for (const exponent of [0.9, 1, 1.2])
      assert.ok(Math.abs(topShare(exponent) - exact(exponent)) < 0.006, `exponent ${exponent}`);
  });

  it('draws only rank 0 where there is one item', () => {
    const zipf = new Zipf(1, 0.9);
    const random = new Random(1);
    assert.deepEqual(new Set(Array.from({ length: 100 }, () => zipf.next(random))), new Set([0]));
  });
});
