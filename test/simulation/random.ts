// The one source of chance of a simulated run: a small generator with a state of four words (sfc32). The same seed
// gives the same numbers on every machine. Knows nothing of what the numbers decide.

/** Seeded random numbers. Every draw moves the state, so the order of draws is part of a run. */
export class SeededRandom {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 1;

  /** @param seed whole number; `stream` separates generators of one seed that must not influence each other. */
  constructor(seed: number, stream = 0) {
    this.a = seed >>> 0;
    this.b = Math.floor(seed / 0x1_0000_0000) >>> 0;
    this.c = Math.imul(stream + 1, 0x9e3779b9) >>> 0;
    for (let round = 0; round < 15; round++) this.word();
  }

  /** A fraction in [0, 1). */
  fraction(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** A whole number in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** A whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One element. */
  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new RangeError('nothing to pick from');
    return chosen;
  }

  /** An index, each as likely as its weight. */
  weighted(weights: readonly number[]): number {
    let rest = this.fraction() * weights.reduce((sum, weight) => sum + weight, 0);
    for (let index = 0; index < weights.length; index++) {
      rest -= weights[index] ?? 0;
      if (rest < 0) return index;
    }
    return weights.length - 1;
  }

  /** A new array with the same elements in random order. */
  shuffle<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, rank: this.fraction() }))
      .sort((one, other) => one.rank - other.rank)
      .map(({ item }) => item);
  }

  private word(): number {
    const sum = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return sum >>> 0;
  }
}
