// The cluster under load: an existing one, or a local one of our own with the plan's settings. Knows how to get one and
// how to be rid of it, nothing of what it is used for.

import type { LoadPlan } from '../plan.js';

/** One service process of a local cluster. */
export interface ServiceProcess {
  role: string;
  name: string;
  pid: number;
}

/** A cluster that can be reached at `target`. */
export interface TargetCluster {
  target: string;
  /** Empty for an existing cluster. */
  services: ServiceProcess[];
  /** Stops what was started for this run; leaves an existing cluster alone. */
  stop(): Promise<void>;
}

/** No cluster could be started; the message says why. */
export class ClusterError extends Error {
  override name = 'ClusterError';
}

const REPLICAS = 3;
const WITNESSES = 3;

/** The plan's target, or a new local cluster that sends its spans to `otlpUrl`. Throws `ClusterError`. */
export async function openTargetCluster(plan: LoadPlan, otlpUrl: string): Promise<TargetCluster> {
  if (plan.target !== null) return { target: plan.target, services: [], stop: async () => {} };
  // Loaded here, because a run against an existing cluster has no use for it.
  const { startLocalCluster } = await import('../../deploy/local-cluster.js');
  try {
    return await startLocalCluster({
      replicas: REPLICAS,
      witnesses: WITNESSES,
      scheduling: plan.scheduling,
      serviceSettings: {
        ...(plan.descriptorLimit === null ? {} : { descriptorLimit: plan.descriptorLimit }),
        ...(plan.shards === null ? {} : { shards: plan.shards }),
        batchDelayUs: plan.batchDelayUs,
        ackTransport: plan.ackTransport,
        ...(plan.durability === null ? {} : { durability: plan.durability }),
        ...(otlpUrl === '' ? {} : { otlpUrl }),
      },
    });
  } catch (error) {
    throw new ClusterError(`no local cluster: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
