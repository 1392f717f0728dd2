// What a coordinator's numbers are, for whoever reads its diagnostics. Counts nothing itself.

import type { NatsConnection } from '@nats-io/transport-node';
import type { StatKinds } from '../../diagnostics/figures.js';
import { loopKinds, natsInKinds, natsOutKinds } from '../host/stat-kinds.js';

/** Of `CoordinatorService.stats`. */
export const coordinatorKinds = {
  ...loopKinds,
  ...natsInKinds,
  ...natsOutKinds,
  watchers: 'gauge',
  callsHeld: 'gauge',
  callsFailing: 'gauge',
} as const satisfies StatKinds;

/** What a connection to NATS has carried. */
export function natsFigures(connection: NatsConnection): Record<string, number> {
  const { inMsgs, inBytes, outMsgs, outBytes } = connection.stats();
  return { natsMessagesIn: inMsgs, natsBytesIn: inBytes, natsMessagesOut: outMsgs, natsBytesOut: outBytes };
}
