// What the parts of one replica share: who it is, its log and state, and the frames being written this turn. The core
// owns it; leader, follower and reads work on it.

import { Slab } from '../bytes.js';
import { copyCommand } from '../command.js';
import { createAckBatch, createSessionResponse, FrameSet } from '../frames.js';
import { AskedSessions } from '../inquiry.js';
import {
  type AckBatch,
  type ClusterConfig,
  type CommandId,
  type CommitNotice,
  RefusalCode,
  type SessionResponse,
} from '../messages.js';
import { HeldWrites } from './held-writes.js';
import { Journal } from './journal.js';
import { ReplicaLog } from './log.js';
import type { Durability, ReplicaImage } from './persistence.js';
import { ProgressWatch } from './progress-watch.js';
import { type ReplicaRules, replicaRules } from './rules.js';
import { AppliedState } from './state.js';

/** How a replica core is set up. */
export interface ReplicaOptions {
  /** Frames of any other cluster are not answered. */
  clusterId: string;
  /** Name by which the configuration lists this replica. */
  id: string;
  /** Life of this process. */
  incarnation: number;
  /** Parts into which the key map is split. */
  shards: number;
  /** Appended and uncommitted commands beyond which client streams are not read. */
  descriptorLimit: number;
  /** Writes and reads that may wait for a predecessor. Default 4,096. */
  parkedLimit?: number;
  /** Weak writes held for relaying. Default 65,536. */
  heldLimit?: number;
  /** Weak reads that may wait for the applied state. Default 10,000. */
  weakReadLimit?: number;
  /** Bytes of the writes that wait for a predecessor. Default 64 MiB. */
  parkedBytesLimit?: number;
  /** Bytes of the held weak writes. Default 64 MiB. */
  heldBytesLimit?: number;
  /** Silence after which a session that has written is taken for gone, microseconds. Default 60,000,000. */
  sessionLeaseUs?: number;
  /** Gathering time of what the leader sends and nobody waits for, microseconds. Default 4,000. */
  paceUs?: number;
  /** How long a weak read waits before the client is referred on, microseconds. Default 200,000. */
  weakWaitUs?: number;
  /** Age at which a held write is relayed to the leader, microseconds. Default 1,000,000. */
  relayAfterUs?: number;
  /** Entries kept although every replica has stored them. Default 1,024. */
  logKeptEntries?: number;
  /** Committed entries kept for a follower that lags; beyond, it needs a snapshot. Default 262,144. */
  logEntriesLimit?: number;
  /** Bytes of the same. Default 256 MiB. */
  logBytesLimit?: number;
  /** Size that closes a part of a snapshot. Default 1 MiB. */
  snapshotPartBytes?: number;
  /** Default `memory`: nothing is ever to be kept. */
  durability?: Durability;
  /** What an earlier process of this life kept; only in `disk`. */
  image?: ReplicaImage | undefined;
  /** Longest time between two steps that counts as time in which this process ran, microseconds. Default 100,000. */
  stepUsMax?: number;
  /** Entries after which the applied state is kept anew. Default 4,096. */
  checkpointEntries?: number;
  /** Bytes of entries after which it is. Default 64 MiB. */
  checkpointBytes?: number;
  rules?: ReplicaRules;
}

/** Counts of what happened, for diagnostics. */
export interface ReplicaCounts {
  proposals: number;
  duplicates: number;
  parked: number;
  conflicts: number;
  strongReads: number;
  confirmedReads: number;
  weakReads: number;
  weakWaits: number;
  referred: number;
  committed: number;
  relayed: number;
  rounds: number;
  refused: number;
  inquiries: number;
  endedSessions: number;
  outcomeQueries: number;
}

/** One replica's shared innards. */
export class ReplicaNode {
  readonly options: Required<ReplicaOptions>;
  readonly log: ReplicaLog;
  /** Where values that leave in frames are written. */
  readonly slab = new Slab();
  /** Replaced as a whole when a snapshot arrives, and only while this replica follows. */
  state: AppliedState;
  readonly held: HeldWrites;
  /** Sessions of which the leader has asked what is held here. */
  readonly asked = new AskedSessions();
  /** Client process that last sent something for a session; where its notices go. */
  readonly clientOf = new Map<number, number>();
  readonly replies: FrameSet<SessionResponse>;
  readonly acks: FrameSet<AckBatch>;
  readonly counts: ReplicaCounts = {
    proposals: 0,
    duplicates: 0,
    parked: 0,
    conflicts: 0,
    strongReads: 0,
    confirmedReads: 0,
    weakReads: 0,
    weakWaits: 0,
    referred: 0,
    committed: 0,
    relayed: 0,
    rounds: 0,
    refused: 0,
    inquiries: 0,
    endedSessions: 0,
    outcomeQueries: 0,
  };
  /** Never decreases. Everything this replica says carries it. */
  epoch = 0;
  /** Position in the configuration's list; meaningless before the first configuration. */
  index = 0;
  config: ClusterConfig | null = null;
  /** Slot of the epoch's own entry once the epoch is known to be open, else 0. */
  openSlot = 0;
  /** Latest epoch that this life began to lead. */
  ledEpoch = 0;
  /** The same as an earlier process left it: that epoch has no leader any more (C4). */
  lostEpoch = 0;
  readonly progress: ProgressWatch;
  /** Null in durability `memory`. */
  readonly journal: Journal | null;
  /** Highest committed slot; equals the applied slot between steps. */
  commitSlot = 0;
  nowUs = 0;

  constructor(options: ReplicaOptions) {
    this.options = {
      parkedLimit: 4096,
      heldLimit: 65_536,
      parkedBytesLimit: 64 << 20,
      heldBytesLimit: 64 << 20,
      sessionLeaseUs: 60_000_000,
      weakReadLimit: 10_000,
      weakWaitUs: 200_000,
      paceUs: 4000,
      relayAfterUs: 1_000_000,
      logKeptEntries: 1024,
      logEntriesLimit: 262_144,
      logBytesLimit: 256 << 20,
      snapshotPartBytes: 1 << 20,
      durability: 'memory',
      image: undefined,
      stepUsMax: 100_000,
      checkpointEntries: 4096,
      checkpointBytes: 64 << 20,
      rules: replicaRules,
      ...options,
    };
    this.progress = new ProgressWatch(this.options.stepUsMax);
    this.log = new ReplicaLog(this.options.logKeptEntries);
    this.state = new AppliedState(options.shards, this.options.rules);
    this.held = new HeldWrites({ writes: this.options.heldLimit, bytes: this.options.heldBytesLimit }, this.slab);
    this.replies = new FrameSet(() => createSessionResponse(options.clusterId, this.epoch, this.index));
    this.acks = new FrameSet(() =>
      createAckBatch(options.clusterId, { epoch: this.epoch, replica: this.index, commitSlot: this.commitSlot }),
    );
    this.journal = this.options.durability === 'disk' ? new Journal(this) : null;
    if (this.journal !== null) this.#resume(this.journal, options.image);
  }

  get rules(): ReplicaRules {
    return this.options.rules;
  }

  /** Entries up to here survive the process, as far as anything of it does. */
  get durableSlot(): number {
    return this.journal === null ? this.log.lastSlot : this.journal.durableSlot;
  }

  /** Whether this replica may answer its peers in its epoch, or, with `leads`, address them as its leader. */
  maySpeak(leads: boolean): boolean {
    if (this.journal === null) return true;
    const { epoch, ledEpoch } = this.journal.kept;
    return this.rules.maySpeak(this.epoch, leads ? ledEpoch : epoch);
  }

  /** Removes every entry above `slot`. */
  cutLog(slot: number): void {
    this.log.truncateAfter(slot);
    this.journal?.noteCut(slot);
  }

  /** Drops what the log holds up to `slot`, unless it is still to be kept. */
  dropLog(slot: number): void {
    this.log.dropThrough(Math.min(slot, this.durableSlot));
  }

  /** For how long this replica has been of no use to others although it runs; 0 if it is. */
  get stalledUs(): number {
    const replicas = this.config?.replicas ?? [];
    const others = replicas.filter(({ index }) => index !== this.index).map(({ incarnation }) => incarnation);
    return this.progress.stalledUs(others, Math.floor(replicas.length / 2));
  }

  /** Whether a configuration names this replica, and the epoch serves. */
  get isOpen(): boolean {
    return this.openSlot > 0;
  }

  /** Whether the end of a session was applied here. */
  isEnded(session: number): boolean {
    return this.rules.isEnded(session, this.state.ended);
  }

  /** Applies the end of sessions; nothing of them is kept here any more. */
  endSessions(slot: number, sessions: readonly number[]): void {
    this.state.end(slot, sessions);
    this.counts.endedSessions += sessions.length;
    for (const session of sessions) {
      this.held.release(session, Number.POSITIVE_INFINITY);
      this.clientOf.delete(session);
    }
  }

  /** Tells a client that a session of its is over, once and for all. */
  refuseEnded(session: number, client: number, operation: { seq?: number; nonce?: number }): void {
    this.refuse(client, RefusalCode.sessionExpired, `session ${session} has ended`, { session, ...operation });
  }

  /** Where a session's applied writes end, for a notice. */
  commitNotice(session: number): CommitNotice {
    const record = this.state.dedup.get(session);
    return { session, through: record?.lastSeq ?? 0, slot: record?.lastSlot ?? 0 };
  }

  /** Last write of every session in the log, committed or not. */
  lastWrites(): CommandId[] {
    const { log, state, commitSlot } = this;
    const last = new Map<number, number>();
    for (const [session, { lastSeq }] of state.dedup) last.set(session, lastSeq);
    for (let slot = commitSlot + 1; slot <= log.lastSlot; slot++) {
      const command = log.at(slot)?.command;
      if (command !== undefined) last.set(command.session, Math.max(command.seq, last.get(command.session) ?? 0));
    }
    return [...last].map(([session, seq]) => ({ session, seq }));
  }

  /**
   * Goes on where an earlier process of this life ended: with its promises, and with all that it said it had. Whatever
   * it led, it leads no more.
   */
  #resume(journal: Journal, image: ReplicaImage | undefined): void {
    const { log, state, slab } = this;
    if (image !== undefined) {
      const { promises, slot, floor, floorEpoch, asked } = image;
      this.epoch = promises.epoch;
      this.ledEpoch = promises.ledEpoch;
      this.lostEpoch = promises.ledEpoch;
      if (asked?.epoch === promises.epoch) this.asked.resume(asked);
      state.load(image);
      log.reset(floor, floorEpoch);
      for (const { epoch, command, expiry } of image.entries)
        log.append({ epoch, command: command && copyCommand(command, slab), expiry });
      this.commitSlot = Math.max(promises.commitSlot, slot);
      if (this.commitSlot > log.lastSlot) throw new Error(`committed slot ${this.commitSlot} is not kept: ${slot}`);
      journal.resume(image);
    }
    state.track();
    for (let slot = state.appliedSlot + 1; slot <= this.commitSlot; slot++) {
      const { command, expiry } = log.at(slot) ?? {};
      if (expiry !== undefined) state.end(slot, expiry.sessions);
      else state.apply(slot, command);
    }
  }

  /** Says no to a frame, or to one operation of it. */
  refuse(
    client: number,
    code: number,
    detail: string,
    operation?: { nonce?: number; session?: number; seq?: number },
  ): void {
    this.counts.refused++;
    const { nonce = 0, session = 0, seq = 0 } = operation ?? {};
    this.replies.for(client, 64 + detail.length).refusals.push({ code, detail, nonce, session, seq });
  }
}
