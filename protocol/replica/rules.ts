// The decisions of a replica on which safety hangs, as pure functions in one object. The core asks them and nobody
// else; the simulator's canaries replace one at a time to prove that the checkers would notice.

import type { Command, ReplicateResponse, WeakRead } from '../messages.js';
import type { Quorums } from '../quorum.js';
import type { SessionSet } from '../session-set.js';
import type { Pending } from './overlay.js';

/** How a replica decides. */
export interface ReplicaRules {
  /**
   * A2, A4: whether a new write of `session` conflicts with what is uncommitted on one of its keys. If so it gets no
   * speculative result: the other write may yet be lost, and with it the result.
   */
  conflicts(pendingOnKey: readonly Pending[], session: number): boolean;
  /** C1: whether a write may take the next slot. Ordering past a hole would let a session's later write survive its earlier one. */
  mayOrder(seq: number, orderedThrough: number): boolean;
  /** F2: whether a write was already ordered and must not be appended again. */
  isDuplicate(seq: number, orderedThrough: number): boolean;
  /** F3: how far results may be forgotten once this command is executed: what the client says it has. */
  forgetsThrough(command: Command): number;
  /** F5: whether a session has ended, so that nothing of it is ordered or executed, whoever brings it. */
  isEnded(session: number, ended: SessionSet): boolean;
  /**
   * F5: whether sessions may end once so many have said all they hold of them: any majority that holds a write, and any q
   * witnesses, share somebody with those. This replica is one of `replicas`.
   */
  mayEnd(answered: { replicas: number; witnesses: number }, quorums: Quorums): boolean;
  /** D5: whether a recovered write is appended: if the log lacks it and it follows on what the log has of its session. */
  mayReplay(seq: number, orderedThrough: number): boolean;
  /** C1 for reads: whether all writes of the session up to the barrier have their slot. */
  passesBarrier(barrier: number, orderedThrough: number): boolean;
  /**
   * Whether the value of an uncommitted write may be shown to a fast strong read at all. Not if it is a
   * compare-and-set that met another session's uncommitted write: replayed without that write it may not match, and
   * the value would never have been (see docs/PROTOCOL.md, A10).
   */
  mayShowSpeculation(by: Pending): boolean;
  /** F6: whether a confirmed read that began when `roundAtStart` was the newest round is covered by round `confirmed`. */
  isConfirmed(roundAtStart: number, confirmed: number): boolean;
  /** D6: whether the coordinator may hear that the epoch is led: once everything recovered is on a majority. */
  mayReportLed(commitSlot: number, ownSlot: number): boolean;
  /**
   * C6: slot up to which a replica counts as one that has the log, of what it verified and what it keeps. Said sooner,
   * a committed entry is gone when a majority is started anew.
   */
  acknowledgedSlot(verified: number, durable: number): number;
  /** C6: whether a fence may be answered. Answered before it is kept, a replica started anew follows the old epoch again. */
  mayAnswerFence(isKept: boolean): boolean;
  /**
   * F5: whether the leader may be told all that is held here of the sessions it asks about. Told before the question is
   * kept, a replica started anew takes in and acknowledges what their end does not meet.
   */
  mayAnswerInquiry(isKept: boolean): boolean;
  /**
   * C4, C6: whether a replica may say anything to its peers as a follower or leader of `epoch`; `kept` is the last epoch
   * of which it keeps that it follows or leads it. Leading before, it could lead the same epoch twice with two logs.
   */
  maySpeak(epoch: number, kept: number): boolean;
  /** C4: whether a replica that began to lead `ledEpoch` in an earlier process may lead `epoch`. */
  mayLead(epoch: number, ledEpoch: number): boolean;
  /** E4–E6: whether the applied state may answer a weak read. */
  mayAnswerWeak(read: WeakRead, state: AppliedPosition): boolean;
  /** P7: whether an answer comes from that life. Another life of the same place has not what this one has. */
  isOfLife(frame: ReplicateResponse, life: FollowerLife): boolean;
  /**
   * D10: how far a place of the list counts, where its member has reached `named` and others are on their way to take it.
   * One that may be in the record already counts together with the member: a majority must hold under either list.
   */
  reachedAtPlace(named: number, joining: readonly JoiningLife[]): number;
  /** P7: whether a life that reached `match` may take the place of a member that helped to commit up to `countedSlot`. */
  mayJoin(match: number, countedSlot: number): boolean;
  /** Whether a part of a snapshot is the one that follows on `received` parts. */
  isNextPart(number: number, received: number): boolean;
}

/** One life of a follower and the place in the list that it has or is to take. */
export interface FollowerLife {
  index: number;
  incarnation: number;
}

/** A life that is to take a place. */
export interface JoiningLife {
  reached: number;
  /** The coordinator was told, or is about to be told, that it may be written into the record. */
  mayBeNamed: boolean;
}

/** What a weak read is held against. */
export interface AppliedPosition {
  epoch: number;
  /** Slot of the epoch's own entry, 0 if the epoch is not known to be open. */
  openSlot: number;
  appliedSlot: number;
  /** The reading session's highest applied seq. */
  sessionSeq: number;
}

/** The rules as they are. */
export const replicaRules: ReplicaRules = {
  conflicts(pendingOnKey, session) {
    for (const { command } of pendingOnKey) if (command.session !== session) return true;
    return false;
  },
  mayOrder: (seq, orderedThrough) => seq === orderedThrough + 1,
  isDuplicate: (seq, orderedThrough) => seq <= orderedThrough,
  forgetsThrough: ({ ackedThrough }) => ackedThrough,
  isEnded: (session, ended) => ended.has(session),
  mayEnd: ({ replicas, witnesses }, quorums) =>
    replicas >= quorums.majority && witnesses >= quorums.witnesses - quorums.fast + 1,
  mayReplay: (seq, orderedThrough) => seq === orderedThrough + 1,
  passesBarrier: (barrier, orderedThrough) => barrier <= orderedThrough,
  mayShowSpeculation: (by) => by.command.condition === undefined || by.ok,
  isConfirmed: (roundAtStart, confirmed) => confirmed > roundAtStart,
  mayReportLed: (commitSlot, ownSlot) => commitSlot >= ownSlot,
  acknowledgedSlot: (verified, durable) => Math.min(verified, durable),
  mayAnswerFence: (isKept) => isKept,
  mayAnswerInquiry: (isKept) => isKept,
  maySpeak: (epoch, kept) => kept >= epoch,
  mayLead: (epoch, ledEpoch) => epoch > ledEpoch,
  isOfLife: (frame, life) => frame.incarnation === life.incarnation,
  reachedAtPlace: (named, joining) =>
    joining.reduce((least, { reached, mayBeNamed }) => (mayBeNamed ? Math.min(least, reached) : least), named),
  mayJoin: (match, countedSlot) => match >= countedSlot,
  isNextPart: (number, received) => number === received,
  mayAnswerWeak(read, { epoch, openSlot, appliedSlot, sessionSeq }) {
    // A token of a later epoch, brought from another session, has seen what this replica cannot know of yet.
    if (read.tokenEpoch > epoch) return false;
    // A slot of an older epoch means nothing here; everything seen there lies at or below the open slot (P5).
    const tokenSlot = read.tokenEpoch === epoch ? read.tokenSlot : 0;
    return openSlot > 0 && appliedSlot >= openSlot && appliedSlot >= tokenSlot && sessionSeq >= read.cleared;
  },
};
