// Answers of a witness that keeps its memory on a disk, on their way out: none leaves before what it rests on is kept.
// Gathers the answers of a turn, sends those that must wait along with the turn's batch or behind an earlier one. The
// pool bounds what waits to be kept; what waits behind it and adds nothing to it is bounded here.

import type { WitnessOutput } from '../core.js';
import type { WitnessJournal } from './journal.js';
import type { WitnessPromises } from './persistence.js';
import type { WitnessRules } from './rules.js';

/** Frames to clients that wait behind a batch; a client whose answer was dropped asks again. */
const FRAMES_LIMIT = 16_384;
/** Answers of every other kind that wait behind a batch: whoever wanted an older one has asked again or given up. */
const CALLS_LIMIT = 4;

/** Answers of one witness in durability `disk`. */
export class HeldAnswers {
  readonly #journal: WitnessJournal;
  readonly #rules: WitnessRules;
  /** Answers of this turn. */
  #fresh: WitnessOutput[] = [];
  /** Answers of turns that had nothing to keep, in order, each with the batch that it waits for. */
  readonly #held: { behind: number; answer: WitnessOutput }[] = [];
  /** Of the same, by kind. */
  readonly #counts = new Map<WitnessOutput['kind'], number>();

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
      else this.#hold(answer, binding);
    }
    this.#fresh = [];
    if (batch !== undefined) outputs.push({ kind: 'persist', batch, then });
  }

  /** The oldest of a kind goes where the newest has no room: a disk that is full for long is asked again and again. */
  #hold(answer: WitnessOutput, behind: number): void {
    const count = (this.#counts.get(answer.kind) ?? 0) + 1;
    this.#held.push({ behind, answer });
    this.#counts.set(answer.kind, count);
    if (count <= (answer.kind === 'record' ? FRAMES_LIMIT : CALLS_LIMIT)) return;
    this.#remove(
      this.#held.findIndex((held) => held.answer.kind === answer.kind),
      1,
    );
  }

  #remove(from: number, count: number): WitnessOutput[] {
    const removed = this.#held.splice(from, count).map(({ answer }) => answer);
    for (const { kind } of removed) this.#counts.set(kind, (this.#counts.get(kind) ?? 0) - 1);
    return removed;
  }

  /** The batch of this number is kept, and all before it. */
  onPersisted(number: number, outputs: WitnessOutput[]): void {
    this.#journal.onPersisted(number);
    const first = this.#held.findIndex(({ behind }) => behind > number);
    outputs.push(...this.#remove(0, first < 0 ? this.#held.length : first));
  }

  /** Forgets what was meant for a client that is gone. What travels with a batch already goes nowhere. */
  drop(client: number): void {
    for (let at = this.#held.length - 1; at >= 0; at--) {
      const answer = this.#held[at]?.answer;
      if (answer?.kind === 'record' && answer.client === client) this.#remove(at, 1);
    }
  }
}
