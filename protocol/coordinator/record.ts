// The order of coordinator records and the two configurations that a first epoch goes through. Pure functions; who
// writes a record, and when, is decided elsewhere.

import type { ClusterConfig } from '../messages.js';
import { EpochStatus } from '../messages.js';
import type { CoordinatorRecord, CoordinatorSettings, SeenNode } from './types.js';

/** True if `a` supersedes `b`: a later epoch, or the same epoch further on. */
export function isNewerConfig(a: ClusterConfig | undefined, b: ClusterConfig | undefined): boolean {
  if (a === undefined) return false;
  if (b === undefined) return true;
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.status > b.status);
}

/**
 * What is known after learning of two records of one cluster: the higher floor and the newer configuration. A bucket
 * that was rolled back to an older snapshot can thereby take nothing back from a coordinator that is alive (D9).
 */
export function mergeRecords(a: CoordinatorRecord, b: CoordinatorRecord): CoordinatorRecord {
  return {
    clusterId: a.clusterId,
    sessionFloor: Math.max(a.sessionFloor, b.sessionFloor),
    config: isNewerConfig(a.config, b.config) ? a.config : b.config,
  };
}

/** True if two records of one cluster say the same; configurations of one epoch and status are equal by compare-and-set. */
export function isSameRecord(a: CoordinatorRecord, b: CoordinatorRecord): boolean {
  return a.sessionFloor === b.sessionFloor && !isNewerConfig(a.config, b.config) && !isNewerConfig(b.config, a.config);
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
  };
}

function createMember(node: SeenNode, index: number): ClusterConfig['replicas'][number] {
  return { id: node.id, index, address: node.address, incarnation: node.incarnation };
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
