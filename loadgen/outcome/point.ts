// From what the client processes measured to one point of a sweep. All percentiles are taken from histograms merged over
// processes and, for the point, over iterations; throughput is the median of the iterations. Pure.

import type { Histogram } from 'hdr-histogram-js';

import type { SlowReason } from '../../client/types.js';
import type { OpenLoopCounts, PhaseResult } from '../../proto/gen/curpho/v1/load_worker.js';
import { decodeHistogram, mergeHistograms } from '../worker/histograms.js';
import { judgeGenerator, type SelfCheckVerdict } from '../worker/self-check.js';
import type { OperationClass } from '../worker/workload.js';
import { attribute, type ClassAttribution, type StageSummary } from './attribution.js';
import { type DiagnosedWindow, type PointDiagnostics, summarizeDiagnostics } from './diagnostics.js';
import type { GoalFigures } from './goal.js';
import { median, spread, trend } from './statistics.js';
import { mergeTimelines, type Timeline } from './timeline.js';

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

/** One point of a latency curve. */
export interface CurvePoint {
  percentile: number;
  ms: number;
}

/** How an open loop's arrivals fared, over all processes and windows of a point. */
export interface OpenLoopResult {
  /** What the plan asked for, as it came out of the schedule. */
  intendedPerSecond: number;
  sentPerSecond: number;
  /** Operations whose time came within a window. */
  intended: number;
  /** Those of them that were sent. */
  sent: number;
  /** Those of them that were given up, because too many were waiting. */
  dropped: number;
  /** Operations that completed within a window, whenever they were due. */
  completed: number;
  completedPerSecond: number;
  /** Most in flight at once, all processes together. */
  inFlightMax: number;
  /** Most waiting at once, all processes together. */
  waitingMax: number;
  /** Waiting when a window ended, and given up; the worst window. */
  waitingAtEnd: number;
  /** In flight when a window ended, the worst window. Their latency counts, however late their answers were. */
  unansweredAtEnd: number;
  /**
   * The system did not take what it was offered: something was dropped or given up, or in some window fewer operations
   * were completed than intended, by more than `SHORTFALL_SHARE_MAX` and what chance explains.
   */
  overloaded: boolean;
}

/** One service process during the windows of a point. */
export interface ProcessShare {
  role: string;
  name: string;
  pid: number;
  /** Processor time over elapsed time; 1 is one core. */
  cpuShare: number;
  /** Processor time that the point's windows and the load right before them took; results of old have none. */
  cpuSeconds?: number | undefined;
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
  /** The window from beginning to end. */
  timeline: Timeline;
}

/** One stream count of a sweep. */
export interface PointResult extends PointDiagnostics {
  clients: number;
  threads: number;
  streams: number;
  /** Operations that a closed loop keeps in flight; 0 for an open loop, which does not. */
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
  /** Latency by percentile, from 0 to 99.99 and 100; empty for a class without operations. */
  curves: Record<OperationClass, CurvePoint[]>;
  /** Null for a closed loop. */
  openLoop: OpenLoopResult | null;
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
  /** Where the operations of each class spent their time; no stages where none had a time line. */
  stages: Record<OperationClass, StageSummary[]>;
  /** How much of the median operation's time lies under a stage; null where none had a time line. */
  coverageAtMedian: Record<OperationClass, number | null>;
  /** Operations with a time line. */
  attributed: Record<OperationClass, number>;
  /** How often the answer that an operation waited for last came from a witness. */
  witnessLastShare: Record<OperationClass, number | null>;
  /** Services of a local cluster; empty for an existing one. */
  processes: ProcessShare[];
}

const STEADY_TREND_MAX = 0.1;
/** By which share of the intended operations a window may complete fewer and still keep up with its rate. */
export const SHORTFALL_SHARE_MAX = 0.05;
/** Arrivals are random, and so is how many are under way at either end: three deviations of their number. */
const SHORTFALL_DEVIATIONS = 3;
const EXAMPLES_LIMIT = 10;
const DIGITS = 3;
const CURVE_DECADES = 4;
const CURVE_POINTS_PER_DECADE = 20;
const NO_BYTES = new Uint8Array();

/** What all client processes measured in one window, and what the cluster's processes told of it. */
export interface WindowMeasurement extends DiagnosedWindow {
  results: PhaseResult[];
}

/** Merges the windows of one point. `pendings` is 0 for an open loop. */
export function summarizePoint(
  { clients, threads, pendings }: { clients: number; threads: number; pendings: number },
  windows: readonly WindowMeasurement[],
  processes: ProcessShare[],
): PointResult {
  const iterations = windows.map(summarizeIteration);
  const results = windows.flatMap((window) => window.results);
  const histograms = mergeByClass(results);
  const strong = summarizeLatency(mergeHistograms([histograms.strongRead, histograms.strongWrite], DIGITS));
  const throughputs = iterations.map((iteration) => iteration.opsPerSecond);
  const total = (pick: (result: PhaseResult) => number) => results.reduce((sum, result) => sum + pick(result), 0);
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
    weak: summarizeLatency(mergeHistograms([histograms.weakRead, histograms.weakWrite], DIGITS)),
    strong,
    classes: byClass((name) => summarizeLatency(histograms[name])),
    curves: byClass((name) => latencyCurve(histograms[name])),
    openLoop: summarizeOpenLoop(windows),
    fastPathShare: fastPathShare(results, strong),
    slowReasons: sumCounts(results.map((result) => result.slowReasons)),
    ackShare: ackShare(results),
    errors: total((result) => result.errors),
    errorCodes: sumCounts(results.map((result) => result.errorCodes)),
    unknown: total((result) => result.unknown),
    ...summarizeVerification(results),
    selfCheck: judgePoint(results, throughputs),
    ...attributePoint(results),
    processes,
    ...summarizeDiagnostics(windows),
  };
}

/** Checks of what was read, added up over processes. */
export function addVerifications(results: readonly PhaseResult[]): PointResult['verification'] {
  return {
    checked: results.reduce((sum, { verification }) => sum + (verification?.checked ?? 0), 0),
    wrong: results.reduce((sum, { verification }) => sum + (verification?.wrong ?? 0), 0),
    examples: results.flatMap(({ verification }) => verification?.examples ?? []).slice(0, EXAMPLES_LIMIT),
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
  const healths = results.flatMap(({ health }) => health ?? []);
  const verdict = judgeGenerator(healths, results.some(({ openLoop }) => openLoop !== undefined) ? 'open' : 'closed');
  if (throughputs.every((opsPerSecond) => opsPerSecond > 0)) return verdict;
  return {
    ...verdict,
    valid: false,
    reasons: [...verdict.reasons, 'a window passed in which not one operation was completed'],
  };
}

function summarizeIteration({ iteration, results }: WindowMeasurement): IterationResult {
  const histograms = mergeByClass(results);
  const weak = summarizeLatency(mergeHistograms([histograms.weakRead, histograms.weakWrite], DIGITS));
  const strong = summarizeLatency(mergeHistograms([histograms.strongRead, histograms.strongWrite], DIGITS));
  const operations = results.reduce((sum, result) => sum + result.operations, 0);
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
    errors: results.reduce((sum, result) => sum + result.errors, 0),
    unknown: results.reduce((sum, result) => sum + result.unknown, 0),
    clientCpuShare: results.reduce((sum, { health }) => sum + (health?.cpuShare ?? 0), 0),
    timeline: mergeTimelines(results),
  };
}

function summarizeOpenLoop(windows: readonly WindowMeasurement[]): OpenLoopResult | null {
  // The processes of a window had their most at different instants: their sum is an upper bound of what there was.
  const perWindow = windows.map(({ results }) => {
    const counts = results.flatMap(({ openLoop }) => openLoop ?? []);
    const total = (pick: (count: OpenLoopCounts) => number) => counts.reduce((sum, count) => sum + pick(count), 0);
    return {
      processes: counts.length,
      seconds: Math.max(1, ...results.map((result) => result.windowMs)) / 1000,
      intended: total((count) => count.intended),
      sent: total((count) => count.sent),
      dropped: total((count) => count.dropped),
      completed: results.reduce((sum, { operations }) => sum + operations, 0),
      inFlightMax: total((count) => count.inFlightMax),
      waitingMax: total((count) => count.waitingMax),
      waitingAtEnd: total((count) => count.waitingAtEnd),
      unansweredAtEnd: total((count) => count.unansweredAtEnd),
    };
  });
  if (perWindow.every(({ processes }) => processes === 0)) return null;
  const total = (pick: (window: (typeof perWindow)[number]) => number) =>
    perWindow.reduce((sum, window) => sum + pick(window), 0);
  const seconds = total((window) => window.seconds);
  const intended = total((window) => window.intended);
  const sent = total((window) => window.sent);
  const dropped = total((window) => window.dropped);
  const completed = total((window) => window.completed);
  const waitingAtEnd = Math.max(...perWindow.map((window) => window.waitingAtEnd));
  return {
    intendedPerSecond: intended / seconds,
    sentPerSecond: sent / seconds,
    intended,
    sent,
    dropped,
    completed,
    completedPerSecond: completed / seconds,
    inFlightMax: Math.max(...perWindow.map((window) => window.inFlightMax)),
    waitingMax: Math.max(...perWindow.map((window) => window.waitingMax)),
    waitingAtEnd,
    unansweredAtEnd: Math.max(...perWindow.map((window) => window.unansweredAtEnd)),
    overloaded: dropped > 0 || waitingAtEnd > 0 || perWindow.some(fallsShort),
  };
}

function fallsShort({ intended, completed }: { intended: number; completed: number }): boolean {
  return completed < intended * (1 - SHORTFALL_SHARE_MAX) - SHORTFALL_DEVIATIONS * Math.sqrt(intended);
}

function summarizeVerification(
  results: readonly PhaseResult[],
): Pick<PointResult, 'verified' | 'verification' | 'foundShare'> {
  const verification = addVerifications(results);
  const found = results.reduce((sum, result) => sum + (result.verification?.found ?? 0), 0);
  return { verified: verification.wrong === 0, verification, foundShare: share(found, verification.checked) };
}

function attributePoint(
  results: readonly PhaseResult[],
): Pick<PointResult, 'stages' | 'coverageAtMedian' | 'attributed' | 'witnessLastShare'> {
  const classes: Record<OperationClass, ClassAttribution | null> = byClass((_, index) =>
    attribute(results.map(({ timeLines }) => timeLines[index] ?? NO_BYTES)),
  );
  return {
    stages: byClass((name) => classes[name]?.stages ?? []),
    coverageAtMedian: byClass((name) => classes[name]?.coverageAtMedian ?? null),
    attributed: byClass((name) => classes[name]?.operations ?? 0),
    witnessLastShare: byClass((name) => classes[name]?.witnessShare ?? null),
  };
}

function ackShare(results: readonly PhaseResult[]): PointResult['ackShare'] {
  const nats = results.reduce((sum, result) => sum + result.acksOverNats, 0);
  const stream = results.reduce((sum, result) => sum + result.acksOverStream, 0);
  return { nats: share(nats, nats + stream), stream: share(stream, nats + stream) };
}

function byClass<T>(of: (name: OperationClass, index: number) => T): Record<OperationClass, T> {
  return {
    strongRead: of('strongRead', 0),
    strongWrite: of('strongWrite', 1),
    weakRead: of('weakRead', 2),
    weakWrite: of('weakWrite', 3),
  };
}

function mergeByClass(results: readonly PhaseResult[]): Record<OperationClass, Histogram> {
  return byClass((_, index) =>
    mergeHistograms(
      results.map((result) => decodeHistogram(result.histograms[index] ?? NO_BYTES, DIGITS)),
      DIGITS,
    ),
  );
}

/** Points at equal distances of log(1 / (1 - p)), up to 99.99 %, and the slowest. */
function latencyCurve(histogram: Histogram): CurvePoint[] {
  if (histogram.totalCount === 0) return [];
  const points = Array.from({ length: CURVE_DECADES * CURVE_POINTS_PER_DECADE + 1 }, (_, step) => {
    const percentile = 100 * (1 - 10 ** (-step / CURVE_POINTS_PER_DECADE));
    return {
      percentile: Math.round(percentile * 1e6) / 1e6,
      // A value stands for its bucket up to the upper end, which nothing may have reached.
      ms: Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue) / 1000,
    };
  });
  return [...points, { percentile: 100, ms: histogram.maxValue / 1000 }];
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
  const fast = results.reduce((sum, result) => sum + result.fast, 0);
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
