// The charts of how windows went from beginning to end, one for each point with a pair of panels for each iteration.

import type { IterationResult, PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import { median } from '../../outcome/statistics.js';
import type { Chart, LinePanel, Mark, Series } from '../charts/chart.js';
import { type Axis, axisFromZero, logAxis } from '../charts/scale.js';
import { formatMsDigits, formatRate, formatShare, formatStreams, formatTick } from '../format.js';
import { ITERATIONS_DRAWN_LIMIT, POINTS_DRAWN_LIMIT, partsPerWindow } from './limits.js';

const MARKERS = 8;

/** The series of latency: a field of the time line and how it is drawn. */
const LATENCIES = [
  { field: 'weakP50Ms', name: 'weak median', tone: 'blue', dash: 'solid', marker: 'circle', hollow: false },
  { field: 'weakP99Ms', name: 'weak p99', tone: 'blue', dash: 'short', marker: 'circle', hollow: true },
  { field: 'strongP50Ms', name: 'strong median', tone: 'orange', dash: 'solid', marker: 'diamond', hollow: false },
  { field: 'strongP99Ms', name: 'strong p99', tone: 'orange', dash: 'short', marker: 'diamond', hollow: true },
] as const;

const THROUGHPUT: Mark = { tone: 'green', dash: 'solid', marker: 'square', hollow: false };
const ERRORS: Mark = { tone: 'bad', dash: 'dots', marker: 'triangle', hollow: false };

/** One part of a window as it is drawn. */
interface Part {
  /** Its middle, from the beginning of the window. */
  seconds: number;
  untilSeconds: number;
  opsPerSecond: number;
  errors: number;
  weakP50Ms: number | null;
  weakP99Ms: number | null;
  strongP50Ms: number | null;
  strongP99Ms: number | null;
  fastPathShare: number | null;
}

/** One chart for each point, with a pair of panels for each iteration, as far as the limits go. */
export function timelineCharts({ points }: RunResult): Chart[] {
  const drawn = points
    .filter((point) => point.iterations.some((iteration) => iteration.timeline.opsPerSecond.length > 0))
    .slice(0, POINTS_DRAWN_LIMIT);
  const windows = drawn.reduce((sum, point) => sum + Math.min(point.iterations.length, ITERATIONS_DRAWN_LIMIT), 0);
  return drawn.map((point) => timelineChart(point, partsPerWindow(windows)));
}

function timelineChart(point: PointResult, partsLimit: number): Chart {
  const iterations = point.iterations.slice(0, ITERATIONS_DRAWN_LIMIT);
  const together = Math.max(
    1,
    ...iterations.map(({ timeline }) => Math.ceil(timeline.opsPerSecond.length / partsLimit)),
  );
  const windows = iterations.map((iteration) => ({ iteration, parts: partsOf(iteration, together) }));
  const parts = windows.flatMap((window) => window.parts);
  const hasErrors = parts.some((part) => part.errors > 0);
  const rate = axisFromZero(
    Math.max(...parts.map((part) => part.opsPerSecond)),
    4,
    'operations per second',
    formatTick,
  );
  const seen = parts.flatMap((part) => LATENCIES.flatMap(({ field }) => part[field] ?? []));
  const latency = logAxis(seen, 'milliseconds (log scale)', formatTick);
  return {
    name: `timeline-${point.streams}`,
    title: `${formatStreams(point.streams)} over time`,
    caption: `${describeTimeline(point)}${describeOmitted(point, together)}`,
    legend: [
      { name: 'throughput', mark: THROUGHPUT },
      ...LATENCIES.map((each) => ({ name: each.name, mark: each })),
      ...(hasErrors ? [{ name: 'errors', mark: ERRORS }] : []),
    ],
    stacks: windows.map(({ iteration, parts }) => [ratePanel(iteration, parts, rate), latencyPanel(parts, latency)]),
    size: 'full',
    columns: Math.min(3, windows.length),
    table: timelineTable(windows),
  };
}

/** A dip of less than this is what any two parts of a window differ by. */
const DIP_LEAST = 0.15;

/** The finding in sentences: the usual throughput, and the deepest dip. */
export function describeTimeline(point: PointResult): string {
  const dips = point.iterations.flatMap((iteration) => {
    const { opsPerSecond, bucketMs } = iteration.timeline;
    const usual = median(opsPerSecond);
    if (usual === 0) return [];
    const low = Math.min(...opsPerSecond);
    return [
      {
        share: low / usual,
        low,
        atSeconds: (opsPerSecond.indexOf(low) * bucketMs) / 1000,
        iteration: iteration.iteration,
      },
    ];
  });
  const deepest = dips.reduce<(typeof dips)[number] | null>(
    (worst, dip) => (worst === null || dip.share < worst.share ? dip : worst),
    null,
  );
  if (deepest === null) return `At ${formatStreams(point.streams)} hardly any operation was completed.`;
  const all = point.iterations.flatMap((iteration) => iteration.timeline.opsPerSecond);
  const range = `At ${formatStreams(point.streams)}, half of the time throughput was above ${formatRate(median(all))} ops/s, at best ${formatRate(Math.max(...all))}.`;
  const below = 1 - deepest.share;
  const dip =
    below < DIP_LEAST
      ? `No part of a window fell more than ${formatShare(below)} below the median of its window.`
      : `The deepest dip, ${formatShare(below)} below the median of its window (${formatRate(deepest.low)} ops/s), came ${deepest.atSeconds.toFixed(1)} s into iteration ${deepest.iteration}.`;
  return `${range} ${dip}${describeErrors(point)}`;
}

function describeErrors(point: PointResult): string {
  const errors = point.iterations.reduce((sum, { timeline }) => sum + timeline.errors.reduce((a, b) => a + b, 0), 0);
  return errors === 0 ? '' : ` ${errors} operations failed or have an unknown outcome.`;
}

function describeOmitted({ iterations }: PointResult, together: number): string {
  const left =
    iterations.length > ITERATIONS_DRAWN_LIMIT
      ? ` Of ${iterations.length} iterations the first ${ITERATIONS_DRAWN_LIMIT} are drawn.`
      : '';
  if (together === 1) return left;
  return `${left} Every ${together} parts of a window are drawn as one, with their mean throughput and worst latencies.`;
}

function ratePanel({ iteration }: IterationResult, parts: readonly Part[], y: Axis): LinePanel {
  const series: Series[] = [line('throughput', THROUGHPUT, parts, (part) => part.opsPerSecond)];
  const failed = parts.filter((part) => part.errors > 0);
  const hint = (part: Part) => `${part.errors} errors or unknown outcomes at ${part.seconds.toFixed(1)} s`;
  if (failed.length > 0) {
    const points = failed.flatMap((part) => [
      { x: part.seconds, y: 0, marked: true, hint: hint(part) },
      { x: part.seconds, y: null, marked: false },
    ]);
    series.push({ name: 'errors', mark: ERRORS, points });
  }
  return { kind: 'lines', title: `Iteration ${iteration}`, x: timeAxis(parts, ''), y, series, guides: [], height: 150 };
}

function latencyPanel(parts: readonly Part[], y: Axis): LinePanel {
  const series = LATENCIES.map((each) => line(each.name, each, parts, (part) => part[each.field]));
  return { kind: 'lines', title: '', x: timeAxis(parts, 'seconds'), y, series, guides: [], height: 205 };
}

function line(name: string, mark: Mark, parts: readonly Part[], pick: (part: Part) => number | null): Series {
  const every = Math.max(1, Math.ceil(parts.length / MARKERS));
  const points = parts.map((part, at) => ({
    x: part.seconds,
    y: pick(part),
    marked: at % every === Math.floor(every / 2),
  }));
  return { name, mark, points };
}

function timeAxis(parts: readonly Part[], title: string): Axis {
  const end = parts.at(-1)?.untilSeconds ?? 1;
  const axis = axisFromZero(end, 5, title, formatTick);
  return { ...axis, to: end, ticks: axis.ticks.filter((tick) => tick.at <= end) };
}

/** The parts of a window, so many of them taken `together`. */
function partsOf({ timeline, windowMs }: IterationResult, together: number): Part[] {
  const { opsPerSecond, bucketMs } = timeline;
  const parts: Part[] = [];
  for (let first = 0; first < opsPerSecond.length; first += together) {
    const end = Math.min(first + together, opsPerSecond.length);
    const untilMs = Math.min(end * bucketMs, windowMs);
    const worst = (values: readonly (number | null)[]) => {
      const seen = values.slice(first, end).filter((value) => value !== null);
      return seen.length === 0 ? null : Math.max(...seen);
    };
    const sum = (values: readonly number[]) => values.slice(first, end).reduce((total, value) => total + value, 0);
    const shares = timeline.fastPathShare.slice(first, end).filter((share) => share !== null);
    parts.push({
      seconds: (first * bucketMs + untilMs) / 2000,
      untilSeconds: untilMs / 1000,
      opsPerSecond: sum(opsPerSecond) / (end - first),
      errors: sum(timeline.errors),
      weakP50Ms: worst(timeline.weakP50Ms),
      weakP99Ms: worst(timeline.weakP99Ms),
      strongP50Ms: worst(timeline.strongP50Ms),
      strongP99Ms: worst(timeline.strongP99Ms),
      fastPathShare: shares.length === 0 ? null : Math.min(...shares),
    });
  }
  return parts;
}

function timelineTable(windows: readonly { iteration: IterationResult; parts: readonly Part[] }[]) {
  const ms = (value: number | null) => (value === null ? '–' : formatMsDigits(value));
  return {
    title: 'Parts of windows',
    heads: ['Iteration', 'Until, s', 'ops/s', ...LATENCIES.map((each) => `${each.name}, ms`), 'Fast path', 'Errors'],
    rows: windows.flatMap(({ iteration, parts }) =>
      parts.map((part) => [
        String(iteration.iteration),
        part.untilSeconds.toFixed(1),
        formatRate(part.opsPerSecond),
        ...LATENCIES.map((each) => ms(part[each.field])),
        formatShare(part.fastPathShare, 1),
        String(part.errors),
      ]),
    ),
  };
}
