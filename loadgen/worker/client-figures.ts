// What a load process tells of its connection to the cluster, beside what it measures: the numbers of the SDK, by name and
// kind, for its diagnostics. Counts nothing itself.

import type { ClientStats, SlowReason } from '../../client/types.js';
import type { FigureSource, StatKinds } from '../../diagnostics/figures.js';

/** Strong operations off the fast path, by reason. Complete by its type. */
const SLOW_KINDS = {
  'slow.leaderConflict': 'counter',
  'slow.witnessConflict': 'counter',
  'slow.witnessGap': 'counter',
  'slow.witnessFull': 'counter',
  'slow.witnessDown': 'counter',
  'slow.witnessLate': 'counter',
  'slow.readMismatch': 'counter',
  'slow.uncovered': 'counter',
  'slow.epochChange': 'counter',
  'slow.scan': 'counter',
  'slow.overtaken': 'counter',
} as const satisfies StatKinds & Record<`slow.${SlowReason}`, 'counter'>;

/** Of `clientFigures`. */
export const clientKinds = {
  ...SLOW_KINDS,
  fast: 'counter',
  acksOverNats: 'counter',
  acksOverStream: 'counter',
  natsMessagesIn: 'counter',
  natsBytesIn: 'counter',
  resends: 'counter',
  reconnects: 'counter',
  epochChanges: 'counter',
  inFlight: 'gauge',
  waiting: 'gauge',
} as const satisfies StatKinds;

/** How many operations are under way, and how many wait to be sent. */
export interface LoadSizes {
  inFlight: number;
  waiting: number;
}

/** The numbers of one connection and of the load that goes over it. */
export function clientFigures(stats: () => ClientStats, sizes: () => LoadSizes): FigureSource {
  return {
    stats: () => namedStats(stats(), sizes()),
    kinds: clientKinds,
    traffic: () => {
      const { framesReceived, framesSent, bytesReceived, bytesSent, operationFrames, operations } = stats();
      return {
        framesIn: framesReceived,
        framesOut: framesSent,
        bytesIn: bytesReceived,
        bytesOut: bytesSent,
        operationFrames,
        operations,
      };
    },
  };
}

function namedStats(stats: ClientStats, { inFlight, waiting }: LoadSizes): Record<string, number> {
  const named: Record<string, number> = {
    fast: stats.fast,
    acksOverNats: stats.acks.nats,
    acksOverStream: stats.acks.stream,
    natsMessagesIn: stats.natsMessages,
    natsBytesIn: stats.natsBytes,
    resends: stats.resends,
    reconnects: stats.reconnects,
    epochChanges: stats.epochChanges,
    inFlight,
    waiting,
  };
  for (const [reason, count] of Object.entries(stats.slow)) named[`slow.${reason}`] = count;
  return named;
}
