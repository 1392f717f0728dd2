// The chart of latency by percentile, one panel for each point and one line for each class of operations.

import type { PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import type { OperationClass } from '../../worker/workload.js';
import type { Chart, ChartPoint, LinePanel, Mark } from '../charts/chart.js';
import { type Axis, logAxis } from '../charts/scale.js';
import { formatMs, formatMsDigits, formatStreams, formatTick, joinWords } from '../format.js';
import { POINTS_DRAWN_LIMIT } from './limits.js';

/** The four classes as reports name and draw them. */
export const CLASSES: readonly { of: OperationClass; name: string; mark: Mark }[] = [
  { of: 'weakRead', name: 'weak reads', mark: { tone: 'blue', dash: 'solid', marker: 'circle', hollow: false } },
  { of: 'weakWrite', name: 'weak writes', mark: { tone: 'green', dash: 'long', marker: 'square', hollow: true } },
  { of: 'strongRead', name: 'strong reads', mark: { tone: 'orange', dash: 'solid', marker: 'diamond', hollow: false } },
  {
    of: 'strongWrite',
    name: 'strong writes',
    mark: { tone: 'purple', dash: 'short', marker: 'triangle', hollow: true },
  },
];

/** Where a marker stands: on the percentiles that people name. */
const MARKED_PERCENTILES = [50, 90, 99, 99.9, 99.99];
/** The place of the maximum, which no percentile below 100 reaches. */
const MAX_PLACE = 4.7;

/** Latency by percentile; null if no operation was completed. */
export function percentilesChart({ points }: RunResult): Chart | null {
  const measured = points
    .filter((point) => CLASSES.some(({ of }) => point.curves[of].length > 0))
    .slice(0, POINTS_DRAWN_LIMIT);
  if (measured.length === 0) return null;
  // From the median on: what is faster than half of the operations is of no concern, and takes the room of what is.
  const shown = measured.flatMap((point) => CLASSES.flatMap(({ of }) => point.curves[of].filter(isShown)));
  const y = logAxis(
    shown.map(({ ms }) => ms),
    'milliseconds (log scale)',
    formatTick,
  );
  return {
    name: 'percentiles',
    title: 'Latency by percentile',
    caption: `${describePercentiles(measured)}${describeOmitted(points.length)}`,
    legend: CLASSES.filter(({ of }) => measured.some((point) => point.curves[of].length > 0)),
    stacks: measured.map((point) => [percentilePanel(point, y)]),
    size: 'full',
    columns: Math.min(2, measured.length),
    table: {
      title: 'Latency by percentile, ms',
      heads: ['Streams', 'Class', '50 %', '90 %', '99 %', '99.9 %', 'Max'],
      rows: measured.flatMap((point) =>
        CLASSES.map(({ of, name }) => {
          const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = point.classes[of];
          const cells = [p50Ms, p90Ms, p99Ms, p999Ms, maxMs].map((ms) => (ms === null ? '–' : formatMsDigits(ms)));
          return [String(point.streams), name, ...cells];
        }),
      ),
    },
  };
}

/** The finding in a sentence, at the point with the most streams. */
export function describePercentiles(points: readonly PointResult[]): string {
  const last = points.toSorted((a, b) => a.streams - b.streams).at(-1);
  if (last === undefined) return 'Nothing was measured.';
  const tails = CLASSES.flatMap(({ of, name }) => {
    const { p99Ms, maxMs } = last.classes[of];
    return p99Ms === null || maxMs === null ? [] : [{ name, p99Ms, maxMs }];
  }).sort((a, b) => a.p99Ms - b.p99Ms);
  const slowest = tails.reduce<{ name: string; maxMs: number } | null>(
    (worst, tail) => (worst === null || tail.maxMs > worst.maxMs ? tail : worst),
    null,
  );
  if (slowest === null) return 'No operation was completed.';
  const parts = tails.map(({ name, p99Ms }) => `${formatMs(p99Ms)} for ${name}`);
  return `At ${formatStreams(last.streams)}, 99 % of operations took at most ${joinWords(parts)}; the slowest of all, among the ${slowest.name}, took ${formatMs(slowest.maxMs)}.`;
}

function describeOmitted(points: number): string {
  return points <= POINTS_DRAWN_LIMIT ? '' : ` Of ${points} points the first ${POINTS_DRAWN_LIMIT} are drawn.`;
}

function percentilePanel(point: PointResult, y: Axis): LinePanel {
  return {
    kind: 'lines',
    title: formatStreams(point.streams),
    x: PERCENTILE_AXIS,
    y,
    series: CLASSES.map(({ of, name, mark }) => ({
      name,
      mark,
      // The maximum stands by itself: between the last percentile and it, nothing is known.
      points: point.curves[of]
        .filter(isShown)
        .flatMap(({ percentile, ms }) => [
          ...(percentile === 100 ? [{ x: MAX_PLACE, y: null, marked: false }] : []),
          placeOnCurve(name, percentile, ms),
        ]),
    })),
    guides: [],
    height: 250,
  };
}

const PERCENTILE_AXIS: Axis = {
  kind: 'linear',
  from: nines(50),
  to: MAX_PLACE + 0.1,
  ticks: [...MARKED_PERCENTILES.map((at) => ({ at: nines(at), label: `${at} %` })), { at: MAX_PLACE, label: 'max' }],
  title: 'percentile of operations',
};

function isShown({ percentile }: { percentile: number }): boolean {
  return percentile >= 50;
}

function placeOnCurve(name: string, percentile: number, ms: number): ChartPoint {
  const marked = percentile === 100 || MARKED_PERCENTILES.some((each) => Math.abs(each - percentile) < 1e-6);
  const place = percentile === 100 ? MAX_PLACE : Math.min(nines(percentile), MAX_PLACE);
  const hint =
    percentile === 100 ? `slowest of ${name}: ${formatMs(ms)}` : `${percentile} % of ${name}: ≤ ${formatMs(ms)}`;
  return { x: place, y: ms, marked, ...(marked ? { hint } : {}) };
}

/** 1 for 90 %, 2 for 99 %, 3 for 99.9 %. */
function nines(percentile: number): number {
  return -Math.log10(1 - percentile / 100);
}
