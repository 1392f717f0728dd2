// What every simulated process has in common: a core, a clock of its own, event-loop turns of random length, ticks,
// pauses, and a life that can end. The world is what processes share: time, chance, the network, the counters and the transcript.

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
import { SkewedClock } from './skewed-clock.js';
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
  /** The same to whoever has that place in an epoch. */
  toMember(from: string, place: { epoch: number; index: number }, input: WitnessInput, describe: () => string): void;
  toClient(from: string, id: number, input: ClientInput, describe: () => string): void;
  toCoordinator(from: string, index: number, input: CoordinatorInput, describe: () => string): void;
  /** Runs `deliver` where a frame from one process reaches another, if it does and `isThere`. */
  carry(from: string, to: string, isThere: () => boolean, deliver: () => void, describe: () => string): void;
  /** The end of a session was put into a log. */
  noteEnding(session: number): void;
  /** A number that no other call of the run has. */
  nextCall(): number;
  /** Tells a configuration to every client and replica, each after a delay of its own. */
  announce(from: string, config: ClusterConfig): void;
  /** Sends to a client over the bus. */
  publish(from: string, id: number, input: ClientInput, describe: () => string): void;
  /** Answers a call of the coordinator. */
  answerCall(from: string, output: CallAnswer): void;
  /** A leader told a coordinator that a life may take its place. */
  onAdmitted(leader: number): void;
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
  /** Halted, as by a signal: nothing happens in the process until it goes on. */
  isPaused = false;
  private readonly clock: SkewedClock;
  /** What arrived during a pause, in order. */
  private readonly arrived: { input: Input; from: number }[] = [];
  private readonly outputs: Output[] = [];
  private isInTurn = false;
  /** A turn that should have ended during a pause. */
  private isTurnDue = false;
  /** Which life of the process this is, from 1. */
  protected life = 1;

  protected constructor(
    readonly name: string,
    protected readonly world: World,
    private machine: Core<Input | Beat, Output>,
  ) {
    this.clock = new SkewedClock(name, world.plan);
    if (this.clock.isSkewed) world.census.count('clockSkew');
  }

  /** Hands one input, `from` that replica if it is one's, to the core, at once or when the process goes on, and carries out what it answers. */
  input(input: Input, from = -1): void {
    if (!this.isAlive) return;
    if (this.isPaused) {
      this.arrived.push({ input, from });
      return;
    }
    this.onInput(input, from);
    this.step(input);
    if (this.isInTurn) return;
    this.isInTurn = true;
    this.world.timeline.after(this.world.random.below(this.world.plan.turnUs), () => this.endTurn());
  }

  /** Halts the process. */
  pause(): void {
    this.isPaused = true;
    this.world.note(() => `${this.name} halts`);
  }

  /** Everything that arrived meanwhile is there at once, and time has jumped. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.world.note(() => `${this.name} goes on, ${this.arrived.length} inputs behind`);
    for (const { input, from } of this.arrived.splice(0)) this.input(input, from);
    if (this.isTurnDue) this.endTurn();
  }

  /** Lets time pass for this process every `periodUs` of its own clock, as long as it lives. */
  tickEvery(periodUs: number): void {
    const { life } = this;
    this.world.timeline.after(this.clock.durationOf(periodUs), () => {
      if (!this.isAlive || this.life !== life) return;
      if (this.isPaused) {
        this.tickEvery(periodUs);
        return;
      }
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

  /** The process begins anew, with nothing but a new core. */
  restart(machine: Core<Input | Beat, Output>, tickUs: number): void {
    this.isAlive = true;
    this.isPaused = false;
    this.isTurnDue = false;
    this.isInTurn = false;
    this.arrived.length = 0;
    this.life++;
    this.machine = machine;
    this.tickEvery(tickUs);
    this.world.note(() => `${this.name} is back`);
  }

  protected abstract carryOut(output: Output): void;

  /** Looks at an input before the core gets it. */
  protected onInput(_input: Input, _from: number): void {}

  protected onTurnEnded(): void {}

  private endTurn(): void {
    this.isTurnDue = this.isPaused;
    if (this.isPaused) return;
    this.isInTurn = false;
    if (!this.isAlive) return;
    this.step({ kind: 'turnEnd' });
    this.onTurnEnded();
  }

  private step(input: Input | Beat): void {
    const { outputs } = this;
    this.machine.step(input, this.clock.at(this.world.timeline.nowUs), outputs);
    for (let index = 0; index < outputs.length; index++) {
      const output = outputs[index];
      if (output !== undefined) this.carryOut(output);
    }
    if (outputs.length > 0) outputs.length = 0;
  }
}
