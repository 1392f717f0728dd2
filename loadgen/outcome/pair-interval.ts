// How far apart two small sets of measurements are, with an interval that assumes no distribution: all ratios of a value
// of one set to a value of the other, or all differences, less as many at both ends as the rank-sum distribution allows
// (Hodges and Lehmann, 1963). Pure; knows nothing of what was measured.

/** How two sets are held against each other: after / before, or after − before. */
export type ChangeScale = 'ratio' | 'difference';

/** Between which bounds the change from one set to the other lies, and with which confidence that can be said. */
export interface ChangeInterval {
  low: number;
  high: number;
  /** At least `CONFIDENCE_LEAST`; exact for up to 40 values together. */
  confidence: number;
}

/** Fewer values on a side give no interval: with two and three even all pairs together mean only 80 %. */
export const SIDE_VALUES_LEAST = 3;
/** What three values on each side can reach. */
export const CONFIDENCE_LEAST = 0.9;

const TAIL_MOST = 0.05;
/** Quantile of the normal distribution that leaves `TAIL_MOST` above it. */
const NORMAL_QUANTILE = 1.645;
const EXACT_VALUES_MOST = 40;

/**
 * The interval of the change. Holds if the values of each side are independent and the sides differ by a factor, or by
 * an addend. Null with fewer than `SIDE_VALUES_LEAST` values on a side, and for ratios of values that are not positive.
 */
export function changeInterval(
  scale: ChangeScale,
  before: readonly number[],
  after: readonly number[],
): ChangeInterval | null {
  if (before.length < SIDE_VALUES_LEAST || after.length < SIDE_VALUES_LEAST) return null;
  if (scale === 'ratio' && ![...before, ...after].every((value) => value > 0)) return null;
  const changeOf = (was: number, is: number) => (scale === 'ratio' ? is / was : is - was);
  const changes = before.flatMap((was) => after.map((is) => changeOf(was, is))).sort((a, b) => a - b);
  const { dropped, confidence } = ranksToDrop(before.length, after.length);
  const low = changes[dropped];
  const high = changes[changes.length - 1 - dropped];
  return low === undefined || high === undefined ? null : { low, high, confidence };
}

/** How many of the ordered changes may be left out at each end, and the confidence that remains. */
function ranksToDrop(n: number, m: number): { dropped: number; confidence: number } {
  if (n + m > EXACT_VALUES_MOST) {
    const dropped = Math.floor((n * m) / 2 - NORMAL_QUANTILE * Math.sqrt((n * m * (n + m + 1)) / 12));
    return { dropped, confidence: CONFIDENCE_LEAST };
  }
  const counts = rankSumCounts(n, m);
  const total = counts.reduce((sum, count) => sum + count, 0);
  let dropped = 0;
  let tail = counts[0] ?? 0;
  for (let next = tail + (counts[1] ?? 0); next / total <= TAIL_MOST; next += counts[dropped + 1] ?? 0) {
    tail = next;
    dropped++;
  }
  return { dropped, confidence: 1 - (2 * tail) / total };
}

/**
 * In how many of the orders of n and m values exactly u of the n × m pairs stand in the wrong order, for every u: the
 * coefficients of the Gaussian binomial, the product over i ≤ n of (1 − q^(m+i)) / (1 − q^i).
 */
function rankSumCounts(n: number, m: number): number[] {
  const counts = Array.from({ length: n * m + 1 }, (_, u): number => (u === 0 ? 1 : 0));
  const at = (u: number) => counts[u] ?? 0;
  for (let i = 1; i <= n; i++) {
    for (let u = n * m; u >= m + i; u--) counts[u] = at(u) - at(u - m - i);
    for (let u = i; u <= n * m; u++) counts[u] = at(u) + at(u - i);
  }
  return counts;
}
