// How busy the event loop is, which Node counts anyway, and how late it comes to what is due, which takes a timer of Node's
// own that no JavaScript hears of. Knows nothing of what the loop does.

import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { EventLoopFigures, LoopDelay } from '../proto/gen/curpho/v1/diagnostics.js';

/** Time between two looks. A shorter one would cost more wake-ups than it tells. */
const RESOLUTION_MS = 10;

/** Watches this process's event loop since the last reset. */
export class LoopWatch {
  private base = performance.eventLoopUtilization();
  private histogram: IntervalHistogram | null = null;

  /** Begins anew; the first time it begins to watch delays. */
  reset(): void {
    this.base = performance.eventLoopUtilization();
    if (this.histogram === null) {
      this.histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      this.histogram.enable();
    } else {
      this.histogram.reset();
    }
  }

  read(): EventLoopFigures {
    const { utilization } = performance.eventLoopUtilization(this.base);
    const figures: EventLoopFigures = { utilization };
    if (this.histogram !== null) figures.delay = readDelay(this.histogram);
    return figures;
  }

  /** Stops watching. */
  close(): void {
    this.histogram?.disable();
    this.histogram = null;
  }
}

/** The histogram holds times from one look to the next; what exceeds the wanted time is the delay. */
function readDelay(histogram: IntervalHistogram): LoopDelay {
  const { count } = histogram;
  if (count === 0) return { count, p50Ms: 0, p99Ms: 0, maxMs: 0 };
  const delayMs = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return {
    count,
    p50Ms: delayMs(histogram.percentile(50)),
    p99Ms: delayMs(histogram.percentile(99)),
    maxMs: delayMs(histogram.max),
  };
}
