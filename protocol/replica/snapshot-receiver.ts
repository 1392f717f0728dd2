// Snapshots at the receiver: parts, in whatever order and number they come, become a state beside the present one, in
// memory and, where there is one, on the disk. It replaces that one when it is whole and not before. Knows nothing of
// logs or leaders.

import { bytesToText } from '../bytes.js';
import type { SnapshotPart, SnapshotSession } from '../messages.js';
import type { SessionRecord } from './dedup.js';
import { APPLIED } from './execute.js';
import type { Journal, StatePiece } from './journal.js';
import type { ReplicaNode } from './node.js';
import { AppliedState } from './state.js';
import type { Version } from './store.js';

/** A state that is whole, and the last piece of it, which is not handed to the journal yet. */
export interface ReceivedState {
  state: AppliedState;
  lastPiece: StatePiece;
}

/** A snapshot that is being received; one at a time. */
export class SnapshotReceiver {
  readonly #node: Pick<ReplicaNode, 'journal' | 'options' | 'rules'>;
  #slot = 0;
  #parts = 0;
  #state: AppliedState | null = null;
  /** Deletions go in last, in the order of their slots: the oldest are forgotten first, however keys are split (P4e). */
  #tombstones: [key: string, version: Version][] = [];
  /** Sessions go in last: the results of one may come in several parts. */
  #sessions = new Map<number, SessionRecord>();

  constructor(node: Pick<ReplicaNode, 'journal' | 'options' | 'rules'>) {
    this.#node = node;
  }

  /** Slot of the snapshot, 0 if none is being received. */
  get slot(): number {
    return this.#slot;
  }

  /** Parts of it that arrived without a gap. */
  get parts(): number {
    return this.#parts;
  }

  /** What was received so far is worth nothing any more. */
  forget(): void {
    this.#slot = 0;
    this.#parts = 0;
    this.#state = null;
    this.#tombstones = [];
    this.#sessions.clear();
  }

  /**
   * Takes a part; the whole state once it was the last. A part that is not the next one, or that the disk has no room
   * for, changes nothing: it is not acknowledged and comes again.
   */
  take(part: SnapshotPart): ReceivedState | null {
    const { journal, rules } = this.#node;
    if (journal?.hasRoom === false) return null;
    // A later snapshot takes the place of one under way: its sender has given that one up.
    if (part.slot > this.#slot) this.#begin(part.slot, journal);
    const state = this.#state;
    if (state === null || part.slot !== this.#slot || !rules.isNextPart(part.number, this.#parts)) return null;
    this.#parts = part.number + 1;
    const piece = this.#put(part, state);
    if (!part.isLast) {
      journal?.buildAside(piece);
      return null;
    }
    this.#tombstones.sort(([, one], [, other]) => one.slot - other.slot);
    for (const [key, version] of this.#tombstones) state.store.write(key, version);
    state.store.loadForgottenSlots(part.forgottenSlots);
    for (const [session, record] of this.#sessions) state.dedup.load(session, record);
    for (const range of part.expired) state.ended.addRange(range);
    state.finishLoading(part.slot);
    this.forget();
    return { state, lastPiece: piece };
  }

  #begin(slot: number, journal: Journal | null): void {
    this.forget();
    this.#slot = slot;
    this.#state = new AppliedState(this.#node.options.shards, this.#node.rules);
    journal?.beginAside();
  }

  #put({ keys, sessions, isLast, expired, forgottenSlots }: SnapshotPart, { store }: AppliedState): StatePiece {
    const pieceKeys: [string, Version][] = [];
    for (const { key, value, deleted, slot, session, seq } of keys) {
      const name = bytesToText(key);
      const version = { value: deleted ? null : bytesToText(value), slot, session, seq };
      if (deleted) this.#tombstones.push([name, version]);
      else store.write(name, version);
      if (this.#node.journal !== null) pieceKeys.push([name, version]);
    }
    const pieceSessions: [number, SessionRecord][] = [];
    for (const session of sessions) {
      const record = putSession(this.#sessions, session);
      if (this.#node.journal === null) continue;
      pieceSessions.push([session.session, { ...record, results: new Map(record.results) }]);
    }
    const last = isLast ? { expired, forgottenSlots } : { expired: undefined, forgottenSlots: undefined };
    return { keys: pieceKeys, sessions: pieceSessions, ...last };
  }
}

/** The session as far as it has come. */
function putSession(sessions: Map<number, SessionRecord>, piece: SnapshotSession): SessionRecord {
  const { session, lastSeq, lastSlot, ackedThrough } = piece;
  let record = sessions.get(session);
  if (record === undefined) {
    record = { lastSeq, lastSlot, ackedThrough, results: new Map() };
    sessions.set(session, record);
  }
  for (const { seq, slot, result } of piece.results) {
    const kept = result === undefined ? APPLIED : { ...result, value: result.value.slice() };
    record.results.set(seq, { slot, result: kept });
  }
  return record;
}
