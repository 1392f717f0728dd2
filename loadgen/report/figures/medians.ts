// The chart of weak and strong medians against streams, our points beside the study's where both are of a closed loop.

import type { PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import { STUDY_ROWS, STUDY_WEAK_P50_MS_MAX, studyRow } from '../../outcome/seed-study.js';
import type { Chart, Mark, Series } from '../charts/chart.js';
import { logAxis } from '../charts/scale.js';
import { formatMs, formatMsDigits, formatStreams, formatTick, joinWords } from '../format.js';
import { streamAxis } from './stream-axis.js';
import { describeMove } from './trend-words.js';

type Consistency = 'weak' | 'strong';

const MARKS: Record<Consistency, Mark> = {
  weak: { tone: 'blue', dash: 'solid', marker: 'circle', hollow: false },
  strong: { tone: 'orange', dash: 'solid', marker: 'diamond', hollow: false },
};

/** Medians by consistency. */
export function mediansChart({ points, plan }: RunResult): Chart {
  const ours = points.toSorted((a, b) => a.streams - b.streams);
  // The study ran a closed loop: at another load its latencies say nothing of an open one.
  const study =
    plan.rate === null
      ? [studySeries('strong', ({ strongP50Ms }) => strongP50Ms), studySeries('weak', ({ weakP50Ms }) => weakP50Ms)]
      : [];
  const series = [...study, ownSeries('strong', ours), ownSeries('weak', ours)];
  const values = series.flatMap((each) => each.points.flatMap(({ y }) => y ?? []));
  const guides =
    plan.rate === null ? [{ at: STUDY_WEAK_P50_MS_MAX, label: `goal: weak < ${STUDY_WEAK_P50_MS_MAX} ms` }] : [];
  return {
    name: 'medians',
    title: 'Median latency by streams',
    caption: describeMedians(ours),
    legend: series.toReversed(),
    stacks: [
      [
        {
          kind: 'lines',
          title: '',
          x: streamAxis(series.flatMap((each) => each.points.map(({ x }) => x))),
          y: logAxis([...values, ...guides.map(({ at }) => at)], 'milliseconds (log scale)', formatTick),
          series,
          guides,
          height: 320,
        },
      ],
    ],
    size: 'half',
    columns: 1,
    table: {
      title: 'Median latency by streams',
      heads: ['Streams', 'Weak', 'Strong', ...(plan.rate === null ? ['The study, weak', 'The study, strong'] : [])],
      rows: ours.map((point) => {
        const own = [String(point.streams), formatMs(point.weak.p50Ms), formatMs(point.strong.p50Ms)];
        if (plan.rate !== null) return own;
        const row = studyRow(point.streams);
        return [...own, formatMs(row?.weakP50Ms ?? null), formatMs(row?.strongP50Ms ?? null)];
      }),
    },
  };
}

/** The finding in sentences; `points` in ascending order of streams. */
export function describeMedians(points: readonly PointResult[]): string {
  if (points.length === 0) return 'Nothing was measured.';
  const moves = (['weak', 'strong'] as const).map((name) => describeMedian(name, points));
  const isOpen = points.every(({ openLoop }) => openLoop !== null);
  return isOpen ? moves.join(' ') : `${moves.join(' ')} ${describeGoal(points)}`.trim();
}

function describeMedian(name: Consistency, points: readonly PointResult[]): string {
  const seen = points.flatMap((point) => {
    const ms = point[name].p50Ms;
    return ms === null ? [] : [{ streams: point.streams, ms }];
  });
  const first = seen[0];
  const last = seen.at(-1);
  if (first === undefined || last === undefined) return `There were no ${name} operations.`;
  if (first === last) return `The ${name} median is ${formatMs(first.ms)} at ${formatStreams(first.streams)}.`;
  const move = describeMove(first.ms, last.ms, formatMsDigits);
  return `The ${name} median ${move} ms from ${first.streams} to ${formatStreams(last.streams)}.`;
}

function describeGoal(points: readonly PointResult[]): string {
  const measured = points.filter((point) => point.weak.p50Ms !== null);
  if (measured.length === 0) return '';
  const below = measured.filter((point) => (point.weak.p50Ms ?? 0) < STUDY_WEAK_P50_MS_MAX);
  const bound = `${STUDY_WEAK_P50_MS_MAX} ms`;
  if (below.length === 0) return `The weak median is nowhere below ${bound}.`;
  if (below.length === measured.length) return `The weak median is below ${bound} throughout.`;
  return `The weak median is below ${bound} at ${joinWords(below.map((point) => String(point.streams)))} streams.`;
}

function ownSeries(name: Consistency, points: readonly PointResult[]): Series {
  return {
    name,
    mark: MARKS[name],
    points: points.map((point) => {
      const ms = point[name].p50Ms;
      return {
        x: point.streams,
        y: ms,
        ...(ms === null
          ? {}
          : { label: formatMsDigits(ms), hint: `${formatStreams(point.streams)}: ${name} median ${formatMs(ms)}` }),
        marked: true,
      };
    }),
  };
}

function studySeries(name: Consistency, pick: (row: (typeof STUDY_ROWS)[number]) => number): Series {
  return {
    name: `${name}, the study`,
    mark: { ...MARKS[name], dash: 'short', hollow: true },
    points: STUDY_ROWS.map((row) => ({
      x: row.streams,
      y: pick(row),
      hint: `The study, ${formatStreams(row.streams)}: ${name} median ${formatMs(pick(row))}`,
      marked: true,
    })),
  };
}
