// Compares a result with an earlier one, point by point, and says what makes the two hard to compare. Knows results
// only.

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
  return {
    rows,
    differences: [
      ...differences('plan', after.plan, before.plan),
      ...differences('machine', after.machine, before.machine),
    ],
  };
}

/** Fields in which two runs may differ and still be compared. */
const INCIDENTAL = new Set(['threads', 'iterations', 'target', 'goal', 'loadAverage', 'warmupMs']);

function differences(what: string, after: object, before: object): string[] {
  const earlier = new Map(Object.entries(before));
  return Object.entries(after)
    .filter(([field, value]) => !INCIDENTAL.has(field) && JSON.stringify(value) !== JSON.stringify(earlier.get(field)))
    .map(([field, value]) => `${what}.${field} is ${JSON.stringify(value)}, was ${JSON.stringify(earlier.get(field))}`);
}

function change(after: number | null, before: number | null): number | null {
  return after === null || before === null || before === 0 ? null : after / before - 1;
}
