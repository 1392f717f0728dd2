// Decides which spans may exist, and counts what became of them. Over the budget it refuses whole traces rather than
// parts of many: a trace with holes misleads, a missing one does not. Knows no OpenTelemetry and no clock of its own.

/** Bounds of one process's spans. */
export interface SpanBudgetLimits {
  /** Spans that may start per second; as many may start at once after a second of rest. */
  spansPerSecondLimit: number;
  /** Spans that have ended and whose export has not. */
  unsentLimit: number;
}

/** What became of the spans of a process. */
export interface SpanCounts {
  /** The collector has confirmed them. */
  exported: number;
  /** Refused over the budget, not taken by the collector, or ended too late. */
  dropped: number;
}

/** How long a refused trace is remembered at least; a longer one stays refused as long as its spans keep coming. */
const REFUSED_MS = 1000;
/** Refused traces remembered per `REFUSED_MS`; further ones may get holes, which beats growing without bound. */
const REFUSED_TRACES_LIMIT = 4096;

/** The spans of one process, from the question whether one may start to the collector's answer. */
export class SpanBudget {
  readonly #limits: SpanBudgetLimits;
  readonly #nowMs: () => number;
  /** Spans that may start now; refilled by the clock. */
  #allowance: number;
  #refilledAtMs: number;
  #refused = new Set<string>();
  #refusedEarlier = new Set<string>();
  #refusedSinceMs: number;
  /** Ended, neither exported nor lost yet; at most `unsentLimit`. */
  #unsent = 0;
  #exported = 0;
  #dropped = 0;
  #isClosed = false;

  /** @param nowMs A clock that never goes back, milliseconds. */
  constructor(limits: SpanBudgetLimits, nowMs: () => number) {
    this.#limits = limits;
    this.#nowMs = nowMs;
    this.#allowance = limits.spansPerSecondLimit;
    this.#refilledAtMs = nowMs();
    this.#refusedSinceMs = this.#refilledAtMs;
  }

  /** Whether a span of this trace may start. A refusal counts as dropped. */
  maybeStart(traceId: string): boolean {
    const nowMs = this.#nowMs();
    this.#refill(nowMs);
    this.#forgetRefused(nowMs);
    const isRefused = this.#refused.has(traceId) || this.#refusedEarlier.has(traceId);
    if (this.#allowance >= 1 && !isRefused) {
      this.#allowance--;
      return true;
    }
    this.#refuse(traceId);
    return false;
  }

  /** Whether a span that has ended may wait for its export. A refusal counts as dropped. */
  maybeQueue(traceId: string): boolean {
    if (!this.#isClosed && this.#unsent < this.#limits.unsentLimit) {
      this.#unsent++;
      return true;
    }
    this.#forgetRefused(this.#nowMs());
    this.#refuse(traceId);
    return false;
  }

  /** The export of so many queued spans has succeeded or failed. */
  settle(spans: number, isExported: boolean): void {
    // After the close all that was unsent has been counted as dropped; a late answer must not count it twice.
    const settled = Math.min(spans, this.#unsent);
    this.#unsent -= settled;
    if (isExported) this.#exported += settled;
    else this.#dropped += settled;
  }

  /** From now on spans that end are dropped. */
  close(): void {
    this.#isClosed = true;
  }

  /** Gives up what is still unsent. */
  giveUp(): void {
    this.settle(this.#unsent, false);
  }

  /** Counts so far; a span that is under way is in neither. */
  counts(): SpanCounts {
    return { exported: this.#exported, dropped: this.#dropped };
  }

  #refill(nowMs: number): void {
    const { spansPerSecondLimit } = this.#limits;
    const gained = ((nowMs - this.#refilledAtMs) * spansPerSecondLimit) / 1000;
    this.#allowance = Math.min(spansPerSecondLimit, this.#allowance + gained);
    this.#refilledAtMs = nowMs;
  }

  /** Counts a span as dropped and refuses what follows of its trace. */
  #refuse(traceId: string): void {
    this.#dropped++;
    if (this.#refused.size < REFUSED_TRACES_LIMIT) this.#refused.add(traceId);
  }

  #forgetRefused(nowMs: number): void {
    const ageMs = nowMs - this.#refusedSinceMs;
    if (ageMs < REFUSED_MS) return;
    this.#refusedEarlier = ageMs < 2 * REFUSED_MS ? this.#refused : new Set();
    this.#refused = new Set();
    this.#refusedSinceMs = nowMs;
  }
}
