// The only translation between the wire and the cores. Decoding checks every limit that the messages state, so that a
// core may rely on them, and copies nothing: keys and values are views of the frame they came in. Encoding yields
// bytes that may go to several peers. Knows nothing of epochs, of who may say what, or of what an operation means.

import type { MethodDefinition } from '@grpc/grpc-js';
import { FRAME_BYTES_HARD_LIMIT, FRAME_OPERATIONS_LIMIT } from '../protocol/limits.js';
import type {
  AckBatch,
  CollectRequest,
  CollectResponse,
  RecordRequest,
  RecordResponse,
  ReplicateRequest,
  ReplicateResponse,
  SessionRequest,
  SessionResponse,
} from '../protocol/messages.js';
import {
  checkAtMost,
  checkAttempt,
  checkCommand,
  checkExpiry,
  checkId,
  checkIds,
  checkInquiry,
  checkKey,
  checkOutcome,
  checkPositive,
  checkSessions,
  checkSnapshotPart,
  checkTarget,
  checkTrace,
  checkUpkeep,
  checkWrites,
  FrameError,
} from './frame-checks.js';
import { AckBatch as AckBatchWire } from './gen/curpho/v1/acks.js';
import {
  ReplicaService,
  ReplicateRequest as ReplicateRequestWire,
  ReplicateResponse as ReplicateResponseWire,
  SessionRequest as SessionRequestWire,
  SessionResponse as SessionResponseWire,
} from './gen/curpho/v1/replica.js';
import {
  CollectRequest as CollectRequestWire,
  CollectResponse as CollectResponseWire,
  RecordRequest as RecordRequestWire,
  RecordResponse as RecordResponseWire,
  WitnessService,
} from './gen/curpho/v1/witness.js';
import { NumberReader, NumberWriter } from './number-wire.js';

export { FrameError };

// ---- Decoding: every function throws FrameError and nothing else.

/** Client to replica. */
export function decodeSessionRequest(bytes: Uint8Array): SessionRequest {
  const frame: SessionRequest = decode('SessionRequest', SessionRequestWire, bytes);
  const { writes, strongReads, confirmedReads, weakReads, ackQueries } = frame;
  const operations = writes.length + strongReads.length + confirmedReads.length + weakReads.length + ackQueries.length;
  checkAtMost(operations, FRAME_OPERATIONS_LIMIT, 'SessionRequest', 'operations');
  checkPositive(frame.clientId, 'SessionRequest', 'client_id');
  checkWrites(writes, 'SessionRequest.writes');
  for (const read of strongReads) {
    checkAttempt(read, 'SessionRequest.strong_reads');
    checkKey(read.key, 'SessionRequest.strong_reads');
  }
  for (const read of confirmedReads) {
    checkAttempt(read, 'SessionRequest.confirmed_reads');
    checkTarget(read, 'SessionRequest.confirmed_reads');
  }
  for (const read of weakReads) {
    checkAttempt(read, 'SessionRequest.weak_reads');
    checkTarget(read, 'SessionRequest.weak_reads');
  }
  checkIds(ackQueries, 'SessionRequest.ack_queries');
  if (frame.upkeep !== undefined) checkUpkeep(frame.upkeep, 'SessionRequest.upkeep');
  checkTrace(frame.trace, 'SessionRequest');
  return frame;
}

/** Replica to client. How many answers there are is bounded by the frame's size alone. */
export function decodeSessionResponse(bytes: Uint8Array): SessionResponse {
  const frame: SessionResponse = decode('SessionResponse', SessionResponseWire, bytes);
  checkIds(frame.writeReplies, 'SessionResponse.write_replies');
  for (const need of frame.needWrites) {
    checkPositive(need.session, 'SessionResponse.need_writes', 'session');
    checkPositive(need.fromSeq, 'SessionResponse.need_writes', 'from_seq');
  }
  for (const reply of frame.strongReadReplies) {
    checkPositive(reply.nonce, 'SessionResponse.strong_read_replies', 'nonce');
    if (reply.readFrom !== undefined) checkId(reply.readFrom, 'SessionResponse.strong_read_replies.read_from');
    checkIds(reply.pending, 'SessionResponse.strong_read_replies.pending');
  }
  for (const reply of frame.confirmedReadReplies) {
    checkPositive(reply.nonce, 'SessionResponse.confirmed_read_replies', 'nonce');
  }
  for (const reply of frame.weakReadReplies) checkPositive(reply.nonce, 'SessionResponse.weak_read_replies', 'nonce');
  checkIds(frame.weakAcks, 'SessionResponse.weak_acks');
  for (const notice of frame.commitNotices) {
    checkPositive(notice.session, 'SessionResponse.commit_notices', 'session');
  }
  for (const refusal of frame.refusals) checkPositive(refusal.code, 'SessionResponse.refusals', 'code');
  for (const outcome of frame.outcomes) checkOutcome(outcome, 'SessionResponse.outcomes');
  checkTrace(frame.trace, 'SessionResponse');
  return frame;
}

/** Leader to follower. */
export function decodeReplicateRequest(bytes: Uint8Array): ReplicateRequest {
  const frame: ReplicateRequest = decode('ReplicateRequest', ReplicateRequestWire, bytes);
  checkAtMost(frame.entries.length, FRAME_OPERATIONS_LIMIT, 'ReplicateRequest', 'entries');
  for (const entry of frame.entries) {
    checkPositive(entry.epoch, 'ReplicateRequest.entries', 'epoch');
    if (entry.command !== undefined) checkCommand(entry.command, 'ReplicateRequest.entries.command');
    if (entry.expiry !== undefined) checkExpiry(entry, 'ReplicateRequest.entries');
  }
  checkSnapshotPart(frame.snapshot, 'ReplicateRequest.snapshot');
  if (frame.inquiry !== undefined) checkInquiry(frame.inquiry, 'ReplicateRequest.inquiry');
  checkTrace(frame.trace, 'ReplicateRequest');
  return frame;
}

/** Follower to leader. */
export function decodeReplicateResponse(bytes: Uint8Array): ReplicateResponse {
  const frame: ReplicateResponse = decode('ReplicateResponse', ReplicateResponseWire, bytes);
  checkAtMost(frame.relayed.length, FRAME_OPERATIONS_LIMIT, 'ReplicateResponse', 'relayed');
  checkWrites(frame.relayed, 'ReplicateResponse.relayed');
  return frame;
}

/** Client to witness. */
export function decodeRecordRequest(bytes: Uint8Array): RecordRequest {
  const frame: RecordRequest = decode('RecordRequest', RecordRequestWire, bytes);
  checkAtMost(frame.records.length + frame.checks.length, FRAME_OPERATIONS_LIMIT, 'RecordRequest', 'operations');
  checkPositive(frame.clientId, 'RecordRequest', 'client_id');
  checkWrites(frame.records, 'RecordRequest.records');
  for (const check of frame.checks) {
    checkAttempt(check, 'RecordRequest.checks');
    checkKey(check.key, 'RecordRequest.checks');
  }
  checkTrace(frame.trace, 'RecordRequest');
  return frame;
}

/** Witness to client. How many answers there are is bounded by the frame's size alone. */
export function decodeRecordResponse(bytes: Uint8Array): RecordResponse {
  const frame: RecordResponse = decode('RecordResponse', RecordResponseWire, bytes);
  for (const reply of frame.recordReplies) {
    checkId(reply, 'RecordResponse.record_replies');
    checkPositive(reply.status, 'RecordResponse.record_replies', 'status');
  }
  for (const reply of frame.checkReplies) {
    checkPositive(reply.nonce, 'RecordResponse.check_replies', 'nonce');
    checkIds(reply.pending, 'RecordResponse.check_replies.pending');
  }
  for (const refusal of frame.refusals) checkPositive(refusal.code, 'RecordResponse.refusals', 'code');
  checkTrace(frame.trace, 'RecordResponse');
  return frame;
}

/** Leader to witness. It may name every session at once, so the frame's size alone bounds it. */
export function decodeCollectRequest(bytes: Uint8Array): CollectRequest {
  const frame: CollectRequest = decode('CollectRequest', CollectRequestWire, bytes);
  for (const watermark of frame.committed) checkPositive(watermark.session, 'CollectRequest.committed', 'session');
  if (frame.inquiry !== undefined) checkInquiry(frame.inquiry, 'CollectRequest.inquiry');
  checkSessions(frame.expired, 'CollectRequest', 'expired');
  return frame;
}

/** Witness to leader. */
export function decodeCollectResponse(bytes: Uint8Array): CollectResponse {
  const frame: CollectResponse = decode('CollectResponse', CollectResponseWire, bytes);
  checkAtMost(frame.stale.length, FRAME_OPERATIONS_LIMIT, 'CollectResponse', 'stale');
  checkWrites(frame.stale, 'CollectResponse.stale');
  return frame;
}

/** Replica to client process over NATS. */
export function decodeAckBatch(bytes: Uint8Array): AckBatch {
  const batch: AckBatch = decode('AckBatch', AckBatchWire, bytes);
  checkIds(batch.weakAcks, 'AckBatch.weak_acks');
  for (const notice of batch.commitNotices) checkPositive(notice.session, 'AckBatch.commit_notices', 'session');
  checkTrace(batch.trace, 'AckBatch');
  return batch;
}

// ---- Encoding: the bytes are the caller's own and may be sent any number of times.

/** Client to replicas. */
export function encodeSessionRequest(frame: SessionRequest): Buffer {
  return encode(SessionRequestWire, frame);
}

/** Replica to client. */
export function encodeSessionResponse(frame: SessionResponse): Buffer {
  return encode(SessionResponseWire, frame);
}

/** Leader to followers. */
export function encodeReplicateRequest(frame: ReplicateRequest): Buffer {
  return encode(ReplicateRequestWire, frame);
}

/** Follower to leader. */
export function encodeReplicateResponse(frame: ReplicateResponse): Buffer {
  return encode(ReplicateResponseWire, frame);
}

/** Client to witnesses. */
export function encodeRecordRequest(frame: RecordRequest): Buffer {
  return encode(RecordRequestWire, frame);
}

/** Witness to client. */
export function encodeRecordResponse(frame: RecordResponse): Buffer {
  return encode(RecordResponseWire, frame);
}

/** Leader to witnesses. */
export function encodeCollectRequest(frame: CollectRequest): Buffer {
  return encode(CollectRequestWire, frame);
}

/** Witness to leader. */
export function encodeCollectResponse(frame: CollectResponse): Buffer {
  return encode(CollectResponseWire, frame);
}

/** Replica to client process over NATS. */
export function encodeAckBatch(batch: AckBatch): Buffer {
  return encode(AckBatchWire, batch);
}

// ---- Streams whose messages are bytes, so that a frame for many is encoded once and an odd one is ours to refuse.

function passBytes(bytes: Buffer): Buffer {
  return bytes;
}

function defineByteStream(path: string): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: passBytes,
    requestDeserialize: passBytes,
    responseSerialize: passBytes,
    responseDeserialize: passBytes,
  };
}

/** The four streams as gRPC methods over encoded frames, for `makeBidiStreamRequest` and for server definitions. */
export const streamMethods = {
  session: defineByteStream(ReplicaService.session.path),
  replicate: defineByteStream(ReplicaService.replicate.path),
  record: defineByteStream(WitnessService.record.path),
  collect: defineByteStream(WitnessService.collect.path),
} as const;

/** The replica service for a server: streams in bytes, unary calls in messages. */
export const replicaServiceDefinition = {
  ...ReplicaService,
  session: streamMethods.session,
  replicate: streamMethods.replicate,
} as const;

/** The witness service for a server: streams to clients and leader in bytes, the rest in messages. */
export const witnessServiceDefinition = {
  ...WitnessService,
  record: streamMethods.record,
  collect: streamMethods.collect,
} as const;

// ---- What the functions above share.

interface Decoder<T> {
  decode(reader: NumberReader): T;
}

interface Encoder<T> {
  encode(message: T, writer: NumberWriter): unknown;
}

function decode<T>(name: string, message: Decoder<T>, bytes: Uint8Array): T {
  checkAtMost(bytes.length, FRAME_BYTES_HARD_LIMIT, name, 'bytes');
  const reader = new NumberReader(bytes);
  let frame: T;
  try {
    frame = message.decode(reader);
  } catch (cause) {
    throw new FrameError(
      name,
      `well-formed, but decoding says: ${cause instanceof Error ? cause.message : cause}`,
      cause,
    );
  }
  // A stray end-of-group tag makes the generated code stop early without a word.
  if (reader.pos !== reader.len) throw new FrameError(name, 'well-formed up to its end');
  return frame;
}

/** Kept for its buffer, which has the size of the largest frame so far; `finish` copies out of it. */
let writer = new NumberWriter();

function encode<T>(message: Encoder<T>, frame: T): Buffer {
  try {
    message.encode(frame, writer);
  } catch (error) {
    // Half a frame is left in the writer.
    writer = new NumberWriter();
    throw error;
  }
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
