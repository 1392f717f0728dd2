// What the disk of one simulated replica holds: batches applied as persistence.ts says, and the image that the next
// process begins from. The judge of that contract, so it shares no code with the replica.

import type { KeptInquiry } from '../../protocol/inquiry.js';
import type { LogEntry, SessionRange } from '../../protocol/messages.js';
import type { SessionRecord } from '../../protocol/replica/dedup.js';
import type { Checkpoint, ReplicaBatch, ReplicaImage, ReplicaPromises } from '../../protocol/replica/persistence.js';
import type { Version } from '../../protocol/replica/store.js';

interface KeptState {
  slot: number;
  keys: Map<string, Version>;
  sessions: Map<number, SessionRecord>;
  expired: SessionRange[];
  forgottenSlots: number[];
}

/** One replica's disk. Everything handed in is copied: the replica may go on with it. */
export class ReplicaDisk {
  private promises: ReplicaPromises | null = null;
  private asked: KeptInquiry | undefined;
  private state = createState();
  private aside = createState();
  private floor = 0;
  private floorEpoch = 0;
  /** Entries from slot `floor` + 1 on. */
  private log: LogEntry[] = [];
  private number = 0;
  /** C5, broken: the sessions of the last checkpoint, which come only with the next one. */
  private delayedSessions: Checkpoint['sessions'] = [];

  /** With `tears` a checkpoint is not one: keys and slot are kept before the sessions are (C5). */
  constructor(private readonly tears = false) {}

  /** Keeps a batch. */
  keep(batch: ReplicaBatch): void {
    if (batch.number <= this.number) throw new Error(`batch ${batch.number} after ${this.number}`);
    this.number = batch.number;
    this.promises = { ...batch.promises };
    this.asked = batch.asked ?? this.asked;
    if (batch.cutAfter !== undefined) this.log.length = Math.min(this.log.length, batch.cutAfter - this.floor);
    if (batch.checkpoint?.step === 'install') this.checkpoint(batch.checkpoint);
    if (batch.entries.length > 0) {
      const lastSlot = this.floor + this.log.length;
      if (batch.firstSlot !== lastSlot + 1) throw new Error(`entry ${batch.firstSlot} after ${lastSlot}`);
      this.log.push(...batch.entries);
    }
    if (batch.checkpoint !== undefined && batch.checkpoint.step !== 'install') this.checkpoint(batch.checkpoint);
  }

  /** What the next process finds; undefined if nothing was ever kept. */
  image(): ReplicaImage | undefined {
    this.number = 0;
    this.aside = createState();
    this.delayedSessions = [];
    if (this.promises === null) return undefined;
    const { slot, keys, sessions, expired, forgottenSlots } = this.state;
    const { floor, floorEpoch, log, promises } = this;
    const records = [...sessions].map(([session, record]) => [session, copyRecord(record)] as const);
    return {
      ...{ promises: { ...promises }, asked: this.asked, slot, floor, floorEpoch, keys: [...keys], sessions: records },
      ...{ expired: [...expired], forgottenSlots: [...forgottenSlots], entries: [...log] },
    };
  }

  private checkpoint(checkpoint: Checkpoint): void {
    const { step, slot, floor, floorEpoch } = checkpoint;
    if (step === 'begin') this.aside = createState();
    const target = step === 'move' ? this.state : this.aside;
    put(target, this.tears && step === 'move' ? this.delaySessions(checkpoint) : checkpoint);
    if (step === 'begin' || step === 'build') return;
    if (floor > slot || slot < this.state.slot || floor < this.floor) throw new Error(`checkpoint ${slot} goes back`);
    target.slot = slot;
    this.state = target;
    this.log.splice(0, floor - this.floor);
    this.floor = floor;
    this.floorEpoch = floorEpoch;
    if (this.floor + this.log.length < slot) throw new Error(`the log ends before the state, ${slot}`);
  }

  private delaySessions(checkpoint: Checkpoint): Checkpoint {
    const sessions = this.delayedSessions;
    this.delayedSessions = checkpoint.sessions;
    return { ...checkpoint, sessions };
  }
}

function createState(): KeptState {
  return { slot: 0, keys: new Map(), sessions: new Map(), expired: [], forgottenSlots: [] };
}

function put(state: KeptState, { keys, sessions, expired, forgottenSlots }: Checkpoint): void {
  for (const [key, version] of keys) {
    if (version === null) state.keys.delete(key);
    else state.keys.set(key, { ...version });
  }
  for (const [session, record] of sessions) {
    if (record === null) state.sessions.delete(session);
    else state.sessions.set(session, copyRecord(record));
  }
  if (expired !== undefined) state.expired = [...expired];
  if (forgottenSlots !== undefined) state.forgottenSlots = [...forgottenSlots];
}

function copyRecord(record: SessionRecord): SessionRecord {
  return { ...record, results: new Map(record.results) };
}
