// The rules of a replica: which frames it answers and in which epoch, how it follows, and when it leads. Leading itself
// is in leader.ts. Knows nothing of sockets, disks or clocks; two cores fed the same inputs emit the same outputs.

import type { Core, ReplicaInput, ReplicaOutput } from '../core.js';
import { unreachable } from '../core.js';
import {
  type AdmitRequest,
  type CheckedWrite,
  type ClusterConfig,
  type CollectResponse,
  type Command,
  EpochStatus,
  type FenceRequest,
  type LeadRequest,
  RefusalCode,
  type ReplicateRequest,
  type ReplicateResponse,
  type SessionRequest,
  type Write,
} from '../messages.js';
import { createQuorums } from '../quorum.js';
import { Following } from './following.js';
import { Leader } from './leader.js';
import { ReplicaNode, type ReplicaOptions } from './node.js';
import type { StateHash } from './state.js';
import { WeakReads } from './weak-reads.js';

/** Entries not kept yet beyond which client streams should not be read: the disk does not keep up. */
const UNKEPT_LIMIT = 16_384;

/** What a test or a gauge may see of a replica. */
export interface ReplicaInspection {
  epoch: number;
  isLeader: boolean;
  lastSlot: number;
  commitSlot: number;
  appliedSlot: number;
  /** Equal on replicas with equal state. */
  digest: number;
  held: number;
  uncommitted: number;
}

/** One replica. */
export class ReplicaCore implements Core<ReplicaInput, ReplicaOutput> {
  readonly #node: ReplicaNode;
  readonly #weakReads: WeakReads;
  readonly #following: Following;
  #leader: Leader | null = null;
  /** The newest list of replicas that was seen, whether this life is on it or not. */
  #list: Pick<ClusterConfig, 'epoch' | 'version'> = { epoch: 0, version: 0 };
  /** `Lead` calls that wait for the epoch's own entry to commit. */
  #leadCalls: number[] = [];

  constructor(options: ReplicaOptions) {
    this.#node = new ReplicaNode(options);
    this.#weakReads = new WeakReads(this.#node);
    this.#following = new Following(this.#node);
  }

  /** True while so many commands are uncommitted, or not kept yet, that client streams should not be read. */
  get isSaturated(): boolean {
    const { log, durableSlot, options } = this.#node;
    return (this.#leader?.uncommitted ?? 0) >= options.descriptorLimit || log.lastSlot - durableSlot >= UNKEPT_LIMIT;
  }

  /** True if frames were held back for a moment: the next turn should come within a millisecond or so. */
  get wantsTurn(): boolean {
    return this.#leader?.wantsTurn ?? false;
  }

  get epoch(): number {
    return this.#node.epoch;
  }

  get isLeader(): boolean {
    return this.#leader !== null;
  }

  /**
   * C4: the epoch this replica is in, if an earlier process of this life began to lead it: nobody does now, and only a
   * later epoch will have a leader. Else 0.
   */
  get lostEpoch(): number {
    const { epoch, lostEpoch } = this.#node;
    return lostEpoch === epoch ? lostEpoch : 0;
  }

  /** For how long, in microseconds, this replica led without a majority or its disk refused everything; 0 if neither. */
  get stalledUs(): number {
    return this.#node.stalledUs;
  }

  /** Hash of the state at the newest slot that all replicas take one at; slot 0 if there is none yet. */
  get stateHash(): StateHash {
    return this.#node.state.stateHash;
  }

  /** Whether the epoch is known to serve. */
  get isOpen(): boolean {
    return this.#node.isOpen;
  }

  /** Highest seq of a session that has a slot in this log; for gauges and spans. */
  orderedThrough(session: number): number {
    return this.#leader?.orderedThrough(session) ?? this.committedThrough(session);
  }

  /** Highest seq of a session that is committed here. */
  committedThrough(session: number): number {
    return this.#node.state.dedup.lastSeq(session);
  }

  step(input: ReplicaInput, nowUs: number, outputs: ReplicaOutput[]): void {
    this.#node.nowUs = nowUs;
    this.#node.progress.step(nowUs);
    switch (input.kind) {
      case 'session':
        return this.#onSession(input.frame);
      case 'replicate':
        return this.#onReplicate(input.frame);
      case 'replicated':
        return this.#onReplicated(input.frame);
      case 'collected':
        return this.#onCollected(input.frame);
      case 'config':
        return this.#onConfig(input.config);
      case 'fence':
        return this.#onFence(input.call, input.request, outputs);
      case 'lead':
        return this.#onLead(input.call, input.request, outputs);
      case 'persisted':
        return this.#onPersisted(input.number, outputs);
      case 'persistRefused':
        return this.#node.progress.noteRefused();
      case 'admit':
        return this.#onAdmit(input.call, input.request, outputs);
      case 'learnerUp':
        return this.#leader?.onLearnerUp(input.incarnation);
      case 'peerUp':
        return this.#leader?.onPeerUp(input.replica);
      case 'clientGone':
        return this.#onClientGone(input.client);
      case 'tick':
        this.#leader?.onTick();
        return this.#weakReads.retry();
      case 'turnEnd':
        return this.#onTurnEnd(outputs);
      default:
        return unreachable(input);
    }
  }

  /** Counts since the start and sizes now. */
  stats(): Record<string, number> {
    const { counts, log, state, held } = this.#node;
    return {
      ...counts,
      uncommitted: this.#leader?.uncommitted ?? 0,
      logEntries: log.length,
      logBytes: log.bytes,
      logUnkept: log.lastSlot - this.#node.durableSlot,
      keys: state.store.size,
      sessions: state.dedup.size,
      endedRanges: state.ended.rangeCount,
      held: held.size,
      weakReadsWaiting: this.#weakReads.size,
      commitSlot: this.#node.commitSlot,
    };
  }

  /** The state as a test wants it; walks all keys. */
  inspect(): ReplicaInspection {
    const { epoch, log, commitSlot, state, held } = this.#node;
    return {
      epoch,
      isLeader: this.isLeader,
      lastSlot: log.lastSlot,
      commitSlot,
      appliedSlot: state.appliedSlot,
      digest: state.digest(),
      held: held.size,
      uncommitted: this.#leader?.uncommitted ?? 0,
    };
  }

  /** Sessions of the dedup table, for tests. */
  sessions(): number[] {
    return [...this.#node.state.dedup].map(([session]) => session);
  }

  /** Whether the end of a session was applied here. */
  hasEnded(session: number): boolean {
    return this.#node.state.ended.has(session);
  }

  /** Visits every key and value as text, in order. */
  forEachKey(visit: (key: string, value: string) => void): void {
    this.#node.state.store.forEach((key, { value }) => visit(key, value ?? ''));
  }

  #onSession(frame: SessionRequest): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId) return;
    const client = frame.clientId;
    if (frame.epoch !== node.epoch) {
      return node.refuse(client, RefusalCode.epoch, `replica is in epoch ${node.epoch}, not ${frame.epoch}`);
    }
    // Fenced before it was told its place: an acknowledgement could pass for another replica's.
    if (node.config === null) return node.refuse(client, RefusalCode.notOpen, 'replica has no configuration yet');
    const leads = this.#ignoreStrong(frame, client);
    for (const write of frame.writes) this.#onWrite(write, client, leads);
    for (const query of frame.ackQueries) this.#onAckQuery(query.session, query.seq, client);
    for (const read of frame.weakReads) this.#weakReads.onRead(read, client);
    if (leads === null) return;
    if (frame.upkeep !== undefined) leads.onUpkeep(frame.upkeep, client);
    for (const read of frame.strongReads) leads.onStrongRead(read, client);
    for (const read of frame.confirmedReads) leads.onConfirmedRead(read, client);
  }

  /** The leadership that serves this frame; null, after a refusal if it asked for one, where there is none. */
  #ignoreStrong(frame: SessionRequest, client: number): Leader | null {
    const node = this.#node;
    if (this.#leader !== null && node.isOpen) return this.#leader;
    const { strongReads, confirmedReads, upkeep } = frame;
    const strong =
      strongReads.length + confirmedReads.length > 0 || upkeep !== undefined || frame.writes.some(isStrong);
    if (!strong) return null;
    if (this.#leader === null) node.refuse(client, RefusalCode.notLeader, `replica ${node.options.id} does not lead`);
    else node.refuse(client, RefusalCode.notOpen, `epoch ${node.epoch} is not open`);
    return null;
  }

  #onWrite(write: Write, client: number, leader: Leader | null): void {
    if (!hasCommand(write)) return;
    const { session, seq, strong } = write.command;
    const node = this.#node;
    if (this.#ignoreEnded(write.command, client, leader)) return;
    node.clientOf.set(session, client);
    if (!strong) {
      const committed = seq <= node.state.dedup.lastSeq(session);
      if (!committed && !node.held.hold(write, node.nowUs)) {
        const detail = `replica holds ${node.options.heldLimit} uncommitted weak writes`;
        return node.refuse(client, RefusalCode.full, detail, { session, seq });
      }
      if (write.bound === node.index) node.acks.for(client, 16).weakAcks.push({ session, seq });
    }
    leader?.onWrite(write, client);
  }

  /** F5: a write of a session that is over, or that the leader asks about: held now it could be acknowledged and lost. */
  #ignoreEnded({ session, seq, strong }: Command, client: number, leader: Leader | null): boolean {
    const node = this.#node;
    if (leader !== null) return leader.refusesEnded(session, client, { seq });
    if (node.isEnded(session)) node.refuseEnded(session, client, { seq });
    else if (strong || !node.asked.has(session)) return false;
    else node.refuse(client, RefusalCode.full, `session ${session} is being asked about`, { session, seq });
    return true;
  }

  /** What became of a weak write, said over the stream whatever the ack transport. */
  #onAckQuery(session: number, seq: number, client: number): void {
    if (this.#node.isEnded(session)) return this.#node.refuseEnded(session, client, { seq });
    const { state, held, replies } = this.#node;
    if (seq <= state.dedup.lastSeq(session)) {
      replies.for(client, 24).commitNotices.push(this.#node.commitNotice(session));
    } else if (this.#mayConfirmHeld(held.boundOf(session, seq))) {
      replies.for(client, 16).weakAcks.push({ session, seq });
    }
  }

  /**
   * E8: a majority that holds a write makes it witnessed, which is to survive what the durability does; where processes
   * come back without what they held, only the bound one says that it holds it.
   */
  #mayConfirmHeld(bound: number | undefined): boolean {
    const { index, journal } = this.#node;
    return bound !== undefined && (journal === null || bound === index);
  }

  #onReplicate(frame: ReplicateRequest): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId || frame.epoch < node.epoch) return;
    // Only the life that the configuration names has a place in the list: any other, and one that knows no configuration
    // yet, would be counted as a replica that it is not (P7). One that is brought up to date is addressed by its life.
    if (frame.learner === 0 ? !this.#isNamed() : frame.learner !== node.options.incarnation) return;
    if (frame.epoch > node.epoch) this.#becomeFollower(frame.epoch);
    if (this.#leader !== null) throw new Error(`two leaders in epoch ${node.epoch}: ${node.index} and ${frame.leader}`);
    this.#following.onReplicate(frame);
  }

  #isNamed(): boolean {
    const { config, index, options } = this.#node;
    return config?.replicas[index]?.incarnation === options.incarnation;
  }

  #onReplicated(frame: ReplicateResponse): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId || frame.epoch !== node.epoch || this.#leader === null) return;
    this.#leader.onResponse(frame);
    if (!node.isOpen) return;
    for (const write of frame.relayed) if (hasCommand(write)) this.#leader.onRelayed(write);
    const member = node.config?.replicas[frame.replica];
    if (member === undefined || !node.rules.isOfLife(frame, member)) return;
    this.#leader.onAnswer('replica', frame.replica, frame.inquiry);
  }

  #onCollected(frame: CollectResponse): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId || frame.epoch !== node.epoch || this.#leader === null) return;
    if (!node.isOpen) return;
    for (const write of frame.stale) if (hasCommand(write)) this.#leader.onRelayed(write);
    // A1: another life of that name has not what this one recorded.
    if (node.config?.witnesses[frame.witness]?.incarnation !== frame.incarnation) return;
    this.#leader.onAnswer('witness', frame.witness, frame.inquiry);
  }

  #onConfig(config: ClusterConfig): void {
    const node = this.#node;
    const known = this.#list.epoch === config.epoch ? this.#list.version : 0;
    if (config.clusterId !== node.options.clusterId || config.epoch < node.epoch || config.version < known) return;
    this.#list = config;
    // A place in the list is one life's: another one of the same name has not what that one promised to hold (B6, P7).
    const member = config.replicas.find(({ incarnation }) => incarnation === node.options.incarnation);
    if (member === undefined) return this.#onLeftOut();
    if (config.epoch > node.epoch) this.#becomeFollower(config.epoch);
    const isExchanged = this.#leader !== null && config.version > known;
    node.config = config;
    if (node.index !== member.index) this.#onPlace(member.index);
    if (isExchanged) this.#leader?.onMembers(config);
    if (config.status === EpochStatus.open) node.openSlot = config.openSlot;
    this.#weakReads.retry();
  }

  /** Frames under way to clients would speak for another place. */
  #onPlace(index: number): void {
    this.#node.index = index;
    this.#node.replies.clear();
    this.#node.acks.clear();
  }

  /** Another life has the place: what this one holds counts for nobody any more, so it acknowledges nothing (P7). */
  #onLeftOut(): void {
    if (this.#node.config === null) return;
    this.#becomeFollower(this.#node.epoch);
    this.#node.config = null;
  }

  #onAdmit(call: number, request: AdmitRequest, outputs: ReplicaOutput[]): void {
    const node = this.#node;
    if (this.#leader !== null && request.clusterId === node.options.clusterId) {
      return this.#leader.onAdmit(call, request);
    }
    outputs.push({ kind: 'admitted', call, response: { epoch: node.epoch, matchSlot: 0 } });
  }

  #onFence(call: number, request: FenceRequest, outputs: ReplicaOutput[]): void {
    const node = this.#node;
    const { clusterId, incarnation } = node.options;
    if (request.clusterId !== clusterId || request.incarnation !== incarnation) {
      // The promise was asked of another life, whose log this one does not have: epoch 0 counts in no majority.
      outputs.push({ kind: 'fenced', call, response: { epoch: 0, lastEpoch: 0, lastSlot: 0, lastWrites: [] } });
      return;
    }
    if (request.epoch > node.epoch) this.#becomeFollower(request.epoch);
    const { epoch, log } = node;
    const lastWrites = request.wantsLastWrites ? node.lastWrites() : [];
    const response = { epoch, lastEpoch: log.lastEpoch, lastSlot: log.lastSlot, lastWrites };
    const answer: ReplicaOutput = { kind: 'fenced', call, response };
    // C6: with the epoch goes the log that the answer speaks of: whoever is chosen for it must still have it.
    const mayAnswer = node.rules.mayAnswerFence(node.journal === null);
    if (node.journal === null || mayAnswer) outputs.push(answer);
    else node.journal.answerWhenKept(answer, outputs);
  }

  #onLead(call: number, request: LeadRequest, outputs: ReplicaOutput[]): void {
    const node = this.#node;
    const { config } = request;
    const member = config?.replicas.find(({ id }) => id === node.options.id);
    // Another life of this name has another log; leading with this one would lose what that one held.
    const isMe = member?.incarnation === node.options.incarnation;
    const named = config !== undefined && member !== undefined && isMe && config.leader === member.index;
    if (!named || config.clusterId !== node.options.clusterId || config.epoch < node.epoch) {
      // Superseded, or meant for somebody else: an open slot of 0 says so.
      outputs.push({ kind: 'led', call, response: { openSlot: 0, committed: [] } });
      return;
    }
    const leadsAlready = this.#leader !== null && config.epoch === node.epoch;
    // An earlier process led that epoch; its log may not have reached the disk, but others may have it (C4).
    const isLost = !leadsAlready && !node.rules.mayLead(config.epoch, node.ledEpoch);
    if (isLost) {
      outputs.push({ kind: 'led', call, response: { openSlot: 0, committed: [] } });
      return;
    }
    if (!leadsAlready) {
      this.#becomeFollower(config.epoch);
      node.ledEpoch = config.epoch;
      node.config = config;
      node.index = member.index;
      const { replicas, witnesses, fastQuorum } = config;
      const quorums = createQuorums({ replicas: replicas.length, witnesses: witnesses.length, fastQuorum });
      this.#leader = new Leader(node, quorums, request.replay);
    }
    this.#leadCalls.push(call);
    this.#maybeReportLed(outputs);
  }

  #maybeReportLed(outputs: ReplicaOutput[]): void {
    const leader = this.#leader;
    if (this.#leadCalls.length === 0 || leader === null) return;
    if (!this.#node.rules.mayReportLed(this.#node.commitSlot, leader.ownSlot)) return;
    const response = { openSlot: leader.ownSlot, committed: leader.committedWatermarks() };
    for (const call of this.#leadCalls) outputs.push({ kind: 'led', call, response });
    this.#leadCalls = [];
  }

  /** Joins an epoch; whatever leadership, promise or answer belonged to an older one ends here. */
  #becomeFollower(epoch: number): void {
    const node = this.#node;
    node.epoch = epoch;
    node.openSlot = 0;
    this.#leader?.close();
    this.#leader = null;
    node.progress.follow();
    this.#leadCalls = [];
    this.#following.begin();
    // Half-written frames carry the old epoch, so they may not take in anything of the new one.
    node.replies.clear();
    node.acks.clear();
    this.#weakReads.clear();
  }

  #onPersisted(number: number, outputs: ReplicaOutput[]): void {
    this.#node.progress.noteKept();
    this.#node.journal?.onKept(number, outputs);
    this.#following.onKept();
  }

  #onClientGone(client: number): void {
    this.#node.replies.drop(client);
    this.#node.acks.drop(client);
    this.#weakReads.dropClient(client);
    this.#leader?.dropClient(client);
  }

  #onTurnEnd(outputs: ReplicaOutput[]): void {
    const node = this.#node;
    this.#leader?.onTurnEnd(outputs);
    this.#maybeReportLed(outputs);
    this.#weakReads.retry();
    this.#following.onTurnEnd(outputs);
    node.journal?.onTurnEnd(outputs);
    node.acks.drain((client, batch) => outputs.push({ kind: 'acks', client, batch }));
    node.replies.drain((client, frame) => outputs.push({ kind: 'session', client, frame }));
  }
}

function isStrong({ command }: Write): boolean {
  return command?.strong ?? false;
}

function hasCommand(write: Write): write is CheckedWrite {
  return write.command !== undefined;
}
