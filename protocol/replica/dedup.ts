// The dedup table: for each session how far its writes were executed and what the strong ones answered. It is replicated
// state: two replicas that applied the same log prefix hold the same table (F2). Log order is session order, so one
// number says which commands were executed; results are kept until the client has acknowledged them (F3).

import type { Command, WriteResult } from '../messages.js';
import { hashSession } from './state-hash.js';

/** What a strong command answered when it was executed. */
export interface ExecutedResult {
  slot: number;
  result: WriteResult;
}

/** One session as the state knows it. */
export interface SessionRecord {
  /** Highest seq executed; all below were executed too. */
  lastSeq: number;
  /** Slot of that command. */
  lastSlot: number;
  /** Results up to this seq may be forgotten; never above `lastSeq`. */
  ackedThrough: number;
  /** Results of strong commands above `ackedThrough`, by seq in ascending order. */
  results: Map<number, ExecutedResult>;
}

/** Results that one session may leave unacknowledged before the leader stops ordering its writes. */
export const RESULTS_PER_SESSION_LIMIT = 4096;

/** Sessions by id. */
export class DedupTable {
  readonly #sessions = new Map<number, SessionRecord>();
  /** While somebody reads the table as it was: sessions that changed since, as they were then; null for new ones. */
  #frozen: Map<number, SessionRecord | null> | null = null;
  /** Sessions that differ from what was last taken; null as long as nobody wants to know. */
  #changed: Set<number> | null = null;
  #hash = 0;

  get size(): number {
    return this.#sessions.size;
  }

  /** Sum of what the sessions contribute to the hash of the state. */
  get hash(): number {
    return this.#hash;
  }

  /** Highest executed seq of a session, 0 if it never wrote. */
  lastSeq(session: number): number {
    return this.#sessions.get(session)?.lastSeq ?? 0;
  }

  get(session: number): SessionRecord | undefined {
    return this.#sessions.get(session);
  }

  /** Notes an execution. `command.seq` is the session's next; results up to `forgetThrough` go. */
  note(command: Command, slot: number, result: WriteResult, forgetThrough: number = command.ackedThrough): void {
    const { session } = command;
    let record = this.#sessions.get(session);
    if (this.#frozen !== null) this.#keepFrozen(session, record);
    const hashBefore = record === undefined ? 0 : hashSession(session, record);
    if (record === undefined) {
      record = { lastSeq: 0, lastSlot: 0, ackedThrough: 0, results: new Map() };
      this.#sessions.set(session, record);
    }
    this.#changed?.add(session);
    record.lastSeq = command.seq;
    record.lastSlot = slot;
    if (command.strong) record.results.set(command.seq, { slot, result });
    if (forgetThrough > record.ackedThrough) {
      record.ackedThrough = Math.min(forgetThrough, command.seq - 1);
      for (const seq of record.results.keys()) {
        if (seq > record.ackedThrough) break;
        record.results.delete(seq);
      }
    }
    this.#hash = (this.#hash + hashSession(session, record) - hashBefore) >>> 0;
  }

  /** Puts in a session that is not there, as it was kept or sent. The record is copied. */
  load(session: number, record: SessionRecord): void {
    this.#sessions.set(session, copyRecord(record));
    this.#hash = (this.#hash + hashSession(session, record)) >>> 0;
  }

  /** Begins to note what changes. */
  track(): void {
    this.#changed = new Set();
  }

  /** Copies of the sessions that have changed since `track` or the last call; null for one that is not there any more. */
  takeChanges(): (readonly [session: number, record: SessionRecord | null])[] {
    const changes: [number, SessionRecord | null][] = [];
    for (const session of this.#changed ?? []) {
      const record = this.#sessions.get(session);
      changes.push([session, record === undefined ? null : copyRecord(record)]);
    }
    this.track();
    return changes;
  }

  /** The session has ended. */
  drop(session: number): void {
    const record = this.#sessions.get(session);
    if (record === undefined) return;
    if (this.#frozen !== null) this.#keepFrozen(session, record);
    this.#sessions.delete(session);
    this.#changed?.add(session);
    this.#hash = (this.#hash - hashSession(session, record)) >>> 0;
  }

  /**
   * The sessions as they are now, for readers that take their time; a session is copied before it changes next. Freezing
   * anew ends what was frozen before.
   */
  freeze(): Iterable<readonly [number, SessionRecord]> {
    const frozen = new Map<number, SessionRecord | null>();
    this.#frozen = frozen;
    const ids = [...this.#sessions.keys()];
    return { [Symbol.iterator]: () => readFrozen(ids, frozen, this.#sessions) };
  }

  /** Nobody reads what was frozen any more. */
  thaw(): void {
    this.#frozen = null;
  }

  #keepFrozen(session: number, record: SessionRecord | undefined): void {
    if (this.#frozen?.has(session) !== false) return;
    this.#frozen.set(session, record === undefined ? null : copyRecord(record));
  }

  [Symbol.iterator](): IterableIterator<[number, SessionRecord]> {
    return this.#sessions[Symbol.iterator]();
  }
}

function* readFrozen(
  sessions: readonly number[],
  frozen: ReadonlyMap<number, SessionRecord | null>,
  live: ReadonlyMap<number, SessionRecord>,
): Generator<readonly [number, SessionRecord]> {
  for (const session of sessions) {
    const record = frozen.get(session) ?? live.get(session);
    // A copy: the reader may pause in the middle of a session's results, and the session go on.
    if (record !== undefined) yield [session, copyRecord(record)];
  }
}

function copyRecord({ lastSeq, lastSlot, ackedThrough, results }: SessionRecord): SessionRecord {
  return { lastSeq, lastSlot, ackedThrough, results: new Map(results) };
}
