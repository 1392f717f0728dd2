// A replica in the simulator: the production core, its outputs sent to where they belong, and what its frames tell the
// census.

import type { Core, ReplicaInput, ReplicaOutput } from '../../protocol/core.js';
import { unreachable } from '../../protocol/core.js';
import type { AckBatch, SessionRequest, SessionResponse } from '../../protocol/messages.js';
import {
  describeAckBatch,
  describeCollectRequest,
  describeReplicateRequest,
  describeReplicateResponse,
  describeSessionResponse,
} from './describe.js';
import type { World } from './node.js';
import { SimulatedNode } from './node.js';
import { copyFrame } from './wire-copy.js';

/** One replica process. */
export class ReplicaProcess extends SimulatedNode<ReplicaInput, ReplicaOutput> {
  /** Where the last replicate frame came from. */
  private replicationSource = -1;
  /** Weak reads that came in this turn and are not answered yet. */
  private readonly freshWeakReads = new Set<string>();

  constructor(
    readonly index: number,
    world: World,
    core: Core<ReplicaInput, ReplicaOutput>,
  ) {
    super(`r${index}`, world, core);
  }

  protected override onInput(input: ReplicaInput): void {
    if (input.kind === 'replicate') this.replicationSource = input.frame.leader;
    if (input.kind === 'session') this.observeRequest(input.frame);
    if (input.kind === 'replicated') this.world.census.count('relay', input.frame.relayed.length);
    if (input.kind === 'collected') this.world.census.count('staleReport', input.frame.stale.length);
  }

  protected override carryOut(output: ReplicaOutput): void {
    const { world, name } = this;
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
        if (frame.inquiry !== undefined) world.census.count('inquiry');
        for (const { expiry } of frame.entries) for (const session of expiry?.sessions ?? []) world.noteEnding(session);
        for (const to of output.to) {
          world.toReplica(name, to, { kind: 'replicate', frame }, () => describeReplicateRequest(frame));
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
          world.toWitness(name, to, { kind: 'collect', frame }, () => describeCollectRequest(frame));
        }
        return;
      }
      case 'admitted':
      case 'persist':
        throw new Error(`${output.kind} is not handled yet`);
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
