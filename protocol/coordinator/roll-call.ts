// What nodes say of themselves, here or through another coordinator, and what they are answered: who is there, what they
// know that the record may have lost, whether their states agree. Changes nothing but its own memory.

import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import { MovedMembers } from './moved-members.js';
import { describeInvalidNode, NodeRegistry } from './registry.js';
import { StateAudit } from './state-audit.js';
import { Survey } from './survey.js';
import type {
  CoordinatorOutput,
  CoordinatorRecord,
  CoordinatorRefusal,
  HeartbeatRequest,
  NodeReport,
  RegisterRequest,
  SeenNode,
} from './types.js';
import { NodeRole } from './types.js';

type Outputs = CoordinatorOutput[];

/** All nodes, as one coordinator hears of them. */
export class RollCall {
  readonly registry: NodeRegistry;
  readonly survey = new Survey();
  readonly moved = new MovedMembers();
  readonly #audit: StateAudit;
  readonly #heartbeatUs: number;

  constructor({ livenessUs, heartbeatUs }: { livenessUs: number; heartbeatUs: number }) {
    this.registry = new NodeRegistry(livenessUs);
    this.#audit = new StateAudit(livenessUs);
    this.#heartbeatUs = heartbeatUs;
  }

  /** A node of this cluster registers. */
  onRegister(
    asked: { call: number; request: RegisterRequest },
    known: CoordinatorRecord,
    nowUs: number,
    outputs: Outputs,
  ): void {
    const { call, request } = asked;
    const { role, nodeId: id, address, incarnation, epoch, sessionFloor, openEpoch, openVersion } = request;
    const invalid = describeInvalidNode(request);
    if (invalid !== null) return refuse(call, 'invalid', invalid, outputs);
    const node = { role, id, address, incarnation };
    const holder = this.registry.register(node, nowUs);
    if (holder !== null) {
      const detail = `node id ${id} is taken by a live node at ${holder.address}`;
      return refuse(call, 'duplicateNode', detail, outputs);
    }
    this.moved.note(node, known);
    const floors = { epoch, sessionFloor, openEpoch, openVersion };
    const report = { ...floors, lostEpoch: 0, stateSlot: 0, stateHash: 0, stalledUs: 0, config: undefined };
    this.#note(node, report, nowUs);
    outputs.push({ kind: 'nodeSeen', clusterId: known.clusterId, node, report });
    const response = { clusterId: known.clusterId, heartbeatUs: this.#heartbeatUs, sessionFloor: known.sessionFloor };
    outputs.push({ kind: 'registered', call, response });
  }

  /** A node of this cluster is still there. */
  onHeartbeat(
    asked: { call: number; request: HeartbeatRequest },
    known: CoordinatorRecord,
    nowUs: number,
    outputs: Outputs,
  ): void {
    const { call, request } = asked;
    const node = this.registry.renew(request, nowUs);
    if (node === undefined) {
      const detail = `node ${request.nodeId} with incarnation ${request.incarnation} is not registered here`;
      return refuse(call, 'unknownNode', detail, outputs);
    }
    const { role, id, address, incarnation } = node;
    const { epoch, lostEpoch, stateSlot, stateHash, stalledUs, sessionFloor, config, openEpoch, openVersion } = request;
    const state = { lostEpoch, stateSlot, stateHash, stalledUs };
    const report = { epoch, ...state, sessionFloor, config, openEpoch, openVersion };
    const seen = { role, id, address, incarnation };
    this.#note(seen, report, nowUs);
    this.judgeStates(known.config, nowUs, outputs);
    outputs.push({ kind: 'nodeSeen', clusterId: known.clusterId, node: seen, report });
    const stop = role === NodeRole.replica ? this.reasonToStop(seen) : '';
    const { epoch: recorded = 0, status } = known.config ?? {};
    const version = status === EpochStatus.open ? (known.config?.version ?? 0) : 0;
    const response = { epoch: recorded, version, sessionFloor: known.sessionFloor, stop };
    outputs.push({ kind: 'heartbeatNoted', call, response });
  }

  /** Another coordinator heard a node of this cluster. */
  onSeen(node: SeenNode, report: NodeReport, nowUs: number): void {
    if (this.registry.register(node, nowUs) === null) this.#note(node, report, nowUs);
  }

  /** Members of the record come before strangers of the same names, and are where it says unless they said otherwise. */
  presume(known: CoordinatorRecord, { replicas, witnesses }: ClusterConfig, nowUs: number): void {
    this.moved.follow(known);
    const roles = [
      [NodeRole.replica, replicas],
      [NodeRole.witness, witnesses],
    ] as const;
    for (const [role, members] of roles) {
      for (const { id, address, incarnation } of members) {
        const member = { role, id, address, incarnation };
        this.registry.presume(member, nowUs);
        if (!this.moved.has(member)) this.registry.locate(member);
      }
    }
  }

  /** Says whose state is found to differ now. To be called at every step: a third word is waited for only so long. */
  judgeStates(config: ClusterConfig | undefined, nowUs: number, outputs: Outputs): void {
    if (config === undefined) return;
    for (const { nodeId, detail } of this.#audit.judge(config.replicas, config.leader, nowUs)) {
      outputs.push({ kind: 'stateDiffers', nodeId, detail });
    }
  }

  /** Why a replica has to stop; empty if it need not. */
  reasonToStop({ id, incarnation }: { id: string; incarnation: number }): string {
    return this.#audit.reasonToStop(id, incarnation);
  }

  #note(node: SeenNode, report: NodeReport, nowUs: number): void {
    const { stateSlot: slot, stateHash: hash, lostEpoch, stalledUs, epoch } = report;
    this.survey.note(node, report);
    this.registry.noteLostEpoch(node, lostEpoch);
    this.registry.noteStall(node, { stalledUs, epoch, saidUs: nowUs });
    if (node.role === NodeRole.replica) this.#audit.note(node.id, node.incarnation, { slot, hash });
  }
}

function refuse(call: number, refusal: CoordinatorRefusal, detail: string, outputs: Outputs): void {
  outputs.push({ kind: 'callRefused', call, refusal, detail });
}
