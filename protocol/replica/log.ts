// The replicated log of one replica: entries by slot, from 1. What every replica has stored is dropped from its head, so
// the log's length follows the slowest follower, not the age of the cluster. Knows nothing of execution.

import { commandBytes } from '../command.js';
import type { LogEntry } from '../messages.js';

/** Slots 1 to `lastSlot`; those up to `floor` are gone. */
export class ReplicaLog {
  #entries: LogEntry[] = [];
  #floor = 0;
  #floorEpoch = 0;
  /** Bytes of all commands up to and with each entry, counted from some beginning; ascending. */
  #ends: number[] = [];
  /** The same up to `floor`. */
  #bytesBefore = 0;
  readonly #kept: number;

  /** `kept` entries stay behind the point that every replica has stored: a duplicate of an old frame still matches. */
  constructor(kept: number) {
    this.#kept = kept;
  }

  /** Highest slot that was dropped. */
  get floor(): number {
    return this.#floor;
  }

  get lastSlot(): number {
    return this.#floor + this.#entries.length;
  }

  get lastEpoch(): number {
    return this.epochAt(this.lastSlot) ?? 0;
  }

  /** Entries held. */
  get length(): number {
    return this.#entries.length;
  }

  /** Bytes of commands held, to within their envelopes. */
  get bytes(): number {
    return this.#end - this.#bytesBefore;
  }

  get #end(): number {
    return this.#ends.at(-1) ?? this.#bytesBefore;
  }

  /** Last slot after `slot` up to which commands take no more than `bytes` together; at least `slot` + 1. */
  reach(slot: number, bytes: number): number {
    const from = Math.max(slot - this.#floor, 0);
    const most = (from === 0 ? this.#bytesBefore : (this.#ends[from - 1] ?? this.#end)) + bytes;
    let [least, beyond] = [from, this.#ends.length];
    while (least < beyond) {
      const middle = (least + beyond) >> 1;
      if ((this.#ends[middle] ?? 0) <= most) least = middle + 1;
      else beyond = middle;
    }
    return Math.max(this.#floor + least, slot + 1);
  }

  /** Epoch of the entry at a slot; 0 at slot 0; undefined where there is no entry (any more). */
  epochAt(slot: number): number | undefined {
    if (slot === this.#floor) return this.#floorEpoch;
    return this.#entries[slot - this.#floor - 1]?.epoch;
  }

  at(slot: number): LogEntry | undefined {
    return this.#entries[slot - this.#floor - 1];
  }

  /** Begins anew after `floor`, whose entry has this epoch. */
  reset(floor: number, floorEpoch: number): void {
    this.#entries = [];
    this.#floor = floor;
    this.#floorEpoch = floorEpoch;
    this.#ends = [];
    this.#bytesBefore = 0;
  }

  /** Adds the entry for slot `lastSlot` + 1 and returns that slot. */
  append(entry: LogEntry): number {
    const { command } = entry;
    this.#ends.push(this.#end + (command === undefined ? 0 : commandBytes(command)));
    this.#entries.push(entry);
    return this.lastSlot;
  }

  /** Removes every entry above `slot`. */
  truncateAfter(slot: number): void {
    this.#entries.length = Math.max(0, Math.min(this.#entries.length, slot - this.#floor));
    this.#ends.length = this.#entries.length;
  }

  /**
   * The state includes everything up to `slot`, whose entry is of `epoch`: what lies below goes. What lies above stays
   * only if the entry at `slot` is the same here: then all before it is too, and nothing that was acknowledged is lost.
   */
  beginAfter(slot: number, epoch: number): void {
    const tail = this.epochAt(slot) === epoch ? this.#entries.slice(slot - this.#floor) : [];
    this.reset(slot, epoch);
    for (const entry of tail) this.append(entry);
  }

  /** Entries from `from`, as many as `limits` allow, at least one. */
  slice(from: number, limits: { entries: number; bytes: number }): LogEntry[] {
    const out: LogEntry[] = [];
    let bytes = 0;
    for (let slot = from; slot <= this.lastSlot && out.length < limits.entries && bytes < limits.bytes; slot++) {
      const entry = this.at(slot);
      if (entry === undefined) break;
      out.push(entry);
      if (entry.command !== undefined) bytes += commandBytes(entry.command);
    }
    return out;
  }

  /** Drops entries up to `slot`, less those kept for stragglers. Cheap: acts only when there is much to drop. */
  dropThrough(slot: number): void {
    const count = slot - this.#kept - this.#floor;
    if (count < this.#kept) return;
    this.#floorEpoch = this.#entries[count - 1]?.epoch ?? this.#floorEpoch;
    this.#bytesBefore = this.#ends[count - 1] ?? this.#end;
    this.#entries = this.#entries.slice(count);
    this.#ends = this.#ends.slice(count);
    this.#floor += count;
  }
}
