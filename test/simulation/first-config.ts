// The configuration with which a simulated cluster begins: all members written, epoch 1 to be led.

import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import type { SimulationPlan } from './plan.js';

/** The id of a run's cluster. */
export function clusterIdOf({ seed }: SimulationPlan): string {
  return `simulated-${seed}`;
}

/** Epoch 1 of a run. */
export function createFirstConfig(plan: SimulationPlan): ClusterConfig {
  const member = (prefix: string) => (_: unknown, index: number) => ({
    id: `${prefix}${index}`,
    index,
    address: `${prefix}${index}:1`,
    incarnation: 100 + index,
  });
  return {
    clusterId: clusterIdOf(plan),
    epoch: 1,
    status: EpochStatus.recovering,
    leader: 0,
    replicas: Array.from({ length: plan.replicas }, member('r')),
    witnesses: Array.from({ length: plan.witnesses }, member('w')),
    fastQuorum: plan.fastQuorum,
    openSlot: 0,
    natsUrl: '',
    version: 1,
  };
}
