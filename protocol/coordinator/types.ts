// What a coordinator core reacts to, what it wants done, and what it keeps durably. Every refusal is a value with a
// reason; which status a reason becomes on the wire is the service's business.

import type {
  AdmitRequest,
  AdmitResponse,
  ClusterConfig,
  FenceRequest,
  FenceResponse,
  GetRecoveryDataRequest,
  GetRecoveryDataResponse,
  LeadRequest,
  LeadResponse,
  SealRequest,
  SealResponse,
  SessionWatermark,
  StartRequest,
  StartResponse,
  WitnessMember,
} from '../messages.js';

/** Numbers as in proto `NodeRole`. */
export const NodeRole = { replica: 1, witness: 2 } as const;

/** A node makes itself known. */
export interface RegisterRequest {
  /** Empty if the node has never been told. */
  clusterId: string;
  role: number;
  nodeId: string;
  /** host:port */
  address: string;
  /** Random number of the process's life; never 0. */
  incarnation: number;
  /** The node's epoch; 0 if it never had one. */
  epoch: number;
  /** Highest session floor that this life was ever told; 0 for none. */
  sessionFloor: number;
  /** Epoch of the latest open configuration that this life was told; 0 for none. */
  openEpoch: number;
  /** Version of that configuration. */
  openVersion: number;
}

export interface RegisterResponse {
  clusterId: string;
  heartbeatUs: number;
  /** Lowest session id that no coordinator has reserved; the node says it again in its heartbeats (F8). */
  sessionFloor: number;
}

/** A node is still there. */
export interface HeartbeatRequest {
  clusterId: string;
  nodeId: string;
  role: number;
  incarnation: number;
  epoch: number;
  /** Replica: an epoch that it led before it was started anew and that it will not lead again (C4); else 0. */
  lostEpoch: number;
  /** Slot at which `stateHash` was taken; 0 if there is none. */
  stateSlot: number;
  /** Equal on replicas with equal state. */
  stateHash: number;
  /** Highest session floor that this life was ever told; 0 for none. */
  sessionFloor: number;
  /** The latest open configuration that the node was told, if the last answer spoke of an older one (D9). */
  config: ClusterConfig | undefined;
  /** Its epoch, also where the configuration itself is not sent; 0 for none. */
  openEpoch: number;
  /** Its version. */
  openVersion: number;
}

export interface HeartbeatResponse {
  epoch: number;
  /** Not empty: the node has to stop, for this reason. */
  stop: string;
  /** Version of the configuration of that epoch; 0 while it is not open. */
  version: number;
  /** As in `RegisterResponse`. */
  sessionFloor: number;
}

/** What a node says of itself besides that it is there. */
export type NodeReport = Pick<
  HeartbeatRequest,
  'epoch' | 'lostEpoch' | 'stateSlot' | 'stateHash' | 'sessionFloor' | 'config' | 'openEpoch' | 'openVersion'
>;

/** An operator wants another replica to lead. */
export interface TransferLeaderRequest {
  clusterId: string;
  replicaId: string;
}

export interface TransferLeaderResponse {
  epoch: number;
}

/** A client process asks for session ids. */
export interface OpenSessionsRequest {
  clusterId: string;
  /** 1 to `SESSIONS_PER_CALL_LIMIT`. */
  count: number;
}

export interface OpenSessionsResponse {
  firstSession: number;
  count: number;
}

/** The witnesses of an epoch that was opened, by their lives: what was complete in it can be recovered from these alone. */
export interface OpenedLives {
  epoch: number;
  witnesses: WitnessMember[];
}

/** What whoever goes on with a view change has to know. */
export interface Recovery {
  /** The epoch that was opened last; absent if none ever was. */
  opened: OpenedLives | undefined;
  /** False until a majority is fenced; so long `config.leader` is the replica that led before. */
  isLeaderChosen: boolean;
  /**
   * Name of the replica that should lead if its log is as good as a majority's; absent if the change began because the
   * leader was taken for lost. In a change that was planned it is the present leader unless an operator wants another.
   */
  preferred: string | undefined;
}

/**
 * The only durable state of a coordinator, changed by compare-and-set alone. Over time `sessionFloor` never falls, the
 * epoch of `config` never falls, and within an epoch a leader is chosen once, its witnesses start, and it opens (D9).
 */
export interface CoordinatorRecord {
  /** Drawn once, by whoever wrote the first record. */
  clusterId: string;
  /** Lowest session id that no coordinator has reserved; ids below it are never issued again (F8). */
  sessionFloor: number;
  /** Absent while members gather. */
  config: ClusterConfig | undefined;
  /** Present while it is still to be recovered what was before the epoch; never in the first one. */
  recovery: Recovery | undefined;
}

/** A record as the bucket holds it; `record` is null and `revision` 0 if nothing was ever written. */
export interface StoredRecord {
  revision: number;
  record: CoordinatorRecord | null;
}

/** Why a call was refused. */
export type CoordinatorRefusal =
  /** The record has not been read or written yet; trying again helps. */
  | 'notReady'
  /** The caller belongs to another cluster. */
  | 'clusterMismatch'
  /** A field is out of its limits. */
  | 'invalid'
  /** A live node of that role has that name. */
  | 'duplicateNode'
  /** The node is not registered here, say because this coordinator restarted; it should register. */
  | 'unknownNode'
  /** The replica that should lead is no member, or not heard, or too few others are. */
  | 'notLeadable'
  /** As many session ids as the cluster may ever issue are reserved. */
  | 'sessionLimit'
  /** Too many calls wait for a reservation; trying again helps. */
  | 'full';

/** Figures that a coordinator is started with. Durations in microseconds. */
export interface CoordinatorSettings {
  /** Cluster id to use if no record exists; random, drawn by the host. */
  clusterIdProposal: string;
  replicas: number;
  witnesses: number;
  fastQuorum: number;
  /** NATS server that clients and replicas are told to use. */
  natsUrl: string;
  /** Highest session id that may ever be issued. */
  sessionLimit: number;
  /** How often nodes are asked to send heartbeats. */
  heartbeatUs: number;
  /** Tells coordinators of one cluster apart. */
  name: string;
  /** A node is taken for alive this long after it was last heard. */
  livenessUs: number;
  /** Absence of a replica after which a registered one that is no member takes its place. Default five liveness times. */
  replaceAfterUs?: number;
  /** Time that a leader whose stream broke has to be heard on another way. Default: an eighth of `livenessUs`. */
  streamGraceUs?: number;
  /** Pause between attempts of a call to a node. */
  retryUs: number;
}

/** A node as it registered. */
export interface SeenNode {
  role: number;
  id: string;
  address: string;
  incarnation: number;
}

/** What a coordinator core reacts to. `call` numbers of requests come back in their answers. */
export type CoordinatorInput =
  /** What the bucket holds now: the answer to `readRecord`, or news from its watch. */
  | { kind: 'recordRead'; stored: StoredRecord }
  /** The write went through as `revision`. */
  | { kind: 'recordWritten'; revision: number }
  /** The write did not go through, or it is not known whether it did. */
  | { kind: 'recordConflict' }
  | { kind: 'getConfig'; call: number; clusterId: string }
  | { kind: 'watch'; call: number; clusterId: string }
  | { kind: 'register'; call: number; request: RegisterRequest }
  | { kind: 'heartbeat'; call: number; request: HeartbeatRequest }
  | { kind: 'openSessions'; call: number; request: OpenSessionsRequest }
  | { kind: 'transferLeader'; call: number; request: TransferLeaderRequest }
  | { kind: 'fenced'; attempt: number; response: FenceResponse }
  | { kind: 'sealed'; attempt: number; response: SealResponse }
  /** The whole pool. */
  | { kind: 'recovered'; attempt: number; response: GetRecoveryDataResponse }
  | { kind: 'led'; attempt: number; response: LeadResponse }
  | { kind: 'started'; attempt: number; response: StartResponse }
  | { kind: 'admitted'; attempt: number; response: AdmitResponse }
  /** An attempt failed or ran out of time; whether it had an effect is unknown. */
  | { kind: 'attemptFailed'; attempt: number }
  /** A node's stream broke, and it has no other one here. */
  | { kind: 'nodeLost'; role: number; nodeId: string; incarnation: number }
  /** What other coordinators hear does not come through: silence up to now counts against nobody. */
  | { kind: 'cutOff' }
  /** Another coordinator of the same cluster heard a node. */
  | { kind: 'nodeSeen'; clusterId: string; node: SeenNode; report: NodeReport }
  /** Time passed; at least every 50 ms. */
  | { kind: 'tick' }
  | { kind: 'turnEnd' };

/** What a coordinator core wants done. */
export type CoordinatorOutput =
  /** Answered by one `recordRead`, however long it takes. */
  | { kind: 'readRecord' }
  /** Answered by one `recordWritten` or `recordConflict`. At most one is under way. */
  | { kind: 'writeRecord'; expectedRevision: number; record: CoordinatorRecord }
  /** For the other coordinators: a node was heard here. A hint; losing it costs time only. */
  | { kind: 'nodeSeen'; clusterId: string; node: SeenNode; report: NodeReport }
  /** For people: the state of a replica is not what others have at the same slot. It is told to stop. */
  | { kind: 'stateDiffers'; nodeId: string; detail: string }
  /** The configuration in force changed: every watcher is told. */
  | { kind: 'config'; config: ClusterConfig }
  | { kind: 'currentConfig'; call: number; config: ClusterConfig | undefined }
  /** The watcher is admitted: it is told `config`, if there is one, and all later ones. */
  | { kind: 'watching'; call: number; config: ClusterConfig | undefined }
  | { kind: 'registered'; call: number; response: RegisterResponse }
  | { kind: 'heartbeatNoted'; call: number; response: HeartbeatResponse }
  | { kind: 'sessionsOpened'; call: number; response: OpenSessionsResponse }
  | { kind: 'leaderTransferred'; call: number; response: TransferLeaderResponse }
  | { kind: 'callRefused'; call: number; refusal: CoordinatorRefusal; detail: string }
  /** Answered by `fenced` or `attemptFailed` with the same `attempt`. */
  | { kind: 'fence'; attempt: number; address: string; request: FenceRequest }
  /** Answered by `sealed` or `attemptFailed` with the same `attempt`. */
  | { kind: 'seal'; attempt: number; address: string; request: SealRequest }
  /** Answered by `recovered` or `attemptFailed` with the same `attempt`. */
  | { kind: 'recoveryData'; attempt: number; address: string; request: GetRecoveryDataRequest }
  /** Answered by `led` or `attemptFailed` with the same `attempt`. */
  | { kind: 'lead'; attempt: number; address: string; request: LeadRequest }
  /** Answered by `started` or `attemptFailed` with the same `attempt`. */
  | { kind: 'start'; attempt: number; address: string; request: StartRequest }
  /** Answered, which may take long, by `admitted` or `attemptFailed` with the same `attempt`. */
  | { kind: 'admit'; attempt: number; address: string; request: AdmitRequest }
  /** For people: what the cluster needs to go on and does not have; empty once it has. Said when it changes. */
  | { kind: 'waiting'; detail: string }
  /** Going on would be wrong; the process reports `detail` and ends. */
  | { kind: 'halt'; detail: string };

/** What the leader answered when its epoch's own entry was committed. */
export interface Led {
  openSlot: number;
  committed: SessionWatermark[];
}
