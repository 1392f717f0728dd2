// What a report says, as rows and sentences, once for the terminal and for Markdown. Takes a result as it is saved, so
// that a report can be made again at any time; knows no output format.

import type { SlowReason } from '../../client/types.js';
import { compareWithBaseline } from '../baseline.js';
import { describeGoal } from '../goal.js';
import type { LoadPlan } from '../plan.js';
import type { PointResult } from '../point.js';
import type { RunResult } from '../result.js';
import { STUDY_GOAL_OPS_PER_SECOND, STUDY_WEAK_P50_MS_MAX, studyRow } from '../seed-study.js';
import { formatChange, formatCount, formatCounts, formatMib, formatMs, formatShare } from './format.js';

/** A table: a title, column heads and rows of text. */
export interface ReportTable {
  title: string;
  heads: string[];
  rows: string[][];
}

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
  const tables = [scalingTable(result), iterationTable(result), classTable(result)];
  for (const table of [slowPathTable(result), processTable(result)]) if (table !== null) tables.push(table);
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
  return { verdict: describeVerdict(result), tables, facts };
}

const SLOW_REASONS: readonly SlowReason[] = [
  'leaderConflict',
  'witnessConflict',
  'witnessGap',
  'witnessFull',
  'witnessDown',
  'readMismatch',
  'uncovered',
  'epochChange',
  'scan',
  'overtaken',
];

function scalingTable({ points }: RunResult): ReportTable {
  const first = points[0];
  return {
    title: 'Throughput and latency by streams',
    heads: [
      'Streams',
      'Pendings',
      'Throughput',
      'Spread',
      'Change',
      'Weak median',
      '< 2 ms',
      'Strong median',
      'Fast path',
      'The study',
    ],
    rows: points.map((point) => [
      String(point.streams),
      String(point.totalPendings),
      `${formatCount(point.opsPerSecond)} ops/s${point.steady ? '' : ' (not steady)'}`,
      formatShare(point.spread, 1),
      point === first || first === undefined ? '–' : formatChange(point.opsPerSecond / first.opsPerSecond - 1),
      formatMs(point.weak.p50Ms),
      point.weak.p50Ms !== null && point.weak.p50Ms < STUDY_WEAK_P50_MS_MAX ? '✓' : '✗',
      formatMs(point.strong.p50Ms),
      formatShare(point.fastPathShare, 1),
      describeStudyRow(point),
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

function describeVerdict(result: RunResult): string[] {
  const { points, plan } = result;
  const lines: string[] = [];
  if (result.interrupted) lines.push('INTERRUPTED: these are the windows that were complete.');
  const checked = points.reduce((sum, point) => sum + point.verification.checked, result.warmup.verification.checked);
  const wrong = points.reduce((sum, point) => sum + point.verification.wrong, result.warmup.verification.wrong);
  lines.push(
    wrong === 0
      ? `data     all ${formatCount(checked)} reads checked, none wrong`
      : `DATA WRONG: ${formatCount(wrong)} of ${formatCount(checked)} reads`,
  );
  const examples = [...result.warmup.verification.examples, ...points.flatMap((point) => point.verification.examples)];
  for (const example of examples.slice(0, 10)) lines.push(`         ${example}`);
  for (const point of points) {
    for (const reason of point.selfCheck.reasons) lines.push(`NOT VALID at ${point.streams} streams: ${reason}`);
  }
  const errors = points.reduce((sum, point) => sum + point.errors, 0);
  const unknown = points.reduce((sum, point) => sum + point.unknown, 0);
  const codes = formatCounts(sumCodes(points));
  lines.push(
    `errors   ${formatCount(errors)}, unknown outcomes ${formatCount(unknown)}${codes === 'none' ? '' : ` (${codes})`}, view changes ${result.viewChanges}`,
  );
  lines.push(`target   ${describeStudyGoal(points)}`);
  if (plan.goal.length > 0)
    lines.push(`goal     ${result.goalMet === true ? 'met' : 'MISSED'}: ${describeGoal(plan.goal)}`);
  return lines;
}

function sumCodes(points: readonly PointResult[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const point of points) {
    for (const [code, count] of Object.entries(point.errorCodes)) sums[code] = (sums[code] ?? 0) + count;
  }
  return sums;
}

/** The study's own target, reached at some stream count or missed by how much. */
function describeStudyGoal(points: readonly PointResult[]): string {
  const goal = `${formatCount(STUDY_GOAL_OPS_PER_SECOND)} ops/s with a weak median < ${STUDY_WEAK_P50_MS_MAX} ms`;
  const fitting = points.filter((point) => point.weak.p50Ms !== null && point.weak.p50Ms < STUDY_WEAK_P50_MS_MAX);
  const reached = fitting.find((point) => point.opsPerSecond >= STUDY_GOAL_OPS_PER_SECOND);
  if (reached !== undefined) return `${goal}: reached at ${reached.streams} streams`;
  const best = Math.max(0, ...fitting.map((point) => point.opsPerSecond));
  return `${goal}: missed by ${formatCount(STUDY_GOAL_OPS_PER_SECOND - best)} ops/s`;
}

function describeRun(result: RunResult): [string, string][] {
  const { plan, machine, warmup } = result;
  const window =
    plan.requests === null
      ? `${plan.durationMs / 1000} s windows`
      : `${formatCount(plan.requests)} requests per thread`;
  return [
    [
      'load',
      `closed loop, ${plan.clients} client processes, ${plan.pendings} operations pending per stream; latency is what these callers saw`,
    ],
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
  ];
}

function describeKeys(plan: LoadPlan): string {
  return `${formatCount(plan.keys)}, zipf ${plan.zipf}, values of ${plan.valueBytes} bytes, ${plan.preload ? 'all written before' : 'not written before'}`;
}

function describeCluster(plan: LoadPlan): string {
  const where =
    plan.target === null
      ? `local, descriptor limit ${plan.descriptorLimit}, shards ${plan.shards ?? 'default'}`
      : plan.target;
  return `${where}; batch delay ${plan.batchDelayUs} µs; acknowledgements by ${plan.ackTransport}; ${plan.scheduling} scheduling`;
}
