// Collects what one process measures: one latency histogram per class of operation, how strong operations were answered,
// errors. Histograms leave the process encoded, because percentiles may only be taken from merged ones.

import { build, encodeIntoCompressedBase64, type Histogram, initWebAssemblySync } from 'hdr-histogram-js';

import type { Answered, SlowReason } from '../client/types.js';
import type { ClassIndex } from './workload.js';

/** Longest latency told apart; longer ones count as this. Microseconds. */
export const LATENCY_US_MAX = 120_000_000;

/** What one process measured in one window. */
export interface Recording {
  /** Encoded histograms of latency in microseconds, in the order of `OPERATION_CLASSES`. */
  histograms: string[];
  /** Operations completed in the window. */
  operations: number;
  /** Strong operations completed on the fast path. */
  fast: number;
  /** Strong operations completed otherwise, by reason. */
  slowReasons: Partial<Record<SlowReason, number>>;
  /** Operations that certainly failed. */
  errors: number;
  /** Writes of unknown outcome. */
  unknown: number;
  /** Errors by code. */
  errorCodes: Record<string, number>;
}

/**
 * Records operations that complete within the window, each with its whole latency, also the part before the window:
 * count, throughput and percentiles are of the same operations. Operations still under way at the end are not counted.
 * Errors count whenever they happen, so that none falls between two windows.
 */
export class Recorder {
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.POSITIVE_INFINITY;
  #operations = 0;
  #fast = 0;
  #slowReasons: Partial<Record<SlowReason, number>> = {};
  #errors = 0;
  #unknown = 0;
  #errorCodes: Record<string, number> = {};
  readonly #histograms: Histogram[];

  constructor() {
    initWebAssemblySync();
    const request = {
      highestTrackableValue: LATENCY_US_MAX,
      numberOfSignificantValueDigits: 3,
      useWebAssembly: true,
    } as const;
    this.#histograms = [0, 1, 2, 3].map(() => build(request));
  }

  /** Starts over with a window [from, to), milliseconds of `performance.now()`. */
  open(fromMs: number, toMs: number): void {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    this.#operations = 0;
    this.#fast = 0;
    this.#slowReasons = {};
    this.#errors = 0;
    this.#unknown = 0;
    this.#errorCodes = {};
    for (const histogram of this.#histograms) histogram.reset();
  }

  /** Operations recorded so far. */
  get operations(): number {
    return this.#operations;
  }

  completed(classIndex: ClassIndex, startMs: number, nowMs: number, answered: Answered): void {
    if (nowMs < this.#fromMs || nowMs >= this.#toMs) return;
    this.#operations++;
    const latencyUs = Math.round((nowMs - startMs) * 1000);
    this.#histograms[classIndex]?.recordValue(Math.min(latencyUs, LATENCY_US_MAX));
    if (answered.path === 'fast') this.#fast++;
    else if (answered.slowReason !== undefined)
      this.#slowReasons[answered.slowReason] = (this.#slowReasons[answered.slowReason] ?? 0) + 1;
  }

  failed(code: string, unknownOutcome: boolean): void {
    if (unknownOutcome) this.#unknown++;
    else this.#errors++;
    this.#errorCodes[code] = (this.#errorCodes[code] ?? 0) + 1;
  }

  result(): Recording {
    return {
      histograms: this.#histograms.map((histogram) => encodeIntoCompressedBase64(histogram)),
      operations: this.#operations,
      fast: this.#fast,
      slowReasons: this.#slowReasons,
      errors: this.#errors,
      unknown: this.#unknown,
      errorCodes: this.#errorCodes,
    };
  }
}
