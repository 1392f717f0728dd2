// The handful of figures that a reader wants first.

import type { RunResult } from '../outcome/result.js';
import { studyRow } from '../outcome/seed-study.js';
import { formatCount, formatMs, formatRate, formatShare, formatStreams } from './format.js';

/** A figure with its meaning. */
export interface KeyFigure {
  label: string;
  value: string;
  /** Empty where the value has none. */
  unit: string;
  note: string;
}

/** Figures of the point with the highest throughput; none without points. */
export function listKeyFigures({ plan, points }: RunResult): KeyFigure[] {
  const first = points[0];
  if (first === undefined) return [];
  const best = points.reduce((most, point) => (point.opsPerSecond > most.opsPerSecond ? point : most), first);
  // The study ran a closed loop. What an open loop completes is what it was given: no figure of capacity.
  const study = best.openLoop === null ? studyRow(best.streams) : undefined;
  const times = study === undefined ? '' : `, ${(best.opsPerSecond / study.opsPerSecond).toFixed(1)} × the study`;
  const beside = (ms: number | undefined) =>
    ms === undefined ? 'half of them are faster' : `the study: ${formatMs(ms)}`;
  const failed = points.reduce((sum, point) => sum + point.errors + point.unknown, 0);
  const operations = points.reduce(
    (sum, point) => sum + point.iterations.reduce((total, iteration) => total + iteration.operations, 0),
    0,
  );
  return [
    {
      label: best.openLoop === null ? 'Highest throughput' : 'Completed',
      value: formatRate(best.opsPerSecond),
      unit: 'ops/s',
      note: `at ${formatStreams(best.streams)}${plan.rate === null ? times : `, ${formatRate(plan.rate)} intended`}`,
    },
    { label: 'Weak median there', ...splitUnit(formatMs(best.weak.p50Ms)), note: beside(study?.weakP50Ms) },
    { label: 'Strong median there', ...splitUnit(formatMs(best.strong.p50Ms)), note: beside(study?.strongP50Ms) },
    { label: 'Fast path there', ...splitUnit(formatShare(best.fastPathShare, 1)), note: 'of strong operations' },
    { label: 'Errors', value: formatCount(failed), unit: '', note: `in ${formatRate(operations)} operations` },
  ];
}

function splitUnit(words: string): { value: string; unit: string } {
  const [value = '', unit = ''] = words.split(' ');
  return { value, unit };
}
