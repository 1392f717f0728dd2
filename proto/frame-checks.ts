// The limits that `proto/` states beside its fields, as checks of decoded messages. Every check names the field and the
// limit; the texts are put together only when something is wrong, because all of this runs for every operation. Knows
// nothing of encoding, and of operations only what can be said of one by itself.

import {
  BATCH_MUTATIONS_LIMIT,
  FRAME_OPERATIONS_LIMIT,
  KEY_BYTES_LIMIT,
  SCAN_BYTES_LIMIT,
  SCAN_ENTRIES_LIMIT,
  VALUE_BYTES_LIMIT,
} from '../protocol/limits.js';
import type {
  AdmitRequest,
  Bytes,
  Command,
  CommandId,
  Condition,
  FrameTrace,
  Inquiry,
  LogEntry,
  Mutation,
  OutcomeReply,
  ScanRange,
  SessionUpkeep,
  SnapshotPart,
  Write,
} from '../protocol/messages.js';

/** Questions about writes in one frame. */
const OUTCOME_QUERIES_LIMIT = 1024;
/** Most shards of a sender of snapshots. */
const SHARDS_LIMIT = 65_536;
/** Trace id, span id and flags. */
const TRACE_CONTEXT_BYTES = 25;
/** Frames that one frame may say were taken in. */
const TAKEN_LIMIT = 1024;

/** A frame that no well-behaved peer sends. Its stream ends with `INVALID_ARGUMENT` and this message. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
  /** What is wrong, in the terms of `proto/`: `SessionRequest.writes.command.seq`. */
  readonly field: string;
  /** What it has to be: `at least 1`. */
  readonly limit: string;

  constructor(field: string, limit: string, cause?: unknown) {
    super(`${field} must be ${limit}`, cause === undefined ? undefined : { cause });
    this.field = field;
    this.limit = limit;
  }
}

/** Writes of a frame or of a unary call: each has its command. */
export function checkWrites(writes: readonly Write[], path: string): void {
  const commandPath = `${path}.command`;
  for (const write of writes) {
    if (write.command === undefined) throw new FrameError(commandPath, 'present');
    checkCommand(write.command, commandPath);
    if (write.dependencies.length > 0) checkDependencies(write.dependencies, path);
  }
}

function checkDependencies(dependencies: readonly CommandId[], path: string): void {
  checkAtMost(dependencies.length, FRAME_OPERATIONS_LIMIT, path, 'dependencies');
  checkIds(dependencies, `${path}.dependencies`);
}

/** A command: what it changes, and what it expects if it is a compare-and-set. */
export function checkCommand(command: Command, path: string): void {
  checkId(command, path);
  const { mutations, condition } = command;
  if (mutations.length < 1 || mutations.length > BATCH_MUTATIONS_LIMIT) {
    throw new FrameError(`${path}.mutations`, `1 to ${BATCH_MUTATIONS_LIMIT} mutations, not ${mutations.length}`);
  }
  checkMutations(mutations, path);
  if (condition !== undefined) checkCondition(command, condition, path);
}

function checkCondition(command: Command, condition: Condition, path: string): void {
  if (command.mutations.length !== 1)
    throw new FrameError(`${path}.condition`, 'absent where there are several mutations');
  if (!command.strong) throw new FrameError(`${path}.condition`, 'absent from a weak command');
  checkAtMost(condition.value.length, VALUE_BYTES_LIMIT, path, 'condition.value bytes');
}

function checkMutations(mutations: readonly Mutation[], path: string): void {
  let bytes = 0;
  for (const { key, value } of mutations) {
    checkKey(key, path);
    checkAtMost(value.length, VALUE_BYTES_LIMIT, path, 'mutations.value bytes');
    bytes += key.length + value.length;
  }
  if (mutations.length > 1) checkAtMost(bytes, VALUE_BYTES_LIMIT, path, 'mutations bytes');
}

/** The life that a leader is asked to bring up to date. */
export function checkAdmission({ member }: AdmitRequest): void {
  if (member === undefined) throw new FrameError('AdmitRequest.member', 'present');
  checkPositive(member.incarnation, 'AdmitRequest.member', 'incarnation');
  if (!/^.+:[0-9]{1,5}$/.test(member.address)) throw new FrameError('AdmitRequest.member.address', 'host:port');
}

/** A part of a snapshot. One session's results may be spread over several parts. */
export function checkSnapshotPart(part: SnapshotPart | undefined, path: string): void {
  if (part === undefined) return;
  checkPositive(part.slot, path, 'slot');
  checkAtMost(part.keys.length + part.sessions.length, FRAME_OPERATIONS_LIMIT, path, 'items');
  checkAtMost(part.forgottenSlots.length, SHARDS_LIMIT, path, 'forgotten_slots');
  for (const key of part.keys) {
    checkKey(key.key, `${path}.keys`);
    checkAtMost(key.value.length, VALUE_BYTES_LIMIT, `${path}.keys`, 'value bytes');
    checkId(key, `${path}.keys`);
    checkPositive(key.slot, `${path}.keys`, 'slot');
  }
  for (const session of part.sessions) checkPositive(session.session, `${path}.sessions`, 'session');
  for (const { first, last } of part.expired) {
    checkPositive(first, `${path}.expired`, 'first');
    if (last < first) throw new FrameError(`${path}.expired.last`, `at least first, not ${last}`);
  }
}

/** A key. */
export function checkKey(key: Bytes, path: string): void {
  if (key.length < 1 || key.length > KEY_BYTES_LIMIT) {
    throw new FrameError(`${path}.key`, `1 to ${KEY_BYTES_LIMIT} bytes, not ${key.length}`);
  }
}

/** A read is of one key or of one range. */
export function checkTarget(read: { key: Bytes; range: ScanRange | undefined }, path: string): void {
  const { key, range } = read;
  if (range === undefined) {
    checkKey(key, path);
    return;
  }
  if (key.length > 0) throw new FrameError(`${path}.key`, 'empty where a range is set');
  checkAtMost(range.start.length, KEY_BYTES_LIMIT, path, 'range.start bytes');
  checkAtMost(range.end.length, KEY_BYTES_LIMIT, path, 'range.end bytes');
  checkPositive(range.limit, path, 'range.limit');
  checkAtMost(range.limit, SCAN_ENTRIES_LIMIT, path, 'range.limit');
  checkPositive(range.byteLimit, path, 'range.byte_limit');
  checkAtMost(range.byteLimit, SCAN_BYTES_LIMIT, path, 'range.byte_limit');
}

/** A read attempt and the session that makes it. */
export function checkAttempt(read: { nonce: number; session: number }, path: string): void {
  checkPositive(read.nonce, path, 'nonce');
  checkPositive(read.session, path, 'session');
}

/** Names of writes. */
export function checkIds(ids: readonly CommandId[], path: string): void {
  for (const id of ids) checkId(id, path);
}

/** The name of a write, or what carries one. */
export function checkId(id: CommandId, path: string): void {
  checkPositive(id.session, path, 'session');
  checkPositive(id.seq, path, 'seq');
}

/** What a client says of its sessions. */
export function checkUpkeep({ alive, ended, queries }: SessionUpkeep, path: string): void {
  checkSessions(alive, path, 'alive');
  checkSessions(ended, path, 'ended');
  checkAtMost(queries.length, OUTCOME_QUERIES_LIMIT, path, 'queries');
  for (const query of queries) {
    checkPositive(query.nonce, `${path}.queries`, 'nonce');
    checkId(query, `${path}.queries`);
  }
}

/** What became of a write. */
export function checkOutcome({ nonce, status }: OutcomeReply, path: string): void {
  checkPositive(nonce, path, 'nonce');
  checkPositive(status, path, 'status');
}

/** The end of sessions: an entry of its own, with at least one. */
export function checkExpiry({ command, expiry }: LogEntry, path: string): void {
  if (expiry === undefined) return;
  if (command !== undefined) throw new FrameError(`${path}.expiry`, 'absent where there is a command');
  checkPositive(expiry.sessions.length, `${path}.expiry`, 'sessions');
  checkSessions(expiry.sessions, `${path}.expiry`, 'sessions');
}

/** A question about sessions; none of them left is a question too. */
export function checkInquiry({ number, sessions }: Inquiry, path: string): void {
  checkPositive(number, path, 'number');
  checkSessions(sessions, path, 'sessions');
}

/** Session ids of one frame. */
export function checkSessions(sessions: readonly number[], path: string, field: string): void {
  checkAtMost(sessions.length, FRAME_OPERATIONS_LIMIT, path, field);
  for (const session of sessions) checkPositive(session, path, field);
}

/** What tracing adds to a frame: trace contexts are whole, and there are not more of them than operations fit in. */
export function checkTrace(trace: FrameTrace | undefined, path: string): void {
  if (trace === undefined) return;
  checkAtMost(trace.operations.length, FRAME_OPERATIONS_LIMIT, `${path}.trace`, 'operations');
  checkAtMost(trace.taken.length, TAKEN_LIMIT, `${path}.trace`, 'taken');
  checkTime(trace.stampUs, `${path}.trace`, 'stamp_us');
  for (const taken of trace.taken) {
    checkTime(taken.sentUs, `${path}.trace.taken`, 'sent_us');
    checkTime(taken.receivedUs, `${path}.trace.taken`, 'received_us');
  }
  for (const { context } of trace.operations) {
    if (context.length === TRACE_CONTEXT_BYTES) continue;
    throw new FrameError(`${path}.trace.operations.context`, `${TRACE_CONTEXT_BYTES} bytes, not ${context.length}`);
  }
}

/** A stamp comes as a double, which may be anything; sums over stamps must not. */
function checkTime(us: number, path: string, field: string): void {
  if (!(us >= 0 && us <= Number.MAX_SAFE_INTEGER)) throw new FrameError(`${path}.${field}`, `a time, not ${us}`);
}

/** Numbers are whole, not negative and safe by the way they are decoded; what is left to exclude is zero. */
export function checkPositive(value: number, path: string, field: string): void {
  if (value < 1) throw new FrameError(`${path}.${field}`, `at least 1, not ${value}`);
}

/** A number, or a length, and its upper limit. */
export function checkAtMost(value: number, limit: number, path: string, field: string): void {
  if (value > limit) throw new FrameError(`${path}.${field}`, `at most ${limit}, not ${value}`);
}
