// What a witness in durability `disk` keeps through its end, and what it begins from afterwards; see
// replica/persistence.ts.

import type { CheckedWrite, Inquiry, SessionWatermark } from '../messages.js';

/** Where the life of a witness stands (B5). */
export interface WitnessPromises {
  /** Never decreases. */
  epoch: number;
  /** Epoch whose records are kept, 0 if none ever was. */
  lifeEpoch: number;
  isSealed: boolean;
  /** Place in the configuration of that epoch. */
  index: number;
  /** Its leader. */
  leader: number;
}

/** An entry of the pool and its place in the order of arrival. */
export interface KeptWrite {
  /** Ascending over all shards (one counter per life). */
  arrival: number;
  write: CheckedWrite;
}

/** What is kept at once: all of it or nothing. */
export interface WitnessBatch {
  /** Ascending from 1 in each process. */
  number: number;
  promises: WitnessPromises;
  /** True if the pool begins anew: what was kept before goes first. */
  isFresh: boolean;
  added: KeptWrite[];
  /** Arrival numbers of entries that go. */
  removed: number[];
  /** Sessions whose committed watermark moved; 0 for one that ended. */
  sessions: SessionWatermark[];
  /** What the leader asks about now (F5); undefined if that did not change. */
  asked: Inquiry | undefined;
}

/** What was found when the process began. */
export interface WitnessImage {
  promises: WitnessPromises;
  /** In order of arrival. */
  entries: Iterable<KeptWrite>;
  sessions: Iterable<SessionWatermark>;
  /** What the leader asked about last; undefined if nothing in this life. */
  asked: Inquiry | undefined;
}
