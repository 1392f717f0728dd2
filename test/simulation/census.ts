// Counts how often each thing happened that a run is supposed to provoke. A sweep that never saw a conflict has tested
// nothing about conflicts, so the tests demand that every counter here moves.

/** Everything that is counted, by source: what the network did, what messages said, how operations were answered. */
export const EVENT_NAMES = [
  // The network and the processes.
  'drop',
  'duplicate',
  'reorder',
  'hold',
  'reconnect',
  'lateRemains',
  'ackLost',
  'ackDuplicate',
  'rebind',
  'abandoned',
  'viewChange',
  'viewChangeOvertaken',
  'leaderLost',
  'cutOff',
  'struckTwice',
  'clientLost',
  'nodeLost',
  'witnessRestarted',
  'replicaRestarted',
  'replicaIsolated',
  'learnerLost',
  'coordinatorLost',
  'recordConflict',
  'recordLate',
  'recordAnswerLost',
  'recordStale',
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

/** Name of a counter that must move; other reasons are counted too when they occur. */
export type EventName = (typeof EVENT_NAMES)[number];

/** Counters by name. */
export class Census {
  readonly counts = new Map<string, number>();

  /** Adds one, or `times`. */
  count(name: EventName, times = 1): void {
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
  missing(): EventName[] {
    return EVENT_NAMES.filter((name) => !this.counts.has(name));
  }

  /** All counters; those that must move first, in their order, 0 included. */
  toJSON(): Record<string, number> {
    const counters: Record<string, number> = {};
    for (const name of EVENT_NAMES) counters[name] = this.counts.get(name) ?? 0;
    for (const name of [...this.counts.keys()].sort()) counters[name] = this.counts.get(name) ?? 0;
    return counters;
  }
}
