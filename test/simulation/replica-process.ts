// A replica in the simulator: the production core, its disk, its outputs sent to where they belong, and what its frames
// tell the census.

import type { ReplicaInput, ReplicaOutput } from '../../protocol/core.js';
import { unreachable } from '../../protocol/core.js';
import type { AckBatch, SessionRequest, SessionResponse } from '../../protocol/messages.js';
import type { ReplicaBatch } from '../../protocol/replica/persistence.js';
import type { ReplicaCore } from '../../protocol/replica/replica-core.js';
import {
  describeAckBatch,
  describeCollectRequest,
  describeReplicateRequest,
  describeReplicateResponse,
  describeSessionResponse,
} from './describe.js';
import { SimulatedDisk } from './disk.js';
import { KnownMembers, processOf } from './members.js';
import type { NodeReport } from './membership.js';
import type { World } from './node.js';
import { SimulatedNode } from './node.js';
import { ReplicaDisk } from './replica-disk.js';
import { copyFrame } from './wire-copy.js';

const PAUSE_CHECK_US = 1000;

/** One replica process. */
export class ReplicaProcess extends SimulatedNode<ReplicaInput, ReplicaOutput> {
  /** Process that the last replicate frame came from. */
  private replicationSource = -1;
  private readonly members = new KnownMembers();
  /** Processes by their lives that are to become members. */
  private readonly learners = new Map<number, number>();
  /** Weak reads that came in this turn and are not answered yet. */
  private readonly freshWeakReads = new Set<string>();
  /** Outlives the processes. */
  readonly disk: SimulatedDisk<ReplicaBatch>;
  /** What is on it. */
  readonly kept: ReplicaDisk;

  /** `tears` breaks C5 on purpose. */
  constructor(
    readonly index: number,
    world: World,
    private core: ReplicaCore,
    tears: boolean,
  ) {
    super(`r${index}`, world, core);
    this.kept = new ReplicaDisk(tears);
    this.disk = new SimulatedDisk(world, (batch) => {
      world.note(() => `${this.name} keeps ${describeBatch(batch)}`);
      this.kept.keep(batch);
    });
  }

  /** For a heartbeat. */
  report(): NodeReport {
    const { epoch, lostEpoch, stalledUs, stateHash } = this.core;
    return { epoch, lostEpoch, stalledUs, stateSlot: stateHash.slot, stateHash: stateHash.hash };
  }

  /** The process ends with what its disk holds. */
  crash(): void {
    this.isAlive = false;
    this.world.note(() => `${this.name} crashes`);
    this.disk.crash();
  }

  /** Another process goes on with what the disk holds. */
  revive(core: ReplicaCore, tickUs: number): void {
    this.core = core;
    this.replicationSource = -1;
    this.learners.clear();
    this.freshWeakReads.clear();
    super.restart(core, tickUs);
  }

  /** `from` is the process that sent it. */
  protected override onInput(input: ReplicaInput, from: number): void {
    if (input.kind === 'replicate') this.replicationSource = from;
    const config = input.kind === 'config' ? input.config : input.kind === 'lead' ? input.request.config : undefined;
    if (config !== undefined) this.members.follow(config);
    if (input.kind === 'admit' && input.request.member !== undefined) {
      this.learners.set(input.request.member.incarnation, processOf(input.request.member));
    }
    if (input.kind === 'session') this.observeRequest(input.frame);
    if (input.kind === 'replicated') this.world.census.count('relay', input.frame.relayed.length);
    if (input.kind === 'collected') this.world.census.count('staleReport', input.frame.stale.length);
  }

  /** The streams to another replica were opened anew. */
  peerUp(process: number): void {
    const replica = this.members.placeOf(process);
    if (replica !== undefined) this.input({ kind: 'peerUp', replica });
    for (const [incarnation, learner] of this.learners) {
      if (learner === process) this.input({ kind: 'learnerUp', incarnation });
    }
  }

  protected override carryOut(output: ReplicaOutput): void {
    const { world, name, life } = this;
    switch (output.kind) {
      case 'session': {
        this.observeResponse(output.client, output.frame);
        const frame = copyFrame(output.frame);
        world.toClient(name, output.client, { kind: 'session', frame }, () => describeSessionResponse(frame));
        return;
      }
      case 'acks':
        this.sendAcks(output.client, copyFrame(output.batch));
        return;
      case 'replicate': {
        const frame = copyFrame(output.frame);
        if (frame.snapshot?.number === 0) world.census.count('snapshotSent');
        if (frame.inquiry !== undefined) world.census.count('inquiry');
        for (const { expiry } of frame.entries) for (const session of expiry?.sessions ?? []) world.noteEnding(session);
        for (const to of output.to) {
          const learner = this.learners.get(frame.learner) ?? -1;
          const process = frame.learner === 0 ? this.members.processAt(to) : learner;
          world.toReplica(name, process, { kind: 'replicate', frame }, () => describeReplicateRequest(frame));
        }
        return;
      }
      case 'replicated': {
        const frame = copyFrame(output.frame);
        if (this.replicationSource < 0) return;
        world.toReplica(name, this.replicationSource, { kind: 'replicated', frame }, () =>
          describeReplicateResponse(frame),
        );
        return;
      }
      case 'collect': {
        const frame = copyFrame(output.frame);
        for (const to of output.to) {
          world.toMember(name, { epoch: frame.epoch, index: to }, { kind: 'collect', frame }, () =>
            describeCollectRequest(frame),
          );
        }
        return;
      }
      case 'persist':
        this.disk.write(
          output.batch,
          () => this.onKept(output, life),
          () => this.life === life && this.input({ kind: 'persistRefused' }),
        );
        return;
      case 'admitted':
        world.answerCall(name, output);
        if (output.response.matchSlot > 0) world.onAdmitted(this.index);
        return;
      case 'fenced':
      case 'led':
        world.answerCall(name, output);
        return;
      default:
        unreachable(output);
    }
  }

  protected override onTurnEnded(): void {
    this.world.census.count('weakWait', this.freshWeakReads.size);
    this.freshWeakReads.clear();
  }

  /** A process that is halted learns of it when it goes on. */
  private onKept(output: Extract<ReplicaOutput, { kind: 'persist' }>, life: number): void {
    if (!this.isAlive || this.life !== life) return;
    if (this.isPaused) {
      this.world.timeline.after(PAUSE_CHECK_US, () => this.onKept(output, life));
      return;
    }
    for (const waiting of output.then) this.carryOut(waiting);
    this.input({ kind: 'persisted', number: output.batch.number });
  }

  /** Over the bus, or, where there is none and the host knows it, in a frame of the stream. */
  private sendAcks(client: number, batch: AckBatch): void {
    const { world, name } = this;
    if (world.network.bus !== 'absent') {
      world.publish(name, client, { kind: 'acks', batch }, () => describeAckBatch(batch));
      return;
    }
    const frame: SessionResponse = {
      clusterId: batch.clusterId,
      epoch: batch.epoch,
      writeReplies: [],
      needWrites: [],
      strongReadReplies: [],
      confirmedReadReplies: [],
      weakReadReplies: [],
      weakAcks: batch.weakAcks,
      commitNotices: batch.commitNotices,
      refusals: [],
      pong: 0,
      replica: this.index,
      trace: undefined,
      outcomes: [],
    };
    world.toClient(name, client, { kind: 'session', frame }, () => describeSessionResponse(frame));
  }

  private observeRequest(frame: SessionRequest): void {
    for (const read of frame.weakReads) this.freshWeakReads.add(`${frame.clientId}n${read.nonce}`);
    this.world.census.count('confirmedRead', frame.confirmedReads.length);
    this.world.census.count('ackQuery', frame.ackQueries.length);
  }

  private observeResponse(client: number, frame: SessionResponse): void {
    const { census } = this.world;
    for (const reply of frame.weakReadReplies) {
      this.freshWeakReads.delete(`${client}n${reply.nonce}`);
      if (reply.refer) census.count('refer');
    }
    census.count('needWrites', frame.needWrites.length);
    census.count('refused', frame.refusals.length);
    for (const refusal of frame.refusals) this.freshWeakReads.delete(`${client}n${refusal.nonce}`);
  }
}

function describeBatch({ number, promises, cutAfter, firstSlot, entries, checkpoint }: ReplicaBatch): string {
  const { epoch, ledEpoch, commitSlot } = promises;
  const cut = cutAfter === undefined ? '' : `, cut after ${cutAfter}`;
  const state = checkpoint === undefined ? '' : `, ${checkpoint.step} to ${checkpoint.slot}`;
  const range = entries.length === 0 ? '' : `, ${firstSlot}–${firstSlot + entries.length - 1}`;
  return `#${number}: e${epoch} led ${ledEpoch} commit ${commitSlot}${cut}${range}${state}`;
}
