// A local cluster with a probe beside the load that will come: what the measuring programs of this room break.

import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { ClusterView } from './cluster-view.js';
import { Probe } from './probe.js';

const COORDINATORS = 2;
/** As the scaling study sets it. */
const DESCRIPTOR_LIMIT = 200;

/** A cluster, its probe, and things to do at their time. */
export interface BenchStage {
  cluster: LocalCluster;
  probe: Probe;
  view: ClusterView;
  /** Name of the replica that led when the stage was opened. */
  leader: string;
  /** Does something once, `ms` from now, unless the stage is closed before. */
  after(ms: number, action: () => unknown): void;
  close(): Promise<void>;
}

/** @throws Error that says why there is no cluster; nothing is left of it then. */
export async function openBenchStage(): Promise<BenchStage> {
  const serviceSettings = { descriptorLimit: DESCRIPTOR_LIMIT };
  const cluster = await startLocalCluster({ coordinators: COORDINATORS, serviceSettings });
  const timers = new Set<NodeJS.Timeout>();
  const addresses = cluster.services.filter(({ role }) => role === 'coordinator');
  const view = new ClusterView(new Map(addresses.map(({ name, address }) => [name, address])));
  try {
    const probe = await Probe.open(cluster.target);
    return {
      ...{ cluster, probe, view, leader: cluster.services.find(({ leader }) => leader)?.name ?? '' },
      after: (ms, action) => void timers.add(setTimeout(action, ms)),
      close: async () => {
        for (const timer of timers) clearTimeout(timer);
        view.close();
        await cluster.stop();
      },
    };
  } catch (error) {
    view.close();
    await cluster.stop();
    throw error;
  }
}
