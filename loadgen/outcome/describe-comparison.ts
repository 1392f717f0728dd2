// Puts a comparison into words and rows: what was shown, what was not, and what an interval cannot know. Knows no file
// and no output format.

import type { ReportContent } from '../report/content.js';
import { formatChange, formatCount, formatMs, formatShare } from '../report/format.js';
import type { ReportTable } from '../report/report-table.js';
import {
  CHANGE_LEAST,
  type Comparison,
  type FigureComparison,
  type FigureName,
  type JointVerdict,
  type PointComparison,
} from './compare.js';
import { SIDE_VALUES_LEAST } from './pair-interval.js';
import type { RunResult } from './result.js';

/** A result and where it was read. */
export interface ComparedResult {
  place: string;
  result: RunResult;
}

const FIGURE_WORDS: Record<FigureName, string> = {
  opsPerSecond: 'throughput',
  weakP50Ms: 'weak median',
  weakP99Ms: 'weak p99',
  strongP50Ms: 'strong median',
  strongP99Ms: 'strong p99',
  fastPathShare: 'fast path',
};

const VERDICT_WORDS = {
  better: 'better',
  worse: 'worse',
  alike: 'none shown',
  undecided: 'cannot say',
  notJudged: 'given by the rate',
} as const;

/** A comparison of two alike runs as a report: warnings and verdicts first, then one row per figure. */
export function describeComparison(
  comparison: Comparison,
  before: ComparedResult,
  after: ComparedResult,
): ReportContent {
  return {
    verdict: [
      ...comparison.warnings.map((warning) => `WARNING  ${warning}`),
      ...comparison.points.map(describePoint),
      ...describeLeftOut(comparison),
      `overall  ${describeOverall(comparison)}`,
    ],
    tables: [figureTable(comparison.points)],
    facts: [
      ['before', describeSide(before)],
      ['after', describeSide(after)],
      ...describeMethod(comparison.points).map((line): [string, string] => ['method', line]),
    ],
  };
}

/** The verdict on one stream count, with the figures that it rests on. */
export function describePoint(point: PointComparison): string {
  const streams = `${point.streams} streams: `;
  const list = (verdict: 'better' | 'worse') =>
    point.figures
      .filter((figure) => figure.verdict === verdict)
      .map(describeChange)
      .join(', ');
  switch (point.verdict) {
    case 'better':
    case 'worse':
      return `${streams}${point.verdict}: ${list(point.verdict)}${describeUndecided(point)}`;
    case 'mixed':
      return `${streams}mixed: better ${list('better')}; worse ${list('worse')}${describeUndecided(point)}`;
    case 'alike':
      return `${streams}no difference beyond the spread of the iterations${describeUndecided(point)}`;
    case 'undecided': {
      const { before, after } = point.iterations;
      return before < SIDE_VALUES_LEAST || after < SIDE_VALUES_LEAST
        ? `${streams}no verdict: no interval can be given with ${before} and ${after} iterations; each side needs ${SIDE_VALUES_LEAST}`
        : `${streams}no verdict: no figure was measured in every iteration of both sides`;
    }
  }
}

/** The figures that a verdict says nothing about; empty if there are none. */
function describeUndecided({ figures }: PointComparison): string {
  const names = figures.filter(({ verdict }) => verdict === 'undecided').map(({ figure }) => FIGURE_WORDS[figure]);
  return names.length === 0 ? '' : `; cannot say: ${names.join(', ')}`;
}

/** Where the overall verdict has a hole; empty if it has none. */
function describeHoles(points: readonly PointComparison[]): string {
  const holes = points.filter(({ figures }) => figures.some(({ verdict }) => verdict === 'undecided'));
  const streams = holes.map((point) => point.streams).join(', ');
  return holes.length === 0 ? '' : `; not every figure could be judged at ${streams} streams`;
}

/** The verdict on all stream counts together, and how much of it chance alone would give. */
export function describeOverall({ points, verdict }: Comparison): string {
  const streamsOf = (wanted: JointVerdict) =>
    points.filter((point) => point.verdict === wanted).map(({ streams }) => streams);
  const list = (verdicts: readonly JointVerdict[]) =>
    verdicts
      .filter((each) => streamsOf(each).length > 0)
      .map((each) => `${each} at ${streamsOf(each).join(', ')} streams`)
      .join(', ');
  switch (verdict) {
    case 'better':
    case 'worse': {
      const others = points.filter((point) => point.verdict !== verdict).map(({ streams }) => streams);
      const called =
        others.length === 0
          ? `${verdict} at every stream count compared`
          : `${list([verdict])}; nothing was shown at ${others.join(', ')}`;
      return `${called} (${describeChance(points)})${describeHoles(points)}`;
    }
    case 'mixed':
      return `mixed: ${list(['better', 'worse', 'mixed'])} (${describeChance(points)})${describeHoles(points)}`;
    case 'alike':
      return `no difference was shown beyond the spread of the iterations; the intervals tell how large one may still be${describeHoles(points)}`;
    case 'undecided':
      return `no verdict: each side needs ${SIDE_VALUES_LEAST} iterations of a point; the changes alone cannot be told from noise`;
  }
}

/** Of many intervals some miss by chance: what they say together has to be more than that. */
function describeChance(points: readonly PointComparison[]): string {
  const judged = points
    .flatMap(({ figures }) => figures)
    .filter(({ interval, verdict }) => interval !== null && verdict !== 'notJudged');
  const called = judged.filter(({ verdict }) => verdict !== 'alike');
  const byChance = judged.reduce((sum, { interval }) => sum + 1 - (interval?.confidence ?? 1), 0);
  return `${called.length} of ${judged.length} figures differ; chance alone makes about ${byChance.toFixed(1)} stand out`;
}

function describeChange({ figure, scale, change, interval }: FigureComparison): string {
  const words = (value: number) => (scale === 'ratio' ? formatChange(value - 1) : formatPoints(value));
  const bounds = interval === null ? '' : ` (${words(interval.low)} to ${words(interval.high)})`;
  return `${FIGURE_WORDS[figure]} ${change === null ? '–' : words(change)}${bounds}`;
}

function describeLeftOut({ streamsOnlyBefore, streamsOnlyAfter }: Comparison): string[] {
  const line = (streams: number[], side: string) =>
    streams.length === 0 ? [] : [`left out ${streams.join(', ')} streams: measured in ${side} only`];
  return [...line(streamsOnlyBefore, 'before'), ...line(streamsOnlyAfter, 'after')];
}

function figureTable(points: readonly PointComparison[]): ReportTable {
  return {
    title: 'Before and after',
    heads: ['Streams', 'Figure', 'Before', 'After', 'Change', 'Interval of the change', 'Difference'],
    rows: points.flatMap(({ streams, figures }) =>
      figures.map((row) => [
        String(streams),
        FIGURE_WORDS[row.figure],
        formatFigure(row.figure, row.before),
        formatFigure(row.figure, row.after),
        row.change === null ? '–' : formatScaled(row.scale, row.change),
        row.interval === null
          ? '–'
          : `${formatScaled(row.scale, row.interval.low)} … ${formatScaled(row.scale, row.interval.high)} (${formatShare(row.interval.confidence)})`,
        VERDICT_WORDS[row.verdict],
      ]),
    ),
  };
}

function formatScaled(scale: FigureComparison['scale'], change: number): string {
  return scale === 'ratio' ? `×${change.toFixed(3)}` : formatPoints(change);
}

/** A difference of shares as percentage points. */
function formatPoints(difference: number): string {
  return `${difference > 0 ? '+' : ''}${(difference * 100).toFixed(1)} points`;
}

function formatFigure(figure: FigureName, value: number | null): string {
  if (value === null) return '–';
  if (figure === 'opsPerSecond') return `${formatCount(value)} ops/s`;
  return figure === 'fastPathShare' ? formatShare(value, 1) : formatMs(value);
}

function describeSide({ place, result }: ComparedResult): string {
  const commit = result.gitCommit === null ? 'commit unknown' : `commit ${result.gitCommit.slice(0, 12)}`;
  return `${place}, of ${result.startedAt}, ${commit}`;
}

/** What the intervals are, and what they cannot know; nothing where there are none. */
function describeMethod(points: readonly PointComparison[]): string[] {
  if (points.every(({ figures }) => figures.every(({ interval }) => interval === null))) return [];
  return [
    `intervals from all pairs of iterations, no distribution assumed; a difference is called where the interval excludes no change and the change is at least ${formatShare(CHANGE_LEAST)}, of shares one percentage point`,
    'the iterations know the noise within each run, not how the machine changed between the two: run both again in turn to be sure',
  ];
}
