// Leaders that live and are heard by the coordinators but not by the other replicas, or do not hear them: streams stand,
// and nothing comes through in one direction or both. Or their disk takes nothing any more. Such a leader commits
// nothing, and only what it says of itself gives it away.

import type { World } from './node.js';
import type { FaultTargets } from './pairs.js';

/** Longer than it takes until another one leads. */
const DURATION_US = [500_000, 1_000_000] as const;

/** The stranded leaders of one run. */
export class StrandedLeaders {
  constructor(
    private readonly world: World,
    private readonly targets: Pick<FaultTargets, 'replicas' | 'coordination'>,
  ) {}

  /** Cuts the leader off from most of its peers or from all, or fills its disk. */
  strike(): void {
    const { random, census, network, timeline, plan } = this.world;
    const { replicas, coordination } = this.targets;
    const leader = replicas[coordination.leaderProcess];
    if (leader?.isAlive !== true || !network.isHostile) return;
    const durationUs = random.between(...DURATION_US);
    if (plan.durability === 'disk' && random.chance(0.5)) {
      census.count('leaderDiskFull');
      leader.disk.fill(timeline.nowUs + durationUs);
      return;
    }
    census.count('leaderStranded');
    const others = random.shuffle(replicas.filter((replica) => replica !== leader));
    // Those that are left, and it, are no majority.
    const cut = random.chance(0.5) ? others : others.slice(0, Math.floor(others.length / 2) + 1);
    const way = random.pick(['both', 'out', 'in'] as const);
    this.world.note(() => `${leader.name} is cut off from ${cut.map(({ name }) => name).join(' ')}, ${way}`);
    for (const { name } of cut) {
      if (way !== 'in') network.cut(leader.name, name, durationUs);
      if (way !== 'out') network.cut(name, leader.name, durationUs);
    }
  }
}
