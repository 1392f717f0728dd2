// What the parts of a client core share: how it is set up, what it counts, and the state that reads and writes both
// look at. The core owns it.

import type { AckLevel, Answer, ClientOutput } from '../core.js';
import type { ClusterConfig } from '../messages.js';
import type { Quorums } from '../quorum.js';
import type { Outbox } from './outbox.js';
import type { SessionRules } from './rules.js';
import type { ClientSession } from './session.js';

/** How a client core is set up. */
export interface ClientCoreOptions {
  clusterId: string;
  /** Issued by the coordinator; names the process on streams and in NATS subjects. */
  clientId: number;
  /** The configuration in force; its epoch need not be open yet. */
  config: ClusterConfig;
  /** An acknowledgement not seen for this long is asked for, microseconds. */
  ackWaitUs: number;
  /** First wait before an unanswered operation is sent again; doubles up to eight times that, microseconds. */
  retryUs: number;
  /** Most writes of one session not known to be committed; further ones wait. */
  writeSetLimit: number;
  /** How often a session that has written is said to be alive if it says nothing else, microseconds. Default 10,000,000. */
  aliveEveryUs?: number;
  rules?: SessionRules;
}

/** Counts since the start. */
export interface ClientCounts {
  fast: number;
  slow: Record<string, number>;
  ackedByBus: number;
  ackedByStream: number;
  resends: number;
  ackQueries: number;
  confirmedReads: number;
  weakRetries: number;
  refusals: number;
  epochChanges: number;
  expiredSessions: number;
}

/** What reads and writes share. Frames are drawn up in `outbox`; answers go to `outputs` at once. */
export interface ClientContext {
  readonly options: Required<ClientCoreOptions>;
  readonly rules: SessionRules;
  readonly counts: ClientCounts;
  readonly sessions: Map<number, ClientSession>;
  readonly outbox: Outbox;
  quorums: Quorums;
  config: ClusterConfig;
  /** False while the epoch is not open: operations gather and are sent when it is. */
  isServing: boolean;
  bound: number;
  /** Nodes whose streams are up, a bit for each. */
  replicasUp: number;
  witnessesUp: number;
  nowUs: number;
  outputs: ClientOutput[];
  /** A closing session has nothing under way any more. */
  forgetSession(session: ClientSession): void;
  complete(call: number, answer: Answer): void;
  reachLevel(call: number, level: AckLevel, at: { slot: number; epoch: number }): void;
}
