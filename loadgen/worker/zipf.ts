// Zipf-distributed ranks by rejection-inversion (Hörmann and Derflinger, 1996): exact for every exponent ≥ 0, below and
// above 1 alike, without a table. Knows ranks only; which key a rank stands for is decided in key-space.ts.

import type { Random } from './random.js';

/** Draws ranks in [0, items) with probability proportional to 1 / (rank + 1)^exponent. Exponent 0 is uniform. */
export class Zipf {
  readonly #items: number;
  readonly #exponent: number;
  readonly #areaFirst: number;
  readonly #areaLast: number;
  readonly #shortcut: number;

  constructor(items: number, exponent: number) {
    this.#items = items;
    this.#exponent = exponent;
    this.#areaFirst = this.#area(1.5) - 1;
    this.#areaLast = this.#area(items + 0.5);
    this.#shortcut = 2 - this.#areaInverse(this.#area(2.5) - this.#density(2));
  }

  next(random: Random): number {
    if (this.#exponent === 0) return random.nextBelow(this.#items);
    for (;;) {
      const u = this.#areaLast + random.nextDouble() * (this.#areaFirst - this.#areaLast);
      const x = this.#areaInverse(u);
      const rounded = Math.floor(x + 0.5);
      const rank = Math.min(Math.max(rounded, 1), this.#items);
      // The first test accepts most draws without another power; the second is the exact one.
      if (rank - x <= this.#shortcut || u >= this.#area(rank + 0.5) - this.#density(rank)) return rank - 1;
    }
  }

  #density(x: number): number {
    return Math.exp(-this.#exponent * Math.log(x));
  }

  /** Integral of the density from 1 to x: (x^(1-s) - 1) / (1-s), continuous at s = 1, where it is log x. */
  #area(x: number): number {
    const logX = Math.log(x);
    const power = (1 - this.#exponent) * logX;
    return logX * (Math.abs(power) > 1e-8 ? Math.expm1(power) / power : 1 + power / 2);
  }

  #areaInverse(area: number): number {
    // The bound keeps rounding errors of huge exponents inside the domain of the logarithm.
    const power = Math.max(-1, area * (1 - this.#exponent));
    return Math.exp(area * (Math.abs(power) > 1e-8 ? Math.log1p(power) / power : 1 - power / 2));
  }
}
