// What a replica in durability `disk` keeps through its end, and what it begins from afterwards. Plain data: the host
// writes it to a store, the simulator to a simulated disk, and both hand it back as an image. Knows no format.

import type { KeptInquiry } from '../inquiry.js';
import type { LogEntry, SessionRange } from '../messages.js';
import type { SessionRecord } from './dedup.js';
import type { Version } from './store.js';

/** `memory`: the end of the process is the end of its life. `disk`: what was answered is found again (C6). */
export type Durability = 'memory' | 'disk';

/** The promises of a replica; each number only grows. */
export interface ReplicaPromises {
  /** Epoch that it joined or was fenced for: it follows no older one. */
  epoch: number;
  /** Latest epoch that it began to lead. Started anew it does not lead that one again (C4). */
  ledEpoch: number;
  /** Entries up to here are committed. Lags behind what the process knows. */
  commitSlot: number;
}

/**
 * What a checkpoint does to the state that is kept. `move`: it goes on from where it is. The other three replace it, as
 * a snapshot arrives piece by piece: `begin` opens an empty state beside the kept one and drops any that was begun
 * before, `build` puts more into it, `install` puts the last piece in and lets it take the place of the kept one. What
 * ends before `install` is kept finds the old state with its log and its promises, and nothing of the new one.
 */
export type CheckpointStep = 'move' | 'begin' | 'build' | 'install';

/** The applied state moved on; together with the slot that it now includes, all or nothing (C5). */
export interface Checkpoint {
  step: CheckpointStep;
  /** Entries up to here are part of the state. Means nothing in `begin` and `build`. */
  slot: number;
  /** Entries up to here go from the log; never above `slot`. Means nothing in `begin` and `build`. */
  floor: number;
  /** Epoch of the entry at `floor`. */
  floorEpoch: number;
  /** Keys that changed since the last checkpoint; null for one that is no longer remembered. */
  keys: (readonly [key: string, version: Version | null])[];
  /** Sessions that changed; null for one that ended. */
  sessions: (readonly [session: number, record: SessionRecord | null])[];
  /** All sessions that have ended. Undefined if that did not change. */
  expired: SessionRange[] | undefined;
  /** For each shard the newest deletion that was forgotten. Undefined if that did not change. */
  forgottenSlots: number[] | undefined;
}

/** What is kept at once: all of it or nothing. */
export interface ReplicaBatch {
  /** Ascending from 1 in each process. */
  number: number;
  promises: ReplicaPromises;
  /** Entries above this slot go first, before `entries` come; undefined if none do. */
  cutAfter: number | undefined;
  /** Slot of the first of `entries`. */
  firstSlot: number;
  entries: readonly LogEntry[];
  checkpoint: Checkpoint | undefined;
  /** What the leader asks about now (F5). Undefined if that did not change. */
  asked: KeptInquiry | undefined;
}

/** What was found when the process began. */
export interface ReplicaImage {
  promises: ReplicaPromises;
  /** Undefined if nothing was ever asked. */
  asked: KeptInquiry | undefined;
  /** Slot that the state includes, 0 if it is empty. */
  slot: number;
  /** The log begins after this slot; never above `slot`. */
  floor: number;
  /** Epoch of the entry at `floor`. */
  floorEpoch: number;
  /** In any order. */
  keys: Iterable<readonly [key: string, version: Version]>;
  sessions: Iterable<readonly [session: number, record: SessionRecord]>;
  expired: SessionRange[];
  /** One for each shard that the state had when it was kept; as many as that were. */
  forgottenSlots: number[];
  /** Log from `floor` + 1 on. Copied, so their bytes may be views. */
  entries: Iterable<LogEntry>;
}
