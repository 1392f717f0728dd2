// The rules of a witness: keeps writes that are not known to be committed, tells reads what is pending, forgets what
// the leader says is committed, and hands its pool over when it is sealed. Never executes anything.

import { bytesToText, Slab } from '../bytes.js';
import { copyCommand, samePayload } from '../command.js';
import type { Core, WitnessInput, WitnessOutput } from '../core.js';
import { unreachable } from '../core.js';
import { createRecordResponse, FrameSet } from '../frames.js';
import { AskedSessions } from '../inquiry.js';
import {
  type CheckedWrite,
  type CollectRequest,
  type CommandId,
  type EndRequest,
  type GetRecoveryDataRequest,
  type ReadCheck,
  type RecordRequest,
  type RecordResponse,
  RecordStatus,
  RefusalCode,
  type SealRequest,
  type StartRequest,
  type Write,
} from '../messages.js';
import type { Durability } from '../replica/persistence.js';
import { HeldAnswers } from './held-answers.js';
import { WitnessJournal } from './journal.js';
import type { WitnessImage, WitnessPromises } from './persistence.js';
import { Pool, type PoolEntry, type PoolSession } from './pool.js';
import { type WitnessRules, witnessRules } from './rules.js';

/** How a witness core is set up. */
export interface WitnessOptions {
  /** Frames of any other cluster are not answered. */
  clusterId: string;
  /** Name by which the configuration lists this witness. */
  id: string;
  /** Life of this process; a witness that lost its memory has another one (B6). */
  incarnation: number;
  /** Parts into which the pool is split. */
  shards: number;
  /** Writes kept; beyond, records are answered `full`. Default 65,536. */
  poolLimit?: number;
  /** Bytes of the same. Default 128 MiB. */
  poolBytesLimit?: number;
  /** Records that may wait for a predecessor. Default 4,096. */
  parkedLimit?: number;
  /** Bytes of the same. Default 64 MiB. */
  parkedBytesLimit?: number;
  /** Age at which a kept write is reported to the leader, microseconds. Default 300,000. */
  staleAfterUs?: number;
  /** Default `memory`: nothing is ever persisted. */
  durability?: Durability;
  /** What former processes of this life kept; the life goes on with it. */
  image?: WitnessImage;
  rules?: WitnessRules;
}

/** Entries reported in one frame. */
const STALE_BATCH = 256;

/** One witness. */
export class WitnessCore implements Core<WitnessInput, WitnessOutput> {
  readonly #options: Required<Omit<WitnessOptions, 'durability' | 'image'>>;
  /** Answers that leave with the turn, or in durability `disk` once what they rest on is kept. */
  readonly #replies: FrameSet<RecordResponse>;
  /** Answers to checks that leave with the turn although others have to wait. */
  readonly #shown: FrameSet<RecordResponse>;
  readonly counts = {
    records: 0,
    accepted: 0,
    conflicts: 0,
    parked: 0,
    gaps: 0,
    checks: 0,
    collected: 0,
    stale: 0,
    refused: 0,
  };
  /** Absent in durability `memory`. */
  readonly #journal: WitnessJournal | undefined;
  readonly #held: HeldAnswers | undefined;
  #pool: Pool;
  /** Never decreases. */
  #epoch = 0;
  /** Epoch whose records this life keeps; 0 before the first start. */
  #lifeEpoch = 0;
  #sealed = true;
  #index = 0;
  #leader = 0;
  #nowUs = 0;
  readonly #slab = new Slab();
  #staleDue: CheckedWrite[] = [];
  /** Sessions of which the leader has asked what is kept here. */
  readonly #asked = new AskedSessions();
  #nextStaleLookUs = 0;

  constructor(options: WitnessOptions) {
    const { durability = 'memory', image, ...rest } = options;
    this.#options = {
      poolLimit: 65_536,
      poolBytesLimit: 128 << 20,
      parkedLimit: 4096,
      parkedBytesLimit: 64 << 20,
      staleAfterUs: 300_000,
      rules: witnessRules,
      ...rest,
    };
    if (durability === 'disk') {
      this.#journal = new WitnessJournal();
      this.#held = new HeldAnswers(this.#journal, this.#options.rules);
    }
    this.#pool = new Pool(options.shards, this.#journal);
    if (image !== undefined) this.#restore(image);
    const createFrame = (): RecordResponse => {
      const { clusterId, incarnation } = options;
      return createRecordResponse(clusterId, { epoch: this.#epoch, witness: this.#index, incarnation });
    };
    this.#replies = new FrameSet(createFrame);
    this.#shown = new FrameSet(createFrame);
  }

  get epoch(): number {
    return this.#epoch;
  }

  /** Whether records are kept now. */
  get isRecording(): boolean {
    return !this.#sealed;
  }

  step(input: WitnessInput, nowUs: number, outputs: WitnessOutput[]): void {
    this.#nowUs = nowUs;
    switch (input.kind) {
      case 'record':
        return this.#onFrame(input.frame);
      case 'collect':
        return this.#onCollect(input.frame);
      case 'seal':
        return this.#onSeal(input.call, input.request, outputs);
      case 'recoveryData':
        return this.#onRecoveryData(input.call, input.request, outputs);
      case 'start':
        return this.#onStart(input.call, input.request, outputs);
      case 'end':
        return this.#onEnd(input.call, input.request, outputs);
      case 'persisted':
        return this.#held?.onPersisted(input.number, outputs);
      case 'clientGone':
        this.#replies.drop(input.client);
        this.#shown.drop(input.client);
        return this.#held?.drop(input.client);
      case 'tick':
        return this.#onTick();
      case 'turnEnd':
        return this.#onTurnEnd(outputs);
      default:
        return unreachable(input);
    }
  }

  /** Counts since the start and sizes now. */
  stats(): Record<string, number> {
    const { size, bytes, parked, sessions } = this.#pool;
    const sizes = { poolEntries: size, poolBytes: bytes, poolParked: parked, sessions, epoch: this.#epoch };
    return { ...this.counts, ...sizes, batchesUnderWay: this.#journal?.underWay ?? 0 };
  }

  #onFrame(frame: RecordRequest): void {
    if (frame.clusterId !== this.#options.clusterId) return;
    const client = frame.clientId;
    if (this.#sealed || frame.epoch !== this.#epoch) {
      this.counts.refused++;
      const detail = `witness is ${this.#sealed ? 'sealed' : 'recording'} in epoch ${this.#epoch}, not ${frame.epoch}`;
      const refusal = { code: RefusalCode.epoch, detail, nonce: 0, session: 0, seq: 0 };
      this.#replies.for(client, 64 + detail.length).refusals.push(refusal);
      return;
    }
    for (const write of frame.records) if (hasCommand(write)) this.#onRecord(write, client);
    for (const check of frame.checks) this.#onCheck(check, client);
  }

  #onRecord(write: CheckedWrite, client: number): void {
    const { session } = write.command;
    this.counts.records++;
    if (write.committedThrough > 0) this.#collect(session, write.committedThrough);
    const known = this.#pool.session(session);
    this.#reply(client, write, this.#judge(write, known, client));
    this.#unpark(session, known);
  }

  /** Decides over one record and keeps it if it may stay. */
  #judge(write: CheckedWrite, known: PoolSession, client: number): number {
    const { command } = write;
    const { rules, poolLimit, poolBytesLimit, parkedLimit, parkedBytesLimit } = this.#options;
    if (rules.isCommitted(command.seq, known.committedThrough)) return RecordStatus.committed;
    const kept = known.entries.get(command.seq);
    if (kept !== undefined) {
      return samePayload(kept.write.command, command) ? RecordStatus.accepted : RecordStatus.idReused;
    }
    // F5: kept after the leader was told what is here, it could count as kept and be dropped with its session.
    if (this.#asked.has(command.session)) return RecordStatus.full;
    if (!rules.followsOn(command.seq, known.watermark)) {
      if (this.#pool.parked >= parkedLimit || this.#pool.parkedBytes >= parkedBytesLimit) {
        this.counts.gaps++;
        return RecordStatus.gap;
      }
      this.counts.parked++;
      this.#pool.park(this.#copy(write), client);
      return RecordStatus.parked;
    }
    const keys = command.mutations.map(({ key }) => bytesToText(key));
    if (keys.some((key) => this.#conflictsOn(key, write))) {
      this.counts.conflicts++;
      known.watermark = rules.watermarkAfterReject(command.seq, known.watermark);
      return RecordStatus.conflict;
    }
    if (this.#pool.size >= poolLimit || this.#pool.bytes >= poolBytesLimit) return RecordStatus.full;
    this.#pool.keep(this.#copy(write), keys, this.#nowUs);
    known.watermark = command.seq;
    this.counts.accepted++;
    return RecordStatus.accepted;
  }

  #conflictsOn(key: string, { command }: CheckedWrite): boolean {
    const pending = this.#pool.on(key);
    if (pending === undefined) return false;
    return this.#options.rules.conflicts(
      command,
      pending.map((entry) => entry.write.command.session),
    );
  }

  /** Judges parked records whose predecessor has arrived. A rejected one stops the row: its successors have a hole. */
  #unpark(session: number, known: PoolSession): void {
    while (known.parked.size > 0) {
      const next = this.#pool.takeParked(session, known.watermark + 1);
      if (next === undefined) return;
      const before = known.watermark;
      this.#reply(next.client, next.write, this.#judge(next.write, known, next.client));
      if (known.watermark === before) return;
    }
  }

  #reply(client: number, { command }: CheckedWrite, status: number): void {
    const { session, seq } = command;
    const { watermark } = this.#pool.session(session);
    this.#replies.for(client, 16).recordReplies.push({ session, seq, status, watermark });
  }

  #onCheck({ nonce, session, key }: ReadCheck, client: number): void {
    this.counts.checks++;
    const entries = this.#pool.on(bytesToText(key));
    const pending: CommandId[] = [];
    if (entries !== undefined) {
      for (const { write } of entries) pending.push({ session: write.command.session, seq: write.command.seq });
    }
    const watermark = this.#pool.watermark(session);
    const frames = this.#waitsForNothing(entries, session) ? this.#shown : this.#replies;
    frames.for(client, 12 + 8 * pending.length).checkReplies.push({ nonce, watermark, pending });
  }

  /** Whether the answer to a check need not wait where others do. Where none does, all leave in one frame. */
  #waitsForNothing(entries: readonly PoolEntry[] | undefined, session: number): boolean {
    const journal = this.#journal;
    if (!journal?.isBehind) return false;
    return this.#options.rules.mayShow(journal.keeps(this.#pool.newestShown(entries, session)));
  }

  #onCollect(frame: CollectRequest): void {
    // B12: only the leader of the epoch that this life records may collect.
    if (frame.clusterId !== this.#options.clusterId || frame.epoch !== this.#epoch || this.#sealed) return;
    if (frame.leader !== this.#leader) return;
    for (const { session, committedThrough } of frame.committed) this.#collect(session, committedThrough);
    for (const session of frame.expired) this.#pool.end(session);
    const { inquiry } = frame;
    if (inquiry !== undefined && this.#asked.onInquiry(inquiry)) this.#journal?.noteAsked(inquiry);
  }

  #collect(session: number, through: number): void {
    const known = this.#pool.session(session);
    const before = this.#pool.size;
    this.#pool.collect(session, through);
    this.counts.collected += before - this.#pool.size;
    this.#unpark(session, known);
  }

  #onSeal(call: number, request: SealRequest, outputs: WitnessOutput[]): void {
    if (request.clusterId === this.#options.clusterId && request.epoch > this.#epoch) {
      this.#epoch = request.epoch;
      this.#sealed = true;
      this.#asked.clear();
      this.#clearReplies();
      this.#journal?.notePromises();
    }
    const response = {
      epoch: this.#epoch,
      incarnation: this.#options.incarnation,
      lifeEpoch: this.#lifeEpoch,
      entries: this.#pool.size,
    };
    this.#answer({ kind: 'sealed', call, response }, outputs);
  }

  #onRecoveryData(call: number, request: GetRecoveryDataRequest, outputs: WitnessOutput[]): void {
    const life = { isSealed: this.#sealed, epoch: this.#epoch };
    const mayHandOver = this.#options.rules.mayHandOver(life, request.epoch);
    if (!mayHandOver || request.clusterId !== this.#options.clusterId) {
      const detail = `witness is ${this.#sealed ? 'sealed' : 'recording'} in epoch ${this.#epoch}, not sealed for ${request.epoch}`;
      outputs.push({ kind: 'callRefused', call, code: RefusalCode.epoch, detail });
      return;
    }
    const entries = this.#pool.inArrivalOrder().map(({ write }) => write);
    const response = { incarnation: this.#options.incarnation, entries };
    this.#answer({ kind: 'recovered', call, response }, outputs);
  }

  #onStart(call: number, request: StartRequest, outputs: WitnessOutput[]): void {
    const { clusterId, id, incarnation } = this.#options;
    const { config } = request;
    const member = config?.witnesses.find((witness) => witness.id === id);
    if (config === undefined || config.clusterId !== clusterId || member?.incarnation !== incarnation) {
      const detail = `start is not for witness ${id}, life ${incarnation}`;
      outputs.push({ kind: 'callRefused', call, code: RefusalCode.invalid, detail });
      return;
    }
    // A repeated or older start changes nothing: clearing a life twice would lose what it has recorded since (P6d).
    if (config.epoch >= this.#epoch && config.epoch > this.#lifeEpoch) {
      this.#epoch = config.epoch;
      this.#lifeEpoch = config.epoch;
      this.#sealed = false;
      this.#asked.clear();
      this.#index = member.index;
      this.#leader = config.leader;
      this.#clearPool();
      this.#clearReplies();
      for (const { session, committedThrough } of request.committed) this.#pool.collect(session, committedThrough);
    }
    this.#answer({ kind: 'started', call, response: { epoch: this.#epoch, incarnation } }, outputs);
  }

  #onEnd(call: number, request: EndRequest, outputs: WitnessOutput[]): void {
    if (request.clusterId === this.#options.clusterId && request.epoch > this.#lifeEpoch) {
      this.#epoch = Math.max(this.#epoch, request.epoch);
      this.#sealed = true;
      this.#clearPool();
    }
    this.#answer({ kind: 'ended', call, response: { epoch: this.#epoch } }, outputs);
  }

  /** B10: what outlives collections leaves only through the leader, which orders it. */
  #onTick(): void {
    if (this.#sealed || this.#staleDue.length > 0 || this.#nowUs < this.#nextStaleLookUs) return;
    this.#nextStaleLookUs = this.#nowUs + this.#options.staleAfterUs / 4;
    this.#staleDue = this.#pool.takeStale(this.#nowUs - this.#options.staleAfterUs, this.#nowUs, STALE_BATCH);
    this.counts.stale += this.#staleDue.length;
  }

  #copy(write: CheckedWrite): CheckedWrite {
    return { ...write, command: copyCommand(write.command, this.#slab) };
  }

  #onTurnEnd(outputs: WitnessOutput[]): void {
    const { clusterId, incarnation } = this.#options;
    const mayAnswer = this.#options.rules.mayAnswerInquiry(this.#journal?.keepsAsked ?? true);
    if (this.#asked.isOwed && !this.#sealed && mayAnswer) {
      const { number, held } = this.#asked.answer((session, limit) => this.#pool.of(session, limit));
      const frame = { clusterId, epoch: this.#epoch, witness: this.#index, incarnation, stale: held, inquiry: number };
      outputs.push({ kind: 'collected', frame });
    }
    if (this.#staleDue.length > 0) {
      const frame = {
        clusterId,
        epoch: this.#epoch,
        witness: this.#index,
        incarnation,
        stale: this.#staleDue,
        inquiry: 0,
      };
      outputs.push({ kind: 'collected', frame });
      this.#staleDue = [];
    }
    this.#shown.drain((client, frame) => outputs.push({ kind: 'record', client, frame }));
    this.#replies.drain((client, frame) => this.#answer({ kind: 'record', client, frame }, outputs));
    this.#held?.release(this.#promises(), outputs);
  }

  /** In durability `disk` an answer leaves with its turn, or later. */
  #answer(answer: WitnessOutput, outputs: WitnessOutput[]): void {
    if (this.#held === undefined) outputs.push(answer);
    else this.#held.add(answer);
  }

  #clearReplies(): void {
    this.#replies.clear();
    this.#shown.clear();
  }

  #clearPool(): void {
    this.#journal?.startAnew();
    this.#pool = new Pool(this.#options.shards, this.#journal);
  }

  #promises(): WitnessPromises {
    return {
      epoch: this.#epoch,
      lifeEpoch: this.#lifeEpoch,
      isSealed: this.#sealed,
      index: this.#index,
      leader: this.#leader,
    };
  }

  #restore(image: WitnessImage): void {
    const { epoch, lifeEpoch, isSealed, index, leader } = image.promises;
    this.#epoch = epoch;
    this.#lifeEpoch = lifeEpoch;
    this.#sealed = isSealed;
    this.#index = index;
    this.#leader = leader;
    if (image.asked !== undefined) this.#asked.resume(image.asked);
    this.#pool.restore(image, (write) => this.#copy(write));
  }
}

function hasCommand(write: Write): write is CheckedWrite {
  return write.command !== undefined;
}
