// One process's view of itself, put together: what the machine gave it, how its event loop fared, what its service counted.
// Until the first reset only what is counted anyway; nothing here is ever called on the path of an operation.

import { performance } from 'node:perf_hooks';
import type { DiagnosticsSnapshot } from '../proto/gen/curpho/v1/diagnostics.js';
import { type FigureSource, FigureWatch, noFigures } from './figures.js';
import { GarbageWatch } from './garbage-watch.js';
import { LoopWatch } from './loop-watch.js';
import { ProcessorWatch } from './processor-watch.js';

/** Who a process is, now: names and epochs are learnt after its beginning. */
export type ProcessIdentity = Pick<DiagnosticsSnapshot, 'role' | 'nodeId' | 'epoch'>;

/** How often gauges are looked at: often enough for a mean over some seconds, and ten processes have to do it. */
const LOOK_MS = 250;

/** What a process finds out about itself. */
export class Diagnostics {
  private readonly loop = new LoopWatch();
  private readonly garbage = new GarbageWatch();
  private readonly processor = new ProcessorWatch();
  private figures: FigureWatch | null = null;
  private looking: NodeJS.Timeout | null = null;
  private resets = 0;
  private sinceMs = performance.now();

  /** `identity` is asked at each snapshot. */
  constructor(private readonly identity: () => ProcessIdentity) {}

  /** From now on the numbers of `source` are told as well. They count from their beginning until the next reset. */
  observe(source: FigureSource): void {
    this.figures = new FigureWatch(source);
  }

  /** Begins to count anew, and the first time to watch what is not counted anyway. Answers how many resets that makes. */
  reset(): number {
    this.loop.reset();
    this.garbage.reset();
    this.processor.reset();
    this.figures?.reset();
    this.looking ??= setInterval(() => this.figures?.look(), LOOK_MS).unref();
    this.sinceMs = performance.now();
    return ++this.resets;
  }

  /** What there was since the last reset; changes nothing. */
  snapshot(): DiagnosticsSnapshot {
    return {
      ...this.identity(),
      pid: process.pid,
      resets: this.resets,
      elapsedUs: Math.round((performance.now() - this.sinceMs) * 1000),
      eventLoop: this.loop.read(),
      garbage: this.garbage.read(),
      processor: this.processor.read(),
      residentBytes: process.memoryUsage.rss(),
      ...(this.figures?.read() ?? noFigures()),
    };
  }

  /** Stops watching. */
  close(): void {
    if (this.looking !== null) clearInterval(this.looking);
    this.looking = null;
    this.loop.close();
    this.garbage.close();
  }
}
