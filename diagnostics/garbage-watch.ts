// Pauses for garbage collection, by kind, from what Node tells observers. Costs an entry per collection while it watches and
// nothing before. Knows no one who wants to know.

import { constants, type PerformanceEntry, PerformanceObserver, performance } from 'node:perf_hooks';
import type { GarbagePauses } from '../proto/gen/curpho/v1/diagnostics.js';

/** V8 has two collectors of the young generation; a process uses one of them. */
const MINOR_MARK_SWEEP = 2;

/** What a kind of collection is called, by the number that Node gives it. */
const KIND_NAMES = new Map<number, string>([
  [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [MINOR_MARK_SWEEP, 'minor'],
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakCallbacks'],
]);

/** Counts the pauses of this process since the last reset. */
export class GarbageWatch {
  private readonly pauses = new Map<string, GarbagePauses>();
  private readonly observer = new PerformanceObserver((list) => this.addAll(list.getEntries()));
  private isWatching = false;
  private sinceMs = 0;

  /** Begins anew; the first time it begins to watch. */
  reset(): void {
    if (!this.isWatching) this.observer.observe({ entryTypes: ['gc'] });
    this.isWatching = true;
    this.sinceMs = performance.now();
    this.pauses.clear();
  }

  /** One entry per kind that occurred. A collection of this very event-loop turn is told one turn later. */
  read(): GarbagePauses[] {
    this.addAll(this.observer.takeRecords());
    return [...this.pauses.values()].map((pauses) => ({ ...pauses }));
  }

  /** Stops watching. */
  close(): void {
    this.observer.disconnect();
    this.isWatching = false;
  }

  /** One pause of a kind by Node's number. Node tells of a pause when it is over, perhaps after a reset that came between. */
  add(number: number, startMs: number, durationMs: number): void {
    if (startMs < this.sinceMs) return;
    const kind = KIND_NAMES.get(number) ?? `kind ${number}`;
    const known = this.pauses.get(kind);
    if (known === undefined) {
      this.pauses.set(kind, { kind, count: 1, totalMs: durationMs, maxMs: durationMs });
      return;
    }
    known.count++;
    known.totalMs += durationMs;
    known.maxMs = Math.max(known.maxMs, durationMs);
  }

  private addAll(entries: readonly PerformanceEntry[]): void {
    for (const entry of entries) this.add(kindOf(entry), entry.startTime, entry.duration);
  }
}

function kindOf(entry: PerformanceEntry): number {
  const detail: unknown = 'detail' in entry ? entry.detail : null;
  if (typeof detail !== 'object' || detail === null || !('kind' in detail)) return 0;
  return typeof detail.kind === 'number' ? detail.kind : 0;
}
