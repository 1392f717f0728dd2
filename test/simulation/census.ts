// Counts how often each thing happened that a run is supposed to provoke: the faults that were injected, and what came of
// it in the protocol. A sweep that never saw a conflict has tested nothing about conflicts, so the tests demand that
// every counter here moves.

/** Kinds of faults. One is counted when it is really carried out, not when the plan allows it. */
export const FAULT_NAMES = [
  // The network.
  'drop',
  'duplicate',
  'reorder',
  'hold',
  'reconnect',
  'lateRemains',
  'partition',
  'partitionOneWay',
  // The bus of acknowledgements.
  'ackLost',
  'ackDuplicate',
  'ackLate',
  // The processes.
  'clockSkew',
  'pauseLeader',
  'pauseFollower',
  'pauseWitness',
  'pauseCoordinator',
  'pauseClient',
  'leaderLost',
  'cutOff',
  'struckTwice',
  'leaderStranded',
  'leaderDiskFull',
  'clientLost',
  'clientSilent',
  'nodeLost',
  'replicaCrashed',
  'replicaRestored',
  'powerLoss',
  'diskSlow',
  'diskFull',
  'witnessRestarted',
  'witnessCrashed',
  'witnessRestored',
  'witnessPowerLoss',
  'sealedWitnessCrashed',
  'unkeptBatchesLost',
  'replicaRestarted',
  'replicaIsolated',
  'learnerLost',
  'siege',
  'coordinatorLost',
  'rebind',
  'abandoned',
  // The bucket of the cluster record.
  'recordLate',
  'recordAnswerLost',
  'recordStale',
  'recordRolledBack',
] as const;

/** What happened in the protocol, by source: view changes, what messages said, how operations were answered. */
export const EVENT_NAMES = [
  'viewChange',
  'viewChangeOvertaken',
  'plannedChange',
  'leaderTransferred',
  'witnessReplaced',
  'sessionsOpened',
  'recordConflict',
  'ackOfOldEpoch',
  'sessionClosed',
  'sessionEnded',
  'sessionExpired',
  'inquiry',
  'outcomeUnknown',
  'resolved',
  'resolvedNever',
  // What messages said.
  'accepted',
  'conflict',
  'gap',
  'full',
  'parked',
  'alreadyCommitted',
  'replayed',
  'snapshotSent',
  'admitted',
  'memberExchanged',
  'memberMoved',
  'needWrites',
  'refused',
  'resend',
  'ackQuery',
  'confirmedRead',
  'weakWait',
  'refer',
  'relay',
  'staleReport',
  // How operations were answered.
  'fastWrite',
  'fastRead',
  'slowPath',
  'slow.leaderConflict',
  'slow.witnessConflict',
  'slow.readMismatch',
  'slow.uncovered',
  'slow.epochChange',
  'slow.scan',
  'weakRead',
  'weakWrite',
  'witnessedLevel',
  'committedLevel',
  'scan',
  'batch',
  'delete',
  'casApplied',
  'casFailed',
] as const;

/** Name of a fault that must be injected by some run. */
export type FaultName = (typeof FAULT_NAMES)[number];

/** Name of a counter that must move; other reasons are counted too when they occur. */
export type EventName = (typeof EVENT_NAMES)[number];

const isFault = new Set<string>(FAULT_NAMES);

/** Counters by name. */
export class Census {
  readonly counts = new Map<string, number>();

  /** Adds one, or `times`. */
  count(name: FaultName | EventName, times = 1): void {
    this.countOther(name, times);
  }

  /** Counts something that may or may not occur, such as a rare reason. */
  countOther(name: string, times = 1): void {
    if (times > 0) this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  /** Adds another census to this one. */
  add(other: Census): void {
    for (const [name, times] of other.counts) this.countOther(name, times);
  }

  /** The names that must move and did not. */
  missing(): string[] {
    return [...FAULT_NAMES, ...EVENT_NAMES].filter((name) => !this.counts.has(name));
  }

  /** Faults that were injected, by kind, in their order, 0 included. */
  faults(): Record<string, number> {
    const counters: Record<string, number> = {};
    for (const name of FAULT_NAMES) counters[name] = this.counts.get(name) ?? 0;
    return counters;
  }

  /** All other counters; those that must move first, in their order, 0 included. */
  events(): Record<string, number> {
    const counters: Record<string, number> = {};
    for (const name of EVENT_NAMES) counters[name] = this.counts.get(name) ?? 0;
    for (const name of [...this.counts.keys()].sort())
      if (!isFault.has(name)) counters[name] = this.counts.get(name) ?? 0;
    return counters;
  }
}
