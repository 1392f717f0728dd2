// From what the client processes measured to one point of a sweep. All percentiles are taken from histograms merged over
// processes and, for the point, over iterations; throughput is the median of the iterations. Pure.

import { build, decodeFromCompressedBase64, type Histogram } from 'hdr-histogram-js';

import type { SlowReason } from '../client/types.js';
import type { GoalFigures } from './goal.js';
import { LATENCY_US_MAX } from './recorder.js';
import { judgeGenerator, type SelfCheckVerdict } from './self-check.js';
import { median, spread, trend } from './statistics.js';
import type { PhaseResult } from './worker-messages.js';
import { OPERATION_CLASSES, type OperationClass } from './workload.js';

/** Latency of a set of operations, milliseconds; null where there were none. */
export interface LatencySummary {
  count: number;
  meanMs: number | null;
  p50Ms: number | null;
  p90Ms: number | null;
  p99Ms: number | null;
  p999Ms: number | null;
  maxMs: number | null;
}

/** One service process during the windows of a point. */
export interface ProcessShare {
  role: string;
  name: string;
  pid: number;
  /** Processor time over elapsed time; 1 is one core. */
  cpuShare: number;
  /** At the end of the point's last window. */
  rssBytes: number;
}

/** One measuring window of a point. */
export interface IterationResult {
  iteration: number;
  opsPerSecond: number;
  operations: number;
  windowMs: number;
  weakP50Ms: number | null;
  weakP99Ms: number | null;
  strongP50Ms: number | null;
  strongP99Ms: number | null;
  fastPathShare: number | null;
  errors: number;
  unknown: number;
  /** Processor time of all client processes over elapsed time. */
  clientCpuShare: number;
}

/** One stream count of a sweep. */
export interface PointResult {
  clients: number;
  threads: number;
  streams: number;
  totalPendings: number;
  /** Median of the iterations. */
  opsPerSecond: number;
  /** (max − min) / mean of the iterations. */
  spread: number;
  /** Change from the first to the last iteration along their trend line, as a share of the mean. */
  trend: number;
  /** Whether that is within 10 % either way. */
  steady: boolean;
  iterations: IterationResult[];
  weak: LatencySummary;
  strong: LatencySummary;
  classes: Record<OperationClass, LatencySummary>;
  /** Of strong operations; null if there were none. */
  fastPathShare: number | null;
  slowReasons: Partial<Record<SlowReason, number>>;
  /** By which way the first acknowledgement of a weak write came; null if there were none. */
  ackShare: { nats: number | null; stream: number | null };
  errors: number;
  errorCodes: Record<string, number>;
  unknown: number;
  /** Every read was checked and none was wrong. */
  verified: boolean;
  verification: { checked: number; wrong: number; examples: string[] };
  /** Share of reads that found a value; null if there were no reads. */
  foundShare: number | null;
  selfCheck: SelfCheckVerdict;
  /** Services of a local cluster; empty for an existing one. */
  processes: ProcessShare[];
}

const STEADY_TREND_MAX = 0.1;

/** What all client processes measured in one window. */
export interface WindowMeasurement {
  iteration: number;
  results: PhaseResult[];
}

/** Merges the windows of one point. */
export function summarizePoint(
  { clients, threads, pendings }: { clients: number; threads: number; pendings: number },
  windows: readonly WindowMeasurement[],
  processes: ProcessShare[],
): PointResult {
  const iterations = windows.map(summarizeIteration);
  const results = windows.flatMap((window) => window.results);
  const histograms = mergeByClass(results);
  const strong = summarizeLatency(merge([histograms.strongRead, histograms.strongWrite]));
  const throughputs = iterations.map((iteration) => iteration.opsPerSecond);
  const total = (pick: (result: PhaseResult) => number) => results.reduce((sum, result) => sum + pick(result), 0);
  const checked = total((result) => result.verification.checked);
  const wrong = total((result) => result.verification.wrong);
  const acks = { nats: total((result) => result.acks.nats), stream: total((result) => result.acks.stream) };
  const pointTrend = trend(throughputs);
  return {
    clients,
    threads,
    streams: clients * threads,
    totalPendings: clients * threads * pendings,
    opsPerSecond: median(throughputs),
    spread: spread(throughputs),
    trend: pointTrend,
    steady: Math.abs(pointTrend) <= STEADY_TREND_MAX,
    iterations,
    weak: summarizeLatency(merge([histograms.weakRead, histograms.weakWrite])),
    strong,
    classes: {
      strongRead: summarizeLatency(histograms.strongRead),
      strongWrite: summarizeLatency(histograms.strongWrite),
      weakRead: summarizeLatency(histograms.weakRead),
      weakWrite: summarizeLatency(histograms.weakWrite),
    },
    fastPathShare: fastPathShare(results, strong),
    slowReasons: sumCounts(results.map((result) => result.recording.slowReasons)),
    ackShare: { nats: share(acks.nats, acks.nats + acks.stream), stream: share(acks.stream, acks.nats + acks.stream) },
    errors: total((result) => result.recording.errors),
    errorCodes: sumCounts(results.map((result) => result.recording.errorCodes)),
    unknown: total((result) => result.recording.unknown),
    verified: wrong === 0,
    verification: { checked, wrong, examples: results.flatMap((result) => result.verification.examples).slice(0, 10) },
    foundShare: share(
      total((result) => result.verification.found),
      checked,
    ),
    selfCheck: judgePoint(results, throughputs),
    processes,
  };
}

/** The figures of a point that goals may name. */
export function goalFigures(point: PointResult): GoalFigures {
  return {
    opsPerSecond: point.opsPerSecond,
    weakP50Ms: point.weak.p50Ms,
    weakP99Ms: point.weak.p99Ms,
    strongP50Ms: point.strong.p50Ms,
    strongP99Ms: point.strong.p99Ms,
    fastPathShare: point.fastPathShare,
    natsAckShare: point.ackShare.nats,
    foundShare: point.foundShare,
    errors: point.errors,
    unknown: point.unknown,
  };
}

function judgePoint(results: readonly PhaseResult[], throughputs: readonly number[]): SelfCheckVerdict {
  const verdict = judgeGenerator(results.map((result) => result.health));
  if (throughputs.every((opsPerSecond) => opsPerSecond > 0)) return verdict;
  return {
    ...verdict,
    valid: false,
    reasons: [...verdict.reasons, 'a window passed in which not one operation was completed'],
  };
}

function summarizeIteration({ iteration, results }: WindowMeasurement): IterationResult {
  const histograms = mergeByClass(results);
  const weak = summarizeLatency(merge([histograms.weakRead, histograms.weakWrite]));
  const strong = summarizeLatency(merge([histograms.strongRead, histograms.strongWrite]));
  const operations = results.reduce((sum, result) => sum + result.recording.operations, 0);
  const windowMs = Math.max(1, ...results.map((result) => result.windowMs));
  return {
    iteration,
    opsPerSecond: (operations / windowMs) * 1000,
    operations,
    windowMs,
    weakP50Ms: weak.p50Ms,
    weakP99Ms: weak.p99Ms,
    strongP50Ms: strong.p50Ms,
    strongP99Ms: strong.p99Ms,
    fastPathShare: fastPathShare(results, strong),
    errors: results.reduce((sum, result) => sum + result.recording.errors, 0),
    unknown: results.reduce((sum, result) => sum + result.recording.unknown, 0),
    clientCpuShare: results.reduce((sum, result) => sum + result.health.cpuShare, 0),
  };
}

function mergeByClass(results: readonly PhaseResult[]): Record<OperationClass, Histogram> {
  const of = (operationClass: OperationClass) => {
    const index = OPERATION_CLASSES.indexOf(operationClass);
    return merge(results.map((result) => decodeFromCompressedBase64(result.recording.histograms[index] ?? '')));
  };
  return {
    strongRead: of('strongRead'),
    strongWrite: of('strongWrite'),
    weakRead: of('weakRead'),
    weakWrite: of('weakWrite'),
  };
}

function merge(histograms: readonly Histogram[]): Histogram {
  const merged = build({ highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: 3 });
  for (const histogram of histograms) merged.add(histogram);
  return merged;
}

function summarizeLatency(histogram: Histogram): LatencySummary {
  const count = histogram.totalCount;
  const ms = (microseconds: number) => (count === 0 ? null : microseconds / 1000);
  return {
    count,
    meanMs: ms(histogram.mean),
    p50Ms: ms(histogram.getValueAtPercentile(50)),
    p90Ms: ms(histogram.getValueAtPercentile(90)),
    p99Ms: ms(histogram.getValueAtPercentile(99)),
    p999Ms: ms(histogram.getValueAtPercentile(99.9)),
    maxMs: ms(histogram.maxValue),
  };
}

function fastPathShare(results: readonly PhaseResult[], strong: LatencySummary): number | null {
  const fast = results.reduce((sum, result) => sum + result.recording.fast, 0);
  return share(fast, strong.count);
}

function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sumCounts<K extends string>(
  counts: readonly Partial<Record<K, number>>[],
): Partial<Record<K, number>> & Record<string, number> {
  const sums: Record<string, number> = {};
  for (const record of counts) {
    for (const [name, count] of Object.entries<number | undefined>(record))
      sums[name] = (sums[name] ?? 0) + (count ?? 0);
  }
  return sums as Partial<Record<K, number>> & Record<string, number>;
}
