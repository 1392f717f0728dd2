// The cluster of a chaos run with a door in front of each process. Opens it, closes it, leaves nothing running.

import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { Random } from '../../loadgen/worker/random.js';
import { ClusterView } from './cluster-view.js';
import { NetworkDoor } from './network-door.js';

/** A cluster with doors. */
export interface ChaosStage {
  cluster: LocalCluster;
  doors: ReadonlyMap<string, NetworkDoor>;
  view: ClusterView;
  close(): Promise<void>;
}

/** @throws Error that says why the cluster did not start; nothing is left of it then. */
export async function openChaosStage(options: {
  seed: number;
  durability: 'memory' | 'disk';
  /** Directory of logs and stores, kept. */
  dataDir: string;
  onLog: (line: string) => void;
}): Promise<ChaosStage> {
  const { seed, durability, dataDir, onLog } = options;
  const random = new Random(seed, 0xd00);
  const doors = new Map<string, NetworkDoor>();
  const coordinators = new Map<string, string>();
  const closeDoors = (): void => {
    for (const door of doors.values()) door.close();
  };
  const front = async (name: string, address: string): Promise<string> => {
    const door = new NetworkDoor(address, () => random.nextDouble());
    doors.set(name, door);
    if (name.startsWith('c')) coordinators.set(name, address);
    return door.open();
  };
  try {
    const cluster = await startLocalCluster({
      coordinators: 2,
      dataDir,
      front,
      onLog,
      serviceSettings: { durability },
    });
    const view = new ClusterView(coordinators);
    const close = async (): Promise<void> => {
      view.close();
      await cluster.stop();
      closeDoors();
    };
    return { cluster, doors, view, close };
  } catch (error) {
    closeDoors();
    throw error;
  }
}
