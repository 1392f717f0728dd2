// How a window went from beginning to end: what the processes recorded in equal parts of it, merged. Knows the parts
// as they arrive from the processes; how they were recorded is timeline-recorder.ts. Pure.

import type { Histogram } from 'hdr-histogram-js';

import type { TimelineBucket } from '../../proto/gen/curpho/v1/load_worker.js';
import { decodeHistogram, mergeHistograms } from '../worker/histograms.js';

/** One window in equal parts, in order. Null where a part saw no such operation. */
export interface Timeline {
  /** Length of a part; the last one may be cut short by the window's end. */
  bucketMs: number;
  opsPerSecond: number[];
  weakP50Ms: (number | null)[];
  weakP99Ms: (number | null)[];
  strongP50Ms: (number | null)[];
  strongP99Ms: (number | null)[];
  fastPathShare: (number | null)[];
  /** Errors and unknown outcomes. */
  errors: number[];
}

/** One process's window. */
export interface ProcessTimeline {
  timeline: readonly TimelineBucket[];
  timelineBucketMs: number;
  windowMs: number;
}

const DIGITS = 2;

/** Merges the windows of all processes, which began together. The coarsest parts decide. */
export function mergeTimelines(processes: readonly ProcessTimeline[]): Timeline {
  const bucketMs = Math.max(1, ...processes.map((process) => process.timelineBucketMs));
  const windowMs = Math.max(0, ...processes.map((process) => process.windowMs));
  const parts: TimelineBucket[][] = Array.from({ length: Math.ceil(windowMs / bucketMs) }, () => []);
  for (const { timeline, timelineBucketMs } of processes) {
    timeline.forEach((bucket, at) => {
      // What a process recorded up to its own last instant may lie a hair beyond a border of the merged window.
      const place = Math.min(Math.floor((at * timelineBucketMs) / bucketMs), parts.length - 1);
      parts[place]?.push(bucket);
    });
  }
  const merged = parts.map((buckets, at) => mergeBuckets(buckets, Math.min(bucketMs, windowMs - at * bucketMs)));
  return {
    bucketMs,
    opsPerSecond: merged.map((part) => part.opsPerSecond),
    weakP50Ms: merged.map((part) => percentileMs(part.weak, 50)),
    weakP99Ms: merged.map((part) => percentileMs(part.weak, 99)),
    strongP50Ms: merged.map((part) => percentileMs(part.strong, 50)),
    strongP99Ms: merged.map((part) => percentileMs(part.strong, 99)),
    fastPathShare: merged.map((part) => part.fastPathShare),
    errors: merged.map((part) => part.errors),
  };
}

function mergeBuckets(buckets: readonly TimelineBucket[], lengthMs: number) {
  const total = (pick: (bucket: TimelineBucket) => number) => buckets.reduce((sum, bucket) => sum + pick(bucket), 0);
  const merge = (pick: (bucket: TimelineBucket) => Uint8Array) =>
    mergeHistograms(
      buckets.map((bucket) => decodeHistogram(pick(bucket), DIGITS)),
      DIGITS,
    );
  const strong = total((bucket) => bucket.strong);
  return {
    opsPerSecond: (total((bucket) => bucket.operations) / lengthMs) * 1000,
    weak: merge((bucket) => bucket.weakHistogram),
    strong: merge((bucket) => bucket.strongHistogram),
    fastPathShare: strong === 0 ? null : total((bucket) => bucket.fast) / strong,
    errors: total((bucket) => bucket.errors),
  };
}

function percentileMs(histogram: Histogram, percentile: number): number | null {
  return histogram.totalCount === 0 ? null : histogram.getValueAtPercentile(percentile) / 1000;
}
