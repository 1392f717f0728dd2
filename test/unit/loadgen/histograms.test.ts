// Counting under load gives the very histogram that the library would have built.

import assert from 'node:assert/strict';
import {
  createHistogram,
  decodeHistogram,
  encodeHistogram,
  LATENCY_US_MAX,
  LatencyCounts,
  mergeHistograms,
} from '../../../loadgen/worker/histograms.js';
import { Random } from '../../../loadgen/worker/random.js';

const BORDERS = [0, 1, 127, 128, 255, 256, 257, 511, 512, 1023, 1024, 2047, 2048, 2049, 4095, 4096, LATENCY_US_MAX];

/** Values of all magnitudes. */
function scattered(seed: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: 20_000 }, () => Math.floor(Math.exp(random.nextDouble() * Math.log(LATENCY_US_MAX))));
}

function counted(digits: 2 | 3, valuesUs: readonly number[]): LatencyCounts {
  const counts = new LatencyCounts(digits);
  for (const valueUs of valuesUs) counts.record(valueUs);
  return counts;
}

describe('LatencyCounts', () => {
  for (const digits of [2, 3] as const) {
    it(`counts into the buckets of HdrHistogram (${digits} digits)`, () => {
      const valuesUs = [...BORDERS, ...scattered(1)];
      const histogram = createHistogram(digits);
      for (const valueUs of valuesUs) histogram.recordValue(valueUs);
      assert.deepEqual(counted(digits, valuesUs).encode(), encodeHistogram(histogram));
    });

    it(`adds up to what was counted together (${digits} digits)`, () => {
      const sum = counted(digits, scattered(1));
      sum.add(counted(digits, scattered(2)));
      const together = counted(digits, [...scattered(1), ...scattered(2)]);
      assert.deepEqual([sum.total, sum.encode()], [40_000, together.encode()]);
      const parts = [1, 2].map((seed) => decodeHistogram(counted(digits, scattered(seed)).encode(), digits));
      assert.deepEqual(encodeHistogram(mergeHistograms(parts, digits)), together.encode());
    });
  }

  it('is no bytes when empty, also after a reset', () => {
    const counts = counted(3, BORDERS);
    counts.reset();
    assert.deepEqual([counts.total, counts.encode().length], [0, 0]);
    assert.equal(decodeHistogram(counts.encode(), 3).totalCount, 0);
  });
});
