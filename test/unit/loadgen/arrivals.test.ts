// The schedule of an open loop: repeatable, exact in its mean, and Poisson where it says so.

import assert from 'node:assert/strict';
import { mean } from '../../../loadgen/outcome/statistics.js';
import { type ArrivalPattern, Arrivals } from '../../../loadgen/worker/arrivals.js';
import { Random } from '../../../loadgen/worker/random.js';

function schedule(pattern: ArrivalPattern, rate: number, count: number, seed = 1): number[] {
  const arrivals = new Arrivals({ rate, pattern, random: new Random(seed) });
  return Array.from({ length: count }, () => {
    const dueMs = arrivals.nextMs;
    arrivals.advance();
    return dueMs;
  });
}

function gaps(timesMs: readonly number[]): number[] {
  return timesMs.slice(1).map((timeMs, at) => timeMs - (timesMs[at] ?? 0));
}

describe('Arrivals', () => {
  for (const pattern of ['poisson', 'constant'] as const) {
    it(`repeats itself for a seed and differs for another (${pattern})`, () => {
      assert.deepEqual(schedule(pattern, 700, 1000), schedule(pattern, 700, 1000));
      assert.notDeepEqual(schedule(pattern, 700, 10), schedule(pattern, 700, 10, 2));
    });
  }

  it('keeps a constant distance without drift, for a rate that is no round number', () => {
    const timesMs = schedule('constant', 3000, 1_000_000);
    assert.ok(timesMs[0] !== undefined && timesMs[0] >= 0 && timesMs[0] < 1 / 3);
    assert.equal(timesMs.at(-1), timesMs[0] + 999_999 * (1000 / 3000));
    assert.ok(gaps(timesMs).every((gapMs) => Math.abs(gapMs - 1 / 3) < 1e-6));
  });

  it('has as many constant arrivals in a second as the rate says, wherever it begins', () => {
    for (let seed = 0; seed < 50; seed++) {
      assert.equal(schedule('constant', 333, 400, seed).filter((timeMs) => timeMs < 1000).length, 333);
    }
  });

  it('has the mean and the variance of a Poisson process', () => {
    const rate = 2000;
    const gapsMs = gaps(schedule('poisson', rate, 200_001));
    const average = mean(gapsMs);
    // Five standard errors of each for 200,000 samples; an exponential distribution's variance is its mean squared.
    assert.ok(Math.abs(average - 0.5) < (5 * 0.5) / Math.sqrt(200_000), `mean ${average}`);
    const variance = mean(gapsMs.map((gapMs) => (gapMs - average) ** 2));
    assert.ok(Math.abs(variance - 0.25) < 5 * 0.25 * Math.sqrt(8 / 200_000), `variance ${variance}`);
    const longer = gapsMs.filter((gapMs) => gapMs > 0.5).length / gapsMs.length;
    assert.ok(Math.abs(longer - Math.exp(-1)) < 0.01, `share above the mean ${longer}`);
  });

  it('scatters Poisson arrivals over seconds as much as their number', () => {
    const perSecond = new Array<number>(200).fill(0);
    for (const timeMs of schedule('poisson', 400, 90_000)) {
      const second = Math.floor(timeMs / 1000);
      if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    const average = mean(perSecond);
    const dispersion = mean(perSecond.map((count) => (count - average) ** 2)) / average;
    assert.ok(dispersion > 0.6 && dispersion < 1.5, `variance over mean ${dispersion}`);
  });
});
