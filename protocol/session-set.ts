// A set of session ids that only grows, as ranges: ids are handed out in order and never again (F8), so that ended
// sessions lie side by side and a few ranges stand for millions of them. Knows nothing of why a session ended.

import type { SessionRange } from './messages.js';

/** Session ids. */
export class SessionSet {
  /** Disjoint, ascending, no two adjacent. */
  #ranges: SessionRange[] = [];

  /** A set that holds what `toRanges` of another one said. */
  static fromRanges(ranges: readonly SessionRange[]): SessionSet {
    const set = new SessionSet();
    for (const range of ranges) set.addRange(range);
    return set;
  }

  /** How many ranges stand for the set; its size in memory. */
  get rangeCount(): number {
    return this.#ranges.length;
  }

  has(session: number): boolean {
    const range = this.#ranges[this.#firstEndingAt(session)];
    return range !== undefined && range.first <= session;
  }

  add(session: number): void {
    this.addRange({ first: session, last: session });
  }

  /** Adds all ids of a range, ends included. */
  addRange({ first, last }: SessionRange): void {
    const from = this.#firstEndingAt(first - 1);
    let to = from;
    let merged = { first, last };
    for (let next = this.#ranges[to]; next !== undefined && next.first <= last + 1; next = this.#ranges[++to]) {
      merged = { first: Math.min(merged.first, next.first), last: Math.max(merged.last, next.last) };
    }
    this.#ranges.splice(from, to - from, merged);
  }

  /** The set in its only form: ascending ranges, as far apart as they can be. Equal sets give equal ranges. */
  toRanges(): SessionRange[] {
    return this.#ranges.map(({ first, last }) => ({ first, last }));
  }

  /** Equal for equal sets; 32 bits. Takes as long as there are ranges. */
  get hash(): number {
    let hash = 0;
    for (const { first, last } of this.#ranges) {
      for (const part of [first % 2 ** 32, Math.floor(first / 2 ** 32), last % 2 ** 32, Math.floor(last / 2 ** 32)]) {
        hash = Math.imul(hash ^ part, 0x01000193) ^ (hash >>> 15);
      }
    }
    return hash >>> 0;
  }

  /** Position of the first range whose last id is at least `session`. */
  #firstEndingAt(session: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ranges[middle]?.last ?? 0) < session) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
