// The order of coordinator records and the configurations that an epoch goes through. Pure functions; who
// writes a record, and when, is decided elsewhere.

import type { ClusterConfig, WitnessMember } from '../messages.js';
import { EpochStatus } from '../messages.js';
import type { CoordinatorRecord, CoordinatorSettings, Recovery, SeenNode } from './types.js';

/** How far an epoch has come: 0 nobody is to lead it yet, 1 its leader is named, 2 its witnesses start, 3 open. */
function stageOf({ config, recovery }: RecordedEpoch): number {
  if (config?.status === EpochStatus.open) return 3;
  if (config !== undefined && isStarting(config)) return 2;
  return recovery?.isLeaderChosen === false ? 0 : 1;
}

/** True if all that earlier epochs left is on a majority of the replicas, and nothing is recorded in this one yet (D12). */
export function isStarting({ status, openSlot }: ClusterConfig): boolean {
  return status === EpochStatus.recovering && openSlot > 0;
}

/** The part of a record that only moves from epoch to epoch. */
export type RecordedEpoch = Pick<CoordinatorRecord, 'config' | 'recovery'>;

/** True if `a` supersedes `b`: a later epoch, or the same epoch further on, or the same with a later list of replicas. */
export function isNewer(a: RecordedEpoch, b: RecordedEpoch | null): boolean {
  if (a.config === undefined) return false;
  if (b?.config === undefined || a.config.epoch !== b.config.epoch) return a.config.epoch > (b?.config?.epoch ?? 0);
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

/**
 * The epoch after: nobody leads it yet, and what the last opened one left is still to be recovered. After one whose
 * witnesses were starting that is nothing: what was before it is recovered, and nobody was told that it opened (D12).
 */
export function createNextEpoch(from: {
  config: ClusterConfig;
  recovery: Recovery | undefined;
  preferred: string | undefined;
}): { config: ClusterConfig; recovery: Recovery } {
  const { config, recovery, preferred } = from;
  const { epoch, status, witnesses } = config;
  const opened = status === EpochStatus.open ? { epoch, witnesses } : recovery?.opened;
  const next = { ...config, epoch: epoch + 1, status: EpochStatus.recovering, openSlot: 0 };
  return { config: next, recovery: { opened, isLeaderChosen: false, preferred } };
}

/** The same epoch with all recovered that was before it, and the witnesses that are to start in it. */
export function createStartingEpoch(
  recovering: ClusterConfig,
  openSlot: number,
  witnesses: WitnessMember[],
): RecordedEpoch {
  return { config: { ...recovering, openSlot, witnesses }, recovery: undefined };
}

/** The same epoch, open. */
export function createOpenEpoch(starting: ClusterConfig): RecordedEpoch {
  return { config: { ...starting, status: EpochStatus.open }, recovery: undefined };
}

/**
 * The list of witnesses that an epoch should begin with now. Each life is that of the process registered now: a witness
 * that restarted since the epoch was written holds nothing that anyone relied on, because nothing was served yet (B6). A member that is not heard gives its place to a spare, the first by name; without one it keeps it. Where a life
 * that stays is reached is as the list says: what is heard of it through others may be older.
 */
export function chooseWitnesses<N extends SeenNode>(
  members: readonly WitnessMember[],
  seen: SeenWitnesses<N>,
): WitnessMember[] {
  const names = new Set(members.map(({ id }) => id));
  const spares = seen.live().filter(({ id }) => !names.has(id));
  return members.map((member) => {
    const node = seen.find(member.id);
    const other = node !== undefined && !seen.isGone(node) ? node : (spares.shift() ?? node);
    const isSameLife = other === undefined || other.incarnation === member.incarnation;
    return isSameLife ? member : createMember(other, member.index);
  });
}

/** What a coordinator hears of witnesses. */
export interface SeenWitnesses<N extends SeenNode> {
  find(id: string): N | undefined;
  isGone(node: N): boolean;
  /** In order of their names. */
  live(): N[];
}
