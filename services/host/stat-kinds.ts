// What the numbers of the host's parts are: which only grow, which go up and down, which are highest values. Each role adds
// those of its own core.

import type { StatKinds } from '../../diagnostics/figures.js';
import type { CoreLoopStats } from './loop.js';
import type { StoreStats } from './store/node-store.js';
import type { StreamStats } from './streams.js';

type KindsOf<Stats> = StatKinds & Record<keyof Stats, unknown>;

/** Of `CoreLoop.stats`. */
export const loopKinds = {
  steps: 'counter',
  turns: 'counter',
  outputs: 'counter',
  queueLength: 'gauge',
  queueLengthMax: 'peak',
} as const satisfies KindsOf<CoreLoopStats>;

/** Of a set of streams. */
export const streamKinds = {
  framesIn: 'counter',
  framesOut: 'counter',
  bytesIn: 'counter',
  bytesOut: 'counter',
  opened: 'counter',
  ended: 'counter',
} as const satisfies KindsOf<StreamStats>;

/** Of `NodeStore.stats`; absent in durability `memory`. */
export const storeKinds = {
  storeBatches: 'counter',
  storeFlushes: 'counter',
  storeFlushUs: 'counter',
  storeFlushUsMax: 'peak',
  storeBytesIn: 'counter',
  storeWaitingBytes: 'gauge',
  storeFileBytes: 'gauge',
} as const satisfies KindsOf<StoreStats>;

/** Of `RefusalCounts.stats`. */
export const refusalKinds = {
  'refused.epoch': 'counter',
  'refused.notLeader': 'counter',
  'refused.notOpen': 'counter',
  'refused.invalid': 'counter',
  'refused.full': 'counter',
  'refused.idReused': 'counter',
  'refused.sessionExpired': 'counter',
  'refused.other': 'counter',
} as const satisfies StatKinds;

/** Of a connection to NATS, by the side that is used. */
export const natsOutKinds = { natsMessagesOut: 'counter', natsBytesOut: 'counter' } as const satisfies StatKinds;
export const natsInKinds = { natsMessagesIn: 'counter', natsBytesIn: 'counter' } as const satisfies StatKinds;
