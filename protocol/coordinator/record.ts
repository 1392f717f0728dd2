// The order of coordinator records and the configurations that an epoch goes through. Pure functions; who
// writes a record, and when, is decided elsewhere.

import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import type { CoordinatorRecord, CoordinatorSettings, Recovery, SeenNode } from './types.js';

/** How far an epoch has come: 0 nobody is to lead it yet, 1 its leader is named, 2 open. */
function stageOf({ config, recovery }: RecordedEpoch): number {
  if (config?.status === EpochStatus.open) return 2;
  return recovery?.isLeaderChosen === false ? 0 : 1;
}

/** The part of a record that only moves from epoch to epoch. */
type RecordedEpoch = Pick<CoordinatorRecord, 'config' | 'recovery'>;

/** True if `a` supersedes `b`: a later epoch, the same epoch further on, or other members in it (D10). */
export function isNewer(a: RecordedEpoch, b: RecordedEpoch | null): boolean {
  if (a.config === undefined) return false;
  if (b?.config === undefined || a.config.epoch > b.config.epoch) return true;
  if (a.config.epoch !== b.config.epoch) return false;
  if (stageOf(a) !== stageOf(b)) return stageOf(a) > stageOf(b);
  return a.config.version > b.config.version;
}

/** True if it is settled who leads the epoch, so that nodes and clients may be told of it. */
export function hasLeader(epoch: RecordedEpoch): boolean {
  return epoch.config !== undefined && stageOf(epoch) > 0;
}

/**
 * What is known after learning of two records of one cluster: the higher floor and the newer epoch. A bucket that was
 * rolled back to an older snapshot can thereby take nothing back from a coordinator that is alive (D9).
 */
export function mergeRecords(a: CoordinatorRecord, b: CoordinatorRecord): CoordinatorRecord {
  const { config, recovery } = isNewer(a, b) ? a : b;
  return { clusterId: a.clusterId, sessionFloor: Math.max(a.sessionFloor, b.sessionFloor), config, recovery };
}

/** True if two records of one cluster say the same; epochs that have come as far are equal by compare-and-set. */
export function isSameRecord(a: CoordinatorRecord, b: CoordinatorRecord): boolean {
  return a.sessionFloor === b.sessionFloor && !isNewer(a, b) && !isNewer(b, a);
}

/** The configuration that installs the first epoch: members in order of their ids, replica 0 to lead. */
export function createFirstConfig(options: {
  clusterId: string;
  replicas: SeenNode[];
  witnesses: SeenNode[];
  settings: CoordinatorSettings;
}): ClusterConfig {
  const { clusterId, replicas, witnesses, settings } = options;
  return {
    clusterId,
    epoch: 1,
    status: EpochStatus.recovering,
    leader: 0,
    replicas: replicas.map((node, index) => createMember(node, index)),
    witnesses: witnesses.map((node, index) => createMember(node, index)),
    fastQuorum: settings.fastQuorum,
    openSlot: 0,
    natsUrl: settings.natsUrl,
    version: 1,
  };
}

function createMember(node: SeenNode, index: number): ClusterConfig['replicas'][number] {
  return { id: node.id, index, address: node.address, incarnation: node.incarnation };
}

/** The epoch after: nobody leads it yet, and what the last opened one left is still to be recovered. */
export function createNextEpoch({ config, recovery }: { config: ClusterConfig; recovery: Recovery | undefined }): {
  config: ClusterConfig;
  recovery: Recovery;
} {
  const { epoch, status, witnesses } = config;
  const opened = status === EpochStatus.open ? { epoch, witnesses } : recovery?.opened;
  const next = { ...config, epoch: epoch + 1, status: EpochStatus.recovering, openSlot: 0 };
  return { config: next, recovery: { opened, isLeaderChosen: false } };
}

/**
 * The same epoch, open. Each witness's life is that of the process registered now: a witness that restarted since the
 * epoch was written holds nothing that anyone relied on, because nothing was served yet (B6).
 */
export function createOpenConfig(
  recovering: ClusterConfig,
  openSlot: number,
  witnessNow: (id: string) => SeenNode | undefined,
): ClusterConfig {
  return {
    ...recovering,
    status: EpochStatus.open,
    openSlot,
    witnesses: recovering.witnesses.map((member) => {
      const node = witnessNow(member.id);
      return node === undefined ? member : createMember(node, member.index);
    }),
  };
}
