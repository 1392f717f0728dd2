// The decisions of a witness on which safety hangs, as pure functions in one object; see replica/rules.ts.

import type { WitnessOutput } from '../core.js';
import type { Command } from '../messages.js';

/** How a witness decides. */
export interface WitnessRules {
  /**
   * Whether a record may not stand beside what is pending on one of its keys. A strong one not beside another session's
   * write: replay might swap them. A weak one always may: replay keeps arrival order.
   */
  conflicts(command: Command, pendingSessions: Iterable<number>): boolean;
  /** B9: whether a record follows on what is known of its session, so that its predecessors are here too. */
  followsOn(seq: number, watermark: number): boolean;
  /** B8: whether a record is known to be committed; then it is not stored, however late it comes. */
  isCommitted(seq: number, committedThrough: number): boolean;
  /** D1: whether the pool may be handed over to the coordinator of `epoch`: once it can no longer change. */
  mayHandOver(life: { isSealed: boolean; epoch: number }, epoch: number): boolean;
  /** Where the watermark stands after a rejected record: where it stood, since nothing was kept. */
  watermarkAfterReject(seq: number, watermark: number): number;
  /**
   * B5, C6: whether an answer may leave; `isKept` if a process that began anew would find everything it rests on. What
   * the leader is told as stale it orders like any proposal, whether the witness remembers it or not.
   */
  mayLeave(answer: WitnessOutput, isKept: boolean): boolean;
  /**
   * C6: whether the answer to a check leaves at once, whatever else waits; `isShownKept` if a process that began anew
   * would find all that it shows: the writes on the key, and those of the session up to the watermark. What it does not
   * show cannot be lost.
   */
  mayShow(isShownKept: boolean): boolean;
  /**
   * F5: whether the leader may be told what is held of sessions that it asks about; `isKept` if a process that began anew
   * would know that it asked. It would take in more of them otherwise, and all of that would be dropped.
   */
  mayAnswerInquiry(isKept: boolean): boolean;
}

/** The rules as they are. */
export const witnessRules: WitnessRules = {
  conflicts(command, pendingSessions) {
    if (!command.strong) return false;
    for (const session of pendingSessions) if (session !== command.session) return true;
    return false;
  },
  followsOn: (seq, watermark) => seq === watermark + 1,
  isCommitted: (seq, committedThrough) => seq <= committedThrough,
  mayHandOver: (life, epoch) => life.isSealed && life.epoch === epoch,
  watermarkAfterReject: (_seq, watermark) => watermark,
  mayLeave: ({ kind }, isKept) => isKept || kind === 'collected' || kind === 'callRefused',
  mayShow: (isShownKept) => isShownKept,
  mayAnswerInquiry: (isKept) => isKept,
};
