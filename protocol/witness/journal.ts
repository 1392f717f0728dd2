// What a witness still has to keep: gathers what changed in a turn, makes one batch of it, and knows whether everything
// that answers rest on would be found again. Knows neither the disk nor what the answers are.

import type { CheckedWrite, Inquiry } from '../messages.js';
import type { WitnessBatch, WitnessPromises } from './persistence.js';

/** Changes of one witness on their way to its disk. Batches are lost only with all that come after them. */
export class WitnessJournal {
  /** By arrival number, which ascends. */
  #added = new Map<number, CheckedWrite>();
  #removed: number[] = [];
  /** Committed watermark by session. */
  #sessions = new Map<number, number>();
  #asked: Inquiry | undefined;
  #isFresh = false;
  #hasPromised = false;
  /** Number of the newest batch. */
  #newest = 0;
  /** Newest batch that keeps something which answers rest on; ≤ `#newest`. */
  #binding = 0;
  /** Newest batch that keeps what the leader asks about; ≤ `#newest`. */
  #asking = 0;
  /** Newest batch that keeps a promise or begins the pool anew; ≤ `#binding`. */
  #promised = 0;
  /** Newest batch that is kept, and with it all before it; ≤ `#newest`. */
  #kept = 0;
  /** Last arrival in each batch that is not known to be kept and has any, oldest first. */
  #arrivals: { number: number; last: number }[] = [];
  /** Arrivals up to here are kept, as far as they are not forgotten. */
  #keptArrival = 0;

  /**
   * Number of the batch behind which answers wait. Batches that only forget do not count: what is found again although
   * it was collected is a collection that got lost, and is reported as stale.
   */
  get binding(): number {
    return this.#binding;
  }

  /** Whether all batches that answers rest on are kept. */
  get isKept(): boolean {
    return this.#kept >= this.#binding;
  }

  /** Whether what the leader asks about would be found again. */
  get keepsAsked(): boolean {
    return this.#asked === undefined && this.#kept >= this.#asking;
  }

  /** Whether an entry of this arrival would be found again, in the life and epoch that the witness has now. */
  keeps(arrival: number): boolean {
    if (this.#isFresh || this.#hasPromised || this.#kept < this.#promised) return false;
    return arrival <= this.#keptArrival;
  }

  /** Whether something that answers rest on is in no batch yet, or in one that is not kept. */
  get isBehind(): boolean {
    return this.#added.size > 0 || this.#isFresh || this.#hasPromised || !this.isKept;
  }

  /** Batches that are not known to be kept. */
  get underWay(): number {
    return this.#newest - this.#kept;
  }

  /** Entries up to this arrival were found in what is kept. */
  resume(arrival: number): void {
    this.#keptArrival = arrival;
  }

  add(arrival: number, write: CheckedWrite): void {
    this.#added.set(arrival, write);
  }

  /** The entry is gone; one that never was in a batch need not be in any. */
  remove(arrival: number): void {
    if (!this.#added.delete(arrival)) this.#removed.push(arrival);
  }

  /** The session's committed watermark moved; 0 if the session is forgotten. */
  noteSession(session: number, committedThrough: number): void {
    this.#sessions.set(session, committedThrough);
  }

  /** The leader asks about other sessions than before. */
  noteAsked(inquiry: Inquiry): void {
    this.#asked = inquiry;
  }

  /** The promises changed. */
  notePromises(): void {
    this.#hasPromised = true;
  }

  /** The pool begins anew: what was there before is not needed any more, nor what was to be kept of it. */
  startAnew(): void {
    this.#forget();
    this.#isFresh = true;
    // Arrivals are counted anew too; batches under way say nothing of those to come.
    this.#arrivals = [];
    this.#keptArrival = 0;
  }

  /** Everything since the last batch as the next one; undefined if nothing changed. */
  take(promises: WitnessPromises): WitnessBatch | undefined {
    const isBinding = this.#added.size > 0 || this.#isFresh || this.#hasPromised;
    const hasMore = this.#removed.length > 0 || this.#sessions.size > 0 || this.#asked !== undefined;
    if (!isBinding && !hasMore) return undefined;
    const number = ++this.#newest;
    if (isBinding) this.#binding = number;
    if (this.#isFresh || this.#hasPromised) this.#promised = number;
    const last = Array.from(this.#added.keys()).at(-1);
    if (last !== undefined) this.#arrivals.push({ number, last });
    if (this.#asked !== undefined) this.#asking = number;
    const batch = {
      number,
      promises,
      isFresh: this.#isFresh,
      added: Array.from(this.#added, ([arrival, write]) => ({ arrival, write })),
      removed: this.#removed,
      sessions: Array.from(this.#sessions, ([session, committedThrough]) => ({ session, committedThrough })),
      asked: this.#asked,
    };
    this.#forget();
    return batch;
  }

  /** The batch of this number is kept, and all before it. */
  onPersisted(number: number): void {
    this.#kept = Math.max(this.#kept, number);
    while (this.#arrivals[0] !== undefined && this.#arrivals[0].number <= number) {
      this.#keptArrival = this.#arrivals[0].last;
      this.#arrivals.shift();
    }
  }

  #forget(): void {
    this.#added = new Map();
    this.#removed = [];
    this.#sessions = new Map();
    this.#asked = undefined;
    this.#isFresh = false;
    this.#hasPromised = false;
  }
}
