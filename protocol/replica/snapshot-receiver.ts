// Snapshots at the receiver: parts, in whatever order and number they come, become a state beside the present one. It
// replaces that one when it is whole and not before. Knows nothing of logs or leaders.

import { bytesToText } from '../bytes.js';
import type { SnapshotKey, SnapshotPart, SnapshotSession } from '../messages.js';
import { APPLIED } from './execute.js';
import type { ReplicaRules } from './rules.js';
import { AppliedState } from './state.js';

/** A snapshot that is being received; one at a time. */
export class SnapshotReceiver {
  readonly #shards: number;
  readonly #rules: ReplicaRules;
  #slot = 0;
  #parts = 0;
  #state: AppliedState | null = null;
  /** Deletions go in last, in the order of their slots: the oldest are forgotten first, however keys are split (P4e). */
  #tombstones: SnapshotKey[] = [];

  constructor(shards: number, rules: ReplicaRules) {
    this.#shards = shards;
    this.#rules = rules;
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
  }

  /** Takes a part; the whole state once it was the last. A part that is not the next one changes nothing. */
  take(part: SnapshotPart): AppliedState | null {
    // A later snapshot takes the place of one under way: its sender has given that one up.
    if (part.slot > this.#slot) this.#begin(part.slot);
    const state = this.#state;
    if (state === null || part.slot !== this.#slot || !this.#rules.isNextPart(part.number, this.#parts)) return null;
    this.#parts = part.number + 1;
    for (const key of part.keys) {
      if (key.deleted) this.#tombstones.push(key);
      else putKey(state, key);
    }
    for (const session of part.sessions) putSession(state, session);
    if (!part.isLast) return null;
    this.#tombstones.sort((one, other) => one.slot - other.slot);
    for (const key of this.#tombstones) putKey(state, key);
    state.store.restoreForgotten(part.forgottenSlots);
    state.restoredTo(part.slot);
    this.forget();
    return state;
  }

  #begin(slot: number): void {
    this.forget();
    this.#slot = slot;
    this.#state = new AppliedState(this.#shards, this.#rules);
  }
}

function putKey(state: AppliedState, { key, value, deleted, slot, session, seq }: SnapshotKey): void {
  state.store.write(bytesToText(key), { value: deleted ? null : bytesToText(value), slot, session, seq });
}

function putSession({ dedup }: AppliedState, piece: SnapshotSession): void {
  const { session, lastSeq, lastSlot, ackedThrough } = piece;
  const results = dedup.get(session)?.results ?? new Map();
  for (const { seq, slot, result } of piece.results) {
    results.set(seq, { slot, result: result === undefined ? APPLIED : { ...result, value: result.value.slice() } });
  }
  dedup.restore(session, { lastSeq, lastSlot, ackedThrough, results });
}
