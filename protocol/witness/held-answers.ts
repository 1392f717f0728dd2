// Answers of a witness that keeps its memory on a disk, on their way out: none leaves before what it rests on is kept.
// Gathers the answers of a turn, sends those that must wait along with the turn's batch or behind an earlier one. Has
// no bound of its own: the pool bounds what waits to be kept, and the host reads no more frames while the disk lags.

import type { WitnessOutput } from '../core.js';
import type { WitnessJournal } from './journal.js';
import type { WitnessPromises } from './persistence.js';
import type { WitnessRules } from './rules.js';

/** Answers of one witness in durability `disk`. */
export class HeldAnswers {
  readonly #journal: WitnessJournal;
  readonly #rules: WitnessRules;
  /** Answers of this turn. */
  #fresh: WitnessOutput[] = [];
  /** Answers of turns that had nothing to keep, in order, each with the batch that it waits for. */
  #held: { behind: number; answer: WitnessOutput }[] = [];

  constructor(journal: WitnessJournal, rules: WitnessRules) {
    this.#journal = journal;
    this.#rules = rules;
  }

  add(answer: WitnessOutput): void {
    this.#fresh.push(answer);
  }

  /**
   * Lets go what may go, and the rest behind the batch of this turn. A turn without one, such as a turn of checks, may
   * have shown what is under way: its answers wait for that and not for a batch of their own, which would take the disk
   * twice as long.
   */
  release(promises: WitnessPromises, outputs: WitnessOutput[]): void {
    const batch = this.#journal.take(promises);
    const { binding, isKept } = this.#journal;
    const then: WitnessOutput[] = [];
    for (const answer of this.#fresh) {
      if (this.#rules.mayLeave(answer, isKept)) outputs.push(answer);
      else if (batch?.number === binding) then.push(answer);
      else this.#held.push({ behind: binding, answer });
    }
    this.#fresh = [];
    if (batch !== undefined) outputs.push({ kind: 'persist', batch, then });
  }

  /** The batch of this number is kept, and all before it. */
  onPersisted(number: number, outputs: WitnessOutput[]): void {
    this.#journal.onPersisted(number);
    const first = this.#held.findIndex(({ behind }) => behind > number);
    const ready = this.#held.splice(0, first < 0 ? this.#held.length : first);
    for (const { answer } of ready) outputs.push(answer);
  }

  /** Forgets what was meant for a client that is gone. What travels with a batch already goes nowhere. */
  drop(client: number): void {
    this.#held = this.#held.filter(({ answer }) => answer.kind !== 'record' || answer.client !== client);
  }
}
