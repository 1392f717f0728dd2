// The weak writes that a replica has acknowledged, or could have, and that are not committed: whoever acknowledges owns
// the relay (E9). A write stays here until it is committed, not merely in the log, because a log can be cut.

import type { Slab } from '../bytes.js';
import { commandBytes, copyCommand } from '../command.js';
import { FRAME_BYTES_SOFT_LIMIT } from '../limits.js';
import type { CheckedWrite } from '../messages.js';

/** Writes of one session that are relayed at a time, oldest first. */
const RELAYED_PER_SESSION = 64;

interface Held {
  write: CheckedWrite;
  sinceUs: number;
}

interface HeldSession {
  /** By seq; in seq order if `isOrdered`. */
  writes: Map<number, Held>;
  /** Highest seq ever put in. */
  highest: number;
  /** False once an older write came behind a younger one, as happens after a broken stream. */
  isOrdered: boolean;
}

/** Held writes by session and seq. */
export class HeldWrites {
  readonly #limits: { writes: number; bytes: number };
  readonly #slab: Slab;
  readonly #sessions = new Map<number, HeldSession>();
  #size = 0;
  #bytes = 0;

  constructor(limits: { writes: number; bytes: number }, slab: Slab) {
    this.#limits = limits;
    this.#slab = slab;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes of the commands, to within their envelopes. */
  get bytes(): number {
    return this.#bytes;
  }

  has(session: number, seq: number): boolean {
    return this.#sessions.get(session)?.writes.has(seq) ?? false;
  }

  /** Replica to which the client of a held write is bound; undefined if the write is not here. */
  boundOf(session: number, seq: number): number | undefined {
    return this.#sessions.get(session)?.writes.get(seq)?.write.bound;
  }

  /** Keeps a write. False if there is no room: then it may not be acknowledged. */
  hold(write: CheckedWrite, nowUs: number): boolean {
    const { session, seq } = write.command;
    let held = this.#sessions.get(session);
    if (held?.writes.has(seq)) return true;
    if (this.#size >= this.#limits.writes || this.#bytes >= this.#limits.bytes) return false;
    if (held === undefined) {
      held = { writes: new Map(), highest: 0, isOrdered: true };
      this.#sessions.set(session, held);
    }
    if (seq < held.highest) held.isOrdered = false;
    else held.highest = seq;
    // The copy keeps no frame alive; what else the write carried matters only to witnesses.
    const command = copyCommand(write.command, this.#slab);
    held.writes.set(seq, { write: { ...write, command }, sinceUs: nowUs });
    this.#size++;
    this.#bytes += commandBytes(command);
    return true;
  }

  /** A session's writes up to `seq` are committed. */
  release(session: number, seq: number): void {
    const writes = this.#sessions.get(session)?.writes;
    if (writes === undefined) return;
    for (const [held, { write }] of writes) {
      if (held > seq) continue;
      writes.delete(held);
      this.#size--;
      this.#bytes -= commandBytes(write.command);
    }
    if (writes.size === 0) this.#sessions.delete(session);
  }

  /** Up to `limit` writes of one session, lowest seq first, whatever their age. */
  of(session: number, limit: number): CheckedWrite[] {
    const held = this.#sessions.get(session);
    if (held === undefined) return [];
    if (!held.isOrdered) restoreOrder(held);
    return [...held.writes.values()].slice(0, limit).map(({ write }) => write);
  }

  /**
   * Up to `limit` writes, as many as fit in a frame, held since before `untilUs`, in seq order per session and only the first few of each: what
   * follows them is ordered when it becomes first. Their clocks start again.
   */
  takeDue(untilUs: number, nowUs: number, limit: number): CheckedWrite[] {
    const due: Held[] = [];
    let bytes = 0;
    for (const session of this.#sessions.values()) {
      if (!session.isOrdered) restoreOrder(session);
      let first = 0;
      for (const held of session.writes.values()) {
        if (due.length >= limit || bytes >= FRAME_BYTES_SOFT_LIMIT || ++first > RELAYED_PER_SESSION) break;
        if (held.sinceUs > untilUs) continue;
        due.push(held);
        bytes += commandBytes(held.write.command);
      }
    }
    for (const held of due) held.sinceUs = nowUs;
    return due.map(({ write }) => write).sort((a, b) => a.command.seq - b.command.seq);
  }
}

function restoreOrder(session: HeldSession): void {
  session.writes = new Map([...session.writes].sort(([a], [b]) => a - b));
  session.isOrdered = true;
}
