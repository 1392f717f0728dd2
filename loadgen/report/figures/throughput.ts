// The chart of throughput against streams, our points beside the study's where both are of a closed loop, or beside what
// was intended.

import type { PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import { STUDY_GOAL_OPS_PER_SECOND, STUDY_ROWS, studyRow } from '../../outcome/seed-study.js';
import type { Chart, Mark, Series } from '../charts/chart.js';
import { axisFromZero } from '../charts/scale.js';
import { formatChange, formatCount, formatRate, formatShare, formatStreams, formatTick } from '../format.js';
import { streamAxis } from './stream-axis.js';
import { describeMove, LEVEL } from './trend-words.js';

const OURS: Mark = { tone: 'blue', dash: 'solid', marker: 'circle', hollow: false };
const BESIDE: Mark = { tone: 'grey', dash: 'short', marker: 'square', hollow: true };

/** Throughput with the spread of the iterations. */
export function throughputChart({ points, plan }: RunResult): Chart {
  const ours = points.toSorted((a, b) => a.streams - b.streams);
  const isOpen = plan.rate !== null;
  const guide = isOpen
    ? { at: plan.rate ?? 0, label: `intended ${formatTick(plan.rate ?? 0)}` }
    : { at: STUDY_GOAL_OPS_PER_SECOND, label: `goal ${formatTick(STUDY_GOAL_OPS_PER_SECOND)}` };
  const most = Math.max(guide.at, ...ours.flatMap((point) => [point.opsPerSecond, ...rangeOf(point)]));
  const series = [
    ...(isOpen ? [] : [studySeries()]),
    {
      name: 'this run (whiskers: all iterations)',
      mark: OURS,
      points: ours.map((point) => ({
        x: point.streams,
        y: point.opsPerSecond,
        range: rangeOf(point),
        label: formatRate(point.opsPerSecond),
        hint: `${formatStreams(point.streams)}: ${formatCount(point.opsPerSecond)} ops/s, spread ${formatShare(point.spread, 1)}`,
        marked: true,
      })),
    },
  ];
  return {
    name: 'throughput',
    title: isOpen ? 'Completed operations by streams' : 'Throughput by streams',
    caption: describeThroughput(ours),
    legend: series.toReversed(),
    stacks: [
      [
        {
          kind: 'lines',
          title: '',
          x: streamAxis(series.flatMap((each) => each.points.map((point) => point.x))),
          y: axisFromZero(most * 1.05, 6, 'operations per second', formatTick),
          series,
          guides: [guide],
          height: 320,
        },
      ],
    ],
    size: 'half',
    columns: 1,
    table: {
      title: 'Throughput by streams',
      heads: ['Streams', 'Median, ops/s', 'Lowest', 'Highest', isOpen ? 'Intended, ops/s' : 'The study, ops/s'],
      rows: ours.map((point) => [
        String(point.streams),
        formatCount(point.opsPerSecond),
        ...rangeOf(point).map(formatCount),
        isOpen ? formatCount(point.openLoop?.intendedPerSecond ?? 0) : formatStudy(point.streams),
      ]),
    },
  };
}

function studySeries(): Series {
  return {
    name: 'the study',
    mark: BESIDE,
    points: STUDY_ROWS.map((row) => ({
      x: row.streams,
      y: row.opsPerSecond,
      range: ends(row.iterations),
      hint: `The study, ${formatStreams(row.streams)}: ${formatCount(row.opsPerSecond)} ops/s`,
      marked: true,
    })),
  };
}

/** The finding in sentences; `points` in ascending order of streams. */
export function describeThroughput(points: readonly PointResult[]): string {
  const first = points[0];
  const last = points.at(-1);
  if (first === undefined || last === undefined) return 'Nothing was measured.';
  if (points.every((point) => point.opsPerSecond === 0)) return 'Not one operation was completed.';
  if (points.every(({ openLoop }) => openLoop !== null))
    return `${points.map(describeOpen).join(' ')} ${describeSpread(points)}`;
  if (first === last) return `${describeOnly(first)} ${describeSpread(points)}`;
  const move = describeMove(first.opsPerSecond, last.opsPerSecond, formatRate);
  const change = formatChange(last.opsPerSecond / first.opsPerSecond - 1);
  const sentence = `Throughput ${move} ops/s from ${first.streams} to ${formatStreams(last.streams)} (${change})${describePeak(points, first, last)}`;
  return `${sentence}${describeStudyMove(first.streams, last.streams)}. ${describeSpread(points)}`;
}

/** Where the ends are not the whole story: the point between them that exceeds both. */
function describePeak(points: readonly PointResult[], first: PointResult, last: PointResult): string {
  const peak = points.reduce((most, point) => (point.opsPerSecond > most.opsPerSecond ? point : most));
  const isNotable = peak.opsPerSecond > Math.max(first.opsPerSecond, last.opsPerSecond) * (1 + LEVEL);
  return isNotable ? `, with a peak of ${formatRate(peak.opsPerSecond)} at ${formatStreams(peak.streams)}` : '';
}

/** Of an open loop it is the rate that says how much there is. */
function describeOpen({ streams, opsPerSecond, openLoop }: PointResult): string {
  const overload = openLoop?.overloaded === true ? ' (overloaded)' : '';
  return `Of ${formatRate(openLoop?.intendedPerSecond ?? 0)} intended operations a second ${formatRate(opsPerSecond)} were completed at ${formatStreams(streams)}${overload}.`;
}

function describeOnly(point: PointResult): string {
  const study = studyRow(point.streams);
  const beside =
    study === undefined ? '' : `, ${(point.opsPerSecond / study.opsPerSecond).toFixed(1)} times what the study saw`;
  return `Throughput is ${formatRate(point.opsPerSecond)} ops/s at ${formatStreams(point.streams)}${beside}.`;
}

function describeStudyMove(first: number, last: number): string {
  const [before, after] = [studyRow(first), studyRow(last)];
  if (before === undefined || after === undefined) return '';
  return `; in the study it ${describeMove(before.opsPerSecond, after.opsPerSecond, formatRate).replace('rises', 'rose').replace('falls', 'fell').replace('stays', 'stayed')}`;
}

function describeSpread(points: readonly PointResult[]): string {
  const iterations = Math.max(...points.map((point) => point.iterations.length));
  if (iterations < 2) return 'With one iteration the spread is not known.';
  const widest = points.reduce((worst, point) => (point.spread > worst.spread ? point : worst));
  return `Iterations lie at most ${formatShare(widest.spread, 1)} apart (${formatStreams(widest.streams)}).`;
}

function rangeOf(point: PointResult): [number, number] {
  return ends(point.iterations.map((iteration) => iteration.opsPerSecond));
}

function ends(values: readonly number[]): [number, number] {
  return values.length === 0 ? [0, 0] : [Math.min(...values), Math.max(...values)];
}

function formatStudy(streams: number): string {
  const row = studyRow(streams);
  return row === undefined ? '–' : formatCount(row.opsPerSecond);
}
