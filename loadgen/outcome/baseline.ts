// A result beside an earlier one, point by point, for the reports of a run that was given a baseline. What makes two
// results alike is said in likeness.ts; whether a difference is more than noise is `loadgen compare`'s question.

import { findCautions, findDifferences } from './likeness.js';
import type { PointResult } from './point.js';
import type { RunResult } from './result.js';

/** One stream count that both results have. Changes are shares: 0.1 is ten percent more. */
export interface BaselineRow {
  streams: number;
  before: PointResult;
  after: PointResult;
  throughputChange: number;
  weakP50Change: number | null;
  strongP50Change: number | null;
}

/** A comparison of two results. */
export interface BaselineComparison {
  rows: BaselineRow[];
  /** Sentences: settings and machine properties that differ. */
  differences: string[];
}

/** Compares by stream count. */
export function compareWithBaseline(after: RunResult, before: RunResult): BaselineComparison {
  const rows: BaselineRow[] = [];
  for (const point of after.points) {
    const earlier = before.points.find((candidate) => candidate.streams === point.streams);
    if (earlier === undefined) continue;
    rows.push({
      streams: point.streams,
      before: earlier,
      after: point,
      throughputChange: point.opsPerSecond / earlier.opsPerSecond - 1,
      weakP50Change: change(point.weak.p50Ms, earlier.weak.p50Ms),
      strongP50Change: change(point.strong.p50Ms, earlier.strong.p50Ms),
    });
  }
  const unlike = findDifferences(before.plan, after.plan);
  return {
    rows,
    differences: [
      ...unlike.map(({ field, before: was, after: is }) => `plan.${field} is ${is}, was ${was}`),
      ...findCautions(before, after),
    ],
  };
}

function change(after: number | null, before: number | null): number | null {
  return after === null || before === null || before === 0 ? null : after / before - 1;
}
