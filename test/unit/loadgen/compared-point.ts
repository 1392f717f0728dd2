// Points with made-up figures, for tests of comparisons.

import type { PointResult } from '../../../loadgen/outcome/point.js';
import { mean, median } from '../../../loadgen/outcome/statistics.js';
import { samplePoint } from './sample-result.js';

/** Figures by iteration; what is left out is the same in every iteration. */
export interface MadeUpFigures {
  opsPerSecond: number[];
  weakP50Ms?: number[];
  weakP99Ms?: number[];
}

/** A point of two clients whose iterations have the given figures and whose own are their medians. */
export function comparedPoint(threads: number, figures: MadeUpFigures): PointResult {
  const { opsPerSecond, weakP50Ms = [], weakP99Ms = [] } = figures;
  const base = samplePoint(
    threads,
    opsPerSecond.map(() => 10),
  );
  const iterations = base.iterations.map((iteration, at) => ({
    ...iteration,
    opsPerSecond: opsPerSecond[at] ?? 0,
    weakP50Ms: weakP50Ms[at] ?? 1,
    weakP99Ms: weakP99Ms[at] ?? 5,
  }));
  return {
    ...base,
    iterations,
    opsPerSecond: median(opsPerSecond),
    weak: {
      ...base.weak,
      p50Ms: median(iterations.map((iteration) => iteration.weakP50Ms)),
      p99Ms: mean(iterations.map((iteration) => iteration.weakP99Ms)),
    },
  };
}
