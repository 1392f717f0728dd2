// What the load of a chaos run does: keys, values and the mix of operations, drawn from a seed. Pure; issues nothing.

import { Random } from '../../loadgen/worker/random.js';
import type { HistoryEvent } from '../checkers/history.js';

/** What a session issues: both kinds, or one only, so that neither hides behind the other when that is unavailable. */
export type SessionKind = 'mixed' | 'strong' | 'weak';

/** One operation to issue. Ledger keys are written once and never again, so that a lost write cannot be overwritten. */
export interface DrawnOperation {
  op: HistoryEvent['op'];
  consistency: HistoryEvent['consistency'];
  /** Keys concerned, as text: one, two for a batch, first and end for a scan. */
  keys: [string, ...string[]];
  values: string[];
  limit: number;
}

/** Weights of operations; `ledger` is a put of a key of its own. */
const WEIGHTS = {
  strong: { put: 30, get: 32, cas: 12, delete: 3, scan: 4, batch: 8, ledger: 11 },
  weak: { put: 32, get: 40, cas: 0, delete: 3, scan: 4, batch: 8, ledger: 13 },
} as const;
const KINDS = ['put', 'get', 'cas', 'delete', 'scan', 'batch', 'ledger'] as const;

/** One key in so many is deleted now and then; keys on which deletes and absences mix are costly to judge. */
const DELETABLE_EVERY = 8;
/** One value in so many is long. */
const LONG_EVERY = 100;
const LONG_CHARACTERS = 1500;
const SCAN_WIDTH_MAX = 6;

/** First of all keys, and what no key reaches: bounds of a scan over everything. */
export const ALL_KEYS = { start: 'k', end: 'm' } as const;
const LEDGER = 'l';

/** Whether a key, as text, is one that is written once. */
export function isLedgerKey(key: string): boolean {
  return key.startsWith(LEDGER);
}

/** The keys that are written again and again, in order. */
export function hotKeys(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `k${String(index).padStart(6, '0')}`);
}

/** Draws the operations of all sessions of a run. */
export class LoadMix {
  readonly #random: Random;
  readonly #keys: readonly string[];
  #values = 0;

  constructor(seed: number, keys: number) {
    this.#random = new Random(seed, 0x10ad);
    this.#keys = hotKeys(keys);
  }

  /** Which of `count` sessions is next. */
  session(count: number): number {
    return this.#random.nextBelow(count);
  }

  /** A value that no other write has. */
  value(): string {
    const name = `v${++this.#values}`;
    return this.#random.nextBelow(LONG_EVERY) === 0 ? name.padEnd(LONG_CHARACTERS, '.') : name;
  }

  draw(kind: SessionKind): DrawnOperation {
    const consistency = kind === 'mixed' ? (this.#random.nextBelow(2) === 0 ? 'strong' : 'weak') : kind;
    const what = this.#drawKind(WEIGHTS[consistency]);
    const plain = { consistency, values: [], limit: 0 };
    switch (what) {
      case 'ledger': {
        const value = this.value();
        return { ...plain, op: 'put', keys: [`${LEDGER}${String(this.#values).padStart(9, '0')}`], values: [value] };
      }
      case 'put':
      case 'cas':
        return { ...plain, op: what, keys: [this.#key()], values: [this.value()] };
      case 'batch':
        return { ...plain, op: what, keys: this.#twoKeys(), values: [this.value(), this.value()] };
      case 'delete':
        return { ...plain, op: what, keys: [this.#key(DELETABLE_EVERY)] };
      case 'scan': {
        const first = this.#random.nextBelow(this.#keys.length);
        const width = 1 + this.#random.nextBelow(SCAN_WIDTH_MAX);
        const end = this.#keys[first + width] ?? LEDGER;
        // Some are cut by their limit.
        return {
          ...plain,
          op: what,
          keys: [this.#keys[first] ?? '', end],
          limit: 1 + this.#random.nextBelow(width + 1),
        };
      }
      default:
        return { ...plain, op: 'get', keys: [this.#key()] };
    }
  }

  #drawKind(weights: Readonly<Record<(typeof KINDS)[number], number>>): (typeof KINDS)[number] {
    let left = this.#random.nextBelow(KINDS.reduce((sum, kind) => sum + weights[kind], 0));
    for (const kind of KINDS) {
      left -= weights[kind];
      if (left < 0) return kind;
    }
    return 'get';
  }

  #key(every = 1): string {
    const index = this.#random.nextBelow(Math.ceil(this.#keys.length / every)) * every;
    return this.#keys[index] ?? '';
  }

  #twoKeys(): [string, string] {
    const first = this.#random.nextBelow(this.#keys.length);
    const second = (first + 1 + this.#random.nextBelow(this.#keys.length - 1)) % this.#keys.length;
    return [this.#keys[first] ?? '', this.#keys[second] ?? ''];
  }
}
