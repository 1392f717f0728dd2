// The study that this sweep repeats, as data: a CURP-HO implementation in Go, two client processes, ten operations
// pending per thread, 10,000 requests per thread, three iterations. Its medians are means of two processes' medians.

/** One row of the study. */
export interface StudyRow {
  streams: number;
  opsPerSecond: number;
  weakP50Ms: number;
  strongP50Ms: number;
  /** Throughput of its three iterations. */
  iterations: readonly [number, number, number];
}

/** The four points of the study. */
export const STUDY_ROWS: readonly StudyRow[] = [
  { streams: 4, opsPerSecond: 17_948, weakP50Ms: 1.23, strongP50Ms: 2.61, iterations: [17_231, 18_858, 17_757] },
  { streams: 8, opsPerSecond: 12_948, weakP50Ms: 2.79, strongP50Ms: 5.39, iterations: [11_195, 12_849, 14_798] },
  { streams: 12, opsPerSecond: 12_740, weakP50Ms: 2.45, strongP50Ms: 12.11, iterations: [12_033, 13_258, 12_929] },
  { streams: 16, opsPerSecond: 11_356, weakP50Ms: 4.81, strongP50Ms: 18.86, iterations: [11_848, 11_130, 11_091] },
];

/** The throughput that the study aimed at and missed, operations per second. */
export const STUDY_GOAL_OPS_PER_SECOND = 23_000;

/** The weak median that the study allowed, milliseconds. */
export const STUDY_WEAK_P50_MS_MAX = 2;

/** The study's row for a stream count, if it has one. */
export function studyRow(streams: number): StudyRow | undefined {
  return STUDY_ROWS.find((row) => row.streams === streams);
}
