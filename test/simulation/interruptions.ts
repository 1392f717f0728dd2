// Processes that halt and go on, as under SIGSTOP, and partitions: of the whole cluster into two sides, or of one process
// from some others in one direction only. A partition either delays what is sent, as TCP does that retransmits, or loses
// it and ends the streams. Knows who is there, not what they say.

import type { ClientProcess } from './client-process.js';
import { LIVENESS_US } from './coordination.js';
import type { CoordinatorProcess } from './coordinator-process.js';
import type { World } from './node.js';
import { type FaultTargets, namesOf, type Pair } from './pairs.js';
import type { ReplicaProcess } from './replica-process.js';
import type { WitnessProcess } from './witness-process.js';

type AnyProcess = ReplicaProcess | WitnessProcess | ClientProcess | CoordinatorProcess;

/** What is between processes. */
export interface Connections {
  pairs: readonly Pair[];
  /** Ends the streams of a pair for a while. */
  breakStreams(pair: Pair, downUs: number): void;
}

/** The interruptions of one run. */
export class Interruptions {
  constructor(
    private readonly world: World,
    private readonly targets: FaultTargets,
    private readonly connections: Connections,
  ) {}

  /** Halts some process for a while. */
  pause(): void {
    const { random, census, timeline, plan } = this.world;
    const { replicas, witnesses, clients, coordination } = this.targets;
    const leader = replicas[coordination.leaderProcess];
    // Each role as often as the others, and the leader as often as all followers together.
    const [kind, candidates] = random.pick([
      ['pauseLeader', leader === undefined ? [] : [leader]],
      ['pauseFollower', replicas.filter((replica) => replica !== leader)],
      ['pauseWitness', witnesses],
      ['pauseCoordinator', coordination.processes],
      ['pauseClient', clients],
    ] as const);
    const running = (candidates as readonly AnyProcess[]).filter(({ isAlive, isPaused }) => isAlive && !isPaused);
    if (running.length === 0) return;
    const process = random.pick(running);
    census.count(kind);
    process.pause();
    timeline.after(random.below(plan.faults.pauseUs), () => process.resume());
  }

  /** Halts a coordinator so long that nobody waits for it: when it goes on, it finds all streams to it broken. */
  haltCoordinator(): void {
    const { random, census, timeline } = this.world;
    const { replicas, witnesses, coordination } = this.targets;
    const process = random.pick(coordination.processes);
    if (!process.isAlive || coordination.processes.some(({ isPaused }) => isPaused)) return;
    census.count('pauseCoordinator');
    process.pause();
    timeline.after(random.between(LIVENESS_US, 3 * LIVENESS_US), () => {
      for (const { name } of random.shuffle([...replicas, ...witnesses])) coordination.loseSight(name, process);
      process.resume();
    });
  }

  /** Separates processes for a while. */
  partition(): void {
    const { random } = this.world;
    if (random.chance(0.5)) this.separateOneWay();
    else this.separateSides();
  }

  /** Everybody goes on; partitions end with the network's healing. */
  heal(): void {
    for (const process of this.processes()) process.resume();
  }

  /** Two sides, each with several processes of whatever kind. */
  private separateSides(): void {
    const { random, census } = this.world;
    const names = random.shuffle(this.processes().map(({ name }) => name));
    const side = new Set(names.slice(0, random.between(2, names.length - 2)));
    const crossing = this.connections.pairs.filter((pair) => {
      const [one, other] = namesOf(pair);
      return side.has(one) !== side.has(other);
    });
    census.count('partition');
    this.world.note(() => `partition: ${[...side].join(' ')} from the others`);
    this.sever(crossing, () => true);
  }

  /** What one process sends to some others, or they to it, is not heard. */
  private separateOneWay(): void {
    const { random, census } = this.world;
    const { name } = random.pick(this.processes());
    const isSender = random.chance(0.5);
    const crossing = this.connections.pairs.filter((pair) => namesOf(pair).includes(name) && random.chance(0.7));
    if (crossing.length === 0) return;
    census.count('partitionOneWay');
    this.world.note(() => `partition: ${name} ${isSender ? 'is not heard by' : 'hears nothing from'} some`);
    this.sever(crossing, (from) => (from === name) === isSender);
  }

  private sever(crossing: readonly Pair[], isSevered: (from: string) => boolean): void {
    const { random, plan, network, timeline } = this.world;
    const durationUs = random.below(plan.faults.partitionUs);
    const isLossy = random.chance(0.5);
    for (const pair of crossing) {
      const [one, other] = namesOf(pair);
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const) {
        if (!isSevered(from)) continue;
        if (isLossy) network.cut(from, to, durationUs);
        else network.hold(from, to, durationUs);
      }
    }
    if (!isLossy) return;
    timeline.after(durationUs, () => {
      if (network.isHostile) for (const pair of crossing) this.connections.breakStreams(pair, 0);
    });
  }

  private processes(): AnyProcess[] {
    const { replicas, witnesses, clients, coordination } = this.targets;
    return [...replicas, ...witnesses, ...clients, ...coordination.processes];
  }
}
