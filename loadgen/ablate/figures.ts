// The figures that an ablation compares, and how one run's result becomes them. Knows results of single runs; compares
// nothing.

import type { ChangeScale } from '../outcome/pair-interval.js';
import type { PointResult } from '../outcome/point.js';
import type { LoadPlan } from '../plan.js';

/** The figures, in the order in which they are shown. */
export const METRIC_NAMES = [
  'opsPerSecond',
  'weakP50Ms',
  'weakP99Ms',
  'strongP50Ms',
  'strongP99Ms',
  'cpuUsPerOperation',
  'fastPathShare',
] as const;

/** One of `METRIC_NAMES`. */
export type MetricName = (typeof METRIC_NAMES)[number];

/** What one run measured; null where it did not, such as the latency of weak operations where there were none. */
export type RunFigures = Record<MetricName, number | null>;

/** How a figure is compared and called. */
export interface Metric {
  /** Shares are compared by their difference, since a share may be 0; all else by its ratio. */
  scale: ChangeScale;
  words: string;
}

/** All of them. */
export const METRICS: Record<MetricName, Metric> = {
  opsPerSecond: { scale: 'ratio', words: 'throughput' },
  weakP50Ms: { scale: 'ratio', words: 'weak median' },
  weakP99Ms: { scale: 'ratio', words: 'weak p99' },
  strongP50Ms: { scale: 'ratio', words: 'strong median' },
  strongP99Ms: { scale: 'ratio', words: 'strong p99' },
  cpuUsPerOperation: { scale: 'ratio', words: 'CPU per operation' },
  fastPathShare: { scale: 'difference', words: 'fast path' },
};

/** Something for each figure. */
export function byMetric<T>(of: (name: MetricName) => T): Record<MetricName, T> {
  return {
    opsPerSecond: of('opsPerSecond'),
    weakP50Ms: of('weakP50Ms'),
    weakP99Ms: of('weakP99Ms'),
    strongP50Ms: of('strongP50Ms'),
    strongP99Ms: of('strongP99Ms'),
    cpuUsPerOperation: of('cpuUsPerOperation'),
    fastPathShare: of('fastPathShare'),
  };
}

/** The figures of a run of one point and one window. */
export function readFigures(point: PointResult, plan: LoadPlan): RunFigures {
  return {
    opsPerSecond: point.opsPerSecond,
    weakP50Ms: point.weak.p50Ms,
    weakP99Ms: point.weak.p99Ms,
    strongP50Ms: point.strong.p50Ms,
    strongP99Ms: point.strong.p99Ms,
    cpuUsPerOperation: cpuUsPerOperation(point, plan),
    fastPathShare: point.fastPathShare,
  };
}

/**
 * Processor time of all services and clients per operation, microseconds. Services are watched from the beginning of the
 * load before the window, so their time is shared out over the operations of both, which go at one pace. Null without
 * services of our own or where the system does not tell.
 */
function cpuUsPerOperation({ processes, iterations, opsPerSecond }: PointResult, plan: LoadPlan): number | null {
  const [window] = iterations;
  if (window === undefined || opsPerSecond <= 0 || processes.length === 0) return null;
  const loadedSeconds = (plan.settleMs + window.windowMs) / 1000;
  const serviceSeconds = processes.reduce((sum, { cpuSeconds }) => sum + (cpuSeconds ?? Number.NaN), 0);
  const us = ((serviceSeconds / loadedSeconds + window.clientCpuShare) / opsPerSecond) * 1e6;
  return us > 0 ? us : null;
}
