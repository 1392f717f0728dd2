// What a follower or a witness owes the leader that asks which writes of some sessions are held here, because those
// sessions are about to end (F5). From the moment it was asked until it is asked otherwise a holder takes in nothing new
// of them: what it took in after its answer could be acknowledged and be lost. Knows nothing of what holders hold.

import { commandBytes } from './command.js';
import { FRAME_BYTES_SOFT_LIMIT } from './limits.js';
import type { CheckedWrite, Inquiry } from './messages.js';

/** Most writes in one answer; more are reported once these are committed. */
const ANSWER_WRITES_LIMIT = 4096;

/** An inquiry as a disk keeps it: in any other epoch than its own it means nothing. */
export interface KeptInquiry extends Inquiry {
  epoch: number;
}

/** The inquiry that one holder was last asked. */
export class AskedSessions {
  #number = 0;
  #sessions = new Set<number>();
  #isOwed = false;
  #isNew = false;

  /** Number of the question; 0 if there was none in this epoch. */
  get number(): number {
    return this.#number;
  }

  /** It was not taken to be kept yet. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** An answer is to go out with the next frame to the leader. */
  get isOwed(): boolean {
    return this.#isOwed;
  }

  /** Whether nothing new of a session may be taken in for now. */
  has(session: number): boolean {
    return this.#sessions.size > 0 && this.#sessions.has(session);
  }

  /**
   * The leader asks, or asks again; an older question that comes late changes nothing. True if other sessions are asked
   * about than before.
   */
  onInquiry({ number, sessions }: Inquiry): boolean {
    if (number < this.#number) return false;
    const isNew = number > this.#number;
    if (isNew) {
      this.#sessions = new Set(sessions);
      this.#isNew = true;
    }
    this.#number = number;
    this.#isOwed = true;
    return isNew;
  }

  /** Goes on where an earlier process of this life ended: what it was asked about may count as answered. */
  resume({ number, sessions }: Inquiry): void {
    this.#number = number;
    this.#sessions = new Set(sessions);
  }

  /** The question, to be kept before it is answered. */
  take(epoch: number): KeptInquiry {
    this.#isNew = false;
    return { epoch, number: this.#number, sessions: [...this.#sessions] };
  }

  /**
   * The answer: what is held, and the number of the question if that is all. One frame has to have all of it, because an
   * earlier one may be lost; what does not fit is asked for again when some of it is committed.
   */
  answer(heldOf: (session: number, limit: number) => CheckedWrite[]): { number: number; held: CheckedWrite[] } {
    this.#isOwed = false;
    const held: CheckedWrite[] = [];
    let bytes = 0;
    for (const session of this.#sessions) {
      for (const write of heldOf(session, ANSWER_WRITES_LIMIT + 1 - held.length)) {
        if (held.length >= ANSWER_WRITES_LIMIT || bytes >= FRAME_BYTES_SOFT_LIMIT) return { number: 0, held };
        held.push(write);
        bytes += commandBytes(write.command);
      }
    }
    return { number: this.#number, held };
  }

  /** Another epoch: its leader asks anew. */
  clear(): void {
    this.#number = 0;
    this.#sessions.clear();
    this.#isOwed = false;
    this.#isNew = false;
  }
}
