// What every simulated process has in common: a core, event-loop turns of random length, ticks, and a life that can
// end. The world is what processes share: time, chance, the network, the counters and the transcript.

import type { CoordinatorInput } from '../../protocol/coordinator/types.js';
import type {
  ClientInput,
  Core,
  ReplicaInput,
  ReplicaOutput,
  WitnessInput,
  WitnessOutput,
} from '../../protocol/core.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import type { Census } from './census.js';
import type { Network } from './network.js';
import type { SimulationPlan } from './plan.js';
import type { SeededRandom } from './random.js';
import type { Timeline } from './timeline.js';

/** What all processes of one run share. */
export interface World {
  plan: SimulationPlan;
  timeline: Timeline;
  random: SeededRandom;
  census: Census;
  network: Network;
  /** Writes a line of the transcript; `describe` runs only if somebody reads it. */
  note(describe: () => string): void;
  /** Sends to a process over the network; `describe` is the line of the transcript when it arrives. */
  toReplica(from: string, index: number, input: ReplicaInput, describe: () => string): void;
  toWitness(from: string, index: number, input: WitnessInput, describe: () => string): void;
  toClient(from: string, id: number, input: ClientInput, describe: () => string): void;
  toCoordinator(from: string, index: number, input: CoordinatorInput, describe: () => string): void;
  /** Runs `deliver` where a frame from one process reaches another, if it does and `isThere`. */
  carry(from: string, to: string, isThere: () => boolean, deliver: () => void, describe: () => string): void;
  /** A number that no other call of the run has. */
  nextCall(): number;
  /** Tells a configuration to every client and replica, each after a delay of its own. */
  announce(from: string, config: ClusterConfig): void;
  /** Sends to a client over the bus. */
  publish(from: string, id: number, input: ClientInput, describe: () => string): void;
  /** Answers a call of the coordinator. */
  answerCall(from: string, output: CallAnswer): void;
  /** A client asks coordinators for a configuration of this epoch or a later one. */
  wantConfig(client: number, epoch: number): void;
}

/** What answers a call of the coordinator. */
export type CallAnswer =
  | Extract<ReplicaOutput, { kind: 'fenced' | 'led' | 'admitted' }>
  | Extract<WitnessOutput, { kind: 'sealed' | 'recovered' | 'started' | 'ended' | 'callRefused' }>;

/** Inputs that every core knows. */
type Beat = { kind: 'tick' } | { kind: 'turnEnd' };

/** One process. Subclasses carry its outputs out. */
export abstract class SimulatedNode<Input, Output> {
  isAlive = true;
  private readonly outputs: Output[] = [];
  private isInTurn = false;
  /** Which life of the process this is, from 1. */
  protected life = 1;

  protected constructor(
    readonly name: string,
    protected readonly world: World,
    private machine: Core<Input | Beat, Output>,
  ) {}

  /** Hands one input to the core, at once, and carries out what it answers. */
  input(input: Input): void {
    if (!this.isAlive) return;
    this.step(input);
    if (this.isInTurn) return;
    this.isInTurn = true;
    this.world.timeline.after(this.world.random.below(this.world.plan.turnUs), () => {
      this.isInTurn = false;
      if (!this.isAlive) return;
      this.step({ kind: 'turnEnd' });
      this.onTurnEnded();
    });
  }

  /** Lets time pass for this process every `periodUs`, as long as it lives. */
  tickEvery(periodUs: number): void {
    const { life } = this;
    this.world.timeline.after(periodUs, () => {
      if (!this.isAlive || this.life !== life) return;
      this.step({ kind: 'tick' });
      this.step({ kind: 'turnEnd' });
      this.tickEvery(periodUs);
    });
  }

  /** The process is gone for good, with everything it held. */
  lose(): void {
    this.isAlive = false;
    this.world.note(() => `${this.name} is lost`);
  }

  /** The process begins another life, with nothing but a new core. */
  restart(machine: Core<Input | Beat, Output>, tickUs: number): void {
    this.isAlive = true;
    this.life++;
    this.machine = machine;
    this.tickEvery(tickUs);
    this.world.note(() => `${this.name} is back with nothing`);
  }

  protected abstract carryOut(output: Output): void;

  protected onTurnEnded(): void {}

  private step(input: Input | Beat): void {
    const { outputs } = this;
    this.machine.step(input, this.world.timeline.nowUs, outputs);
    for (let index = 0; index < outputs.length; index++) {
      const output = outputs[index];
      if (output !== undefined) this.carryOut(output);
    }
    outputs.length = 0;
  }
}
