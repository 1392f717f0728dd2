// A node's standing with the coordinators, as services/host/membership.ts has it: registers, sends heartbeats to one of
// them, turns to the next one when there is no answer.

import type { CoordinatorInput } from '../../protocol/coordinator/types.js';
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
}

/** One life of one node; ends with `isAlive`. */
export class Membership {
  private coordinator: number;
  private isRegistered = true;
  private isAnswered = true;

  constructor(
    private readonly world: World,
    private readonly member: MemberIdentity,
    private readonly isAlive: () => boolean,
    private readonly isPaused: () => boolean,
    private readonly ask: (
      coordinator: number,
      build: (call: number) => CoordinatorInput,
      onRefused: (refusal: string | null) => void,
    ) => void,
  ) {
    this.coordinator = world.random.below(world.plan.coordinators);
  }

  /** Begins to send heartbeats; a life that nobody knows yet registers first. */
  begin(isNew: boolean): void {
    this.isRegistered = !isNew;
    this.beat();
  }

  private beat(): void {
    const { world, member } = this;
    if (!this.isAlive()) return;
    if (this.isPaused()) {
      world.timeline.after(PAUSE_CHECK_US, () => this.beat());
      return;
    }
    if (!this.isAnswered) this.coordinator = (this.coordinator + 1) % world.plan.coordinators;
    this.isAnswered = false;
    const { role, id: nodeId, incarnation } = member;
    const clusterId = `simulated-${world.plan.seed}`;
    const life = { clusterId, role, nodeId, incarnation };
    const build = (call: number): CoordinatorInput =>
      this.isRegistered
        ? { kind: 'heartbeat', call, request: { ...life, epoch: 0, lostEpoch: 0, stateSlot: 0, stateHash: 0 } }
        : { kind: 'register', call, request: { ...life, address: `${nodeId}:1` } };
    this.ask(this.coordinator, build, (refusal) => {
      this.isAnswered = true;
      this.isRegistered = refusal === null;
    });
    world.timeline.after(HEARTBEAT_US - 2000 + world.random.below(4000), () => this.beat());
  }
}
