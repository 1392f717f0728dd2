// Operations under way at a client: a write from its numbering to its commit, a read from its issue to its answer.
// Plain records; what happens to them is decided in client-core.ts and its neighbours.

import { bytesToText, NO_BYTES } from '../bytes.js';
import type { Answer, Operation, SlowReason } from '../core.js';
import type { CheckReply, Command, CommandId, Mutation, StrongReadReply, Write, WriteResult } from '../messages.js';

/** A numbered write. In the session's write set until its commit is known. */
export interface WriteOperation {
  /** Caller to answer; 0 once answered for good or abandoned. */
  call: number;
  session: number;
  seq: number;
  write: Write;
  command: Command;
  /** Keys as text, in mutation order. */
  keys: string[];
  sentUs: number;
  /** Time of the last question about a missing acknowledgement. */
  askedUs: number;
  /** Doubles with every repetition. */
  waitUs: number;
  /** The leader's word in this epoch: whether it stands unless the leadership is lost, and where. */
  leader: { ok: boolean; slot: number; result: WriteResult | undefined } | null;
  /** Witnesses of this epoch that accepted, a bit for each. */
  accepts: number;
  /** Replicas of this epoch that hold it, a bit for each. */
  holders: number;
  /** First reason for leaving the fast path. */
  slowReason: SlowReason | undefined;
  /** The caller stopped waiting; the result is kept for whoever asks later (F7). */
  isAbandoned: boolean;
  /** Calls that wait to hear what becomes of it. */
  resolvers: number[];
  /** The caller has its first answer. */
  isAnswered: boolean;
  isWitnessed: boolean;
  /** For a compare-and-set: whether it is known to have changed the state; other writes always do. */
  isEffective: boolean;
}

/** A read under way. */
export interface ReadOperation {
  call: number;
  session: number;
  operation: Extract<Operation, { kind: 'get' | 'scan' }>;
  /** The session's last seq when the read was issued. */
  barrier: number;
  /** Names the attempt; a new one for each. */
  nonce: number;
  phase: 'fast' | 'confirmed' | 'weak';
  /** Its attempts are to be named to whoever submitted it. */
  isTraced: boolean;
  sentUs: number;
  waitUs: number;
  leader: StrongReadReply | null;
  /** By witness index. */
  checks: (CheckReply | undefined)[];
  slowReason: SlowReason | undefined;
  /** Replica that was asked (weak), -1 for none yet. */
  asked: number;
}

/** Number of bits set. */
export function countBits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** The command of a write operation. Payloads are kept by reference: the caller has given them away. */
export function createCommand(
  operation: Exclude<Operation, { kind: 'get' | 'scan' }>,
  id: CommandId & { ackedThrough: number },
): Command {
  const { session, seq, ackedThrough } = id;
  const common = { session, seq, ackedThrough, strong: operation.strong };
  switch (operation.kind) {
    case 'put':
      return { ...common, mutations: [setTo(operation.key, operation.value)], condition: undefined };
    case 'delete':
      return { ...common, mutations: [setTo(operation.key, null)], condition: undefined };
    case 'batch':
      return {
        ...common,
        mutations: operation.writes.map(({ key, value }) => setTo(key, value)),
        condition: undefined,
      };
    case 'compareAndSet': {
      const { key, value, expected } = operation;
      const condition = { present: expected !== null, value: expected ?? NO_BYTES };
      return { ...common, mutations: [setTo(key, value)], condition };
    }
  }
}

function setTo(key: Uint8Array, value: Uint8Array | null): Mutation {
  return { key, value: value ?? NO_BYTES, deletes: value === null };
}

/** A fresh write operation around a command. */
export function createWriteOperation(call: number, write: Write & { command: Command }, nowUs: number): WriteOperation {
  const { command } = write;
  return {
    call,
    session: command.session,
    seq: command.seq,
    write,
    command,
    keys: command.mutations.map(({ key }) => bytesToText(key)),
    sentUs: nowUs,
    askedUs: nowUs,
    waitUs: 0,
    leader: null,
    accepts: 0,
    holders: 0,
    slowReason: undefined,
    isAbandoned: false,
    resolvers: [],
    isAnswered: false,
    isWitnessed: false,
    isEffective: command.condition === undefined,
  };
}

/** An answer to fill in. */
export function createAnswer(path: Answer['path'], epoch: number): Answer {
  return {
    path,
    slowReason: undefined,
    seq: 0,
    epoch,
    slot: 0,
    applied: true,
    present: false,
    value: NO_BYTES,
    entries: [],
    more: false,
    resumeAfter: NO_BYTES,
  };
}

/** Bytes of a write on the wire, to within its envelope. */
export function writeBytes({ command }: WriteOperation): number {
  let bytes = 64;
  for (const { key, value } of command.mutations) bytes += key.length + value.length + 8;
  return bytes + (command.condition?.value.length ?? 0);
}
