// The few statistics that reports need, over small lists of numbers. Percentiles of latencies are not among them: those
// come from merged histograms only.

/** The middle of a list, the mean of the middle two for an even count; 0 for none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** (max − min) / mean, the study's measure of variance; 0 for fewer than two. */
export function spread(values: readonly number[]): number {
  const average = mean(values);
  return values.length < 2 || average === 0 ? 0 : (Math.max(...values) - Math.min(...values)) / average;
}

/** Change from the first to the last value along the least-squares line, as a share of the mean; 0 for fewer than two. */
export function trend(values: readonly number[]): number {
  const average = mean(values);
  if (values.length < 2 || average === 0) return 0;
  const centre = (values.length - 1) / 2;
  let covariance = 0;
  let variance = 0;
  values.forEach((value, at) => {
    covariance += (at - centre) * (value - average);
    variance += (at - centre) ** 2;
  });
  return ((covariance / variance) * (values.length - 1)) / average;
}

/** The arithmetic mean; 0 for none. */
export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
