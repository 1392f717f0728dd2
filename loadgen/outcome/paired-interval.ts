// How far apart two settings are that were measured side by side, several times over: the mean of the changes within the
// pairs, with Student's interval around it. What slows both of a pair, such as a busy machine, cancels out, which is why
// this needs fewer measurements than pair-interval.ts; the price is the assumption that the changes scatter like normal
// ones, of ratios their logarithms. Pure; knows nothing of what was measured.

import { type ChangeInterval, type ChangeScale, CONFIDENCE_LEAST, SIDE_VALUES_LEAST } from './pair-interval.js';
import { mean } from './statistics.js';

/** Two values that were measured side by side. */
export interface ValuePair {
  before: number;
  after: number;
}

/** The change of a number of pairs. */
export interface PairedChange {
  /** Geometric mean of after / before, or mean of after − before. */
  change: number;
  /** Null with fewer pairs than `PAIRS_LEAST`. */
  interval: ChangeInterval | null;
}

/** Fewer pairs give no interval: with two a single lucky agreement would make anything a difference. */
export const PAIRS_LEAST = SIDE_VALUES_LEAST;

/** The change from `before` to `after`. Null without pairs, and for ratios of values that are not positive. */
export function pairedChange(scale: ChangeScale, pairs: readonly ValuePair[]): PairedChange | null {
  if (pairs.length === 0) return null;
  if (scale === 'difference') return meanWithInterval(pairs.map(({ before, after }) => after - before));
  if (!pairs.every(({ before, after }) => before > 0 && after > 0)) return null;
  const { change, interval } = meanWithInterval(pairs.map(({ before, after }) => Math.log(after / before)));
  return {
    change: Math.exp(change),
    interval: interval && { ...interval, low: Math.exp(interval.low), high: Math.exp(interval.high) },
  };
}

function meanWithInterval(values: readonly number[]): PairedChange {
  const change = mean(values);
  if (values.length < PAIRS_LEAST) return { change, interval: null };
  const freedom = values.length - 1;
  const variance = values.reduce((sum, value) => sum + (value - change) ** 2, 0) / freedom;
  const half = studentQuantile(freedom) * Math.sqrt(variance / values.length);
  return { change, interval: { low: change - half, high: change + half, confidence: CONFIDENCE_LEAST } };
}

/** Quantiles of Student's distribution that leave 5 % above them, from one degree of freedom on. */
const STUDENT_QUANTILES = [6.3138, 2.92, 2.3534, 2.1318, 2.015, 1.9432, 1.8946, 1.8595, 1.8331, 1.8125];
const NORMAL_QUANTILE = 1.644854;

/** Beyond the table by the expansion around the normal distribution (Fisher), which is off by less than 0.0005 there. */
function studentQuantile(freedom: number): number {
  const tabulated = STUDENT_QUANTILES[freedom - 1];
  if (tabulated !== undefined) return tabulated;
  const z = NORMAL_QUANTILE;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  return z + first / freedom + second / freedom ** 2;
}
