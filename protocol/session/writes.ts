// Writes at the client: numbered, sent to whoever must know, counted as witnesses and replicas answer, and kept in the
// write set until their commit is known. A write is never dropped once it has a number.

import type { Answer, ResolvedOutcome } from '../core.js';
import type { CommitNotice, NeedWrites, RecordReply, WeakAck, Write, WriteReply, WriteResult } from '../messages.js';
import { RecordStatus } from '../messages.js';
import type { ClientContext } from './context.js';
import {
  countBits,
  createAnswer,
  createCommand,
  createWriteOperation,
  type WriteOperation,
  writeBytes,
} from './operations.js';
import type { ClientSession, QueuedWrite } from './session.js';

/** Writes that may wait for room in a full write set, for each one in it. */
const QUEUE_FACTOR = 8;

/** All writes of one client process. */
export class Writes {
  readonly #context: ClientContext;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Writes not known to be committed, or committed and not answered. */
  get size(): number {
    let size = 0;
    for (const { writes, unanswered, queue } of this.#context.sessions.values()) {
      size += writes.size + unanswered.size + queue.length;
    }
    return size;
  }

  submit(session: ClientSession, queued: QueuedWrite): void {
    const { writeSetLimit } = this.#context.options;
    if (session.queue.length === 0 && session.writes.size < writeSetLimit) return this.#number(session, queued);
    // E12: refused before it has a number, or it waits; never squeezed in.
    if (session.queue.length >= writeSetLimit * QUEUE_FACTOR) {
      this.#context.outputs.push({ kind: 'refused', call: queued.call, reason: 'writeSetFull' });
      return;
    }
    session.queue.push(queued);
  }

  /** The caller stopped waiting. What has no number yet is taken back; the rest goes on (F7). */
  abandon(call: number): void {
    for (const session of this.#context.sessions.values()) {
      const at = session.queue.findIndex((queued) => queued.call === call);
      if (at >= 0) {
        session.queue.splice(at, 1);
        this.#context.outputs.push({ kind: 'refused', call, reason: 'abandoned' });
        return;
      }
      for (const op of [...session.writes, ...session.unanswered.values()]) {
        if (op.call !== call) continue;
        op.call = 0;
        op.isAbandoned = true;
      }
    }
  }

  /** Sends everything again, in seq order per session: a new epoch has opened. */
  sendAll(): void {
    for (const session of this.#context.sessions.values()) {
      for (const op of session.unanswered.values()) this.#send(op, session);
      for (const op of session.writes) this.#send(op, session);
    }
  }

  onReplicaUp(replica: number): void {
    const { config, isServing, outbox } = this.#context;
    if (!isServing) return;
    for (const session of this.#context.sessions.values()) {
      const ops = replica === config.leader ? [...session.unanswered.values(), ...session.writes] : session.writes;
      for (const op of ops) {
        if (replica !== config.leader && op.command.strong) continue;
        outbox.write(replica, this.#refresh(op, session), writeBytes(op));
        this.#noteResend(op);
      }
    }
  }

  onWitnessUp(witness: number): void {
    const { isServing, outbox } = this.#context;
    if (!isServing) return;
    for (const session of this.#context.sessions.values()) {
      for (const op of session.writes) {
        outbox.record(this.#refresh(op, session), writeBytes(op), witness);
        this.#noteResend(op);
      }
    }
  }

  /** Another replica acknowledges from now on: what is not acknowledged is told to it. */
  onBind(): void {
    const { bound, isServing, outbox } = this.#context;
    if (!isServing) return;
    for (const session of this.#context.sessions.values()) {
      for (const op of session.writes) {
        if (op.command.strong || op.isAnswered) continue;
        outbox.write(bound, this.#refresh(op, session), writeBytes(op));
        this.#noteResend(op);
      }
    }
  }

  /** A write of an open session of this process: it is sent until it is committed, so its outcome will be known. */
  resolve(session: ClientSession, call: number, seq: number): void {
    const op = session.writes.get(seq) ?? session.unanswered.get(seq);
    if (op !== undefined) {
      op.resolvers.push(call);
      return;
    }
    const outcome = session.keptOutcome(seq) ?? { status: 'executed', slot: 0, result: undefined };
    this.#context.outputs.push({ kind: 'resolved', call, outcome });
  }

  /** The cluster has ended a session: nothing of it will be executed any more, and what was is not told (F5, E8). */
  expire(session: ClientSession): void {
    const { outputs } = this.#context;
    const lost = session.expire();
    // First, so that whoever hears of an operation's end can say what else is lost.
    outputs.push({ kind: 'sessionExpired', session: session.id, lost: lost.map(({ seq }) => seq) });
    for (const op of lost) {
      if (op.call !== 0) outputs.push({ kind: 'failed', call: op.call, reason: 'sessionExpired' });
      this.#resolve(op, session, { status: 'sessionEnded' });
    }
    for (const { call } of session.queue.splice(0)) outputs.push({ kind: 'failed', call, reason: 'sessionExpired' });
  }

  /** B3: the leader has another write under this id. The caller cannot be served; the session goes on. */
  onIdReused(id: number, seq: number): void {
    const session = this.#context.sessions.get(id);
    const op = session?.writes.get(seq) ?? session?.unanswered.get(seq);
    if (op === undefined || op.call === 0) return;
    this.#context.outputs.push({ kind: 'failed', call: op.call, reason: 'idReused' });
    op.call = 0;
    op.isAnswered = true;
  }

  /** Tells whoever waits for it what became of a write, and keeps that if its caller gave up. */
  #resolve(op: WriteOperation, session: ClientSession, outcome: ResolvedOutcome): void {
    if (op.isAbandoned && session.keptOutcome(op.seq) === undefined) session.keepOutcome(op.seq, outcome);
    for (const call of op.resolvers.splice(0)) this.#context.outputs.push({ kind: 'resolved', call, outcome });
  }

  /** The leader lacks writes of a session from here on. */
  onNeedWrites({ session: id, fromSeq }: NeedWrites): void {
    const session = this.#context.sessions.get(id);
    if (session === undefined) return;
    for (const op of session.writes) {
      if (op.seq < fromSeq) continue;
      this.#context.outbox.write(this.#context.config.leader, this.#refresh(op, session), writeBytes(op));
      this.#noteResend(op);
    }
  }

  onReply(reply: WriteReply, isCurrent: boolean, epoch: number): void {
    const session = this.#context.sessions.get(reply.session);
    if (session === undefined) return;
    const op = session.writes.get(reply.seq) ?? session.unanswered.get(reply.seq);
    if (this.#context.rules.isFinal(reply)) {
      if (op !== undefined && reply.result !== undefined) this.#finish(op, reply.result, { slot: reply.slot, epoch });
    } else if (op !== undefined && isCurrent && op.leader === null) {
      op.leader = { ok: reply.ok, slot: reply.slot, result: reply.result };
      if (!reply.ok) op.slowReason ??= 'leaderConflict';
      this.#maybeFast(op, session);
    }
    session.noteCommitted(reply.committedThrough);
    // The write set is cleared by commit notices alone. They leave the leader together with the commit index for the
    // followers; clearing earlier would make weak reads wait for a state that the bound replica cannot have yet.
  }

  onRecordReply({ session: id, seq, status, watermark }: RecordReply, witness: number): void {
    const session = this.#context.sessions.get(id);
    if (session === undefined) return;
    session.noteWatermark(witness, watermark);
    const op = session.writes.get(seq);
    if (op === undefined) return;
    if (status === RecordStatus.accepted && watermark >= seq) {
      op.accepts |= 1 << witness;
      if (op.command.strong) this.#maybeFast(op, session);
      else this.#maybeWitnessed(op);
    } else if (status === RecordStatus.conflict) op.slowReason ??= 'witnessConflict';
    else if (status === RecordStatus.gap) op.slowReason ??= 'witnessGap';
    else if (status === RecordStatus.full) op.slowReason ??= 'witnessFull';
  }

  onWeakAck({ session: id, seq }: WeakAck, replica: number, byBus: boolean): void {
    const session = this.#context.sessions.get(id);
    const op = session?.writes.get(seq);
    if (session === undefined || op === undefined || op.command.strong) return;
    op.holders |= 1 << replica;
    if (!op.isAnswered) this.#answerWeak(op, byBus);
    this.#maybeWitnessed(op);
    const { rules } = this.#context;
    const cleared = rules.clearedByLocalAck(seq, session.committedThrough);
    this.#clear(session, cleared, { epoch: 0, slot: 0 }, byBus);
  }

  onCommitNotice({ session: id, through, slot }: CommitNotice, epoch: number, byBus: boolean): void {
    const session = this.#context.sessions.get(id);
    if (session !== undefined) this.#clear(session, through, { epoch, slot }, byBus);
  }

  /**
   * Asks again. Only a session's first write is sent again for lack of an answer: if it was lost, the leader says what
   * else it lacks, and if it was not, sending the rest would only add load where there is too much of it already.
   */
  onTick(): void {
    const { isServing, nowUs, options } = this.#context;
    if (!isServing) return;
    for (const session of this.#context.sessions.values()) {
      const [first] = session.unanswered.size > 0 ? session.unanswered.values() : session.writes;
      if (first !== undefined && nowUs - first.sentUs >= first.waitUs) this.#resend(first, session);
      for (const op of session.writes) {
        const isMissed = !op.command.strong && !op.isAnswered && nowUs - op.askedUs >= options.ackWaitUs;
        if (isMissed) this.#askForAck(op);
      }
    }
  }

  #number(session: ClientSession, { call, operation }: QueuedWrite): void {
    const { bound, nowUs, options, outputs } = this.#context;
    const seq = ++session.lastSeq;
    const command = createCommand(operation, { session: session.id, seq, ackedThrough: session.ackedThrough });
    // Dependencies are fixed now and never grow: a retry with more of them could close a circle.
    const dependencies = session.dependencies.length === 0 ? [] : [...session.dependencies];
    const write = { command, committedThrough: session.knownCommitted, bound, dependencies };
    const op = createWriteOperation(call, write, nowUs);
    op.waitUs = options.retryUs;
    session.writes.add(seq, op);
    outputs.push({ kind: 'numbered', call, seq });
    if (this.#context.isServing) this.#send(op, session);
  }

  #send(op: WriteOperation, session: ClientSession): void {
    const { config, nowUs, outbox } = this.#context;
    const write = this.#refresh(op, session);
    const bytes = writeBytes(op);
    op.sentUs = nowUs;
    op.askedUs = nowUs;
    session.spokenUs = nowUs;
    if (op.command.strong) outbox.write(config.leader, write, bytes);
    else for (const { index } of config.replicas) outbox.write(index, write, bytes);
    if (session.writes.has(op.seq)) outbox.record(write, bytes);
  }

  #resend(op: WriteOperation, session: ClientSession): void {
    this.#send(op, session);
    this.#noteResend(op);
    op.waitUs = Math.min(op.waitUs * 2, this.#context.options.retryUs * 8);
  }

  #noteResend(op: WriteOperation): void {
    op.sentUs = this.#context.nowUs;
    op.askedUs = this.#context.nowUs;
    this.#context.counts.resends++;
  }

  /** The write as it is sent now. A frame already under way may hold the object before, so it is replaced, not changed. */
  #refresh(op: WriteOperation, session: ClientSession): Write {
    const { bound } = this.#context;
    const { knownCommitted: committedThrough } = session;
    if (op.write.bound !== bound || op.write.committedThrough !== committedThrough) {
      op.write = { ...op.write, bound, committedThrough };
    }
    return op.write;
  }

  #askForAck(op: WriteOperation): void {
    const { bound, config, counts, nowUs, outbox, quorums, witnessesUp } = this.#context;
    const query = { session: op.session, seq: op.seq };
    op.askedUs = nowUs;
    counts.ackQueries++;
    // Without a fast quorum of witnesses only a majority of replicas can make a write witnessed, so all are asked.
    if (countBits(witnessesUp) >= quorums.fast) outbox.ackQuery(bound, query);
    else for (const { index } of config.replicas) outbox.ackQuery(index, query);
  }

  #maybeFast(op: WriteOperation, session: ClientSession): void {
    const { complete, config, quorums, rules } = this.#context;
    if (op.isAnswered || op.leader === null || op.leader.result === undefined) return;
    const evidence = {
      seq: op.seq,
      leaderOk: op.leader.ok,
      accepts: countBits(op.accepts),
      leastWatermark: session.leastWatermark(quorums.witnesses),
      committedThrough: session.knownCommitted,
    };
    if (!rules.isFastWrite(evidence, quorums)) return;
    const answer = createAnswer('fast', config.epoch);
    this.#fill(answer, op, op.leader.result, op.leader.slot);
    complete(op.call, answer);
    op.call = 0;
  }

  /** The committed execution has spoken (A7). */
  #finish(op: WriteOperation, result: WriteResult, at: { slot: number; epoch: number }): void {
    const session = this.#context.sessions.get(op.session);
    session?.unanswered.delete(op.seq);
    if (session !== undefined) this.#resolve(op, session, { status: 'executed', slot: at.slot, result });
    if (!op.isAnswered && op.command.strong) {
      const answer = createAnswer('slow', at.epoch);
      answer.slowReason = op.slowReason ?? 'overtaken';
      this.#fill(answer, op, result, at.slot);
      this.#context.complete(op.call, answer);
      op.call = 0;
    }
    // Also where the fast path had answered after the commit notice: then this is the last thing to wait for.
    if (session?.isClosing) this.#forgetIfDone(session);
  }

  #fill(answer: Answer, op: WriteOperation, result: WriteResult, slot: number): void {
    answer.seq = op.seq;
    answer.slot = slot;
    answer.applied = result.applied;
    answer.present = result.present;
    answer.value = result.value;
    op.isAnswered = true;
    if (op.command.condition === undefined) return;
    op.isEffective = result.applied;
    // A compare-and-set has read: the session has seen what it found (A10).
    this.#context.sessions.get(op.session)?.raiseToken(answer.epoch, result.version);
  }

  #answerWeak(op: WriteOperation, byBus: boolean | null): void {
    const { complete, config, counts } = this.#context;
    const answer = createAnswer('weak', config.epoch);
    answer.seq = op.seq;
    op.isAnswered = true;
    if (byBus === true) counts.ackedByBus++;
    else counts.ackedByStream++;
    complete(op.call, answer);
  }

  #maybeWitnessed(op: WriteOperation): void {
    const { config, quorums, reachLevel } = this.#context;
    if (op.isWitnessed || !op.isAnswered) return;
    if (countBits(op.accepts) < quorums.fast && countBits(op.holders) < quorums.majority) return;
    op.isWitnessed = true;
    reachLevel(op.call, 'witnessed', { slot: 0, epoch: config.epoch });
  }

  /** Writes up to `through` are committed; `at` is where the last of them lies, slot 0 if that was not said. */
  #clear(session: ClientSession, through: number, at: { epoch: number; slot: number }, byBus: boolean | null): void {
    if (at.slot > 0 && through >= session.committedThrough) session.ownCommit = at;
    const cleared = session.clearThrough(Math.min(through, session.lastSeq));
    for (const op of cleared) {
      if (op.command.strong) {
        if (op.isAnswered) this.#resolve(op, session, fastOutcome(op));
        continue;
      }
      if (!op.isAnswered) this.#answerWeak(op, byBus);
      const slot = op.seq === through ? at.slot : 0;
      this.#resolve(op, session, { status: 'executed', slot, result: undefined });
      this.#context.reachLevel(op.call, 'committed', { slot, epoch: at.epoch });
      op.call = 0;
    }
    if (cleared.length === 0) return;
    // What the committed write depended on lay before it in the same log.
    const settled = cleared.at(-1)?.write.dependencies ?? [];
    if (settled.length > 0) session.dependencies = session.dependencies.filter((id) => !settled.includes(id));
    const { writeSetLimit } = this.#context.options;
    while (session.queue.length > 0 && session.writes.size < writeSetLimit) {
      const queued = session.queue.shift();
      if (queued !== undefined) this.#number(session, queued);
    }
    if (session.isClosing) this.#forgetIfDone(session);
  }

  #forgetIfDone(session: ClientSession): void {
    if (session.isIdle) this.#context.forgetSession(session);
  }
}

/** A write that was complete on the fast path and is committed now: what the leader had answered stands, if it is still known. */
function fastOutcome({ leader }: WriteOperation): ResolvedOutcome {
  if (leader === null || !leader.ok) return { status: 'executed', slot: 0, result: undefined };
  return { status: 'executed', slot: leader.slot, result: leader.result };
}
