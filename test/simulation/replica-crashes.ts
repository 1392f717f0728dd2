// Replicas that crash and come back with their disks: one, several, all at once; and disks that are slow or full for a
// while. Only in durability `disk`: without one, a replica that crashed has nothing to come back with.

import type { ClientProcess } from './client-process.js';
import type { Coordination } from './coordination.js';
import type { World } from './node.js';
import type { ReplicaProcess } from './replica-process.js';

/** What a crash has to do with others. */
export interface CrashTargets {
  replicas: readonly ReplicaProcess[];
  clients: readonly ClientProcess[];
  coordination: Coordination;
  /** Ends all streams of a process; nobody is told. */
  breakStreams(replica: ReplicaProcess): void;
  /** Opens them again and tells both sides. */
  restoreStreams(replica: ReplicaProcess): void;
  /** Makes a new core of what the disk holds. */
  restart(index: number): void;
  bind(client: ClientProcess): void;
}

/** Longest times until a replica is back. */
const AWAY_US = [500, 5000, 40_000] as const;
/** The crashes of one run. */
export class ReplicaCrashes {
  /** Replicas that will be back. */
  private readonly away = new Set<ReplicaProcess>();

  constructor(
    private readonly world: World,
    private readonly targets: CrashTargets,
  ) {}

  /** Some replicas crash: the leader, another one, a majority. */
  strike(): void {
    const { random, plan } = this.world;
    const { replicas, coordination } = this.targets;
    const leader = replicas[coordination.config.leader];
    const count = random.pick([1, 1, 1, (plan.replicas + 1) / 2]);
    const others = random.shuffle(replicas.filter((replica) => replica !== leader));
    const chosen = leader !== undefined && random.chance(0.5) ? [leader, ...others] : others;
    for (const replica of chosen.slice(0, count)) this.crash(replica);
  }

  /** An epoch is about to begin: at times replicas crash soon, before or after they are fenced and one begins to lead. */
  strikeWithLeader(): void {
    const { random, timeline, plan, network } = this.world;
    if (plan.durability !== 'disk' || !random.chance(plan.replicaCrashAtStrike)) return;
    timeline.after(random.below(30_000), () => {
      if (network.isHostile) this.strike();
    });
  }

  /** All of them at the same moment. */
  cutPower(): void {
    const { census } = this.world;
    census.count('powerLoss');
    for (const replica of this.targets.replicas) this.crash(replica);
  }

  /** A disk takes its time, or takes nothing at all, for a while. */
  obstruct(): void {
    const { random, census, timeline } = this.world;
    const { replicas, coordination } = this.targets;
    const leader = replicas[coordination.config.leader];
    const { disk } = leader !== undefined && random.chance(0.5) ? leader : random.pick(replicas);
    const isFull = random.chance(0.5);
    const durationUs = random.between(5000, 60_000);
    census.count(isFull ? 'diskFull' : 'diskSlow');
    if (isFull) disk.fill(timeline.nowUs + durationUs);
    else disk.slow(timeline.nowUs + durationUs);
  }

  /** Everybody is back, and no disk is full. */
  heal(): void {
    for (const replica of this.targets.replicas) replica.disk.recover();
    for (const replica of [...this.away]) this.restart(replica);
  }

  private crash(replica: ReplicaProcess): void {
    const { random, census, timeline, plan } = this.world;
    const { clients, coordination, breakStreams, bind } = this.targets;
    if (!replica.isAlive) return;
    census.count('replicaCrashed');
    this.away.add(replica);
    replica.crash();
    breakStreams(replica);
    // Of a crash that no coordinator notices, silence will tell, unless the replica is back before.
    if (random.chance(plan.crashNoticed))
      timeline.after(random.below(5000), () => coordination.loseSight(replica.name));
    for (const client of clients) {
      timeline.after(random.below(5000), () => {
        if (!this.away.has(replica)) return;
        client.input({ kind: 'replicaDown', replica: replica.index });
        bind(client);
      });
    }
    timeline.after(random.below(random.pick(AWAY_US)), () => this.restart(replica));
  }

  private restart(replica: ReplicaProcess): void {
    if (!this.away.delete(replica)) return;
    this.world.census.count('replicaRestored');
    this.targets.restart(replica.index);
    this.targets.restoreStreams(replica);
  }
}
