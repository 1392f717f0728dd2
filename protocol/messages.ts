// The messages of the protocol as plain objects. The generated wire types satisfy them as they are, so a decoded frame
// enters a core without being copied; proto/ documents every field, and this file repeats only what a reader of the
// rules needs. Knows nothing of encoding.

/** Uninterpreted bytes: a key, a value. Passed by reference while in flight, copied by whoever keeps them. */
export type Bytes = Uint8Array;

export interface CommandId {
  session: number;
  seq: number;
}

export interface Mutation {
  key: Bytes;
  value: Bytes;
  deletes: boolean;
}

export interface Condition {
  present: boolean;
  value: Bytes;
}

/** A sampled operation of a frame, by the name it has there, and the span under which its receiver goes on. */
export interface OperationTrace {
  session: number;
  seq: number;
  nonce: number;
  context: Bytes;
}

/** When a node had a frame of a client. */
export interface TakenFrame {
  turn: number;
  sentUs: number;
  receivedUs: number;
  loopUs: number;
  decodeUs: number;
  stepUs: number;
  nodeTurn: number;
}

/** What tracing and stamping add to a frame outside the cores, which neither read nor set it. */
export interface FrameTrace {
  sentUs: number;
  operations: OperationTrace[];
  turn: number;
  stampUs: number;
  taken: TakenFrame[];
}

/** A write as it is numbered, ordered, kept and executed. `ackedThrough` is not part of the payload (B3). */
export interface Command {
  session: number;
  seq: number;
  strong: boolean;
  mutations: Mutation[];
  condition: Condition | undefined;
  ackedThrough: number;
}

/** A command on its way; the same object goes to every node, so nothing in it may depend on the receiver. */
export interface Write {
  command: Command | undefined;
  committedThrough: number;
  bound: number;
  dependencies: CommandId[];
}

/** A write whose command is present; what `ignoreMalformed…` guards let through. */
export interface CheckedWrite extends Write {
  command: Command;
}

export interface WriteResult {
  applied: boolean;
  present: boolean;
  value: Bytes;
  version: number;
}

export interface ReplicaMember {
  id: string;
  index: number;
  address: string;
  incarnation: number;
}

export interface WitnessMember {
  id: string;
  index: number;
  address: string;
  incarnation: number;
}

/** Numbers as in proto `EpochStatus`. */
export const EpochStatus = { recovering: 1, open: 2 } as const;

export interface ClusterConfig {
  clusterId: string;
  epoch: number;
  status: number;
  leader: number;
  replicas: ReplicaMember[];
  witnesses: WitnessMember[];
  fastQuorum: number;
  openSlot: number;
  natsUrl: string;
  version: number;
}

/** Whether one configuration of a cluster supersedes another: a later epoch, one further on, or other members in it. */
export function isNewerConfig(one: ClusterConfig, other: ClusterConfig): boolean {
  if (one.epoch !== other.epoch) return one.epoch > other.epoch;
  if (one.status !== other.status) return one.status > other.status;
  return one.version > other.version;
}

export interface StrongRead {
  nonce: number;
  session: number;
  barrier: number;
  key: Bytes;
}

export interface ScanRange {
  start: Bytes;
  end: Bytes;
  limit: number;
  byteLimit: number;
}

export interface ConfirmedRead {
  nonce: number;
  session: number;
  barrier: number;
  key: Bytes;
  range: ScanRange | undefined;
  coveredThrough: number;
}

export interface WeakRead {
  nonce: number;
  session: number;
  key: Bytes;
  range: ScanRange | undefined;
  tokenEpoch: number;
  tokenSlot: number;
  cleared: number;
}

export interface AckQuery {
  session: number;
  seq: number;
}

export interface OutcomeQuery {
  nonce: number;
  session: number;
  seq: number;
}

export interface SessionUpkeep {
  alive: number[];
  ended: number[];
  queries: OutcomeQuery[];
}

/** Client to replica, one per turn. */
export interface SessionRequest {
  clusterId: string;
  epoch: number;
  clientId: number;
  writes: Write[];
  strongReads: StrongRead[];
  confirmedReads: ConfirmedRead[];
  weakReads: WeakRead[];
  ackQueries: AckQuery[];
  ping: number;
  trace: FrameTrace | undefined;
  upkeep: SessionUpkeep | undefined;
}

export interface WriteReply {
  session: number;
  seq: number;
  slot: number;
  ok: boolean;
  committed: boolean;
  result: WriteResult | undefined;
  committedThrough: number;
  stale: boolean;
}

export interface NeedWrites {
  session: number;
  fromSeq: number;
}

export interface StrongReadReply {
  nonce: number;
  present: boolean;
  value: Bytes;
  version: number;
  readFrom: CommandId | undefined;
  committed: boolean;
  conflict: boolean;
  pending: CommandId[];
}

export interface ScanEntry {
  key: Bytes;
  value: Bytes;
}

export interface ReadReply {
  nonce: number;
  present: boolean;
  value: Bytes;
  version: number;
  sessionSeq: number;
  entries: ScanEntry[];
  more: boolean;
  refer: boolean;
}

export interface WeakAck {
  session: number;
  seq: number;
}

export interface CommitNotice {
  session: number;
  through: number;
  slot: number;
}

/** Numbers as in proto `RefusalCode`. */
export const RefusalCode = {
  epoch: 1,
  notLeader: 2,
  notOpen: 3,
  invalid: 4,
  full: 5,
  idReused: 6,
  sessionExpired: 7,
} as const;

export interface Refusal {
  code: number;
  detail: string;
  nonce: number;
  session: number;
  seq: number;
}

/** Numbers as in proto `OutcomeStatus`. */
export const OutcomeStatus = { executed: 1, notExecuted: 2, sessionEnded: 3 } as const;

export interface OutcomeReply {
  nonce: number;
  status: number;
  slot: number;
  result: WriteResult | undefined;
}

/** Replica to client, one per turn. */
export interface SessionResponse {
  clusterId: string;
  epoch: number;
  writeReplies: WriteReply[];
  needWrites: NeedWrites[];
  strongReadReplies: StrongReadReply[];
  confirmedReadReplies: ReadReply[];
  weakReadReplies: ReadReply[];
  weakAcks: WeakAck[];
  commitNotices: CommitNotice[];
  refusals: Refusal[];
  pong: number;
  replica: number;
  trace: FrameTrace | undefined;
  outcomes: OutcomeReply[];
}

export interface SessionExpiry {
  sessions: number[];
}

/** With neither command nor expiry it is the epoch's own entry. */
export interface LogEntry {
  epoch: number;
  command: Command | undefined;
  expiry: SessionExpiry | undefined;
}

export interface Inquiry {
  number: number;
  sessions: number[];
}

export interface SnapshotKey {
  key: Bytes;
  value: Bytes;
  deleted: boolean;
  slot: number;
  session: number;
  seq: number;
}

export interface SnapshotResult {
  seq: number;
  slot: number;
  result: WriteResult | undefined;
}

export interface SnapshotSession {
  session: number;
  lastSeq: number;
  lastSlot: number;
  ackedThrough: number;
  results: SnapshotResult[];
}

export interface SessionRange {
  first: number;
  last: number;
}

export interface SnapshotPart {
  slot: number;
  slotEpoch: number;
  number: number;
  isLast: boolean;
  keys: SnapshotKey[];
  sessions: SnapshotSession[];
  expired: SessionRange[];
  forgottenSlots: number[];
}

/** Leader to follower. */
export interface ReplicateRequest {
  clusterId: string;
  epoch: number;
  leader: number;
  prevSlot: number;
  prevEpoch: number;
  entries: LogEntry[];
  commitSlot: number;
  openSlot: number;
  round: number;
  storedEverywhere: number;
  trace: FrameTrace | undefined;
  learner: number;
  snapshot: SnapshotPart | undefined;
  inquiry: Inquiry | undefined;
}

/** Follower to leader. */
export interface ReplicateResponse {
  clusterId: string;
  epoch: number;
  replica: number;
  ok: boolean;
  matchSlot: number;
  round: number;
  relayed: Write[];
  incarnation: number;
  inquiry: number;
  snapshotSlot: number;
  snapshotParts: number;
}

export interface AdmitRequest {
  clusterId: string;
  epoch: number;
  member: ReplicaMember | undefined;
  /** Of the configuration that the member is to be written into. */
  version: number;
}

export interface AdmitResponse {
  epoch: number;
  matchSlot: number;
}

export interface FenceRequest {
  clusterId: string;
  epoch: number;
  incarnation: number;
  wantsLastWrites: boolean;
}

export interface FenceResponse {
  epoch: number;
  lastEpoch: number;
  lastSlot: number;
  lastWrites: CommandId[];
}

export interface LeadRequest {
  config: ClusterConfig | undefined;
  replay: Write[];
}

export interface SessionWatermark {
  session: number;
  committedThrough: number;
}

export interface LeadResponse {
  openSlot: number;
  committed: SessionWatermark[];
}

export interface ReadCheck {
  nonce: number;
  session: number;
  key: Bytes;
}

/** Client to witness, one per turn; the same frame goes to all witnesses. */
export interface RecordRequest {
  clusterId: string;
  epoch: number;
  clientId: number;
  records: Write[];
  checks: ReadCheck[];
  trace: FrameTrace | undefined;
}

/** Numbers as in proto `RecordStatus`. */
export const RecordStatus = {
  accepted: 1,
  conflict: 2,
  gap: 3,
  committed: 4,
  full: 5,
  idReused: 6,
  parked: 7,
} as const;

export interface RecordReply {
  session: number;
  seq: number;
  status: number;
  watermark: number;
}

export interface CheckReply {
  nonce: number;
  watermark: number;
  pending: CommandId[];
}

/** Witness to client, one per turn. */
export interface RecordResponse {
  clusterId: string;
  epoch: number;
  witness: number;
  incarnation: number;
  recordReplies: RecordReply[];
  checkReplies: CheckReply[];
  refusals: Refusal[];
  trace: FrameTrace | undefined;
}

/** Leader to witness. */
export interface CollectRequest {
  clusterId: string;
  epoch: number;
  leader: number;
  committed: SessionWatermark[];
  inquiry: Inquiry | undefined;
  expired: number[];
}

/** Witness to leader. */
export interface CollectResponse {
  clusterId: string;
  epoch: number;
  witness: number;
  incarnation: number;
  stale: Write[];
  inquiry: number;
}

export interface SealRequest {
  clusterId: string;
  epoch: number;
}

export interface SealResponse {
  epoch: number;
  incarnation: number;
  lifeEpoch: number;
  entries: number;
}

export interface GetRecoveryDataRequest {
  clusterId: string;
  epoch: number;
}

export interface GetRecoveryDataResponse {
  incarnation: number;
  entries: Write[];
}

export interface StartRequest {
  config: ClusterConfig | undefined;
  witnessId: string;
  committed: SessionWatermark[];
}

export interface StartResponse {
  epoch: number;
  incarnation: number;
}

export interface EndRequest {
  clusterId: string;
  epoch: number;
}

export interface EndResponse {
  epoch: number;
}

/** Replica to client process over NATS: hints (E11). */
export interface AckBatch {
  clusterId: string;
  epoch: number;
  replica: number;
  commitSlot: number;
  weakAcks: WeakAck[];
  commitNotices: CommitNotice[];
  trace: FrameTrace | undefined;
}
