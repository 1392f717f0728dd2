// The decisions of a client on which safety hangs, as pure functions in one object; see replica/rules.ts. Fast is what
// these functions say is fast and nothing else.

import { sameId } from '../command.js';
import type { CheckReply, CommandId, StrongReadReply, WriteReply } from '../messages.js';
import type { Quorums } from '../quorum.js';

/** What is known of a strong write when its speed is decided. All of it stems from one epoch (A1). */
export interface WriteEvidence {
  seq: number;
  /** The leader's `ok`, fixed when it appended the write. */
  leaderOk: boolean;
  /** Distinct witnesses that accepted it, each with watermark ≥ `seq`. */
  accepts: number;
  /** Lowest watermark of the session over all m witnesses; 0 if one has not answered yet. */
  leastWatermark: number;
  committedThrough: number;
}

/** What is known of a strong read when its speed is decided. */
export interface ReadEvidence {
  /** The session's last write when the read was issued. */
  barrier: number;
  leader: StrongReadReply;
  /** Each witness's answer to this attempt, undefined where there is none yet. */
  checks: readonly (CheckReply | undefined)[];
  /** Highest watermark of the session seen from each witness in this epoch (R5). */
  watermarks: readonly number[];
  leastWatermark: number;
  committedThrough: number;
}

/** Why a witness's answer does not support a fast read; null if it does. */
export type CheckFault = 'uncovered' | 'readMismatch' | null;

/** How a client decides. */
export interface SessionRules {
  /** Whether a strong write is complete in one round trip. */
  isFastWrite(evidence: WriteEvidence, quorums: Quorums): boolean;
  /** A7: whether the leader's answer alone completes a strong write: once it tells of the committed execution. */
  isFinal(reply: WriteReply): boolean;
  /** What is wrong with one witness's answer to a strong read (A3, A5, A6). */
  faultOfCheck(check: CheckReply, witness: number, evidence: ReadEvidence, quorums: Quorums): CheckFault;
  /** Whether the leader's answer alone rules the fast path out. */
  leaderForbidsFast(evidence: ReadEvidence, quorums: Quorums): boolean;
  /** Whether so many witnesses support a strong read that it is complete. */
  isFastRead(supporting: number, quorums: Quorums): boolean;
  /** E1: how far the write set may be cleared when a local acknowledgement of `seq` arrives: not at all. */
  clearedByLocalAck(seq: number, committedThrough: number): number;
  /** P4: whether a weak answer is too old because the write set was cleared past it meanwhile. */
  isAnswerTooOld(sessionSeq: number, cleared: number): boolean;
  /** E6: slot the replica must have applied before it answers a weak read. */
  tokenSlotToSend(tokenSlot: number): number;
}

function holdsExactly(pending: readonly CommandId[], readFrom: CommandId | undefined, committed: boolean): boolean {
  const [only] = pending;
  if (only === undefined) return committed;
  return pending.length === 1 && readFrom !== undefined && sameId(only, readFrom);
}

/** R2: the last pending write is what was read, and the leader knows the others. */
function endsWith(pending: readonly CommandId[], { readFrom, committed, pending: known }: StrongReadReply): boolean {
  const last = pending.at(-1);
  if (last === undefined) return committed;
  if (readFrom === undefined || !sameId(last, readFrom)) return false;
  return pending.every((id) => sameId(id, last) || known.some((leaders) => sameId(leaders, id)));
}

/** The rules as they are. */
export const sessionRules: SessionRules = {
  isFastWrite({ seq, leaderOk, accepts, leastWatermark, committedThrough }, quorums) {
    if (!leaderOk || accepts < quorums.fast) return false;
    // With q < m the session's earlier writes must be where every recovery finds them.
    return quorums.unanimous || Math.max(leastWatermark, committedThrough) >= seq - 1;
  },
  isFinal: ({ committed }) => committed,
  leaderForbidsFast({ leader, barrier, leastWatermark, committedThrough }, quorums) {
    if (leader.conflict) return true;
    if (quorums.unanimous) return false;
    return leader.pending.length > 1 || Math.max(leastWatermark, committedThrough) < barrier;
  },
  faultOfCheck(check, witness, { barrier, leader, watermarks, committedThrough }, quorums) {
    const covered = Math.max(check.watermark, watermarks[witness] ?? 0, committedThrough);
    if (covered < barrier) return 'uncovered';
    const agrees = quorums.unanimous
      ? endsWith(check.pending, leader)
      : holdsExactly(check.pending, leader.readFrom, leader.committed);
    return agrees ? null : 'readMismatch';
  },
  isFastRead: (supporting, quorums) => supporting >= quorums.fast,
  clearedByLocalAck: (_seq, committedThrough) => committedThrough,
  isAnswerTooOld: (sessionSeq, cleared) => sessionSeq < cleared,
  tokenSlotToSend: (tokenSlot) => tokenSlot,
};
