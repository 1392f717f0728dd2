// What a witness's numbers are, for whoever reads its diagnostics. Counts nothing itself.

import type { StatKinds } from '../../diagnostics/figures.js';
import { loopKinds, refusalKinds, storeKinds, streamKinds } from '../host/stat-kinds.js';

/** Of `WitnessService.stats`. */
export const witnessKinds = {
  ...loopKinds,
  ...streamKinds,
  ...storeKinds,
  ...refusalKinds,
  // The core's counts.
  records: 'counter',
  accepted: 'counter',
  conflicts: 'counter',
  parked: 'counter',
  gaps: 'counter',
  checks: 'counter',
  collected: 'counter',
  stale: 'counter',
  refused: 'counter',
  // The core's sizes.
  poolEntries: 'gauge',
  poolBytes: 'gauge',
  poolParked: 'gauge',
  sessions: 'gauge',
  epoch: 'gauge',
  batchesUnderWay: 'gauge',
  // Streams.
  clients: 'gauge',
  clientQueuedFrames: 'gauge',
  leaderFramesIn: 'counter',
  leaderFramesOut: 'counter',
  leaderBytesIn: 'counter',
  leaderBytesOut: 'counter',
} as const satisfies StatKinds;
