// The speculative state of a leader: what its uncommitted log entries would make of the keys. It lies over the applied
// state and is thrown away with the leadership (C7); nothing in it ever reaches the store.

import { ChurnMap } from '../churn-map.js';
import type { Command, CommandId, WriteResult } from '../messages.js';
import { SeqWindow } from '../seq-window.js';

/** An appended, uncommitted command. */
export interface Pending {
  slot: number;
  command: Command;
  keys: string[];
  /** Value left behind for each key, null for a deletion; meaningless unless `result.applied`. */
  values: (string | null)[];
  /** No other session had an uncommitted write on these keys at append (A2, A4). Never changes. */
  ok: boolean;
  /** What executing it on the speculative state answered. */
  result: WriteResult;
  /** Client process that sent it, 0 if it came from a relay or a report. */
  client: number;
}

/** What the speculative state knows of a key. */
export interface Speculation {
  value: string | null;
  slot: number;
  /** The uncommitted command that wrote it. */
  by: Pending;
}

/** Uncommitted commands by key and by slot. */
export class Overlay {
  readonly #byKey = new ChurnMap<Pending[]>();
  /** Slots without a command (an epoch's own entry, a duplicate in a tail) are passed over. */
  readonly #bySlot = new SeqWindow<Pending>(1);
  #size = 0;

  /** Number of uncommitted commands. */
  get size(): number {
    return this.#size;
  }

  /** Uncommitted commands on a key in slot order; undefined if there are none. */
  on(key: string): readonly Pending[] | undefined {
    return this.#byKey.get(key);
  }

  /** What the newest uncommitted command that changed the key made of it; undefined if none did. */
  lookup(key: string): Speculation | undefined {
    const pending = this.#byKey.get(key);
    if (pending === undefined) return undefined;
    for (let i = pending.length - 1; i >= 0; i--) {
      const by = pending[i];
      if (by === undefined || !by.result.applied) continue;
      return { value: by.values[by.keys.lastIndexOf(key)] ?? null, slot: by.slot, by };
    }
    return undefined;
  }

  /** Ids of the uncommitted commands on a key, in slot order. */
  idsOn(key: string): CommandId[] {
    const ids: CommandId[] = [];
    for (const { command } of this.#byKey.get(key) ?? []) ids.push({ session: command.session, seq: command.seq });
    return ids;
  }

  /** Adds the command of the next slot. */
  add(pending: Pending): void {
    this.#bySlot.add(pending.slot, pending);
    this.#size++;
    for (const key of new Set(pending.keys)) {
      const list = this.#byKey.get(key);
      if (list === undefined) this.#byKey.add(key, [pending]);
      else list.push(pending);
    }
  }

  /** All uncommitted commands in slot order. */
  *[Symbol.iterator](): IterableIterator<Pending> {
    yield* this.#bySlot;
  }

  /** Takes out the command at `slot`, the lowest, which has become committed; undefined if the slot has none. */
  remove(slot: number): Pending | undefined {
    if (this.#bySlot.size === 0 || this.#bySlot.first > slot) return undefined;
    while (this.#bySlot.first < slot) {
      if (this.#bySlot.get(this.#bySlot.first) !== undefined)
        throw new Error(`slot ${slot} committed before one below it`);
      this.#bySlot.shift();
    }
    const pending = this.#bySlot.shift();
    if (pending === undefined) return undefined;
    this.#size--;
    for (const key of new Set(pending.keys)) {
      const list = this.#byKey.get(key);
      if (list === undefined) continue;
      list.splice(list.indexOf(pending), 1);
      if (list.length === 0) this.#byKey.delete(key);
    }
    return pending;
  }
}
