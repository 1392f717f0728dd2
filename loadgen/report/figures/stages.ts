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
import { formatShare, formatStreams, formatTick } from '../format.js';
import { POINTS_DRAWN_LIMIT } from './limits.js';

/** Where the time went; null where no operation said so. */
export function stagesChart({ points }: RunResult): Chart | null {
  const stacks = CLASSES.map((name) => classPanels(points, name)).filter((panels) => panels.length > 0);
  if (stacks.length === 0) return null;
  return {
    name: 'stages',
    title: 'Where the time of an operation goes',
    caption: describeFindings(points).join(' '),
    legend: STAGE_GROUPS.map(({ name }, at) => ({ name, tone: SERIES_TONES[at] ?? 'grey' })),
    stacks,
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

/** Those around the median above, the slowest below: on one axis the first could not be read. */
function classPanels(points: readonly PointResult[], name: OperationClass): BarPanel[] {
  const seen = points.filter((point) => point.attributed[name] >= OPERATIONS_LEAST).slice(0, POINTS_DRAWN_LIMIT);
  if (seen.length === 0) return [];
  const panel = (part: StagePart, words: string): BarPanel => ({
    kind: 'bars',
    title: `${CLASS_WORDS[name]}, ${words}`,
    x: axisFromZero(Math.max(...seen.map((point) => totalOf(point, name, part))) / 1000, 5, 'ms', formatTick),
    bars: seen.map((point) => createBar(point, name, part, formatStreams(point.streams))),
  });
  return [panel('medianUs', 'around the median'), panel('slowestUs', 'slowest 1 %')];
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
