// A small seeded generator (sfc32). Knows nothing of the workload; not for secrets. The same seed words give the same
// numbers on every machine, which is what makes a run repeatable.

/** A stream of pseudo-random numbers. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Every distinct list of seed words opens an unrelated stream. */
  constructor(...seedWords: number[]) {
    let hash = 0x9e3779b9 | 0;
    for (const word of seedWords) {
      // Both halves count, so that seeds above 2^32 stay distinct.
      hash = Math.imul(hash ^ (word | 0), 0x85ebca6b);
      hash ^= hash >>> 15;
      hash = Math.imul(hash ^ Math.floor(word / 0x1_0000_0000), 0xc2b2ae35);
      hash ^= hash >>> 13;
    }
    this.#a = hash;
    this.#b = ~hash;
    this.#c = seedWords.length;
    for (let i = 0; i < 16; i++) this.#nextInt32();
  }

  /** A whole number in [0, 2^32). */
  nextUint32(): number {
    return this.#nextInt32() >>> 0;
  }

  /** A number in [0, 1) with 53 random bits. */
  nextDouble(): number {
    return ((this.#nextInt32() >>> 5) * 67_108_864 + (this.#nextInt32() >>> 6)) / 9_007_199_254_740_992;
  }

  /** A whole number in [0, bound), `bound` ≤ 2^53. The bias is below bound / 2^53. */
  nextBelow(bound: number): number {
    return Math.floor(this.nextDouble() * bound);
  }

  #nextInt32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum;
  }
}
