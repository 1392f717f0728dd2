// One session at its client: the numbers it has given, the writes not known to be committed, what it has seen, and how
// its own writes are laid over weak answers. Sends nothing; client-core.ts does.

import { bytesToText, NO_BYTES } from '../bytes.js';
import type { Answer, Operation, ResolvedOutcome, SessionToken } from '../core.js';
import type { CommandId, Mutation, ReadReply, ScanEntry } from '../messages.js';
import { SeqWindow } from '../seq-window.js';
import type { ReadOperation, WriteOperation } from './operations.js';
import type { SessionRules } from './rules.js';

/** A write that waits for room in the write set; it has no number yet. */
export interface QueuedWrite {
  call: number;
  operation: Exclude<Operation, { kind: 'get' | 'scan' }>;
}

/** Outcomes kept for callers that gave up and may ask later. */
const KEPT_OUTCOMES_LIMIT = 1024;

/** One session. */
export class ClientSession {
  readonly id: number;
  readonly #rules: SessionRules;
  /** Writes above `committedThrough` in seq order: the write set (E1). */
  readonly writes = new SeqWindow<WriteOperation>(1);
  /** Strong writes that left the write set before their result came; they are asked for until it does. */
  readonly unanswered = new Map<number, WriteOperation>();
  /** Writes that wait for room in the write set (E12). */
  readonly queue: QueuedWrite[] = [];
  /** Highest watermark seen from each witness in this epoch (R5). */
  watermarks: number[] = [];
  /** Other sessions' uncommitted writes that this session has read in this epoch; only kept when q < m. */
  dependencies: CommandId[] = [];
  /** Number given last. */
  lastSeq = 0;
  /** Every write up to here is known to be committed and has left the write set. */
  committedThrough = 0;
  /** Highest seq that anybody has said is committed; ≥ `committedThrough`. Counts as coverage, clears nothing. */
  knownCommitted = 0;
  /** Where the newest own commit lies; for tokens that are handed on. */
  ownCommit = { epoch: 0, slot: 0 };
  isClosing = false;
  /** The cluster has ended it (F5); nothing is submitted any more. */
  isExpired = false;
  /** When anything was last sent to the leader for it. */
  spokenUs = 0;
  /** What became of writes whose callers had given up, oldest first (F7). */
  readonly #kept = new Map<number, ResolvedOutcome>();
  #tokenEpoch: number;
  #tokenSlot: number;

  constructor(id: number, token: SessionToken | null, rules: SessionRules) {
    this.id = id;
    this.#rules = rules;
    this.#tokenEpoch = token?.epoch ?? 0;
    this.#tokenSlot = token?.slot ?? 0;
  }

  get tokenEpoch(): number {
    return this.#tokenEpoch;
  }

  get tokenSlot(): number {
    return this.#tokenSlot;
  }

  /** Nothing under way and nothing to wait for. */
  get isIdle(): boolean {
    return this.writes.size === 0 && this.unanswered.size === 0 && this.queue.length === 0;
  }

  /** Results up to here have arrived and their writes are committed (F3). */
  get ackedThrough(): number {
    let through = this.committedThrough;
    for (const seq of this.unanswered.keys()) through = Math.min(through, seq - 1);
    return through;
  }

  /** Keeps what became of a write for whoever asks later; only the newest are kept. */
  keepOutcome(seq: number, outcome: ResolvedOutcome): void {
    this.#kept.set(seq, outcome);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_OUTCOMES_LIMIT) break;
      this.#kept.delete(oldest);
    }
  }

  keptOutcome(seq: number): ResolvedOutcome | undefined {
    return this.#kept.get(seq);
  }

  /** It has ended: every write that is not known to be committed is given up. Returns them in seq order. */
  expire(): WriteOperation[] {
    const lost = [...this.unanswered.values(), ...this.writes].sort((a, b) => a.seq - b.seq);
    this.isExpired = true;
    this.unanswered.clear();
    while (this.writes.size > 0) this.writes.shift();
    return lost;
  }

  /** The session has seen `slot` of `epoch`. */
  raiseToken(epoch: number, slot: number): void {
    if (epoch > this.#tokenEpoch) {
      this.#tokenEpoch = epoch;
      this.#tokenSlot = slot;
    } else if (epoch === this.#tokenEpoch && slot > this.#tokenSlot) {
      this.#tokenSlot = slot;
    }
  }

  /** The token together with the session's own commits. */
  exportToken(clusterId: string): SessionToken {
    const own = this.ownCommit;
    const token = { clusterId, epoch: this.#tokenEpoch, slot: this.#tokenSlot };
    if (own.epoch > token.epoch) return { ...token, ...own };
    return own.epoch === token.epoch ? { ...token, slot: Math.max(own.slot, token.slot) } : token;
  }

  /** Writes up to `through` are committed, whichever way that was learnt. */
  noteCommitted(through: number): void {
    if (through > this.knownCommitted) this.knownCommitted = through;
  }

  noteWatermark(witness: number, watermark: number): void {
    if (watermark > (this.watermarks[witness] ?? 0)) this.watermarks[witness] = watermark;
  }

  /** Lowest watermark over all `witnesses`; 0 while one is unknown. */
  leastWatermark(witnesses: number): number {
    let least = Number.MAX_SAFE_INTEGER;
    for (let i = 0; i < witnesses; i++) least = Math.min(least, this.watermarks[i] ?? 0);
    return least;
  }

  /** Watermark that `quorum` witnesses have reached in this epoch. */
  coveredThrough(quorum: number): number {
    const known = this.watermarks.filter((watermark) => watermark !== undefined).sort((a, b) => b - a);
    return known[quorum - 1] ?? 0;
  }

  /** A new epoch: what witnesses said and what was read speculatively no longer counts. */
  enterEpoch(): void {
    this.watermarks = [];
    this.dependencies = [];
    for (const op of [...this.writes, ...this.unanswered.values()]) {
      op.leader = null;
      op.accepts = 0;
      op.holders = 0;
      if (op.command.strong && !op.isAnswered) op.slowReason = 'epochChange';
    }
  }

  /** Another life has the place of this replica, or another process: it holds nothing of what the former one held. */
  forgetHolder(replica: number): void {
    for (const op of this.writes) op.holders &= ~(1 << replica);
  }

  /** Takes writes up to `through` out of the write set and returns them, in seq order. Repeating is harmless. */
  clearThrough(through: number): WriteOperation[] {
    const cleared: WriteOperation[] = [];
    if (through <= this.committedThrough) return cleared;
    this.committedThrough = through;
    this.noteCommitted(through);
    while (this.writes.size > 0 && this.writes.first <= through) {
      const op = this.writes.shift();
      if (op === undefined) continue;
      cleared.push(op);
      if (op.command.strong && !op.isAnswered) this.unanswered.set(op.seq, op);
    }
    return cleared;
  }

  /** Lays the session's own writes over a weak answer to a point read (P4). */
  overlayKey(read: ReadOperation, reply: ReadReply, answer: Answer): void {
    const own = this.#newestOwn(bytesToText(readKey(read)), reply.sessionSeq, read.barrier);
    answer.present = own === undefined ? reply.present : !own.deletes;
    answer.value = own === undefined ? reply.value : own.value;
    answer.slot = own === undefined ? reply.version : 0;
  }

  /** Lays the session's own writes over a weak answer to a scan. */
  overlayRange(read: ReadOperation, reply: ReadReply, answer: Answer): void {
    answer.slot = reply.version;
    answer.more = reply.more;
    answer.entries = reply.entries;
    if (reply.more) answer.resumeAfter = reply.entries.at(-1)?.key ?? NO_BYTES;
    const { operation } = read;
    if (operation.kind !== 'scan' || this.writes.size === 0) return;
    const lastKey = reply.entries.at(-1)?.key;
    // Past a cut, the answer says nothing; own writes there belong to the next page.
    const inclusiveEnd = reply.more && lastKey !== undefined ? bytesToText(lastKey) : null;
    const start = bytesToText(operation.start);
    const end = bytesToText(operation.end);
    const own = new Map<string, Mutation>();
    for (const op of this.#ownBetween(reply.sessionSeq, read.barrier)) {
      op.keys.forEach((key, i) => {
        const inRange = key >= start && (end === '' || key < end) && (inclusiveEnd === null || key <= inclusiveEnd);
        const mutation = op.command.mutations[i];
        if (inRange && mutation !== undefined) own.set(key, mutation);
      });
    }
    if (own.size === 0) return;
    const merged = new Map<string, ScanEntry>(reply.entries.map((entry) => [bytesToText(entry.key), entry]));
    for (const [key, { key: bytes, value, deletes }] of own) {
      if (deletes) merged.delete(key);
      else merged.set(key, { key: bytes, value });
    }
    const entries = [...merged].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
    answer.entries = entries.slice(0, operation.limit);
    if (entries.length <= operation.limit) return;
    answer.more = true;
    answer.resumeAfter = answer.entries.at(-1)?.key ?? NO_BYTES;
  }

  #newestOwn(key: string, after: number, through: number): Mutation | undefined {
    if (this.writes.size === 0) return undefined;
    let newest: Mutation | undefined;
    for (const op of this.#ownBetween(after, through)) {
      const at = op.keys.lastIndexOf(key);
      if (at >= 0) newest = op.command.mutations[at];
    }
    return newest;
  }

  /** Own effective writes with `after` < seq ≤ `through`, in seq order; a compare-and-set only once it is known to have matched. */
  *#ownBetween(after: number, through: number): IterableIterator<WriteOperation> {
    for (const op of this.writes) if (op.seq > after && op.seq <= through && op.isEffective) yield op;
  }

  /** Whether a weak answer no longer includes what the write set has dropped meanwhile. */
  isTooOld(sessionSeq: number): boolean {
    return this.#rules.isAnswerTooOld(sessionSeq, this.committedThrough);
  }
}

function readKey({ operation }: ReadOperation): Uint8Array {
  return operation.kind === 'get' ? operation.key : NO_BYTES;
}
