// Collects what one process measures: one latency histogram per class of operation, how strong operations were answered,
// errors, and the same in parts of the window. Histograms leave the process encoded, because percentiles may only be
// taken from merged ones.

import type { Answered } from '../../client/types.js';
import type { PhaseResult } from '../../proto/gen/curpho/v1/load_worker.js';
import { LATENCY_US_MAX, LatencyCounts } from './histograms.js';
import { TimeLineRows } from './time-lines.js';
import { bucketMsOf, TimelineRecorder } from './timeline-recorder.js';
import type { ClassIndex } from './workload.js';

/** What one process measured in one window. */
export type Recording = Pick<
  PhaseResult,
  | 'histograms'
  | 'operations'
  | 'fast'
  | 'slowReasons'
  | 'errors'
  | 'unknown'
  | 'errorCodes'
  | 'timeline'
  | 'timelineBucketMs'
  | 'timeLines'
>;

/**
 * Which latencies belong to a window: of the operations that complete in it, as in a closed loop, or of those whose
 * intended time lies in it, whenever they end, as in an open loop. There a stall that outlasts the window would else be
 * no part of any latency.
 */
export type LatencyBasis = 'completion' | 'intended';

/**
 * Counts the operations that complete within the window, for throughput, and records whole latencies by the window's
 * basis; the fast path and the reasons for leaving it are of the latter. Errors count whenever they happen, so that none
 * falls between two windows; on the timeline only those within.
 */
export class Recorder {
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.POSITIVE_INFINITY;
  #basis: LatencyBasis = 'completion';
  #operations = 0;
  #fast = 0;
  #slowReasons: Record<string, number> = {};
  #errors = 0;
  #unknown = 0;
  #errorCodes: Record<string, number> = {};
  /** By class of operation. */
  readonly #latencies = [0, 1, 2, 3].map(() => new LatencyCounts(3));
  readonly #timeline = new TimelineRecorder();
  /** By class of operation. */
  readonly #timeLines = [0, 1, 2, 3].map(() => new TimeLineRows());

  /** Starts over with a window [from, to), milliseconds of `performance.now()`; an end may be infinitely far. */
  open(fromMs: number, toMs: number, basis: LatencyBasis = 'completion'): void {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    this.#basis = basis;
    this.#operations = 0;
    this.#fast = 0;
    this.#slowReasons = {};
    this.#errors = 0;
    this.#unknown = 0;
    this.#errorCodes = {};
    for (const latency of this.#latencies) latency.reset();
    for (const rows of this.#timeLines) rows.reset();
    this.#timeline.open(fromMs, bucketMsOf(toMs - fromMs < Number.POSITIVE_INFINITY ? toMs - fromMs : 0));
  }

  /** Operations completed in the window so far. */
  get operations(): number {
    return this.#operations;
  }

  /** Errors and unknown outcomes so far. */
  get failures(): number {
    return this.#errors + this.#unknown;
  }

  /** `issuedMs` lies later than `startMs` where an operation was not issued when its time had come. */
  completed(classIndex: ClassIndex, startMs: number, nowMs: number, answered: Answered, issuedMs = startMs): void {
    if (this.#isWithin(nowMs)) {
      this.#operations++;
      this.#timeline.completed(nowMs);
    }
    const atMs = this.#basis === 'intended' ? startMs : nowMs;
    if (!this.#isWithin(atMs)) return;
    const latencyUs = Math.min(Math.round((nowMs - startMs) * 1000), LATENCY_US_MAX);
    const { timeLine, path } = answered;
    const isFast = path === 'fast';
    if (timeLine !== undefined) this.#timeLines[classIndex]?.record(path, (nowMs - issuedMs) * 1000, timeLine);
    this.#latencies[classIndex]?.record(latencyUs);
    this.#timeline.latency(atMs, latencyUs, classIndex < 2, isFast);
    if (isFast) this.#fast++;
    else if (answered.slowReason !== undefined)
      this.#slowReasons[answered.slowReason] = (this.#slowReasons[answered.slowReason] ?? 0) + 1;
  }

  failed(nowMs: number, code: string, unknownOutcome: boolean): void {
    if (unknownOutcome) this.#unknown++;
    else this.#errors++;
    this.#errorCodes[code] = (this.#errorCodes[code] ?? 0) + 1;
    if (this.#isWithin(nowMs)) this.#timeline.failed(nowMs);
  }

  result(): Recording {
    return {
      histograms: this.#latencies.map((latency) => latency.encode()),
      operations: this.#operations,
      fast: this.#fast,
      slowReasons: this.#slowReasons,
      errors: this.#errors,
      unknown: this.#unknown,
      errorCodes: this.#errorCodes,
      ...this.#timeline.result(),
      timeLines: this.#timeLines.map((rows) => rows.encode()),
    };
  }

  #isWithin(timeMs: number): boolean {
    return timeMs >= this.#fromMs && timeMs < this.#toMs;
  }
}
