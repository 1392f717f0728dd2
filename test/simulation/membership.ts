// A node's standing with the coordinators, as services/host/membership.ts has it: registers, sends heartbeats to one of
// them, turns to the next one when there is no answer.

import type { CoordinatorInput, CoordinatorOutput, HeartbeatRequest } from '../../protocol/coordinator/types.js';
import { NodeRole } from '../../protocol/coordinator/types.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { clusterIdOf } from './first-config.js';
import type { World } from './node.js';

/** How often a node says that it is there. */
export const HEARTBEAT_US = 12_000;
/** How soon after a pause the next heartbeat goes out, at the latest. */
const PAUSE_CHECK_US = 2000;

/** The node as it says who it is. */
export interface MemberIdentity {
  role: number;
  /** Name of the process and of the member. */
  id: string;
  incarnation: number;
  /** Where it is reached: a restarted process listens at another port. */
  address: string;
}

/** What a node says of itself in a heartbeat. */
export interface NodeReport {
  epoch: number;
  lostEpoch: number;
  stateSlot: number;
  stateHash: number;
}

/** The node as its standing depends on it. */
export interface ReportingProcess {
  /** False once this life has ended. */
  isAlive(): boolean;
  isPaused(): boolean;
  report(): NodeReport;
}

/** What a life keeps in mind of what coordinators told it; found again where nodes have disks. */
export interface Standing {
  sessionFloor: number;
  lastOpen: ClusterConfig | undefined;
}

/** How a coordinator answered. */
export type StandingAnswer = Extract<CoordinatorOutput, { kind: 'registered' | 'heartbeatNoted' | 'callRefused' }>;

/** One life of one node; ends with `isAlive`. */
export class Membership {
  private coordinator: number;
  private isRegistered = true;
  private isAnswered = true;
  /** What the coordinator answered last. */
  private answered = { epoch: 0, version: 0 };

  constructor(
    private readonly world: World,
    readonly member: MemberIdentity,
    private readonly process: ReportingProcess,
    readonly standing: Standing,
    private readonly ask: (
      coordinator: number,
      build: (call: number) => CoordinatorInput,
      onAnswer: (answer: StandingAnswer) => void,
    ) => void,
  ) {
    this.coordinator = world.random.below(world.plan.coordinators);
  }

  /** Begins to send heartbeats; a life that nobody knows yet registers first. */
  begin(isNew: boolean): void {
    this.isRegistered = !isNew;
    this.beat();
  }

  /** A configuration is in force. */
  told(config: ClusterConfig): void {
    const { epoch = 0, version = 0 } = this.standing.lastOpen ?? {};
    const isLater = config.epoch > epoch || (config.epoch === epoch && config.version > version);
    if (config.status === EpochStatus.open && isLater) this.standing.lastOpen = config;
    const { role, incarnation, address } = this.member;
    const members = role === NodeRole.replica ? config.replicas : config.witnesses;
    const own = members.find((member) => member.incarnation === incarnation);
    if (own !== undefined && own.address !== address) this.isRegistered = false;
  }

  private beat(): void {
    const { world, member } = this;
    if (!this.process.isAlive()) return;
    if (this.process.isPaused()) {
      world.timeline.after(PAUSE_CHECK_US, () => this.beat());
      return;
    }
    if (!this.isAnswered) this.coordinator = (this.coordinator + 1) % world.plan.coordinators;
    this.isAnswered = false;
    const { role, id: nodeId, incarnation, address } = member;
    const clusterId = clusterIdOf(world.plan);
    const { lastOpen, sessionFloor } = this.standing;
    const { epoch, version } = this.answered;
    const isAhead =
      lastOpen !== undefined && (lastOpen.epoch > epoch || (lastOpen.epoch === epoch && lastOpen.version > version));
    const openEpoch = lastOpen?.epoch ?? 0;
    const openVersion = lastOpen?.version ?? 0;
    const { epoch: ownEpoch, lostEpoch, stateSlot, stateHash } = this.process.report();
    const heartbeat: HeartbeatRequest = {
      clusterId,
      role,
      nodeId,
      incarnation,
      epoch: ownEpoch,
      lostEpoch,
      stateSlot,
      stateHash,
      sessionFloor,
      config: isAhead ? lastOpen : undefined,
      openEpoch,
      openVersion,
    };
    const build = (call: number): CoordinatorInput => {
      if (this.isRegistered) return { kind: 'heartbeat', call, request: heartbeat };
      const life = { clusterId, role, nodeId, incarnation, address };
      return { kind: 'register', call, request: { ...life, epoch: ownEpoch, sessionFloor, openEpoch, openVersion } };
    };
    this.ask(this.coordinator, build, (answer) => this.onAnswer(answer));
    world.timeline.after(HEARTBEAT_US - 2000 + world.random.below(4000), () => this.beat());
  }

  private onAnswer(answer: StandingAnswer): void {
    this.isAnswered = true;
    this.isRegistered = answer.kind !== 'callRefused';
    if (answer.kind === 'callRefused') return;
    const { standing } = this;
    standing.sessionFloor = Math.max(standing.sessionFloor, answer.response.sessionFloor);
    if (answer.kind !== 'heartbeatNoted') return;
    this.answered = answer.response;
    if (answer.response.stop !== '') throw new Error(answer.response.stop);
  }
}
