// Log lines: JSON on stderr, because stdout belongs to lines that machines read. Every line says which node speaks and
// in which epoch. Nothing here runs per frame.

import { type Logger, pino, stdTimeFunctions } from 'pino';

/** A node's log. */
export type Log = Logger;

/** Who speaks. `epoch` is written by the service whenever the node's epoch moves. */
export interface LogIdentity {
  role: string;
  node: string;
  epoch: number;
}

/** Opens the log of a node. Lines are written synchronously: there are few, and the last one before an exit matters most. */
export function createLog(identity: LogIdentity, level: string): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => ({ role: identity.role, node: identity.node, epoch: identity.epoch }),
    },
    pino.destination({ dest: 2, sync: true }),
  );
}
