// The contract of every core: frames and events go in, frames and completions come out, nothing else happens. One
// call of `step` handles one input; `turnEnd` says that the event-loop turn is over, and only then do frames for peers
// leave, one for each peer. The host and the simulator drive the same cores through these types.

import type {
  AckBatch,
  AdmitRequest,
  AdmitResponse,
  Bytes,
  ClusterConfig,
  CollectRequest,
  CollectResponse,
  EndRequest,
  EndResponse,
  FenceRequest,
  FenceResponse,
  GetRecoveryDataRequest,
  GetRecoveryDataResponse,
  LeadRequest,
  LeadResponse,
  RecordRequest,
  RecordResponse,
  ReplicateRequest,
  ReplicateResponse,
  ScanEntry,
  SealRequest,
  SealResponse,
  SessionRequest,
  SessionResponse,
  StartRequest,
  StartResponse,
  WriteResult,
} from './messages.js';
import type { ReplicaBatch } from './replica/persistence.js';
import type { WitnessBatch } from './witness/persistence.js';

/** A deterministic state machine. `nowUs` never decreases; what it pushes to `outputs` is carried out in order. */
export interface Core<Input, Output> {
  step(input: Input, nowUs: number, outputs: Output[]): void;
}

/** What a replica core reacts to. `call` numbers come back in the answer to a unary call. */
export type ReplicaInput =
  | { kind: 'session'; frame: SessionRequest }
  | { kind: 'replicate'; frame: ReplicateRequest }
  | { kind: 'replicated'; frame: ReplicateResponse }
  | { kind: 'collected'; frame: CollectResponse }
  | { kind: 'config'; config: ClusterConfig }
  | { kind: 'fence'; call: number; request: FenceRequest }
  | { kind: 'lead'; call: number; request: LeadRequest }
  | { kind: 'admit'; call: number; request: AdmitRequest }
  /** The batch of this number, and with it all before it, would be found again after the end of the process. */
  | { kind: 'persisted'; number: number }
  /** The disk refused a batch. It is tried again until it is kept; this is said once until then. */
  | { kind: 'persistRefused' }
  /** The stream to this follower was opened anew: what was sent before may be lost. */
  | { kind: 'peerUp'; replica: number }
  /** The same for the life that is to become a member. */
  | { kind: 'learnerUp'; incarnation: number }
  | { kind: 'clientGone'; client: number }
  /** Time passed; at least every 20 ms. */
  | { kind: 'tick' }
  | { kind: 'turnEnd' };

/** What a replica core wants done. Losing any of them may cost time, never safety. */
export type ReplicaOutput =
  | { kind: 'session'; client: number; frame: SessionResponse }
  /** Over NATS, or, where that is down, the same content in a session frame. */
  | { kind: 'acks'; client: number; batch: AckBatch }
  /** To these followers; where `frame.learner` is set, to that life alone. */
  | { kind: 'replicate'; to: number[]; frame: ReplicateRequest }
  /** To whoever sent the last replicate frame. */
  | { kind: 'replicated'; frame: ReplicateResponse }
  | { kind: 'collect'; to: number[]; frame: CollectRequest }
  | { kind: 'fenced'; call: number; response: FenceResponse }
  | { kind: 'led'; call: number; response: LeadResponse }
  | { kind: 'admitted'; call: number; response: AdmitResponse }
  /**
   * Keep `batch`, after all batches before it, then carry out `then` and push `persisted`. Only in durability `disk`. A
   * batch that cannot be kept is tried again; until then nothing that hangs on it happens.
   */
  | { kind: 'persist'; batch: ReplicaBatch; then: ReplicaOutput[] };

/** What a witness core reacts to. */
export type WitnessInput =
  | { kind: 'record'; frame: RecordRequest }
  | { kind: 'collect'; frame: CollectRequest }
  | { kind: 'seal'; call: number; request: SealRequest }
  | { kind: 'recoveryData'; call: number; request: GetRecoveryDataRequest }
  | { kind: 'start'; call: number; request: StartRequest }
  | { kind: 'end'; call: number; request: EndRequest }
  /** As for a replica. */
  | { kind: 'persisted'; number: number }
  | { kind: 'clientGone'; client: number }
  | { kind: 'tick' }
  | { kind: 'turnEnd' };

/** What a witness core wants done. */
export type WitnessOutput =
  | { kind: 'record'; client: number; frame: RecordResponse }
  /** To whoever sent the last collect frame of this epoch. */
  | { kind: 'collected'; frame: CollectResponse }
  | { kind: 'sealed'; call: number; response: SealResponse }
  | { kind: 'recovered'; call: number; response: GetRecoveryDataResponse }
  | { kind: 'started'; call: number; response: StartResponse }
  | { kind: 'ended'; call: number; response: EndResponse }
  | { kind: 'callRefused'; call: number; code: number; detail: string }
  /** As for a replica. */
  | { kind: 'persist'; batch: WitnessBatch; then: WitnessOutput[] };

/** How far a weak write has come. Each level includes the ones before it (E8). */
export type AckLevel = 'local' | 'witnessed' | 'committed';

/** One operation as a caller states it. Keys and values have passed the limits of `limits.ts`. */
export type Operation =
  | { kind: 'put'; strong: boolean; key: Bytes; value: Bytes }
  | { kind: 'delete'; strong: boolean; key: Bytes }
  | { kind: 'compareAndSet'; strong: true; key: Bytes; expected: Bytes | null; value: Bytes }
  | { kind: 'batch'; strong: boolean; writes: { key: Bytes; value: Bytes | null }[] }
  | { kind: 'get'; strong: boolean; key: Bytes }
  | { kind: 'scan'; strong: boolean; start: Bytes; end: Bytes; limit: number; byteLimit: number };

/** Why a strong operation left the fast path; also the column names of reports. */
export type SlowReason =
  | 'leaderConflict'
  | 'witnessConflict'
  | 'witnessGap'
  | 'witnessFull'
  | 'witnessDown'
  | 'witnessLate'
  | 'readMismatch'
  | 'uncovered'
  | 'epochChange'
  | 'scan'
  | 'overtaken';

/** What an operation answered, and how. */
export interface Answer {
  /** `fast` and `slow` for strong operations, `weak` for weak ones. */
  path: 'fast' | 'slow' | 'weak';
  /** Set when `path` is `slow`. */
  slowReason: SlowReason | undefined;
  /** For writes: the command id's seq. */
  seq: number;
  /** Epoch that answered. */
  epoch: number;
  /** Slot of the write or version of what was read; 0 if not known yet (weak writes). */
  slot: number;
  /** Writes: whether the state changed (false: compare-and-set did not match). */
  applied: boolean;
  /** Point reads, and a compare-and-set that did not match: whether the key exists. */
  present: boolean;
  /** The value that goes with `present`. */
  value: Bytes;
  /** Scans. */
  entries: ScanEntry[];
  /** Scans: cut by a limit. */
  more: boolean;
  /** Scans that were cut: the next page begins right after this key, which need not be among `entries`. */
  resumeAfter: Bytes;
}

/** Where a session stands in the causal order; enough to go on in another session. */
export interface SessionToken {
  clusterId: string;
  epoch: number;
  slot: number;
}

/** What became of a write whose caller never learnt it (F7). */
export type ResolvedOutcome =
  /** `slot` 0 and no `result`: not known (any more). A weak write has no result. */
  | { status: 'executed'; slot: number; result: WriteResult | undefined }
  /** `isFinal`: and never will be. Otherwise it still may be executed. */
  | { status: 'notExecuted'; isFinal: boolean }
  /** Its session has ended, and with it all knowledge of its writes. */
  | { status: 'sessionEnded' };

/** What the client core reacts to. One core serves all sessions of a process. */
export type ClientInput =
  | { kind: 'config'; config: ClusterConfig }
  | { kind: 'openSession'; session: number; token: SessionToken | null }
  /** Nothing more will be submitted; forgotten once its write set is empty. */
  | { kind: 'closeSession'; session: number }
  | { kind: 'submit'; session: number; call: number; operation: Operation; isTraced: boolean }
  /** The caller stopped waiting. A read is forgotten; a numbered write goes on until it is committed (F7). */
  | { kind: 'abandon'; call: number }
  /**
   * What became of a write (F7)? `settles`: its session, which must not be one of this process, is ended for that, so that
   * the answer cannot change any more.
   */
  | { kind: 'resolve'; call: number; session: number; seq: number; settles: boolean }
  | { kind: 'session'; frame: SessionResponse }
  | { kind: 'record'; frame: RecordResponse }
  | { kind: 'acks'; batch: AckBatch }
  | { kind: 'replicaUp'; replica: number }
  | { kind: 'replicaDown'; replica: number }
  | { kind: 'witnessUp'; witness: number }
  | { kind: 'witnessDown'; witness: number }
  /** The replica that is closest now. */
  | { kind: 'bind'; replica: number }
  /** Time passed; at least every 5 ms while operations are in flight. */
  | { kind: 'tick' }
  | { kind: 'turnEnd' };

/** What the client core wants done. */
export type ClientOutput =
  | { kind: 'session'; to: number[]; frame: SessionRequest }
  | { kind: 'record'; to: number[]; frame: RecordRequest }
  /** The write has its name and will be sent until it is committed; from here on its outcome may be unknown. */
  | { kind: 'numbered'; call: number; seq: number }
  /** Only where the operation is traced: an attempt of the read goes under this name from now on. */
  | { kind: 'attempt'; call: number; nonce: number }
  | { kind: 'completed'; call: number; answer: Answer }
  /** A weak write reached a level; `completed` stands for `local`, and levels may be skipped upwards. */
  | { kind: 'level'; call: number; level: AckLevel; slot: number; epoch: number }
  /**
   * A call that gets no answer any more. `sessionExpired`: its session has ended; a write that has a number was executed
   * before that or never will be. `idReused`: the leader has another write under this id.
   */
  | { kind: 'failed'; call: number; reason: 'sessionExpired' | 'idReused' }
  /** A session has ended without being closed. `lost`: seqs of its writes that are not known to be committed (E8). */
  | { kind: 'sessionExpired'; session: number; lost: number[] }
  | { kind: 'resolved'; call: number; outcome: ResolvedOutcome }
  /** Refused before it was numbered: nothing was sent. */
  | { kind: 'refused'; call: number; reason: 'writeSetFull' | 'sessionUnknown' | 'sessionExpired' | 'abandoned' }
  /** This node answered from another epoch or refused: the configuration should be fetched anew. */
  | { kind: 'configWanted'; epoch: number };

/** A switch over a tagged union ends here; reaching it is a broken invariant. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
