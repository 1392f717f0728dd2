// What one stream does next: the mix of operations and the key of each. Pure and seeded: the same seed words give the
// same operations in the same order, whatever the cluster answers. Knows nothing of sessions, clocks or values.

import type { KeySpace } from './key-space.js';
import { Random } from './random.js';
import type { Zipf } from './zipf.js';

/** The four classes of operations, numbered as in every table of this room. */
export const OPERATION_CLASSES = ['strongRead', 'strongWrite', 'weakRead', 'weakWrite'] as const;

/** Name of a class, as results spell it. */
export type OperationClass = (typeof OPERATION_CLASSES)[number];

/** Index into `OPERATION_CLASSES`: bit 0 says write, bit 1 says weak. */
export type ClassIndex = 0 | 1 | 2 | 3;

/** What the mix is made of. Ratios are fractions in [0, 1]. */
export interface Mix {
  /** Share of weak operations in all. */
  weakRatio: number;
  /** Share of writes within each class. */
  writeRatio: number;
}

const DECK_SIZE = 1000;

/**
 * The mix as shuffled decks of 1,000 operations. A deck holds each class in its exact number (a fraction of an operation
 * is carried into the next deck), so realised shares never drift by more than two operations at the end of a deck, which
 * independent draws could not promise; the order within a deck is random, so that classes do not alternate in step.
 */
export class MixDeck {
  readonly #mix: Mix;
  readonly #random: Random;
  readonly #cards = new Uint8Array(DECK_SIZE);
  #next = DECK_SIZE;
  #decks = 0;

  constructor(mix: Mix, random: Random) {
    this.#mix = mix;
    this.#random = random;
  }

  next(): ClassIndex {
    if (this.#next === DECK_SIZE) this.#shuffle();
    return this.#cards[this.#next++] as ClassIndex;
  }

  #shuffle(): void {
    const before = this.#countsAfter(this.#decks++);
    const after = this.#countsAfter(this.#decks);
    let at = 0;
    for (let index = 0; index < 4; index++) {
      const count = (after[index] ?? 0) - (before[index] ?? 0);
      this.#cards.fill(index, at, at + count);
      at += count;
    }
    for (let i = DECK_SIZE - 1; i > 0; i--) {
      const j = this.#random.nextBelow(i + 1);
      const card = this.#cards[i] ?? 0;
      this.#cards[i] = this.#cards[j] ?? 0;
      this.#cards[j] = card;
    }
    this.#next = 0;
  }

  /** How many of each class the first `decks` decks hold together. */
  #countsAfter(decks: number): [number, number, number, number] {
    const total = decks * DECK_SIZE;
    const weak = Math.round(total * this.#mix.weakRatio);
    const weakWrites = Math.round(weak * this.#mix.writeRatio);
    const strongWrites = Math.round((total - weak) * this.#mix.writeRatio);
    return [total - weak - strongWrites, strongWrites, weak - weakWrites, weakWrites];
  }
}

/** One stream's operations. After `advance`, `classIndex` and `keyIndex` say what to do. */
export class Workload {
  classIndex: ClassIndex = 0;
  keyIndex = 0;
  readonly #deck: MixDeck;
  readonly #zipf: Zipf;
  readonly #keys: KeySpace;
  readonly #random: Random;

  /** `seedWords` name the stream, for instance seed, client, thread and iteration. */
  constructor(mix: Mix, zipf: Zipf, keys: KeySpace, seedWords: number[]) {
    this.#deck = new MixDeck(mix, new Random(1, ...seedWords));
    this.#random = new Random(2, ...seedWords);
    this.#zipf = zipf;
    this.#keys = keys;
  }

  advance(): void {
    this.classIndex = this.#deck.next();
    this.keyIndex = this.#keys.indexOfRank(this.#zipf.next(this.#random));
  }
}
