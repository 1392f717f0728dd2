// The record in which a node keeps what it was told of its cluster: coordinators whose record was put back to an older
// snapshot learn it from the nodes, and these may all have been started anew (D9, F8). Decides nothing.

import { decodeConfig, encodeConfig } from '../../../proto/kept-codec.js';
import type { ClusterConfig } from '../../../protocol/messages.js';
import type { NodeStore } from './node-store.js';
import { RecordReader, RecordWriter } from './records.js';

/** What coordinators told a node; neither ever goes back. */
export interface Standing {
  /** Highest session floor (F8). */
  sessionFloor: number;
  /** Latest open configuration. */
  lastOpen: ClusterConfig | undefined;
}

/** After the identity, before the records of every role. */
const STANDING_KEY = Buffer.from([0, 1]);

/** What was found. Only before the first batch; where there is no store, nothing is ever found. */
export function readStanding(store: NodeStore | null): Standing {
  const bytes = store?.get(STANDING_KEY);
  if (bytes === undefined) return { sessionFloor: 0, lastOpen: undefined };
  const reader = new RecordReader(bytes);
  const [sessionFloor, length] = [reader.number(), reader.number()];
  return { sessionFloor, lastOpen: length === 0 ? undefined : decodeConfig(reader.raw(length)) };
}

/** Keeps it, then calls `onKept`, in order; where there is no store, at once. */
export function keepStanding(store: NodeStore | null, { sessionFloor, lastOpen }: Standing, onKept: () => void): void {
  if (store === null) return onKept();
  const config = lastOpen === undefined ? Buffer.alloc(0) : encodeConfig(lastOpen);
  const record = new RecordWriter().number(sessionFloor).number(config.length).raw(config).take();
  store.write((changes) => changes.put(STANDING_KEY, record), onKept);
}
