// Every name that spans and their attributes go by, in one place: OpenTelemetry's semantic conventions where there are
// some, `curpho.` for what only this system has. Knows nothing of when a span begins.

import { ATTR_DB_OPERATION_NAME, ATTR_DB_SYSTEM_NAME, ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions';

/** Instrumentation scope of all spans. */
export const SCOPE_NAME = 'curpho';

/** What a node does for one operation: spans of kind SERVER. */
export const NodeSpan = {
  /** The leader orders a write and answers from its speculative state. */
  propose: 'leader.propose',
  /** The leader answers a strong read's first attempt. */
  read: 'leader.read',
  /** The leader answers a strong read once leadership and what it shows are certain. */
  confirm: 'leader.confirm',
  /** A replica holds a weak write until it is committed; the bound one acknowledges it. */
  hold: 'replica.hold',
  /** The bound replica answers a weak read. */
  weakRead: 'replica.read',
  /** A follower puts a log entry into its log. */
  append: 'follower.append',
  /** A witness keeps a write. */
  record: 'witness.record',
  /** A witness says what is pending on a key. */
  check: 'witness.check',
} as const;

/** Names of {@link NodeSpan}. */
export type NodeSpanName = (typeof NodeSpan)[keyof typeof NodeSpan];

/** Where the time of one operation goes: spans inside or beside those above. */
export const StageSpan = {
  /** From the caller's word to the first frame that holds the operation. */
  clientQueue: 'client.queue',
  /** The frames of that turn are encoded and handed to their streams. */
  clientSend: 'client.send',
  /** From one process's transport to the other process's hands, whatever waits in between. */
  transit: 'transit',
  /** A frame is decoded and waits for its turn at the core. */
  nodeQueue: 'node.queue',
  /** The core steps through the frame: orders, checks, executes. */
  nodeStep: 'node.step',
  /** An earlier write of the session is missing, or a state that the answer needs. */
  nodeWait: 'node.wait',
  /** From the end of the step, or of the wait, until the answer is with the transport. */
  nodeSend: 'node.send',
  /** A log entry is on its way to a majority. */
  commit: 'replicate and commit',
  /** An acknowledgement is handed to NATS, or to the stream where NATS is down. */
  ackPublish: 'ack.publish',
  /** From there to the client's hands. */
  ackDeliver: 'ack.deliver',
} as const;

/** Attribute keys. */
export const Attribute = {
  dbSystem: ATTR_DB_SYSTEM_NAME,
  dbOperation: ATTR_DB_OPERATION_NAME,
  errorType: ATTR_ERROR_TYPE,
  // Still incubating there, and therefore written out.
  messagingSystem: 'messaging.system',
  messagingOperation: 'messaging.operation.type',
  consistency: 'curpho.consistency',
  session: 'curpho.session.id',
  seq: 'curpho.command.seq',
  epoch: 'curpho.epoch',
  slot: 'curpho.slot',
  path: 'curpho.path',
  slowReason: 'curpho.slow_reason',
  ok: 'curpho.leader.ok',
  committed: 'curpho.committed',
  status: 'curpho.witness.status',
  watermark: 'curpho.witness.watermark',
  incarnation: 'curpho.witness.incarnation',
  /** A strong read's session's last write when it was issued. */
  barrier: 'curpho.read.barrier',
  /** The write that the leader read from, as `session#seq`; empty if the key was never written. */
  readFrom: 'curpho.read.from',
  /** Another session's strong write was pending on the key at the leader. */
  conflict: 'curpho.leader.conflict',
  /** Writes pending on the key, in the order of their arrival: `session#seq`, separated by commas. */
  pending: 'curpho.pending',
  level: 'curpho.ack.level',
  node: 'curpho.node.index',
  background: 'curpho.background',
  resent: 'curpho.resent',
  clockAhead: 'curpho.clock_ahead_us',
} as const;

/** What spans of operations say about the store. */
export const DB_SYSTEM = 'curpho';

/** Writes as attributes name them: `session#seq`, separated by commas. */
export function nameWrites(ids: readonly { session: number; seq: number }[]): string {
  return ids.map(({ session, seq }) => `${session}#${seq}`).join(',');
}
