// The replicated state of one replica: store, dedup table and the slot up to which both include the log. They change
// together, in slot order, when a slot is committed, and at no other time (C2, C5).

import type { Command, WriteResult } from '../messages.js';
import { DedupTable, type SessionRecord } from './dedup.js';
import { decideResult, keysOf, mutationValue } from './execute.js';
import type { ReplicaRules } from './rules.js';
import { type FrozenShard, Store, type Version } from './store.js';

/** The state of one slot, which stays readable while the replica goes on. */
export interface FrozenState {
  readonly slot: number;
  readonly shards: readonly FrozenShard[];
  readonly sessions: Iterable<readonly [number, SessionRecord]>;
}

/** Applied keys, applied sessions. */
export class AppliedState {
  readonly store: Store;
  readonly dedup = new DedupTable();
  readonly #rules: ReplicaRules;
  #appliedSlot = 0;

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
    return { slot: this.#appliedSlot, shards: this.store.freeze(), sessions: this.dedup.freeze() };
  }

  /** Nobody reads what was frozen any more. */
  thaw(): void {
    this.store.thaw();
    this.dedup.thaw();
  }

  /** Everything was put into store and dedup table: from now on this is the state of `slot`. */
  restoredTo(slot: number): void {
    this.#appliedSlot = slot;
  }

  /**
   * Applies the entry of the next slot; `undefined` for an epoch's own entry. Returns what the command answered, or null
   * if there was nothing to execute: a command whose id was executed before changes nothing (F2).
   */
  apply(slot: number, command: Command | undefined): WriteResult | null {
    if (slot !== this.#appliedSlot + 1) throw new Error(`slot ${slot} applied after ${this.#appliedSlot}`);
    this.#appliedSlot = slot;
    if (command === undefined || this.#rules.isDuplicate(command.seq, this.dedup.lastSeq(command.session))) return null;
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
    this.dedup.note(command, slot, result);
    return result;
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
    return hash >>> 0;
  }
}
