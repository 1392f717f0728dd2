// The replicated state of one replica: store, dedup table and the slot up to which both include the log. They change
// together, in slot order, when a slot is committed, and at no other time (C2, C5).

import type { Command, WriteResult } from '../messages.js';
import { SessionSet } from '../session-set.js';
import { DedupTable } from './dedup.js';
import { decideResult, keysOf, mutationValue } from './execute.js';
import type { ReplicaRules } from './rules.js';
import { Store, type Version } from './store.js';

/** Applied keys, applied sessions. */
export class AppliedState {
  readonly store: Store;
  readonly dedup = new DedupTable();
  /** Sessions whose end was applied: none of their writes is ever executed again (F5). */
  readonly ended = new SessionSet();
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

  /**
   * Applies the entry of the next slot; `undefined` for an epoch's own entry. Returns what the command answered, or null
   * if there was nothing to execute: a command whose id was executed before changes nothing (F2).
   */
  apply(slot: number, command: Command | undefined): WriteResult | null {
    if (slot !== this.#appliedSlot + 1) throw new Error(`slot ${slot} applied after ${this.#appliedSlot}`);
    this.#appliedSlot = slot;
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
    this.apply(slot, undefined);
    for (const session of sessions) {
      this.dedup.drop(session);
      this.ended.add(session);
    }
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
