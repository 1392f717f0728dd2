// What a report says, as rows and sentences, once for the terminal and for Markdown. Takes a result as it is saved, so
// that a report can be made again at any time; knows no output format.

import type { SlowReason } from '../../client/types.js';
import { compareWithBaseline } from '../outcome/baseline.js';
import type { PointResult } from '../outcome/point.js';
import type { RunResult } from '../outcome/result.js';
import { STUDY_WEAK_P50_MS_MAX, studyRow } from '../outcome/seed-study.js';
import type { LoadPlan } from '../plan.js';
import { commandLinePieces } from './command-line.js';
import { stagesChart } from './figures/stages.js';
import { formatChange, formatCount, formatMib, formatMs, formatShare } from './format.js';
import { describeProcesses, processTables } from './process-tables.js';
import type { ReportTable } from './report-table.js';
import { describeCheck, judgeRun } from './verdict.js';

/** Everything a report says. */
export interface ReportContent {
  /** Verdict first. */
  verdict: string[];
  tables: ReportTable[];
  /** Facts about the run, name and text. */
  facts: [string, string][];
}

/** Puts a result into words; `baseline` is an earlier result to compare with. */
export function composeReport(result: RunResult, baseline: RunResult | null): ReportContent {
  const optional = [
    stagesChart(result)?.table ?? null,
    openLoopTable(result),
    slowPathTable(result),
    processTable(result),
    workerTable(result),
  ];
  const tables = [scalingTable(result), iterationTable(result), classTable(result)];
  for (const table of optional) if (table !== null) tables.push(table);
  tables.push(...processTables(result));
  if (result.hypotheses.length > 0) tables.push(hypothesisTable(result));
  const facts = describeRun(result);
  if (baseline !== null) {
    const comparison = compareWithBaseline(result, baseline);
    tables.push({
      title: `Change against the run of ${baseline.startedAt}`,
      heads: ['Streams', 'Throughput', 'Before', 'Change', 'Weak median', 'Strong median'],
      rows: comparison.rows.map((row) => [
        String(row.streams),
        `${formatCount(row.after.opsPerSecond)} ops/s`,
        `${formatCount(row.before.opsPerSecond)} ops/s`,
        formatChange(row.throughputChange),
        formatChange(row.weakP50Change),
        formatChange(row.strongP50Change),
      ]),
    });
    for (const difference of comparison.differences) facts.push(['not alike', difference]);
  }
  for (const finding of result.findings) facts.push(['finding', finding]);
  for (const sentence of result.next) facts.push(['next', sentence]);
  return { verdict: judgeRun(result).flatMap(describeCheck), tables, facts };
}

/** All reasons for leaving the fast path, in the order of columns. */
export const SLOW_REASONS: readonly SlowReason[] = [
  'leaderConflict',
  'witnessConflict',
  'witnessGap',
  'witnessFull',
  'witnessDown',
  'witnessLate',
  'readMismatch',
  'uncovered',
  'epochChange',
  'scan',
  'overtaken',
];

/** The guesses of the original study, with the figures that were held against them. */
export function hypothesisTable({ hypotheses }: RunResult): ReportTable {
  return {
    title: 'What holds throughput down: the guesses of the study, at the most streams',
    heads: ['Guess', 'Verdict', 'Measured', 'Supported from'],
    rows: hypotheses.map(({ name, verdict, evidence, threshold }) => [name, verdict, evidence, threshold]),
    widths: [17, 16, 58, 46],
  };
}

function scalingTable({ points, plan }: RunResult): ReportTable {
  const first = points[0];
  const isOpen = plan.rate !== null;
  return {
    title: 'Throughput and latency by streams',
    heads: [
      'Streams',
      'Pendings',
      ...(isOpen ? ['Intended', 'Completed'] : ['Throughput']),
      'Spread',
      'Change',
      'Weak median',
      ...(isOpen ? [] : ['< 2 ms']),
      'Strong median',
      'Fast path',
      ...(isOpen ? [] : ['The study']),
    ],
    rows: points.map((point) => [
      String(point.streams),
      point.openLoop === null ? String(point.totalPendings) : '–',
      ...(isOpen ? [`${formatCount(point.openLoop?.intendedPerSecond ?? 0)} ops/s`] : []),
      `${formatCount(point.opsPerSecond)} ops/s${point.steady ? '' : ' (not steady)'}`,
      formatShare(point.spread, 1),
      point === first || first === undefined ? '–' : formatChange(point.opsPerSecond / first.opsPerSecond - 1),
      formatMs(point.weak.p50Ms),
      ...(isOpen ? [] : [point.weak.p50Ms !== null && point.weak.p50Ms < STUDY_WEAK_P50_MS_MAX ? '✓' : '✗']),
      formatMs(point.strong.p50Ms),
      formatShare(point.fastPathShare, 1),
      ...(isOpen ? [] : [describeStudyRow(point)]),
    ]),
  };
}

function describeStudyRow(point: PointResult): string {
  const row = studyRow(point.streams);
  if (row === undefined) return '–';
  const factor = (point.opsPerSecond / row.opsPerSecond).toFixed(1);
  return `${formatCount(row.opsPerSecond)}, ${row.weakP50Ms} / ${row.strongP50Ms} ms (×${factor})`;
}

function iterationTable({ points }: RunResult): ReportTable {
  return {
    title: 'Iterations',
    heads: [
      'Streams',
      'Iteration',
      'Throughput',
      'Weak median',
      'Weak p99',
      'Strong median',
      'Strong p99',
      'Fast path',
      'Errors',
    ],
    rows: points.flatMap((point) =>
      point.iterations.map((iteration) => [
        String(point.streams),
        String(iteration.iteration),
        `${formatCount(iteration.opsPerSecond)} ops/s`,
        formatMs(iteration.weakP50Ms),
        formatMs(iteration.weakP99Ms),
        formatMs(iteration.strongP50Ms),
        formatMs(iteration.strongP99Ms),
        formatShare(iteration.fastPathShare, 1),
        formatCount(iteration.errors + iteration.unknown),
      ]),
    ),
  };
}

function classTable({ points }: RunResult): ReportTable {
  const cell = (point: PointResult, name: keyof PointResult['classes']) => {
    const { p50Ms, p99Ms } = point.classes[name];
    return p50Ms === null || p99Ms === null ? '–' : `${p50Ms.toFixed(2)} / ${p99Ms.toFixed(2)}`;
  };
  return {
    title: 'Median / p99 by class, ms',
    heads: ['Streams', 'Strong read', 'Strong write', 'Weak read', 'Weak write', 'Acks by NATS', 'Reads found'],
    rows: points.map((point) => [
      String(point.streams),
      cell(point, 'strongRead'),
      cell(point, 'strongWrite'),
      cell(point, 'weakRead'),
      cell(point, 'weakWrite'),
      formatShare(point.ackShare.nats, 1),
      formatShare(point.foundShare, 1),
    ]),
  };
}

/** Why strong operations left the fast path, as shares of all strong operations; null if none did. */
function slowPathTable({ points }: RunResult): ReportTable | null {
  const reasons = SLOW_REASONS.filter((reason) => points.some((point) => (point.slowReasons[reason] ?? 0) > 0));
  if (reasons.length === 0) return null;
  return {
    title: 'Strong operations that left the fast path, by reason',
    heads: ['Streams', ...reasons],
    rows: points.map((point) => [
      String(point.streams),
      ...reasons.map((reason) => formatShare((point.slowReasons[reason] ?? 0) / Math.max(1, point.strong.count), 2)),
    ]),
  };
}

/** What became of the operations that a rate intended; null for a closed loop. */
export function openLoopTable({ points }: RunResult): ReportTable | null {
  const open = points.flatMap(({ streams, openLoop }) => (openLoop === null ? [] : [{ streams, ...openLoop }]));
  if (open.length === 0) return null;
  return {
    title: 'Open loop: what was intended and what became of it',
    heads: [
      'Streams',
      'Intended',
      'Sent',
      'Completed',
      'Of intended',
      'Dropped',
      'In flight, most',
      'Waiting, most',
      'At the end',
    ],
    rows: open.map((point) => [
      String(point.streams),
      `${formatCount(point.intendedPerSecond)} ops/s`,
      `${formatCount(point.sentPerSecond)} ops/s`,
      `${formatCount(point.completedPerSecond)} ops/s`,
      formatShare(point.intended === 0 ? null : point.completed / point.intended, 1),
      formatCount(point.dropped),
      formatCount(point.inFlightMax),
      formatCount(point.waitingMax),
      `${formatCount(point.waitingAtEnd)} waiting, ${formatCount(point.unansweredAtEnd)} unanswered${point.overloaded ? ' (overloaded)' : ''}`,
    ]),
  };
}

/** The processes that issued the load; null where they are not known. */
export function workerTable({ workers }: RunResult): ReportTable | null {
  if (workers.length === 0) return null;
  return {
    title: 'Load processes',
    heads: ['Number', 'Name', 'Address', 'Where', 'Cores', 'Node', 'Clock'],
    rows: workers.map((worker, number) => [
      String(number),
      worker.name,
      worker.address,
      worker.isLocal ? 'this machine' : 'remote',
      String(worker.cpus),
      worker.node,
      worker.isLocal ? '–' : `${worker.clockOffsetMs >= 0 ? '+' : ''}${worker.clockOffsetMs.toFixed(1)} ms`,
    ]),
  };
}

function processTable({ points }: RunResult): ReportTable | null {
  const names = [...new Set(points.flatMap((point) => point.processes.map((share) => share.name)))];
  if (names.length === 0) return null;
  return {
    title: 'Share of one core, and memory at the end, by process',
    heads: ['Streams', 'clients', ...names],
    rows: points.map((point) => [
      String(point.streams),
      formatShare(
        point.iterations.reduce((sum, iteration) => sum + iteration.clientCpuShare, 0) / point.iterations.length,
      ),
      ...names.map((name) => {
        const share = point.processes.find((candidate) => candidate.name === name);
        return share === undefined ? '–' : `${formatShare(share.cpuShare)}, ${formatMib(share.rssBytes)}`;
      }),
    ]),
  };
}

function describeRun(result: RunResult): [string, string][] {
  const { plan, machine, warmup } = result;
  const window =
    plan.requests === null
      ? `${plan.durationMs / 1000} s windows`
      : `${formatCount(plan.requests)} requests per thread`;
  return [
    ['load', describeLoad(plan)],
    [
      'mix',
      `${formatShare(plan.weakRatio, 1)} weak; ${formatShare(plan.writeRatio, 1)} writes in both classes; seed ${plan.seed}`,
    ],
    ['keys', describeKeys(plan)],
    [
      'windows',
      `${window}, ${plan.iterations} iterations, throughput is their median; ${plan.settleMs} ms of load before each`,
    ],
    [
      'warm-up',
      `${warmup.ms / 1000} s at ${warmup.streams} streams, ${formatCount(warmup.operations)} operations, ${formatCount(warmup.errors)} errors`,
    ],
    ['order', result.order.map((entry) => entry.threads * plan.clients).join(' ')],
    ['cluster', describeCluster(plan)],
    [
      'machine',
      `${machine.cpus} × ${machine.cpuModel}, ${formatMib(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}, load ${machine.loadAverage.toFixed(2)} at the start`,
    ],
    ['commit', `${result.gitCommit ?? 'unknown'}${result.dirty ? ', with local changes' : ''}`],
    ['repeat', commandLinePieces(plan).join(' ')],
    ...describeTraces(result),
    ...describeProcesses(result),
  ];
}

function describeLoad(plan: LoadPlan): string {
  const processes = `${plan.clients} client processes${plan.workers === null ? '' : ' on other machines'}`;
  if (plan.rate === null)
    return `closed loop, ${processes}, ${plan.pendings} operations pending per stream; latency is what these callers saw`;
  const limits = `at most ${formatCount(plan.inFlightLimit)} in flight and ${formatCount(plan.waitingLimit)} waiting per process`;
  return `open loop, ${formatCount(plan.rate)} ops/s intended, ${plan.arrivals} arrivals, ${processes}, ${limits}; latency counts from the intended time`;
}

function describeTraces({ traces, clientSpans, plan }: RunResult): [string, string][] {
  if (traces === null) {
    if (clientSpans === null || plan.otlpUrl === null) return [];
    const { exported, dropped } = clientSpans;
    const spans = `${formatCount(exported)} spans sent and ${formatCount(dropped)} lost by the load processes until the end of the last window`;
    return [['traces', `to ${plan.otlpUrl}: ${spans}; what services lost is in their own logs`]];
  }
  const lost = traces.dropped === 0 ? '' : `, ${formatCount(traces.dropped)} spans lost`;
  const counts = `${formatCount(traces.traces)} traces, ${formatCount(traces.spans)} spans${lost}`;
  return [['traces', `${traces.file}: ${counts}; ${formatShare(plan.traceRatio, 2)} of operations`]];
}

function describeKeys(plan: LoadPlan): string {
  return `${formatCount(plan.keys)}, zipf ${plan.zipf}, values of ${plan.valueBytes} bytes, ${plan.preload ? 'all written before' : 'not written before'}`;
}

function describeCluster(plan: LoadPlan): string {
  const where =
    plan.target === null
      ? `local, durability ${plan.durability}, descriptor limit ${plan.descriptorLimit}, shards ${plan.shards ?? 'default'}`
      : plan.target;
  return `${where}; batch delay ${plan.batchDelayUs} µs; acknowledgements by ${plan.ackTransport}; ${plan.scheduling} scheduling`;
}
