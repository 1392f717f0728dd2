// The rules of a replica: which frames it answers and in which epoch, how it follows, and when it leads. Leading itself
// is in leader.ts. Knows nothing of sockets, disks or clocks; two cores fed the same inputs emit the same outputs.

import { copyCommand } from '../command.js';
import type { Core, ReplicaInput, ReplicaOutput } from '../core.js';
import { unreachable } from '../core.js';
import {
  type AdmitRequest,
  type CheckedWrite,
  type ClusterConfig,
  type CollectResponse,
  EpochStatus,
  type FenceRequest,
  type LeadRequest,
  RefusalCode,
  type ReplicateRequest,
  type ReplicateResponse,
  type SessionRequest,
  type SnapshotPart,
  type Write,
} from '../messages.js';
import { createQuorums } from '../quorum.js';
import { Leader } from './leader.js';
import { ReplicaNode, type ReplicaOptions } from './node.js';
import { SnapshotReceiver } from './snapshot-receiver.js';
import { WeakReads } from './weak-reads.js';

/** Held writes relayed to the leader in one frame. */
const RELAY_BATCH = 256;

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
  readonly #snapshot: SnapshotReceiver;
  #leader: Leader | null = null;
  /** `Lead` calls that wait for the epoch's own entry to commit. */
  #leadCalls: number[] = [];
  /** Slot up to which this log equals that of the epoch's leader. */
  #verifiedSlot = 0;
  /** Answer owed to the leader at the end of the turn. */
  #answer: ReplicateResponse | null = null;
  #round = 0;
  #nextRelayUs = 0;

  constructor(options: ReplicaOptions) {
    this.#node = new ReplicaNode(options);
    this.#weakReads = new WeakReads(this.#node);
    this.#snapshot = new SnapshotReceiver(options.shards, this.#node.rules);
  }

  /** True while so many commands are uncommitted that client streams should not be read. */
  get isSaturated(): boolean {
    return (this.#leader?.uncommitted ?? 0) >= this.#node.options.descriptorLimit;
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
      case 'admit':
        return this.#onAdmit(input.call, input.request, outputs);
      case 'learnerUp':
        return this.#leader?.onLearnerUp(input.incarnation);
      case 'persisted':
        throw new Error(`${input.kind} is not handled yet`);
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
      keys: state.store.size,
      sessions: state.dedup.size,
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
    for (const read of frame.strongReads) leads.onStrongRead(read, client);
    for (const read of frame.confirmedReads) leads.onConfirmedRead(read, client);
  }

  /** The leadership that serves this frame; null, after a refusal if it asked for one, where there is none. */
  #ignoreStrong(frame: SessionRequest, client: number): Leader | null {
    const node = this.#node;
    if (this.#leader !== null && node.isOpen) return this.#leader;
    const strong = frame.strongReads.length + frame.confirmedReads.length > 0 || frame.writes.some(isStrong);
    if (!strong) return null;
    if (this.#leader === null) node.refuse(client, RefusalCode.notLeader, `replica ${node.options.id} does not lead`);
    else node.refuse(client, RefusalCode.notOpen, `epoch ${node.epoch} is not open`);
    return null;
  }

  #onWrite(write: Write, client: number, leader: Leader | null): void {
    if (!hasCommand(write)) return;
    const { session, seq, strong } = write.command;
    const node = this.#node;
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

  /** What became of a weak write, said over the stream whatever the ack transport. */
  #onAckQuery(session: number, seq: number, client: number): void {
    const { state, held, replies } = this.#node;
    if (seq <= state.dedup.lastSeq(session)) {
      replies.for(client, 24).commitNotices.push(this.#node.commitNotice(session));
    } else if (held.has(session, seq)) {
      replies.for(client, 16).weakAcks.push({ session, seq });
    }
  }

  #onReplicate(frame: ReplicateRequest): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId || frame.epoch < node.epoch) return;
    // Only the life that the configuration names has a place in the list: any other, and one that knows no configuration
    // yet, would be counted as a replica that it is not (P7). One that is brought up to date is addressed by its life.
    if (frame.learner === 0 ? !this.#isNamed() : frame.learner !== node.options.incarnation) return;
    if (frame.epoch > node.epoch) this.#becomeFollower(frame.epoch);
    if (this.#leader !== null) throw new Error(`two leaders in epoch ${node.epoch}: ${node.index} and ${frame.leader}`);
    this.#round = Math.max(this.#round, frame.round);
    if (frame.snapshot !== undefined) this.#onSnapshot(frame.snapshot);
    const epochHere = node.log.epochAt(frame.prevSlot);
    if (frame.snapshot !== undefined || frame.prevSlot < node.log.floor) {
      // Nothing of the log, or an old duplicate, from before what everybody has stored.
    } else if (epochHere === undefined || epochHere !== frame.prevEpoch) {
      // Too short: the end of this log is the next to try. Different: what is committed is the same everywhere.
      const isShort = node.log.lastSlot < frame.prevSlot;
      const matchSlot = isShort ? node.log.lastSlot : node.commitSlot;
      return this.#owe({ ok: false, matchSlot });
    } else {
      this.#store(frame);
    }
    this.#commitThrough(Math.min(frame.commitSlot, this.#verifiedSlot));
    if (frame.openSlot > 0) node.openSlot = frame.openSlot;
    node.log.dropThrough(Math.min(frame.storedEverywhere, node.commitSlot));
    this.#owe({ ok: true, matchSlot: this.#verifiedSlot });
  }

  #isNamed(): boolean {
    const { config, index, options } = this.#node;
    return config?.replicas[index]?.incarnation === options.incarnation;
  }

  /**
   * Takes a part of a snapshot; the last one puts the state in place. Of the log stays what verifiably goes on from
   * there: whatever this replica acknowledged to anybody and is not part of the state lies on the same log as the
   * leader's, so it stays.
   */
  #onSnapshot(part: SnapshotPart): void {
    const node = this.#node;
    // What is applied already is as good.
    if (part.slot <= node.commitSlot) return this.#snapshot.forget();
    const state = this.#snapshot.take(part);
    if (state === null) return;
    node.log.beginAfter(part.slot, part.slotEpoch);
    node.state = state;
    node.commitSlot = part.slot;
    this.#verifiedSlot = Math.max(this.#verifiedSlot, part.slot);
    for (const [session, { lastSeq }] of state.dedup) node.held.release(session, lastSeq);
  }

  #store(frame: ReplicateRequest): void {
    const { log, commitSlot } = this.#node;
    let slot = frame.prevSlot;
    for (const entry of frame.entries) {
      slot++;
      const epochHere = log.epochAt(slot);
      if (epochHere === entry.epoch || slot <= log.floor) continue;
      if (epochHere !== undefined) {
        if (slot <= commitSlot) throw new Error(`committed slot ${slot} would be cut in epoch ${frame.epoch}`);
        log.truncateAfter(slot - 1);
      }
      const command = entry.command && copyCommand(entry.command, this.#node.slab);
      log.append({ epoch: entry.epoch, command, expiry: entry.expiry });
    }
    this.#verifiedSlot = Math.max(this.#verifiedSlot, slot);
  }

  #commitThrough(slot: number): void {
    const { log, state, held, counts } = this.#node;
    for (let next = this.#node.commitSlot + 1; next <= slot; next++) {
      const command = log.at(next)?.command;
      this.#node.commitSlot = next;
      state.apply(next, command);
      if (command === undefined) continue;
      counts.committed++;
      held.release(command.session, command.seq);
    }
  }

  #owe(answer: { ok: boolean; matchSlot: number }): void {
    const { options, epoch, index } = this.#node;
    const { clusterId, incarnation } = options;
    this.#answer = {
      ...{ clusterId, epoch, replica: index, incarnation, round: this.#round, relayed: [] },
      ...{ inquiry: 0, snapshotSlot: this.#snapshot.slot, snapshotParts: this.#snapshot.parts, ...answer },
    };
  }

  #onReplicated(frame: ReplicateResponse): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId || frame.epoch !== node.epoch || this.#leader === null) return;
    this.#leader.onResponse(frame);
    if (node.isOpen) for (const write of frame.relayed) if (hasCommand(write)) this.#leader.onRelayed(write);
  }

  #onCollected(frame: CollectResponse): void {
    const node = this.#node;
    if (frame.clusterId !== node.options.clusterId || frame.epoch !== node.epoch || this.#leader === null) return;
    if (node.isOpen) for (const write of frame.stale) if (hasCommand(write)) this.#leader.onRelayed(write);
  }

  #onConfig(config: ClusterConfig): void {
    const node = this.#node;
    const known = node.config?.epoch === config.epoch ? node.config.version : 0;
    if (config.clusterId !== node.options.clusterId || config.epoch < node.epoch || config.version < known) return;
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
    outputs.push({ kind: 'fenced', call, response });
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
    if (!leadsAlready) {
      this.#becomeFollower(config.epoch);
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

  /** E9: what this replica has held for long goes to the leader with the next answer. */
  #maybeRelay(answer: ReplicateResponse): void {
    const { counts, held, nowUs, options } = this.#node;
    if (nowUs < this.#nextRelayUs) return;
    this.#nextRelayUs = nowUs + options.relayAfterUs / 4;
    answer.relayed = held.takeDue(nowUs - options.relayAfterUs, nowUs, RELAY_BATCH);
    counts.relayed += answer.relayed.length;
  }

  /** Joins an epoch; whatever leadership, promise or answer belonged to an older one ends here. */
  #becomeFollower(epoch: number): void {
    const node = this.#node;
    node.epoch = epoch;
    node.openSlot = 0;
    this.#leader?.close();
    this.#leader = null;
    this.#snapshot.forget();
    this.#leadCalls = [];
    this.#answer = null;
    this.#round = 0;
    this.#verifiedSlot = node.commitSlot;
    // Half-written frames carry the old epoch, so they may not take in anything of the new one.
    node.replies.clear();
    node.acks.clear();
    this.#weakReads.clear();
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
    if (this.#answer !== null) {
      this.#maybeRelay(this.#answer);
      outputs.push({ kind: 'replicated', frame: this.#answer });
      this.#answer = null;
    }
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
