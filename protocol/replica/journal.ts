// What a replica in durability `disk` keeps: gathers what is new since the last batch (promises, entries, cuts, the
// applied state now and then), hands it over as one batch, and knows from the answers how far everything is kept. Held
// weak writes are not kept: what is only held is in one process's memory in either durability. Knows no disk.

import { commandBytes } from '../command.js';
import type { ReplicaOutput } from '../core.js';
import type { AskedSessions, KeptInquiry } from '../inquiry.js';
import type { ReplicaLog } from './log.js';
import type { Checkpoint, ReplicaBatch, ReplicaImage, ReplicaPromises } from './persistence.js';
import type { AppliedState } from './state.js';

/** Batches on their way beyond which what is new gathers. Only the answer to a fence does not wait for that. */
const UNDER_WAY_LIMIT = 32;
/** Answers that wait for a batch which left before them; whoever asked for an older one has asked again. */
const WAITING_LIMIT = 16;
/** Entries and bytes of one batch; at least one entry. */
const BATCH_LIMITS = { entries: 16_384, bytes: 8 << 20 };

/** What is kept of: the replica, as far as a journal needs to see it. */
export interface JournalSource {
  readonly log: ReplicaLog;
  readonly state: AppliedState;
  readonly asked: AskedSessions;
  readonly epoch: number;
  /** Latest epoch that it began to lead. */
  readonly ledEpoch: number;
  readonly commitSlot: number;
  readonly options: { readonly checkpointEntries: number; readonly checkpointBytes: number };
}

/** A batch that is not kept yet. */
interface UnderWay {
  number: number;
  promises: ReplicaPromises;
  /** When it is kept the log is kept up to here, as far as it was not cut since. */
  lastSlot: number;
  asked: KeptInquiry | undefined;
}

/** A piece of a state that replaces the kept one: of what arrived, or of what is made from it. */
export type StatePiece = Pick<Checkpoint, 'keys' | 'sessions' | 'expired' | 'forgottenSlots'>;

/** Everything one replica keeps. */
export class Journal {
  readonly #source: JournalSource;
  #number = 0;
  /** Oldest first. */
  #underWay: UnderWay[] = [];
  /** Answers that rest on nothing newer than the batch `behind`, in order. */
  #waiting: { behind: number; answer: ReplicaOutput }[] = [];
  /** Pieces of a state that replaces the kept one and that are in no batch yet, oldest first. */
  #pieces: Checkpoint[] = [];
  /** Entries up to here are in batches or need not be. */
  #writtenSlot = 0;
  /** Entries above this slot are in batches and no longer in the log. */
  #cutAfter: number | undefined;
  /** What the last batch said. */
  #promises: ReplicaPromises = { epoch: 0, ledEpoch: 0, commitSlot: 0 };
  #kept: ReplicaPromises = this.#promises;
  #keptSlot = 0;
  #keptInquiry: KeptInquiry | undefined;
  #checkpointSlot = 0;
  /** Bytes of entries in batches since the last checkpoint. */
  #checkpointDebt = 0;

  constructor(source: JournalSource) {
    this.#source = source;
  }

  /** Entries up to here would be found again. At most the log's end; sinks when the log is cut. */
  get durableSlot(): number {
    return this.#keptSlot;
  }

  /** Promises that would be found again. */
  get kept(): ReplicaPromises {
    return this.#kept;
  }

  /** F5: whether a process that began anew would know what it was asked about. */
  keepsInquiry(epoch: number, number: number): boolean {
    return this.#keptInquiry?.epoch === epoch && this.#keptInquiry.number >= number;
  }

  /** Whether more can be handed over; else what is new gathers. */
  get hasRoom(): boolean {
    return this.#underWay.length + this.#pieces.length < UNDER_WAY_LIMIT;
  }

  /** Begins with what was found: log and state are as the image says, and kept. */
  resume({ promises, slot, asked }: ReplicaImage): void {
    this.#promises = promises;
    this.#kept = promises;
    this.#keptInquiry = asked;
    this.#checkpointSlot = slot;
    this.#writtenSlot = this.#source.log.lastSlot;
    this.#keptSlot = this.#writtenSlot;
  }

  /** The log was cut: no entry above `slot` counts as kept, in whichever batch it is. */
  noteCut(slot: number): void {
    if (slot >= this.#writtenSlot) return;
    this.#writtenSlot = slot;
    this.#cutAfter = Math.min(this.#cutAfter ?? slot, slot);
    this.#keptSlot = Math.min(this.#keptSlot, slot);
    for (const batch of this.#underWay) batch.lastSlot = Math.min(batch.lastSlot, slot);
  }

  /** Opens an empty state beside the kept one. What is kept does not change until `install`. */
  beginAside(): void {
    // Of one that was begun before and not installed, what has not left yet never needs to.
    while (this.#pieces.length > 0 && this.#pieces.at(-1)?.step !== 'install') this.#pieces.pop();
    this.#pieces.push(createPiece('begin', { keys: [], sessions: [], expired: undefined, forgottenSlots: undefined }));
  }

  /** Puts a piece into the state that was opened; it must not change any more. To be called while there is room. */
  buildAside(piece: StatePiece): void {
    this.#pieces.push(createPiece('build', piece));
  }

  /**
   * The state that was built is now the replica's, and its log begins after `floor`, the slot of that state. To be
   * called in the step in which they took the place of the old ones; what the log held above `floor` and holds no more
   * is to be cut first. Nothing of the log counts as kept until this is; what was acknowledged is found till then where
   * it was.
   */
  install(at: { floor: number; floorEpoch: number }, piece: StatePiece): void {
    const { log, state } = this.#source;
    this.#pieces.push({ ...createPiece('install', piece), slot: at.floor, ...at });
    if (this.#writtenSlot > log.lastSlot) this.noteCut(log.lastSlot);
    this.#writtenSlot = Math.max(this.#writtenSlot, at.floor);
    this.#keptSlot = 0;
    for (const batch of this.#underWay) batch.lastSlot = 0;
    this.#checkpointSlot = at.floor;
    this.#checkpointDebt = 0;
    state.track();
  }

  /** This batch, and with it all before it, would be found again; what waited for it goes out. */
  onKept(number: number, outputs: ReplicaOutput[]): void {
    while (this.#underWay[0] !== undefined && this.#underWay[0].number <= number) {
      const { promises, lastSlot, asked } = this.#underWay.shift() as UnderWay;
      this.#kept = promises;
      this.#keptInquiry = asked ?? this.#keptInquiry;
      this.#keptSlot = Math.max(this.#keptSlot, lastSlot);
    }
    while (this.#waiting[0] !== undefined && this.#waiting[0].behind <= number) {
      const { answer } = this.#waiting.shift() as { answer: ReplicaOutput };
      outputs.push(answer);
    }
  }

  /** Hands over what is new, if anything is. To be called at the end of every turn. */
  onTurnEnd(outputs: ReplicaOutput[]): void {
    while (this.#underWay.length < UNDER_WAY_LIMIT) {
      const checkpoint = this.#pieces.shift() ?? this.#maybeMove();
      if (checkpoint === undefined && !this.#hasNews()) return;
      this.#persist(checkpoint, outputs);
    }
  }

  /**
   * Lets an answer go once everything that there is now is kept. Hands over at once what is new; if nothing is, the
   * answer joins the last batch under way, so that a question asked again and again of a full disk adds no more to it.
   */
  answerWhenKept(answer: ReplicaOutput, outputs: ReplicaOutput[]): void {
    while (this.#pieces.length > 0 || this.#hasNews()) this.#persist(this.#pieces.shift(), outputs);
    const newest = this.#underWay.at(-1)?.number;
    if (newest === undefined) {
      outputs.push(answer);
      return;
    }
    this.#waiting.push({ behind: newest, answer });
    if (this.#waiting.length > WAITING_LIMIT) this.#waiting.shift();
  }

  #hasNews(): boolean {
    const { asked, epoch, ledEpoch, log } = this.#source;
    const isPromised = epoch === this.#promises.epoch && ledEpoch === this.#promises.ledEpoch;
    return !isPromised || asked.isNew || this.#cutAfter !== undefined || log.lastSlot > this.#writtenSlot;
  }

  /** Emits one batch. */
  #persist(checkpoint: Checkpoint | undefined, outputs: ReplicaOutput[]): void {
    const number = ++this.#number;
    // Before `install` the replica may already be what is kept only with it: entries, cuts and promises wait for that.
    const isAside = checkpoint?.step === 'begin' || checkpoint?.step === 'build';
    const batch: ReplicaBatch = isAside
      ? {
          number,
          promises: this.#promises,
          cutAfter: undefined,
          firstSlot: 1,
          entries: [],
          checkpoint,
          asked: undefined,
        }
      : { number, ...this.#takeNews(), checkpoint };
    this.#promises = batch.promises;
    const { promises, asked } = batch;
    this.#underWay.push({ number, promises, lastSlot: isAside ? 0 : this.#writtenSlot, asked });
    const then: ReplicaOutput[] = [];
    outputs.push({ kind: 'persist', batch, then });
  }

  #takeNews(): Omit<ReplicaBatch, 'number' | 'checkpoint'> {
    const { asked, epoch, ledEpoch, commitSlot, log } = this.#source;
    const firstSlot = this.#writtenSlot + 1;
    const entries = log.slice(firstSlot, BATCH_LIMITS);
    const cutAfter = this.#cutAfter;
    this.#cutAfter = undefined;
    if (entries.length === 0 && log.lastSlot > this.#writtenSlot) throw new Error(`entry ${firstSlot} is gone unkept`);
    this.#writtenSlot += entries.length;
    for (const { command } of entries) this.#checkpointDebt += command === undefined ? 0 : commandBytes(command);
    const promises = { epoch, ledEpoch, commitSlot: Math.min(commitSlot, this.#writtenSlot) };
    return { promises, cutAfter, firstSlot, entries, asked: asked.isNew ? asked.take(epoch) : undefined };
  }

  /** Only what is committed enters it: the applied state holds nothing else (C7). */
  #maybeMove(): Checkpoint | undefined {
    const { log, options, state } = this.#source;
    const slot = state.appliedSlot;
    const isDue =
      slot - this.#checkpointSlot >= options.checkpointEntries || this.#checkpointDebt >= options.checkpointBytes;
    // What others committed before it was handed over here would be missing between this state and the log.
    if (!isDue || slot === this.#checkpointSlot || slot > this.#writtenSlot) return undefined;
    this.#checkpointSlot = slot;
    this.#checkpointDebt = 0;
    const { floor } = log;
    const expired = state.takeEndings();
    const { keys, forgottenSlots } = state.store.takeChanges();
    const piece = { keys, sessions: state.dedup.takeChanges(), expired, forgottenSlots };
    return { ...createPiece('move', piece), slot, floor, floorEpoch: log.epochAt(floor) ?? 0 };
  }
}

function createPiece(step: Checkpoint['step'], piece: StatePiece): Checkpoint {
  return { step, slot: 0, floor: 0, floorEpoch: 0, ...piece };
}
