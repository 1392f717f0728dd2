// The applied state: what committed commands made of the keys. Split into shards so that no single map is ever
// rehashed in one long pause. Knows nothing of epochs or peers; speculative values live in the overlay (C7).

import { shardOf, textToBytes } from '../bytes.js';
import { KeyIndex } from '../key-index.js';
import type { ScanEntry } from '../messages.js';
import { hashVersion } from './state-hash.js';

/** What a key holds. */
export interface Version {
  /** The value as text, null for a key that was deleted. */
  value: string | null;
  /** Slot of the command that wrote it. */
  slot: number;
  /** Session of that command. */
  session: number;
  /** Its seq. */
  seq: number;
}

/** Deleted keys that are remembered per shard before the oldest half is forgotten. */
const TOMBSTONES_PER_SHARD_LIMIT = 1024;

interface Shard {
  versions: Map<string, Version>;
  /** Deleted keys, oldest first. */
  tombstones: Set<string>;
  /** Highest slot of a tombstone that was forgotten: the version of every key of the shard that is simply not there. */
  forgottenSlot: number;
  /** Somebody reads the maps as they are now: whoever changes them takes copies first. */
  isFrozen: boolean;
}

/** The keys of a store as they were when it was frozen. */
export interface FrozenShard {
  readonly versions: ReadonlyMap<string, Version>;
  /** Deleted keys, oldest first. */
  readonly tombstones: ReadonlySet<string>;
  readonly forgottenSlot: number;
}

/** Where a paged read stopped. */
export interface ScanPage {
  entries: ScanEntry[];
  /** True if a limit cut the page. */
  more: boolean;
}

/** What became different since it was last asked for. */
export interface StoreChanges {
  /** Keys with what they hold now; null for a deletion that was forgotten. */
  keys: (readonly [key: string, version: Version | null])[];
  /** For each shard the newest deletion that was forgotten; undefined if none was. */
  forgottenSlots: number[] | undefined;
}

/** Keys, values and the slots that wrote them. */
export class Store {
  readonly #shards: Shard[] = [];
  readonly #index = new KeyIndex();
  /** Keys that differ from what was last taken; null as long as nobody wants to know. */
  #changed: Set<string> | null = null;
  #hasForgotten = false;
  #hash = 0;

  constructor(shards: number) {
    for (let i = 0; i < shards; i++) {
      this.#shards.push({ versions: new Map(), tombstones: new Set(), forgottenSlot: 0, isFrozen: false });
    }
  }

  /** Number of keys that exist. */
  get size(): number {
    return this.#index.size;
  }

  /** Sum of what the keys contribute to the hash of the state. */
  get hash(): number {
    return this.#hash;
  }

  /** The version of a key; undefined if it never existed or its deletion was forgotten. */
  get(key: string): Version | undefined {
    return this.#shardOf(key).versions.get(key);
  }

  /** Version slot of a key that has no entry: no read of the key before that slot can be newer (P4e). */
  absentSlot(key: string): number {
    return this.#shardOf(key).forgottenSlot;
  }

  /** Sets or, with null, deletes a key. A version is never changed afterwards, so whoever has one may keep it. */
  write(key: string, version: Version): void {
    const shard = this.#shardOf(key);
    if (shard.isFrozen) thawShard(shard);
    const before = shard.versions.get(key);
    this.#changed?.add(key);
    this.#hash = (this.#hash + hashVersion(key, version) - (before === undefined ? 0 : hashVersion(key, before))) >>> 0;
    const existed = before !== undefined && before.value !== null;
    shard.versions.set(key, version);
    if (version.value === null) {
      if (existed) this.#index.delete(key);
      shard.tombstones.delete(key);
      shard.tombstones.add(key);
      if (shard.tombstones.size > TOMBSTONES_PER_SHARD_LIMIT) this.#forgetTombstones(shard);
    } else if (!existed) {
      this.#index.add(key);
      if (before !== undefined) shard.tombstones.delete(key);
    }
  }

  /**
   * The keys as they are now, for a reader that takes its time: a shard is copied when it is written to next. What was
   * frozen before stays readable, but `thaw` spares the copies only once.
   */
  freeze(): FrozenShard[] {
    return this.#shards.map((shard) => {
      shard.isFrozen = true;
      const { versions, tombstones, forgottenSlot } = shard;
      return { versions, tombstones, forgottenSlot };
    });
  }

  /** Nobody reads what was frozen any more. */
  thaw(): void {
    for (const shard of this.#shards) shard.isFrozen = false;
  }

  /** Entries from `start` (inclusive) to `end` (exclusive, empty for none), at least one if there is any. */
  scan(range: { start: string; end: string; limit: number; byteLimit: number }): ScanPage {
    const page: ScanPage = { entries: [], more: false };
    let bytes = 0;
    this.#index.forEach(range.start, range.end, (key) => {
      const value = this.get(key)?.value ?? '';
      bytes += key.length + value.length;
      const full = page.entries.length >= range.limit || (bytes > range.byteLimit && page.entries.length > 0);
      if (full) page.more = true;
      else page.entries.push({ key: textToBytes(key), value: textToBytes(value) });
      return !full;
    });
    return page;
  }

  /** Every key that exists, in order. */
  forEach(visit: (key: string, version: Version) => void): void {
    this.#index.forEach('', '', (key) => {
      const version = this.get(key);
      if (version !== undefined) visit(key, version);
      return true;
    });
  }

  /** Begins to note what changes. */
  track(): void {
    this.#changed = new Set();
    this.#hasForgotten = false;
  }

  /** What has changed since `track` or the last call. */
  takeChanges(): StoreChanges {
    const keys: [string, Version | null][] = [];
    for (const key of this.#changed ?? []) keys.push([key, this.get(key) ?? null]);
    const forgottenSlots = this.#hasForgotten ? this.forgottenSlots() : undefined;
    this.track();
    return { keys, forgottenSlots };
  }

  /** For each shard the newest deletion that was forgotten. */
  forgottenSlots(): number[] {
    return this.#shards.map(({ forgottenSlot }) => forgottenSlot);
  }

  /** Takes over what `forgottenSlots` said; from a store with other shards the highest counts for all. */
  loadForgottenSlots(slots: readonly number[]): void {
    const highest = Math.max(0, ...slots);
    this.#shards.forEach((shard, index) => {
      const slot = slots.length === this.#shards.length ? (slots[index] ?? 0) : highest;
      shard.forgottenSlot = Math.max(shard.forgottenSlot, slot);
    });
  }

  #forgetTombstones(shard: Shard): void {
    let left = TOMBSTONES_PER_SHARD_LIMIT / 2;
    this.#hasForgotten = true;
    for (const key of shard.tombstones) {
      if (left-- === 0) return;
      shard.forgottenSlot = Math.max(shard.forgottenSlot, shard.versions.get(key)?.slot ?? 0);
      shard.tombstones.delete(key);
      shard.versions.delete(key);
      this.#changed?.add(key);
    }
  }

  #shardOf(key: string): Shard {
    const shard = this.#shards[this.#shards.length === 1 ? 0 : shardOf(key, this.#shards.length)];
    if (shard === undefined) throw new Error(`no shard for key of ${key.length} bytes`);
    return shard;
  }
}

function thawShard(shard: Shard): void {
  shard.versions = new Map(shard.versions);
  shard.tombstones = new Set(shard.tombstones);
  shard.isFrozen = false;
}
