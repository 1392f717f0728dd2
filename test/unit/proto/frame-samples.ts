// Well-formed frames with every field set, and the pieces they are made of, for tests that spoil one thing at a time.

import type {
  AckBatch,
  CollectRequest,
  CollectResponse,
  Command,
  ConfirmedRead,
  RecordRequest,
  RecordResponse,
  ReplicateRequest,
  ReplicateResponse,
  SessionRequest,
  SessionResponse,
  SnapshotPart,
  WeakRead,
  Write,
} from '../../../protocol/messages.js';

/** Bytes of a given length, all different from zero. */
export function bytesOf(length: number): Uint8Array {
  return new Uint8Array(length).fill(7);
}

/** A command with one put, some fields replaced. */
export function createCommand(changes: Partial<Command> = {}): Command {
  return {
    session: 9,
    seq: 4,
    strong: true,
    mutations: [{ key: bytesOf(3), value: bytesOf(100), deletes: false }],
    condition: undefined,
    ackedThrough: 2,
    ...changes,
  };
}

const trace = {
  turn: 12,
  stampUs: 2 ** 41,
  taken: [{ turn: 11, sentUs: 2 ** 41 - 9, receivedUs: 2 ** 41 - 7, loopUs: 1, decodeUs: 2, stepUs: 3, nodeTurn: 4 }],
  sentUs: 1_700_000_000_000_000,
  operations: [{ session: 9, seq: 4, nonce: 0, context: bytesOf(25) }],
};

/** A write around a command. */
export function createWrite(changes: Partial<Write> = {}): Write {
  return {
    command: createCommand(),
    committedThrough: 3,
    bound: 1,
    dependencies: [{ session: 8, seq: 2 }],
    ...changes,
  };
}

/** A confirmed read of a range. */
export function createConfirmedScan(changes: Partial<ConfirmedRead> = {}): ConfirmedRead {
  return {
    nonce: 5,
    session: 9,
    barrier: 4,
    key: bytesOf(0),
    range: { start: bytesOf(1), end: bytesOf(2), limit: 10, byteLimit: 1000 },
    coveredThrough: 3,
    ...changes,
  };
}

/** A weak read of a key. */
export function createWeakGet(changes: Partial<WeakRead> = {}): WeakRead {
  return {
    nonce: 6,
    session: 9,
    key: bytesOf(3),
    range: undefined,
    tokenEpoch: 2,
    tokenSlot: Number.MAX_SAFE_INTEGER,
    cleared: 2,
    ...changes,
  };
}

/** Client to replica, with a compare-and-set and a batch among its writes. */
export function createSessionRequest(changes: Partial<SessionRequest> = {}): SessionRequest {
  const deletion = { key: bytesOf(2), value: bytesOf(0), deletes: true };
  const batch = [deletion, { key: bytesOf(3), value: bytesOf(4), deletes: false }];
  return {
    clusterId: 'cluster-ü',
    epoch: 2,
    clientId: 7,
    upkeep: { alive: [9, 10], ended: [11], queries: [{ nonce: 8, session: 9, seq: 4 }] },
    writes: [
      createWrite(),
      createWrite({ command: createCommand({ seq: 5, condition: { present: true, value: bytesOf(6) } }) }),
      createWrite({ command: createCommand({ seq: 6, strong: false, mutations: batch }), dependencies: [] }),
    ],
    strongReads: [{ nonce: 4, session: 9, barrier: 6, key: bytesOf(3) }],
    confirmedReads: [createConfirmedScan()],
    weakReads: [createWeakGet()],
    ackQueries: [{ session: 9, seq: 6 }],
    ping: 3,
    trace,
    ...changes,
  };
}

const result = { applied: true, present: true, value: bytesOf(5), version: 11 };
const read = { nonce: 6, present: true, value: bytesOf(5), version: 11, sessionSeq: 3, more: true, refer: false };

/** Replica to client. */
export function createSessionResponse(changes: Partial<SessionResponse> = {}): SessionResponse {
  const reply = { session: 9, seq: 4, slot: 12, ok: true, committed: false, committedThrough: 3, stale: false };
  return {
    clusterId: 'cluster-ü',
    epoch: 2,
    outcomes: [{ nonce: 8, status: 1, slot: 12, result: undefined }],
    writeReplies: [
      { ...reply, result },
      { ...reply, seq: 5, ok: false, result: undefined },
    ],
    needWrites: [{ session: 9, fromSeq: 3 }],
    strongReadReplies: [
      {
        nonce: 4,
        present: true,
        value: bytesOf(5),
        version: 12,
        readFrom: { session: 9, seq: 4 },
        committed: false,
        conflict: false,
        pending: [{ session: 9, seq: 4 }],
      },
    ],
    confirmedReadReplies: [{ ...read, entries: [{ key: bytesOf(1), value: bytesOf(2) }] }],
    weakReadReplies: [{ ...read, entries: [] }],
    weakAcks: [{ session: 9, seq: 6 }],
    commitNotices: [{ session: 9, through: 3, slot: 10 }],
    refusals: [{ code: 4, detail: 'key', nonce: 0, session: 9, seq: 7 }],
    pong: 3,
    replica: 1,
    trace: undefined,
    ...changes,
  };
}

/** A part of a snapshot. */
export function createSnapshotPart(changes: Partial<SnapshotPart> = {}): SnapshotPart {
  const result = { applied: true, present: false, value: bytesOf(0), version: 7 };
  return {
    ...{ slot: 12, slotEpoch: 2, number: 0, isLast: true, forgottenSlots: [0, 7] },
    keys: [
      { key: bytesOf(3), value: bytesOf(4), deleted: false, slot: 7, session: 9, seq: 4 },
      { key: bytesOf(2), value: bytesOf(0), deleted: true, slot: 8, session: 9, seq: 5 },
    ],
    sessions: [{ session: 9, lastSeq: 5, lastSlot: 8, ackedThrough: 3, results: [{ seq: 4, slot: 7, result }] }],
    expired: [{ first: 3, last: 4 }],
    ...changes,
  };
}

/** Leader to follower, an epoch's own entry among the rest. */
export function createReplicateRequest(changes: Partial<ReplicateRequest> = {}): ReplicateRequest {
  return {
    clusterId: 'cluster-ü',
    epoch: 2,
    leader: 1,
    prevSlot: 10,
    prevEpoch: 1,
    entries: [
      { epoch: 2, command: undefined, expiry: undefined },
      { epoch: 2, command: createCommand(), expiry: undefined },
      { epoch: 2, command: undefined, expiry: { sessions: [3, 4] } },
    ],
    commitSlot: 9,
    openSlot: 11,
    round: 5,
    storedEverywhere: 8,
    trace,
    learner: 0,
    snapshot: createSnapshotPart(),
    inquiry: { number: 3, sessions: [9] },
    ...changes,
  };
}

/** Follower to leader. */
export function createReplicateResponse(changes: Partial<ReplicateResponse> = {}): ReplicateResponse {
  const rest = { clusterId: 'cluster-ü', epoch: 2, replica: 2, ok: true, matchSlot: 12, round: 5, incarnation: 78 };
  const received = { inquiry: 3, snapshotSlot: 12, snapshotParts: 1 };
  return { ...rest, ...received, relayed: [createWrite()], ...changes };
}

/** Client to witness. */
export function createRecordRequest(changes: Partial<RecordRequest> = {}): RecordRequest {
  const checks = [{ nonce: 4, session: 9, key: bytesOf(3) }];
  return { clusterId: 'cluster-ü', epoch: 2, clientId: 7, records: [createWrite()], checks, trace, ...changes };
}

/** Witness to client. */
export function createRecordResponse(changes: Partial<RecordResponse> = {}): RecordResponse {
  return {
    clusterId: 'cluster-ü',
    epoch: 2,
    witness: 1,
    incarnation: 2 ** 40 + 1,
    recordReplies: [{ session: 9, seq: 4, status: 1, watermark: 4 }],
    checkReplies: [{ nonce: 4, watermark: 4, pending: [{ session: 9, seq: 4 }] }],
    refusals: [{ code: 1, detail: '', nonce: 4, session: 0, seq: 0 }],
    trace: { sentUs: 7, operations: [], turn: 0, stampUs: 0, taken: [] },
    ...changes,
  };
}

/** Leader to witness. */
export function createCollectRequest(changes: Partial<CollectRequest> = {}): CollectRequest {
  const committed = [{ session: 9, committedThrough: 3 }];
  const inquiry = { number: 3, sessions: [9] };
  return { clusterId: 'cluster-ü', epoch: 2, leader: 1, committed, inquiry, expired: [3], ...changes };
}

/** Witness to leader. */
export function createCollectResponse(changes: Partial<CollectResponse> = {}): CollectResponse {
  return {
    clusterId: 'cluster-ü',
    epoch: 2,
    witness: 1,
    incarnation: 77,
    stale: [createWrite()],
    inquiry: 3,
    ...changes,
  };
}

/** Replica to client process over NATS. */
export function createAckBatch(changes: Partial<AckBatch> = {}): AckBatch {
  return {
    clusterId: 'cluster-ü',
    epoch: 2,
    replica: 1,
    commitSlot: 10,
    weakAcks: [{ session: 9, seq: 6 }],
    commitNotices: [{ session: 9, through: 3, slot: 10 }],
    trace,
    ...changes,
  };
}
