// The decisions of a coordinator on which safety hangs, as pure functions in one object; see replica/rules.ts.

import type { AdmitResponse, ClusterConfig, FenceResponse, SealResponse, WitnessMember } from '../messages.js';
import type { Quorums } from '../quorum.js';
import { createNextEpoch, type RecordedEpoch } from './record.js';
import type { Recovery } from './types.js';

/**
 * What the answer to a seal is worth: a pool to read; the word that nothing is held; nothing at all, because another life
 * answered; or proof that a later epoch was opened than the record says.
 */
export type SealedAs = 'source' | 'empty' | 'stranger' | 'ahead';

/** How a coordinator decides. */
export interface CoordinatorRules {
  /** D1: whether so many fenced replicas end all earlier epochs: a majority, so that every commit met one of them. */
  isFenced(fenced: number, quorums: Quorums): boolean;
  /** Whether one log reaches further than another: the later epoch, then the higher slot. */
  isLongerLog(one: FenceResponse, other: FenceResponse): boolean;
  /**
   * D1: whether a replica may lead although another log is longer: if its own reaches as far as those of a majority, itself
   * included. Whatever is committed is on one of them, so it is in this log too.
   */
  mayLead(log: FenceResponse, logs: readonly FenceResponse[], quorums: Quorums): boolean;
  /** D8: how `witnesses` come to take part: only where an epoch opens, with enough of those before them sealed. */
  replaceWitnesses(
    from: { config: ClusterConfig; recovery: Recovery | undefined },
    witnesses: WitnessMember[],
  ): RecordedEpoch;
  /** F8: lowest session id that may be reserved, by what the record says and what nodes were told before. */
  sessionFloor(recorded: number, told: number): number;
  /** F8: whether ids below `through` may be handed out, once a majority of the replicas knows that so many are taken. */
  mayIssue(through: number, agreedFloor: number): boolean;
  /** B6: what a sealed witness tells of the life that the last opened epoch names. */
  judgeSealed(sealed: SealResponse, member: WitnessMember, openedEpoch: number): SealedAs;
  /** D2: whether so many sealed witnesses hold every completed command often enough. */
  isSealed(sealed: number, quorums: Quorums): boolean;
  /** D12: whether so many of the named lives have started that the epoch may open: enough to recover it from them. */
  mayOpen(started: number, quorums: Quorums): boolean;
  /** P7: whether a leader's answer says that a life is up to date and may be written into the list of replicas. */
  hasCaughtUp(answer: AdmitResponse): boolean;
  /** D1: whether a pool may be read; before it is sealed, something could still complete that it then lacks. */
  mayReadPool(isSealed: boolean): boolean;
  /** D4: whether a recovered write follows on what is recovered of its session. */
  followsOn(seq: number, recoveredThrough: number): boolean;
  /** Which of `count` writes that may come next in a merged replay does, 0 to count − 1: any will do. */
  pickNext(count: number): number;
}

/** The rules as they are. */
export const coordinatorRules: CoordinatorRules = {
  isFenced: (fenced, quorums) => fenced >= quorums.majority,
  isLongerLog: (one, other) =>
    one.lastEpoch > other.lastEpoch || (one.lastEpoch === other.lastEpoch && one.lastSlot > other.lastSlot),
  mayLead(log, logs, quorums) {
    return logs.filter((other) => !coordinatorRules.isLongerLog(other, log)).length >= quorums.majority;
  },
  replaceWitnesses: ({ config, recovery }) =>
    createNextEpoch({ config, recovery, preferred: config.replicas[config.leader]?.id }),
  sessionFloor: (recorded, told) => Math.max(recorded, told),
  mayIssue: (through, agreedFloor) => through <= agreedFloor,
  judgeSealed(sealed, member, openedEpoch) {
    if (sealed.incarnation !== member.incarnation) return 'stranger';
    if (sealed.lifeEpoch > openedEpoch) return 'ahead';
    // A life that was never started in the opened epoch has kept nothing of it, and being sealed it never will.
    return sealed.lifeEpoch === openedEpoch ? 'source' : 'empty';
  },
  isSealed: (sealed, quorums) => sealed >= quorums.recovery,
  mayOpen: (started, quorums) => started >= quorums.recovery,
  hasCaughtUp: ({ matchSlot }) => matchSlot > 0,
  mayReadPool: (isSealed) => isSealed,
  followsOn: (seq, recoveredThrough) => seq === recoveredThrough + 1,
  pickNext: () => 0,
};
