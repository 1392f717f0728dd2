// Replicas that lose their memory and come back as another life, replicas that coordinators take for gone although they
// live, and the bound on both: a majority of the lives that the record names is always there.

import type { Coordination } from './coordination.js';
import type { World } from './node.js';
import type { ReplicaProcess } from './replica-process.js';

/** What else strikes replicas. */
export interface ReplicaFaults {
  loseReplica(replica: ReplicaProcess): void;
  reviveReplica(replica: ReplicaProcess): void;
  strikeLeader(isSecond: boolean): void;
}

/** What is struck. */
export interface ReplicaLossTargets {
  replicas: readonly ReplicaProcess[];
  coordination: Coordination;
  faults: ReplicaFaults;
  restartReplica(index: number): void;
}

/** The losses of one run. */
export class ReplicaLosses {
  private readonly away = new Set<ReplicaProcess>();

  constructor(
    private readonly world: World,
    private readonly targets: ReplicaLossTargets,
  ) {}

  /** A replica crashes and comes back with nothing. */
  strikeReplica(): void {
    const { random, timeline } = this.world;
    const { replicas } = this.targets;
    const replica = random.pick(replicas);
    if (random.chance(this.world.plan.siege)) {
      this.besiege(replica);
      timeline.after(random.below(30_000), () => this.crash(replica));
    } else this.crash(replica);
  }

  private crash(replica: ReplicaProcess): void {
    const { random, census, timeline, network } = this.world;
    const { coordination, faults } = this.targets;
    if (!network.isHostile || !replica.isAlive || !canLose(this.world, this.targets, replica)) return;
    if (coordination.isOutside(replica.name)) census.count('learnerLost');
    this.away.add(replica);
    faults.loseReplica(replica);
    if (random.chance(0.7)) timeline.after(random.below(5000), () => coordination.loseSight(replica.name));
    timeline.after(random.below(40_000), () => this.revive(replica));
  }

  /** Coordinators do not hear a follower for a while, which goes on with the leader all the same. */
  isolate(): void {
    const { random, census, network } = this.world;
    const { replicas, coordination } = this.targets;
    const { leader } = coordination.config;
    const members = coordination.livingMembers((process) => replicas[process]?.isAlive === true);
    if (members.length === 0) return;
    const replica = replicas[random.pick(members)];
    if (replica === undefined || coordination.config.replicas[leader]?.id === replica.name) return;
    census.count('replicaIsolated');
    const durationUs = random.between(150_000, 400_000);
    for (const { name } of coordination.processes) network.hold(replica.name, name, durationUs);
  }

  /**
   * A life may take its place from now on. While that is written and told, some replicas hear nothing from the leader, and
   * then it falls: what counted whom, and when, decides over what is left.
   */
  onAdmitted(leader: ReplicaProcess): void {
    const { random, census, network, timeline, plan } = this.world;
    if (!network.isHostile || !random.chance(plan.siege)) return;
    census.count('siege');
    const durationUs = random.between(20_000, 80_000);
    for (const other of this.targets.replicas) {
      if (other !== leader && random.chance(0.7)) network.hold(leader.name, other.name, durationUs);
    }
    timeline.after(random.between(3000, 40_000), () => this.targets.faults.strikeLeader(true));
  }

  /** A follower hears nothing from the leader while another one loses its memory. */
  private besiege(replica: ReplicaProcess): void {
    const { random, network } = this.world;
    const { replicas, coordination } = this.targets;
    const leader = replicas[coordination.leaderProcess];
    const other = random.pick(replicas);
    if (leader !== undefined && other !== replica)
      network.hold(leader.name, other.name, random.between(40_000, 120_000));
  }

  /** Whoever is to come back is back. */
  heal(): void {
    for (const replica of [...this.away]) this.revive(replica);
  }

  private revive(replica: ReplicaProcess): void {
    if (!this.away.delete(replica)) return;
    this.world.census.count('replicaRestarted');
    this.targets.restartReplica(replica.index);
    this.targets.faults.reviveReplica(replica);
  }
}

/** Whether a majority of the lives that the record names is left without this process. */
export function canLose(
  world: World,
  { replicas, coordination }: Pick<ReplicaLossTargets, 'replicas' | 'coordination'>,
  lost: ReplicaProcess,
): boolean {
  const members = coordination.livingMembers((process) => replicas[process]?.isAlive === true);
  return members.filter((process) => process !== lost.index).length > world.plan.replicas / 2;
}
