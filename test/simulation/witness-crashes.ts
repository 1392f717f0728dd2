// Witnesses that crash and come back with what their disks have kept: one of them or all at once, at any time, also while
// a new epoch begins. Only where the plan gives nodes disks; without one a witness comes back as another life.

import type { World } from './node.js';
import type { WitnessProcess } from './witness-process.js';

/** What a crash needs to have done. */
export interface WitnessCrashTargets {
  witnesses: readonly WitnessProcess[];
  /** Ends the process and its streams. */
  crash(witness: WitnessProcess): void;
  /** Begins the next process from the disk and opens its streams. */
  revive(witness: WitnessProcess): void;
}

/** The crashes of one run. */
export class WitnessCrashes {
  /** Witnesses that will be back. */
  private readonly away = new Set<WitnessProcess>();

  constructor(
    private readonly world: World,
    private readonly targets: WitnessCrashTargets,
  ) {}

  /** One witness crashes, or all do. */
  strike(): void {
    const { random, census, plan } = this.world;
    const { witnesses } = this.targets;
    if (plan.durability !== 'disk' || !this.world.network.isHostile) return;
    if (!random.chance(0.4)) {
      this.crash(random.pick(witnesses));
      return;
    }
    census.count('witnessPowerLoss');
    for (const witness of witnesses) this.crash(witness);
  }

  /** An epoch is about to begin: at times witnesses crash soon, before or after they are sealed, read and started. */
  strikeWithLeader(): void {
    const { random, timeline, plan } = this.world;
    if (plan.durability !== 'disk' || !random.chance(plan.witnessCrashAtStrike)) return;
    timeline.after(random.below(20_000), () => this.strike());
  }

  /** Whoever is away comes back. */
  heal(): void {
    for (const witness of [...this.away]) this.revive(witness);
  }

  private crash(witness: WitnessProcess): void {
    const { random, census, timeline } = this.world;
    if (!witness.isAlive) return;
    census.count('witnessCrashed');
    this.targets.crash(witness);
    this.away.add(witness);
    timeline.after(random.below(random.pick([500, 5000, 40_000])), () => this.revive(witness));
  }

  private revive(witness: WitnessProcess): void {
    if (!this.away.delete(witness)) return;
    this.world.census.count('witnessRestored');
    this.targets.revive(witness);
  }
}
