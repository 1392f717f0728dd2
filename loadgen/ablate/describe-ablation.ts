// Puts an ablation into words and rows: what differs, what does not, and what cannot be said. Knows no file and no output
// format; the sentences are the same in the terminal, in Markdown, on the page and in JSON.

import { PAIRS_LEAST } from '../outcome/paired-interval.js';
import type { ReportContent } from '../report/content.js';
import { formatCount, formatMib, formatMs, formatShare, joinWords } from '../report/format.js';
import type { ReportTable } from '../report/report-table.js';
import type { AblationResult, Effect, FactorResult, LevelResult } from './ablation-result.js';
import { METRIC_NAMES, METRICS, type MetricName } from './figures.js';
import { type PlottedChange, plotHead, plotLine, plotScale } from './text-plot.js';

/** What the summary shows of every level; the rest is in the table of the factor. */
const SUMMARY_METRICS: readonly MetricName[] = ['opsPerSecond', 'weakP50Ms', 'strongP50Ms', 'cpuUsPerOperation'];

/** The ablation as a report. `hasPlots` is whether a column of the tables draws the intervals with characters. */
export function describeAblation(result: AblationResult, { hasPlots }: { hasPlots: boolean }): ReportContent {
  return {
    verdict: [...describeAlarms(result), ...describeFindings(result), describeChance(result)],
    tables: [summaryTable(result), ...result.factors.map((factor) => factorTable(factor, hasPlots))],
    facts: describeFacts(result),
  };
}

/** What the reader has to know before believing anything; empty if all is well. */
export function describeAlarms({ factors, failures, interrupted }: AblationResult): string[] {
  const runs = factors.flatMap(({ levels }) => levels.flatMap((level) => level.runs));
  const name = (run: (typeof runs)[number]) => `${run.factor} ${run.level}, repetition ${run.repetition}`;
  const errors = runs.reduce((sum, run) => sum + run.errors, 0);
  return [
    ...(interrupted ? ['INTERRUPTED  these are the runs that were complete'] : []),
    ...runs.filter(({ dataWrong }) => dataWrong).map((run) => `DATA WRONG  ${name(run)}: no figure means anything`),
    ...failures.map((failure) => `FAILED  ${failure}`),
    ...runs.flatMap((run) => run.doubts.map((doubt) => `NOT VALID  ${name(run)}: ${doubt}`)),
    ...(errors === 0 ? [] : [`WARNING  ${formatCount(errors)} operations failed`]),
  ];
}

/** One sentence for each level besides the baselines. */
export function describeFindings({ factors }: AblationResult): string[] {
  return factors.flatMap((factor) =>
    factor.levels.filter(({ isBaseline }) => !isBaseline).map((level) => describeLevel(factor, level)),
  );
}

/** What a level does, against the baseline of its factor. */
export function describeLevel(factor: FactorResult, level: LevelResult): string {
  const baseline = factor.levels.find(({ isBaseline }) => isBaseline)?.label ?? factor.baseline;
  const listed = (verdict: Effect['verdict'], of: (name: MetricName) => string) =>
    METRIC_NAMES.filter((name) => level.effect[name].verdict === verdict).map(of);
  const words = (name: MetricName) => METRICS[name].words;
  const differences = listed('difference', (name) => `${words(name)} ${formatEffect(level.effect[name])}`);
  const alike = listed('alike', words);
  const parts = [
    ...(differences.length === 0 ? [] : [differences.join(', ')]),
    ...(alike.length === METRIC_NAMES.length ? ['no difference shown'] : describeAlike(alike)),
    ...describeUndecided(level),
  ];
  return `${factor.name} ${level.label} against ${baseline}: ${parts.join('; ')}`;
}

function describeAlike(words: readonly string[]): string[] {
  return words.length === 0 ? [] : [`no difference shown in ${joinWords(words)}`];
}

/** Without an interval nothing can be said; how many repetitions would change that. */
function describeUndecided({ effect }: LevelResult): string[] {
  const open = METRIC_NAMES.filter((name) => effect[name].verdict === 'undecided');
  const short = open.filter((name) => effect[name].repetitionsMissing > 0);
  const absent = open.filter((name) => effect[name].repetitionsMissing === 0);
  const words = (names: readonly MetricName[]) => joinWords(names.map((name) => METRICS[name].words));
  const missing = Math.max(0, ...short.map((name) => effect[name].repetitionsMissing));
  return [
    ...(short.length === 0
      ? []
      : [
          `${short.length === METRIC_NAMES.length ? 'undecided' : `undecided in ${words(short)}`}: an interval needs ${PAIRS_LEAST} pairs, ${describeMissing(missing)}`,
        ]),
    ...(absent.length === 0 ? [] : [`not measured: ${words(absent)}`]),
  ];
}

function describeMissing(repetitions: number): string {
  return `${repetitions} more repetition${repetitions === 1 ? '' : 's'}`;
}

/** Of many intervals some miss by chance: what they say together has to be more than that. */
function describeChance({ factors }: AblationResult): string {
  const effects = factors.flatMap(({ levels }) =>
    levels.flatMap(({ effect }) => METRIC_NAMES.map((name) => effect[name])),
  );
  const judged = effects.filter(({ confidence }) => confidence !== null);
  if (judged.length === 0) return 'overall  nothing can be said yet: no level has an interval';
  const differing = judged.filter(({ verdict }) => verdict === 'difference').length;
  const byChance = judged.reduce((sum, { confidence }) => sum + 1 - (confidence ?? 1), 0);
  return `overall  ${differing} of ${judged.length} comparisons differ; chance alone makes about ${byChance.toFixed(1)} stand out`;
}

function summaryTable({ factors }: AblationResult): ReportTable {
  return {
    title: 'Change against the baseline of each factor; differences are marked *',
    heads: ['Factor', 'Level', ...SUMMARY_METRICS.map((name) => capitalize(METRICS[name].words))],
    rows: factors.flatMap(({ name: factor, levels }) =>
      levels.map(({ label, isBaseline, effect, figures }) => [
        factor,
        label,
        ...SUMMARY_METRICS.map((name) => (isBaseline ? formatFigure(name, figures[name]) : formatEffect(effect[name]))),
      ]),
    ),
  };
}

/** All figures of all levels of one factor. */
export function factorTable({ name, about, levels }: FactorResult, hasPlots: boolean): ReportTable {
  const plotted = levels.map(({ effect }) => METRIC_NAMES.map((metric) => toPlotted(effect[metric])));
  const scale = plotScale(plotted.flat().filter((each) => each !== null));
  return {
    title: `${name}: ${about}`,
    heads: ['Level', 'Figure', 'Median', 'Of baseline', 'Interval', 'Verdict', ...(hasPlots ? [plotHead(scale)] : [])],
    rows: levels.flatMap(({ label, figures, effect }, at) =>
      METRIC_NAMES.map((metric, column) => [
        label,
        METRICS[metric].words,
        formatFigure(metric, figures[metric]),
        formatMiddle(effect[metric]),
        formatInterval(effect[metric]),
        describeVerdict(effect[metric]),
        ...(hasPlots ? [plotLine(plotted[at]?.[column] ?? null, scale)] : []),
      ]),
    ),
  };
}

/** The verdict as the tables have it. */
export function describeVerdict({ verdict, repetitionsMissing }: Effect): string {
  switch (verdict) {
    case 'difference':
    case 'baseline':
      return verdict;
    case 'alike':
      return 'none shown';
    case 'undecided':
      return repetitionsMissing === 0 ? 'not measured' : `undecided: ${describeMissing(repetitionsMissing)}`;
  }
}

/** The change of an effect as a part of the whole, whatever its scale; null without one. */
export function changeOf({ ratio, difference }: Effect): number | null {
  return ratio === null ? difference : ratio - 1;
}

/** The ends of its interval on the scale of `changeOf`. */
export function intervalOf({ low, high, ratio }: Effect): { low: number; high: number } | null {
  const none = ratio === null ? 0 : 1;
  return low === null || high === null ? null : { low: low - none, high: high - none };
}

/** `+12.3 % (+9.8 to +14.9) *`, with the mark if it is a difference. */
export function formatEffect(effect: Effect): string {
  const change = changeOf(effect);
  if (change === null) return '–';
  const unit = effect.ratio === null ? 'points' : '%';
  const interval = intervalOf(effect);
  const bounds = interval === null ? '' : ` (${formatPercent(interval.low)} to ${formatPercent(interval.high)})`;
  return `${formatPercent(change)} ${unit}${bounds}${effect.verdict === 'difference' ? ' *' : ''}`;
}

/** A figure with its unit. */
export function formatFigure(name: MetricName, value: number | null): string {
  if (value === null) return '–';
  if (name === 'opsPerSecond') return `${formatCount(value)} ops/s`;
  if (name === 'cpuUsPerOperation') return `${value.toFixed(1)} µs`;
  return name === 'fastPathShare' ? formatShare(value, 1) : formatMs(value);
}

function toPlotted(effect: Effect): PlottedChange | null {
  const change = changeOf(effect);
  if (change === null || effect.verdict === 'baseline') return null;
  return { change, interval: intervalOf(effect), isDifference: effect.verdict === 'difference' };
}

function formatMiddle({ ratio, difference }: Effect): string {
  if (ratio !== null) return `×${ratio.toFixed(3)}`;
  return difference === null ? '–' : `${formatPercent(difference)} points`;
}

function formatInterval({ ratio, low, high, verdict }: Effect): string {
  if (low === null || high === null || verdict === 'baseline') return '–';
  return ratio === null
    ? `${formatPercent(low)} … ${formatPercent(high)} points`
    : `×${low.toFixed(3)} … ×${high.toFixed(3)}`;
}

/** A signed percentage with one digit, without its sign of percent. */
function formatPercent(share: number): string {
  const text = Math.abs(share * 100).toFixed(1);
  if (Number(text) === 0) return text;
  return `${share < 0 ? '−' : '+'}${text}`;
}

function capitalize(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function describeFacts(result: AblationResult): [string, string][] {
  const { plan, machine, repetitions } = result;
  return [
    [
      'method',
      `one factor at a time, all else as below; levels in rotation, ${repetitions} repetition${repetitions === 1 ? '' : 's'}, every run on a cluster of its own; each level is paired with the baseline of its repetition`,
    ],
    [
      'interval',
      'of 90 %, by Student over the pairs, of ratios over their logarithms; a difference is called only where it excludes no change',
    ],
    [
      'load',
      `closed loop, ${plan.clients} client processes × ${plan.threads.join(',')} threads, ${plan.pendings} pendings each; ${formatShare(plan.weakRatio)} weak, ${formatShare(plan.writeRatio)} writes; ${formatCount(plan.keys)} keys, zipf ${plan.zipf}`,
    ],
    ['windows', `${plan.durationMs / 1000} s after ${plan.warmupMs / 1000} s of warm-up, one in each run`],
    ['order', result.order.map(({ factor, level }) => `${factor}=${level}`).join(' ')],
    [
      'machine',
      `${machine.cpus} × ${machine.cpuModel}, ${formatMib(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}, load ${machine.loadAverage.toFixed(2)} at the start`,
    ],
    ['commit', `${result.gitCommit ?? 'unknown'}${result.dirty ? ', with local changes' : ''}`],
    ['repeat', describeCommand(result)],
  ];
}

/** The command that repeats it, every setting that the command has written out. */
function describeCommand({ plan, repetitions, factors }: AblationResult): string {
  const levels = factors.map(({ name, levels }) => `--levels ${name}=${levels.map(({ level }) => level).join(',')}`);
  return [
    'npm run --silent loadgen -- ablate',
    `--factors ${factors.map(({ name }) => name).join(',')}`,
    ...levels,
    `--repetitions ${repetitions} --clients ${plan.clients} --threads ${plan.threads.join(',')}`,
    `--duration ${plan.durationMs}ms --warmup ${plan.warmupMs}ms --keys ${plan.keys} --seed ${plan.seed} --scheduling ${plan.scheduling}`,
  ].join(' ');
}
