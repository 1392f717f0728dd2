// The replicated state of one replica: store, dedup table and the slot up to which both include the log. They change
// together, in slot order, when a slot is committed, and at no other time (C2, C5).

import type { Command, SessionRange, WriteResult } from '../messages.js';
import { SessionSet } from '../session-set.js';
import { DedupTable, type SessionRecord } from './dedup.js';
import { decideResult, keysOf, mutationValue } from './execute.js';
import type { ReplicaImage } from './persistence.js';
import type { ReplicaRules } from './rules.js';
import { type FrozenShard, Store, type Version } from './store.js';

/** The state of one slot, which stays readable while the replica goes on. */
export interface FrozenState {
  readonly slot: number;
  readonly shards: readonly FrozenShard[];
  readonly sessions: Iterable<readonly [number, SessionRecord]>;
  /** All sessions that have ended. */
  readonly ended: SessionRange[];
}

/** The hash of the state is remembered at slots that are multiples of this, so that replicas can be compared. */
const HASHED_SLOTS = 1024;

/** Hash of the state right after a slot. */
export interface StateHash {
  slot: number;
  hash: number;
}

/** What a state can be made of again. */
export type KeptState = Pick<ReplicaImage, 'slot' | 'keys' | 'sessions' | 'expired' | 'forgottenSlots'>;

/** Applied keys, applied sessions. */
export class AppliedState {
  readonly store: Store;
  readonly dedup = new DedupTable();
  /** Sessions whose end was applied: none of their writes is ever executed again (F5). */
  readonly ended = new SessionSet();
  readonly #rules: ReplicaRules;
  #appliedSlot = 0;
  /** Sessions have ended since that was last asked. */
  #hasEndings = false;
  #stateHash: StateHash = { slot: 0, hash: 0 };

  constructor(shards: number, rules: ReplicaRules) {
    this.store = new Store(shards);
    this.#rules = rules;
  }

  /** Highest slot whose command is part of this state. */
  get appliedSlot(): number {
    return this.#appliedSlot;
  }

  /** The state as it is now, for readers that take their time; freezing anew ends what was frozen before. */
  freeze(): FrozenState {
    return {
      slot: this.#appliedSlot,
      shards: this.store.freeze(),
      sessions: this.dedup.freeze(),
      ended: this.ended.toRanges(),
    };
  }

  /** Nobody reads what was frozen any more. */
  thaw(): void {
    this.store.thaw();
    this.dedup.thaw();
  }

  /** Everything was put into store and dedup table: from now on this is the state of `slot`. */
  finishLoading(slot: number): void {
    this.#appliedSlot = slot;
    this.#rememberHash();
  }

  /** Newest remembered hash; slot 0 as long as there is none. Equal on replicas whose state at that slot is equal. */
  get stateHash(): StateHash {
    return this.#stateHash;
  }

  /** The hash of the state as it is. 32 bits. */
  get hash(): number {
    return (this.store.hash + this.dedup.hash + this.ended.hash) >>> 0;
  }

  /** Takes over a state that was kept or sent. To be called on an empty one. */
  load(kept: KeptState): void {
    const deleted: [string, Version][] = [];
    for (const [key, version] of kept.keys) {
      if (version.value === null) deleted.push([key, version]);
      else this.store.write(key, version);
    }
    // Deletions are forgotten oldest first, which whoever kept them need not know.
    deleted.sort(([, one], [, other]) => one.slot - other.slot);
    for (const [key, version] of deleted) this.store.write(key, version);
    this.store.loadForgottenSlots(kept.forgottenSlots);
    for (const [session, record] of kept.sessions) this.dedup.load(session, record);
    for (const range of kept.expired) this.ended.addRange(range);
    this.finishLoading(kept.slot);
  }

  /** Begins to note what changes, in keys and in sessions. */
  track(): void {
    this.store.track();
    this.dedup.track();
    this.#hasEndings = false;
  }

  /**
   * Applies the entry of the next slot; `undefined` for an epoch's own entry. Returns what the command answered, or null
   * if there was nothing to execute: a command whose id was executed before changes nothing (F2).
   */
  apply(slot: number, command: Command | undefined): WriteResult | null {
    this.#advance(slot);
    const result = this.#execute(slot, command);
    this.#rememberHash();
    return result;
  }

  /** All sessions that have ended, if that has changed since `track` or the last call. */
  takeEndings(): SessionRange[] | undefined {
    if (!this.#hasEndings) return undefined;
    this.#hasEndings = false;
    return this.ended.toRanges();
  }

  #advance(slot: number): void {
    if (slot !== this.#appliedSlot + 1) throw new Error(`slot ${slot} applied after ${this.#appliedSlot}`);
    this.#appliedSlot = slot;
  }

  #rememberHash(): void {
    const slot = this.#appliedSlot;
    if (slot % HASHED_SLOTS === 0) this.#stateHash = { slot, hash: this.hash };
  }

  #execute(slot: number, command: Command | undefined): WriteResult | null {
    if (command === undefined || this.#rules.isEnded(command.session, this.ended)) return null;
    if (this.#rules.isDuplicate(command.seq, this.dedup.lastSeq(command.session))) return null;
    const keys = keysOf(command);
    const result = decideResult(command, keys, {
      lookup: (key) => this.store.get(key),
      absentSlot: (key) => this.store.absentSlot(key),
    });
    if (result.applied) {
      const { session, seq } = command;
      keys.forEach((key, i) => {
        this.store.write(key, { value: mutationValue(command, i), slot, session, seq });
      });
    }
    this.dedup.note(command, slot, result, this.#rules.forgetsThrough(command));
    return result;
  }

  /** Applies the entry of the next slot where it ends sessions: their records go, their ids are remembered. */
  end(slot: number, sessions: readonly number[]): void {
    this.#advance(slot);
    for (const session of sessions) {
      this.dedup.drop(session);
      this.ended.add(session);
    }
    this.#hasEndings = true;
    this.#rememberHash();
  }

  /** A number that is equal on two replicas with equal state; 32-bit FNV over keys, versions and sessions in order. */
  digest(): number {
    let hash = 0x811c9dc5;
    const mix = (text: string) => {
      for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    };
    this.store.forEach((key: string, { value, slot, session, seq }: Version) => {
      mix(`${key}=${value}@${slot}:${session}#${seq};`);
    });
    const sessions = [...this.dedup].sort(([a], [b]) => a - b);
    for (const [session, { lastSeq, ackedThrough, results }] of sessions) {
      mix(`${session}:${lastSeq}:${ackedThrough}:${[...results.keys()].join()};`);
    }
    for (const { first, last } of this.ended.toRanges()) mix(`${first}-${last};`);
    return hash >>> 0;
  }
}
