// Reads at the client. A strong read asks the leader and all witnesses at once and stands if they agree; otherwise the
// leader confirms it. A weak read asks the bound replica, and the session's own writes are laid over what it says.

import { NO_BYTES } from '../bytes.js';
import type { Operation, SlowReason } from '../core.js';
import type { CheckReply, ReadReply, StrongReadReply } from '../messages.js';
import { SlotTable } from '../slot-table.js';
import type { ClientContext } from './context.js';
import { createAnswer, type ReadOperation } from './operations.js';
import type { ReadEvidence } from './rules.js';
import type { ClientSession } from './session.js';

/** Reads of other sessions' uncommitted writes that one session may depend on at once (q < m). */
const DEPENDENCIES_LIMIT = 64;

/** No replica has been asked yet. */
const NOBODY = -1;

/** All reads of one client process, by the nonce of their current attempt. */
export class Reads {
  readonly #context: ClientContext;
  readonly #byNonce = new SlotTable<ReadOperation>();

  constructor(context: ClientContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#byNonce.size;
  }

  submit(
    session: ClientSession,
    call: number,
    operation: Extract<Operation, { kind: 'get' | 'scan' }>,
    isTraced: boolean,
  ): void {
    const { isServing, options } = this.#context;
    const isScan = operation.kind === 'scan';
    const read: ReadOperation = {
      call,
      session: session.id,
      operation,
      barrier: session.lastSeq,
      nonce: 0,
      phase: operation.strong ? (isScan ? 'confirmed' : 'fast') : 'weak',
      isTraced,
      sentUs: 0,
      waitUs: options.retryUs,
      leader: null,
      checks: [],
      slowReason: isScan && operation.strong ? 'scan' : undefined,
      asked: NOBODY,
    };
    if (isServing) this.#send(read, session);
    else this.#renumber(read);
  }

  /** The caller stopped waiting. False if the call is not a read under way. */
  abandon(call: number): boolean {
    const read = this.#byNonce.values().find((candidate) => candidate.call === call);
    return read !== undefined && this.#byNonce.delete(read.nonce);
  }

  /** A session has ended: its reads are not answered any more. */
  expire(session: number): void {
    for (const read of this.#byNonce.values()) {
      if (read.session !== session) continue;
      this.#byNonce.delete(read.nonce);
      this.#context.outputs.push({ kind: 'failed', call: read.call, reason: 'sessionExpired' });
    }
  }

  /** A new epoch has opened: answers so far count no more. */
  sendAll(): void {
    for (const read of this.#byNonce.values()) {
      if (read.phase !== 'weak' && read.leader !== null) read.slowReason ??= 'epochChange';
      this.#sendAnew(read);
    }
  }

  onReplicaUp(replica: number): void {
    const { config, isServing } = this.#context;
    if (!isServing) return;
    for (const read of this.#byNonce.values()) {
      const isAsked = read.phase === 'weak' ? read.asked === replica : config.leader === replica;
      if (isAsked) this.#sendAnew(read);
    }
  }

  /** Checks that may have been lost with the witness's old stream are asked again; the attempt stays the same. */
  onWitnessUp(witness: number): void {
    if (!this.#context.isServing) return;
    for (const read of this.#byNonce.values()) {
      if (read.phase !== 'fast' || read.operation.kind !== 'get' || read.checks[witness] !== undefined) continue;
      const { nonce, session } = read;
      this.#context.outbox.check({ nonce, session, key: read.operation.key }, witness);
    }
  }

  onWitnessDown(): void {
    for (const read of this.#byNonce.values()) if (read.phase === 'fast') this.#evaluate(read);
  }

  onBind(): void {
    if (!this.#context.isServing) return;
    for (const read of this.#byNonce.values()) {
      if (read.phase !== 'weak') continue;
      read.asked = NOBODY;
      this.#sendAnew(read);
    }
  }

  onLeaderReply(reply: StrongReadReply): void {
    const read = this.#byNonce.get(reply.nonce);
    if (read === undefined || read.phase !== 'fast') return;
    read.leader = reply;
    this.#evaluate(read);
  }

  onCheckReply(check: CheckReply, witness: number): void {
    const read = this.#byNonce.get(check.nonce);
    if (read === undefined || read.phase !== 'fast') return;
    this.#context.sessions.get(read.session)?.noteWatermark(witness, check.watermark);
    read.checks[witness] = check;
    this.#evaluate(read);
  }

  onConfirmedReply(reply: ReadReply): void {
    const read = this.#byNonce.get(reply.nonce);
    if (read === undefined || read.phase !== 'confirmed') return;
    const answer = createAnswer('slow', this.#context.config.epoch);
    answer.slowReason = read.slowReason ?? 'overtaken';
    answer.slot = reply.version;
    answer.present = reply.present;
    answer.value = reply.value;
    answer.entries = reply.entries;
    answer.more = reply.more;
    if (reply.more) answer.resumeAfter = reply.entries.at(-1)?.key ?? answer.resumeAfter;
    this.#context.sessions.get(read.session)?.raiseToken(answer.epoch, reply.version);
    this.#byNonce.delete(read.nonce);
    this.#context.complete(read.call, answer);
  }

  onWeakReply(reply: ReadReply, replica: number): void {
    const read = this.#byNonce.get(reply.nonce);
    if (read === undefined || read.phase !== 'weak') return;
    const session = this.#context.sessions.get(read.session);
    if (session === undefined) return;
    if (reply.refer || session.isTooOld(reply.sessionSeq)) {
      this.#context.counts.weakRetries++;
      return this.#sendWeak(read, session, reply.refer ? this.#otherThan(replica) : read.asked);
    }
    const answer = createAnswer('weak', this.#context.config.epoch);
    if (read.operation.kind === 'scan') session.overlayRange(read, reply, answer);
    else session.overlayKey(read, reply, answer);
    session.raiseToken(answer.epoch, answer.slot);
    this.#byNonce.delete(read.nonce);
    this.#context.complete(read.call, answer);
  }

  onTick(): void {
    const { isServing, nowUs, options } = this.#context;
    if (!isServing || this.#byNonce.size === 0) return;
    for (const read of this.#byNonce.values()) {
      const waitedUs = nowUs - read.sentUs;
      // The leader has spoken and a witness has not: the leader can confirm it alone.
      if (read.phase === 'fast' && read.leader !== null && waitedUs >= options.ackWaitUs) {
        this.#confirm(read, 'witnessLate');
      } else if (waitedUs >= read.waitUs) {
        read.waitUs = Math.min(read.waitUs * 2, options.retryUs * 8);
        this.#context.counts.resends++;
        if (read.phase === 'weak') read.asked = this.#otherThan(read.asked);
        this.#sendAnew(read);
      }
    }
  }

  #sendAnew(read: ReadOperation): void {
    const session = this.#context.sessions.get(read.session);
    if (session !== undefined) this.#send(read, session);
  }

  #send(read: ReadOperation, session: ClientSession): void {
    if (read.phase === 'weak') return this.#sendWeak(read, session, this.#replicaFor(read));
    if (read.phase === 'confirmed' || read.operation.kind === 'scan') return this.#sendConfirmed(read, session);
    this.#renumber(read);
    const { nonce, barrier } = read;
    const { key } = read.operation;
    read.leader = null;
    read.checks = [];
    // Sent after the read began and answered under this nonce: that is what fences a strong read (A8).
    session.spokenUs = this.#context.nowUs;
    this.#context.outbox.strongRead({ nonce, session: session.id, barrier, key });
    this.#context.outbox.check({ nonce, session: session.id, key });
  }

  #sendConfirmed(read: ReadOperation, session: ClientSession): void {
    this.#renumber(read);
    const { nonce, barrier, operation } = read;
    const { outbox, quorums } = this.#context;
    const key = operation.kind === 'get' ? operation.key : NO_BYTES;
    const coveredThrough = session.coveredThrough(quorums.fast);
    const range = rangeOf(operation);
    outbox.confirmedRead({ nonce, session: session.id, barrier, key, range, coveredThrough });
  }

  #sendWeak(read: ReadOperation, session: ClientSession, replica: number): void {
    this.#renumber(read);
    read.asked = replica;
    const { nonce, operation } = read;
    this.#context.outbox.weakRead(replica, {
      nonce,
      session: session.id,
      key: operation.kind === 'get' ? operation.key : NO_BYTES,
      range: rangeOf(operation),
      tokenEpoch: session.tokenEpoch,
      tokenSlot: this.#context.rules.tokenSlotToSend(session.tokenSlot),
      cleared: session.committedThrough,
    });
  }

  /** A new attempt has a new name; answers to older ones find nobody. */
  #renumber(read: ReadOperation): void {
    if (read.nonce !== 0) this.#byNonce.delete(read.nonce);
    read.nonce = this.#byNonce.add(read);
    read.sentUs = this.#context.nowUs;
    if (read.isTraced) this.#context.outputs.push({ kind: 'attempt', call: read.call, nonce: read.nonce });
  }

  #evaluate(read: ReadOperation): void {
    const { leader, checks, barrier } = read;
    if (leader === null) return;
    const { quorums, rules, witnessesUp, config } = this.#context;
    const session = this.#context.sessions.get(read.session);
    if (session === undefined) return;
    const { knownCommitted: committedThrough, watermarks } = session;
    const leastWatermark = quorums.unanimous ? 0 : session.leastWatermark(quorums.witnesses);
    const evidence: ReadEvidence = { barrier, leader, checks, watermarks, leastWatermark, committedThrough };
    if (rules.leaderForbidsFast(evidence, quorums) || !this.#mayDepend(session, leader)) {
      return this.#confirm(read, 'leaderConflict');
    }
    let supporting = 0;
    let possible = 0;
    let reason: SlowReason = 'witnessDown';
    for (const { index } of config.witnesses) {
      const check = checks[index];
      if (check === undefined) {
        if ((witnessesUp & (1 << index)) !== 0) possible++;
        continue;
      }
      const fault = rules.faultOfCheck(check, index, evidence, quorums);
      if (fault === null) supporting++;
      else reason = fault;
    }
    if (rules.isFastRead(supporting, quorums)) this.#completeFast(read, session, leader);
    else if (supporting + possible < quorums.fast) this.#confirm(read, reason);
  }

  /** With q < m a session remembers whose uncommitted writes it has read; there is room for a bounded number. */
  #mayDepend(session: ClientSession, leader: StrongReadReply): boolean {
    return leader.committed || this.#context.quorums.unanimous || session.dependencies.length < DEPENDENCIES_LIMIT;
  }

  #completeFast(read: ReadOperation, session: ClientSession, leader: StrongReadReply): void {
    const { complete, config, quorums } = this.#context;
    const { readFrom } = leader;
    if (!quorums.unanimous && !leader.committed && readFrom !== undefined && readFrom.session !== session.id) {
      session.dependencies.push(readFrom);
    }
    const answer = createAnswer('fast', config.epoch);
    answer.slot = leader.version;
    answer.present = leader.present;
    answer.value = leader.value;
    session.raiseToken(config.epoch, leader.version);
    this.#byNonce.delete(read.nonce);
    complete(read.call, answer);
  }

  #confirm(read: ReadOperation, reason: SlowReason): void {
    read.phase = 'confirmed';
    read.slowReason ??= reason;
    this.#context.counts.confirmedReads++;
    this.#sendAnew(read);
  }

  #replicaFor(read: ReadOperation): number {
    const { bound, replicasUp } = this.#context;
    // One that was referred on stays where it was referred to, as long as that replica is there.
    if (read.asked !== NOBODY && (replicasUp & (1 << read.asked)) !== 0) return read.asked;
    return (replicasUp & (1 << bound)) === 0 ? this.#otherThan(bound) : bound;
  }

  /** The next replica whose stream is up; the same one if there is no other. */
  #otherThan(replica: number): number {
    const { config, replicasUp } = this.#context;
    const { length } = config.replicas;
    for (let step = 1; step < length; step++) {
      const candidate = (replica + step) % length;
      if ((replicasUp & (1 << candidate)) !== 0) return candidate;
    }
    return replica;
  }
}

function rangeOf(
  operation: ReadOperation['operation'],
): { start: Uint8Array; end: Uint8Array; limit: number; byteLimit: number } | undefined {
  if (operation.kind === 'get') return undefined;
  const { start, end, limit, byteLimit } = operation;
  return { start, end, limit, byteLimit };
}
