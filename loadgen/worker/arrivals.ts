// When operations of an open loop are due: a seeded schedule that knows nothing of answers, clocks or sessions, so that
// the same seed intends the same operations at the same times.

import type { Random } from './random.js';

/** How arrivals follow one another: exponential gaps, as of many independent users, or all gaps equal. */
export const ARRIVAL_PATTERNS = ['poisson', 'constant'] as const;

/** One of `ARRIVAL_PATTERNS`. */
export type ArrivalPattern = (typeof ARRIVAL_PATTERNS)[number];

/** The times of one process's operations, in order. */
export class Arrivals {
  /** When the next operation is due, milliseconds since the beginning of the schedule. */
  nextMs: number;
  readonly #gapMs: number;
  readonly #pattern: ArrivalPattern;
  readonly #random: Random;
  readonly #firstMs: number;
  #count = 0;

  /** A constant schedule begins at a random point of its first gap: processes of one run do not send in step. */
  constructor({ rate, pattern, random }: { rate: number; pattern: ArrivalPattern; random: Random }) {
    this.#gapMs = 1000 / rate;
    this.#pattern = pattern;
    this.#random = random;
    this.#firstMs = pattern === 'constant' ? random.nextDouble() * this.#gapMs : this.#exponentialMs();
    this.nextMs = this.#firstMs;
  }

  /** The operation at `nextMs` has come; on to the one after it. */
  advance(): void {
    this.#count++;
    // A product and not a sum, so that a constant schedule does not drift however long it is.
    if (this.#pattern === 'constant') this.nextMs = this.#firstMs + this.#count * this.#gapMs;
    else this.nextMs += this.#exponentialMs();
  }

  #exponentialMs(): number {
    return -Math.log(1 - this.#random.nextDouble()) * this.#gapMs;
  }
}
