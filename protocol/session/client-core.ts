// The client's side of the protocol for one process: numbers writes, sends them where they belong, decides what is fast,
// asks again for what was lost, and answers the callers. Knows nothing of sockets or clocks; the SDK and the simulator
// drive it through the contract of core.ts.

import type { Answer, ClientInput, ClientOutput, Core } from '../core.js';
import { unreachable } from '../core.js';
import type { AckBatch, ClusterConfig, RecordResponse, Refusal, SessionResponse } from '../messages.js';
import { EpochStatus, isNewerConfig, RefusalCode } from '../messages.js';
import { createQuorums, type Quorums } from '../quorum.js';
import type { ClientContext, ClientCoreOptions, ClientCounts } from './context.js';
import { Outbox } from './outbox.js';
import { Reads } from './reads.js';
import { sessionRules } from './rules.js';
import { ClientSession } from './session.js';
import { Upkeep } from './upkeep.js';
import { Writes } from './writes.js';

/** The client core of one process. */
export class ClientCore implements Core<ClientInput, ClientOutput> {
  readonly #context: ClientContext;
  readonly #writes: Writes;
  readonly #reads: Reads;
  readonly #upkeep: Upkeep;
  #wantedEpoch = 0;

  constructor(options: ClientCoreOptions) {
    const { clusterId, clientId, config } = options;
    const rules = options.rules ?? sessionRules;
    const context: ClientContext = {
      options: { aliveEveryUs: 10_000_000, ...options, rules },
      rules,
      counts: {
        fast: 0,
        slow: {},
        ackedByBus: 0,
        ackedByStream: 0,
        resends: 0,
        ackQueries: 0,
        confirmedReads: 0,
        weakRetries: 0,
        refusals: 0,
        epochChanges: 0,
        expiredSessions: 0,
      },
      sessions: new Map(),
      outbox: new Outbox(clusterId, clientId, config),
      quorums: quorumsOf(config),
      config,
      isServing: config.status === EpochStatus.open,
      bound: 0,
      replicasUp: 0,
      witnessesUp: 0,
      nowUs: 0,
      outputs: [],
      forgetSession: (session) => this.#forget(session),
      complete: (call, answer) => this.#complete(call, answer),
      reachLevel: (call, level, at) => {
        if (call !== 0) this.#context.outputs.push({ kind: 'level', call, level, ...at });
      },
    };
    this.#context = context;
    this.#writes = new Writes(context);
    this.#reads = new Reads(context);
    this.#upkeep = new Upkeep(context);
  }

  /** Epoch in which this client speaks. */
  get epoch(): number {
    return this.#context.config.epoch;
  }

  get config(): ClusterConfig {
    return this.#context.config;
  }

  /** Operations that still want time to pass: unanswered, or written and not known to be committed. */
  get underWay(): number {
    return this.#reads.size + this.#writes.size + this.#upkeep.size;
  }

  stats(): ClientCounts {
    return { ...this.#context.counts, slow: { ...this.#context.counts.slow } };
  }

  /** Where a session stands; undefined if it is unknown. `isSettled`: all its writes are committed and answered. */
  inspectSession(
    session: number,
  ): { isSettled: boolean; writeSet: number; token: ReturnType<ClientSession['exportToken']> } | undefined {
    const found = this.#context.sessions.get(session);
    if (found === undefined) return undefined;
    const token = found.exportToken(this.#context.options.clusterId);
    return { isSettled: found.isIdle, writeSet: found.writes.size, token };
  }

  step(input: ClientInput, nowUs: number, outputs: ClientOutput[]): void {
    const context = this.#context;
    context.nowUs = nowUs;
    context.outputs = outputs;
    switch (input.kind) {
      case 'config':
        return this.#onConfig(input.config);
      case 'openSession':
        context.sessions.set(input.session, new ClientSession(input.session, input.token, context.rules));
        // Whoever handed the token on was ahead of this client.
        return this.#noteForeignEpoch(input.token?.epoch ?? 0);
      case 'closeSession':
        return this.#onCloseSession(input.session);
      case 'submit':
        return this.#onSubmit(input);
      case 'abandon':
        if (!this.#upkeep.abandon(input.call) && !this.#reads.abandon(input.call)) this.#writes.abandon(input.call);
        return;
      case 'resolve':
        return this.#onResolve(input);
      case 'session':
        return this.#onSessionFrame(input.frame);
      case 'record':
        return this.#onRecordFrame(input.frame);
      case 'acks':
        return this.#onAcks(input.batch);
      case 'replicaUp':
        context.replicasUp |= 1 << input.replica;
        this.#writes.onReplicaUp(input.replica);
        return this.#reads.onReplicaUp(input.replica);
      case 'replicaDown':
        return this.#onReplicaDown(input.replica);
      case 'witnessUp':
        context.witnessesUp |= 1 << input.witness;
        this.#writes.onWitnessUp(input.witness);
        return this.#reads.onWitnessUp(input.witness);
      case 'witnessDown':
        context.witnessesUp &= ~(1 << input.witness);
        return this.#reads.onWitnessDown();
      case 'bind':
        return this.#onBind(input.replica);
      case 'tick':
        this.#writes.onTick();
        this.#upkeep.onTick();
        return this.#reads.onTick();
      case 'turnEnd':
        return context.outbox.drain(outputs);
      default:
        return unreachable(input);
    }
  }

  #onConfig(config: ClusterConfig): void {
    const context = this.#context;
    const isNewer = config.epoch > context.config.epoch;
    if (config.clusterId !== context.options.clusterId || !isNewerConfig(config, context.config)) return;
    if (!isNewer && context.isServing) return this.#onMembers(config);
    if (isNewer) context.counts.epochChanges++;
    context.config = config;
    context.quorums = quorumsOf(config);
    context.isServing = config.status === EpochStatus.open;
    if (context.bound >= config.replicas.length) context.bound = 0;
    context.outbox.enterEpoch(config);
    for (const session of context.sessions.values()) session.enterEpoch();
    if (!context.isServing) return;
    this.#writes.sendAll();
    this.#reads.sendAll();
    this.#upkeep.sendAll();
  }

  /** Members were exchanged within the epoch (D10): what the former ones said of weak writes holds for them alone. */
  #onMembers(config: ClusterConfig): void {
    const context = this.#context;
    const { replicas } = context.config;
    const exchanged = config.replicas.filter(({ index, incarnation }) => replicas[index]?.incarnation !== incarnation);
    context.config = config;
    context.outbox.follow(config);
    for (const { index } of exchanged) {
      for (const session of context.sessions.values()) session.forgetHolder(index);
      this.#writes.onReplicaUp(index);
      this.#reads.onReplicaUp(index);
    }
  }

  #onCloseSession(id: number): void {
    const session = this.#context.sessions.get(id);
    if (session === undefined) return;
    session.isClosing = true;
    if (session.isIdle) this.#forget(session);
  }

  #forget(session: ClientSession): void {
    this.#context.sessions.delete(session.id);
    if (session.lastSeq > 0 && !session.isExpired) this.#upkeep.end(session.id);
  }

  #onResolve({ call, session: id, seq, settles }: Extract<ClientInput, { kind: 'resolve' }>): void {
    const session = this.#context.sessions.get(id);
    if (session === undefined) return this.#upkeep.ask(call, { session: id, seq }, settles);
    this.#writes.resolve(session, call, seq);
  }

  /** F5: the cluster has ended a session of this process, which was not heard of for too long. */
  #expire(id: number): void {
    const session = this.#context.sessions.get(id);
    if (session === undefined || session.isExpired) return;
    this.#context.counts.expiredSessions++;
    this.#writes.expire(session);
    this.#reads.expire(id);
    if (session.isClosing) this.#context.sessions.delete(id);
  }

  #onSubmit(input: Extract<ClientInput, { kind: 'submit' }>): void {
    const { call, operation, isTraced } = input;
    const session = this.#context.sessions.get(input.session);
    if (session === undefined || session.isClosing || session.isExpired) {
      const reason = session?.isExpired === true ? 'sessionExpired' : 'sessionUnknown';
      this.#context.outputs.push({ kind: 'refused', call, reason });
      return;
    }
    if (operation.kind === 'get' || operation.kind === 'scan') this.#reads.submit(session, call, operation, isTraced);
    else this.#writes.submit(session, { call, operation });
  }

  #onSessionFrame(frame: SessionResponse): void {
    const context = this.#context;
    if (frame.clusterId !== context.options.clusterId) return;
    const isCurrent = frame.epoch === context.config.epoch;
    for (const refusal of frame.refusals) this.#onRefusal(refusal, frame.epoch);
    for (const outcome of frame.outcomes) this.#upkeep.onOutcome(outcome);
    // Commits, ends of sessions and what follows from them are facts of any epoch; everything else speaks only within its own.
    for (const reply of frame.writeReplies) this.#writes.onReply(reply, isCurrent, frame.epoch);
    for (const notice of frame.commitNotices) this.#writes.onCommitNotice(notice, frame.epoch, false);
    if (!isCurrent) return this.#noteForeignEpoch(frame.epoch);
    for (const ack of frame.weakAcks) this.#writes.onWeakAck(ack, frame.replica, false);
    for (const need of frame.needWrites) this.#writes.onNeedWrites(need);
    for (const reply of frame.strongReadReplies) this.#reads.onLeaderReply(reply);
    for (const reply of frame.confirmedReadReplies) this.#reads.onConfirmedReply(reply);
    for (const reply of frame.weakReadReplies) this.#reads.onWeakReply(reply, frame.replica);
  }

  #onRecordFrame(frame: RecordResponse): void {
    const context = this.#context;
    if (frame.clusterId !== context.options.clusterId) return;
    for (const refusal of frame.refusals) this.#onRefusal(refusal, frame.epoch);
    if (frame.epoch !== context.config.epoch) return this.#noteForeignEpoch(frame.epoch);
    // A1: another life of the same name is not the witness that the configuration counts on.
    if (context.config.witnesses[frame.witness]?.incarnation !== frame.incarnation) return;
    for (const reply of frame.recordReplies) this.#writes.onRecordReply(reply, frame.witness);
    for (const reply of frame.checkReplies) this.#reads.onCheckReply(reply, frame.witness);
  }

  #onAcks(batch: AckBatch): void {
    const context = this.#context;
    if (batch.clusterId !== context.options.clusterId) return;
    for (const notice of batch.commitNotices) this.#writes.onCommitNotice(notice, batch.epoch, true);
    if (batch.epoch !== context.config.epoch) return this.#noteForeignEpoch(batch.epoch);
    for (const ack of batch.weakAcks) this.#writes.onWeakAck(ack, batch.replica, true);
  }

  /** E8: a process that ended took along what it held, also where its life goes on with what is on its disk. */
  #onReplicaDown(replica: number): void {
    this.#context.replicasUp &= ~(1 << replica);
    for (const session of this.#context.sessions.values()) session.forgetHolder(replica);
  }

  #onBind(replica: number): void {
    if (replica === this.#context.bound) return;
    this.#context.bound = replica;
    this.#writes.onBind();
    this.#reads.onBind();
  }

  #onRefusal({ code, session, seq }: Refusal, epoch: number): void {
    this.#context.counts.refusals++;
    if (code === RefusalCode.sessionExpired) return this.#expire(session);
    if (code === RefusalCode.idReused) return this.#writes.onIdReused(session, seq);
    if (code === RefusalCode.epoch || code === RefusalCode.notLeader) this.#noteForeignEpoch(epoch);
  }

  /** Somebody is ahead of this client: the configuration is wanted, once for each such epoch. */
  #noteForeignEpoch(epoch: number): void {
    if (epoch <= this.#context.config.epoch || epoch <= this.#wantedEpoch) return;
    this.#wantedEpoch = epoch;
    this.#context.outputs.push({ kind: 'configWanted', epoch });
  }

  #complete(call: number, answer: Answer): void {
    const { counts, outputs } = this.#context;
    if (answer.path === 'fast') counts.fast++;
    else if (answer.path === 'slow') {
      const reason = answer.slowReason ?? 'overtaken';
      counts.slow[reason] = (counts.slow[reason] ?? 0) + 1;
    }
    if (call !== 0) outputs.push({ kind: 'completed', call, answer });
  }
}

export type { ClientCoreOptions, ClientCounts };

function quorumsOf({ replicas, witnesses, fastQuorum }: ClusterConfig): Quorums {
  return createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
}
