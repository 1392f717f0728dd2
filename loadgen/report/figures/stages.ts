// The chart of where operations spent their time: for each class and point a bar for those around the median and one for
// the slowest hundredth, in parts of stages that have the same cause.

import {
  CLASS_WORDS,
  CLASSES,
  describeFindings,
  formatUs,
  groupUs,
  OPERATIONS_LEAST,
  STAGE_GROUPS,
  type StagePart,
  totalOf,
} from '../../outcome/findings.js';
import type { PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import type { OperationClass } from '../../worker/workload.js';
import type { Bar, BarPanel, Chart } from '../charts/chart.js';
import { SERIES_TONES } from '../charts/palette.js';
import { axisFromZero } from '../charts/scale.js';
import { formatShare, formatTick } from '../format.js';
import { POINTS_DRAWN_LIMIT } from './limits.js';

/** Where the time went; null where no operation said so. */
export function stagesChart({ points }: RunResult): Chart | null {
  const panels = CLASSES.flatMap((name) => classPanel(points, name) ?? []);
  if (panels.length === 0) return null;
  return {
    name: 'stages',
    title: 'Where the time of an operation goes',
    caption: describeFindings(points).join(' '),
    legend: STAGE_GROUPS.map(({ name }, at) => ({ name, tone: SERIES_TONES[at] ?? 'grey' })),
    stacks: panels.map((panel) => [panel]),
    size: 'full',
    columns: 2,
    table: {
      title: 'Stages: time around the median / in the slowest hundredth, µs',
      heads: ['Class', 'Streams', 'Time lines', 'Covered', ...STAGE_GROUPS.map(({ name }) => name)],
      rows: CLASSES.flatMap((name) =>
        points
          .filter((point) => point.attributed[name] >= OPERATIONS_LEAST)
          .map((point) => [
            CLASS_WORDS[name],
            String(point.streams),
            String(point.attributed[name]),
            formatShare(point.coverageAtMedian[name], 1),
            ...STAGE_GROUPS.map(
              (_, at) =>
                `${groupUs(point, name, at, 'medianUs').toFixed(0)} / ${groupUs(point, name, at, 'slowestUs').toFixed(0)}`,
            ),
          ]),
      ),
    },
  };
}

function classPanel(points: readonly PointResult[], name: OperationClass): BarPanel | null {
  const seen = points.filter((point) => point.attributed[name] >= OPERATIONS_LEAST).slice(0, POINTS_DRAWN_LIMIT);
  if (seen.length === 0) return null;
  const bars = seen.flatMap((point): Bar[] => [
    createBar(point, name, 'medianUs', `${point.streams}, median`),
    createBar(point, name, 'slowestUs', `${point.streams}, slowest 1 %`),
  ]);
  const mostUs = Math.max(...seen.map((point) => totalOf(point, name, 'slowestUs')));
  return { kind: 'bars', title: CLASS_WORDS[name], x: axisFromZero(mostUs / 1000, 5, 'ms', formatTick), bars };
}

function createBar(point: PointResult, name: OperationClass, part: StagePart, label: string): Bar {
  return {
    label,
    note: formatUs(totalOf(point, name, part)),
    parts: STAGE_GROUPS.map((group, at) => {
      const us = groupUs(point, name, at, part);
      return { value: us / 1000, hint: `${label}, ${group.name}: ${formatUs(us)}` };
    }),
  };
}
