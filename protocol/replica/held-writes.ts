// The weak writes that a replica has acknowledged, or could have, and that are not committed: whoever acknowledges owns
// the relay (E9). A write stays here until it is committed, not merely in the log, because a log can be cut.

import { copyCommand } from '../command.js';
import type { CheckedWrite } from '../messages.js';

interface Held {
  write: CheckedWrite;
  sinceUs: number;
}

/** Held writes by session and seq. */
export class HeldWrites {
  readonly #limit: number;
  readonly #sessions = new Map<number, Map<number, Held>>();
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  has(session: number, seq: number): boolean {
    return this.#sessions.get(session)?.has(seq) ?? false;
  }

  /** Keeps a write. False if there is no room: then it may not be acknowledged. */
  hold(write: CheckedWrite, nowUs: number): boolean {
    const { session, seq } = write.command;
    let writes = this.#sessions.get(session);
    if (writes?.has(seq)) return true;
    if (this.#size >= this.#limit) return false;
    if (writes === undefined) {
      writes = new Map();
      this.#sessions.set(session, writes);
    }
    // The copy keeps no frame alive; what else the write carried matters only to witnesses.
    const command = copyCommand(write.command);
    writes.set(seq, { write: { ...write, command, traceContext: new Uint8Array(0) }, sinceUs: nowUs });
    this.#size++;
    return true;
  }

  /** A session's writes up to `seq` are committed. */
  release(session: number, seq: number): void {
    const writes = this.#sessions.get(session);
    if (writes === undefined) return;
    for (const held of writes.keys()) {
      if (held > seq) continue;
      writes.delete(held);
      this.#size--;
    }
    if (writes.size === 0) this.#sessions.delete(session);
  }

  /** Up to `limit` writes held since before `untilUs`, in seq order per session; their clocks start again. */
  takeDue(untilUs: number, nowUs: number, limit: number): CheckedWrite[] {
    const due: CheckedWrite[] = [];
    if (this.#size === 0) return due;
    for (const writes of this.#sessions.values()) {
      const seqs = [...writes.keys()].sort((a, b) => a - b);
      for (const seq of seqs) {
        const held = writes.get(seq);
        if (held === undefined || held.sinceUs > untilUs) continue;
        if (due.length >= limit) return due;
        held.sinceUs = nowUs;
        due.push(held.write);
      }
    }
    return due;
  }
}
