// What a replica's numbers are, for whoever reads its diagnostics, and what of its frames counts as an operation. Counts
// nothing itself.

import type { StatKinds } from '../../diagnostics/figures.js';
import type { SessionRequest } from '../../protocol/messages.js';
import { loopKinds, natsOutKinds, refusalKinds, storeKinds, streamKinds } from '../host/stat-kinds.js';

/** Of `ReplicaService.stats`. */
export const replicaKinds = {
  ...loopKinds,
  ...streamKinds,
  ...storeKinds,
  ...refusalKinds,
  ...natsOutKinds,
  // The core's counts.
  proposals: 'counter',
  duplicates: 'counter',
  parked: 'counter',
  conflicts: 'counter',
  strongReads: 'counter',
  confirmedReads: 'counter',
  weakReads: 'counter',
  weakWaits: 'counter',
  referred: 'counter',
  committed: 'counter',
  relayed: 'counter',
  rounds: 'counter',
  refused: 'counter',
  inquiries: 'counter',
  endedSessions: 'counter',
  outcomeQueries: 'counter',
  commitSlot: 'gauge',
  // The core's sizes.
  uncommitted: 'gauge',
  descriptorLimit: 'gauge',
  logEntries: 'gauge',
  logBytes: 'gauge',
  logUnkept: 'gauge',
  keys: 'gauge',
  sessions: 'gauge',
  endedRanges: 'gauge',
  held: 'gauge',
  weakReadsWaiting: 'gauge',
  isSaturated: 'gauge',
  // Streams, and what goes by them.
  acksOverNats: 'counter',
  acksOverStream: 'counter',
  natsLosses: 'counter',
  clients: 'gauge',
  clientQueuedFrames: 'gauge',
  leaderFramesIn: 'counter',
  leaderFramesOut: 'counter',
  leaderBytesIn: 'counter',
  leaderBytesOut: 'counter',
  linksUp: 'gauge',
  linkFramesIn: 'counter',
  linkFramesOut: 'counter',
  linkBytesIn: 'counter',
  linkBytesOut: 'counter',
  linkQueuedFrames: 'gauge',
} as const satisfies StatKinds;

/** Operations and questions in a client's frame. */
export function countOperations(frame: SessionRequest): number {
  const { writes, strongReads, confirmedReads, weakReads, ackQueries } = frame;
  return writes.length + strongReads.length + confirmedReads.length + weakReads.length + ackQueries.length;
}
