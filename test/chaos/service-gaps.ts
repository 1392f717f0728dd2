// How long nobody was answered: the longest gap between two answers that a span of time touches. Pure.

/** @param sorted times of answers, microseconds, in order. @returns seconds, to the millisecond. */
export function longestGapS(sorted: Float64Array, { fromUs, untilUs }: { fromUs: number; untilUs: number }): number {
  let longestUs = 0;
  for (let index = 1; index < sorted.length; index++) {
    const [begin, end] = [sorted[index - 1] ?? 0, sorted[index] ?? 0];
    if (end <= fromUs) continue;
    if (begin >= untilUs) break;
    longestUs = Math.max(longestUs, end - begin);
  }
  return Math.round(longestUs / 1000) / 1000;
}
