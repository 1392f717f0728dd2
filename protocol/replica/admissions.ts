// Lives that are to become members: brought up to date by the leader while they count nowhere, until the coordinator may
// write them into the record (P7, D10). Does not decide who is exchanged, nor when.

import type { AdmitRequest, AdmitResponse } from '../messages.js';
import type { Follower, Followers } from './followers.js';
import type { ReplicaNode } from './node.js';

/** Lives that are brought up to date at once: as many coordinators may disagree on who is to join. */
const JOINING_LIMIT = 4;

interface Joining {
  id: string;
  learner: Follower;
  /** End of the log when the leader was first asked. */
  targetSlot: number;
  /** Slot up to which the member whose place it takes may have been counted without it. */
  countedSlot: number;
  /** Calls that wait for it. */
  calls: number[];
}

/** The admissions of one leadership. */
export class Admissions {
  readonly #node: ReplicaNode;
  readonly #followers: Followers;
  #joining: Joining[] = [];
  #answers: { call: number; response: AdmitResponse }[] = [];

  constructor(node: ReplicaNode, followers: Followers) {
    this.#node = node;
    this.#followers = followers;
  }

  /** A coordinator asks for a life to be brought up to date; the same one may ask again. */
  onAdmit(call: number, request: AdmitRequest): void {
    const joining = this.#find(request);
    if (joining === null) this.#answer(call, 0);
    else joining.calls.push(call);
  }

  /** The members changed: whoever was to join has joined, or was to join a list that is no more. */
  onMembers(): void {
    for (const { calls } of this.#joining) for (const call of calls) this.#answer(call, 0);
    this.#joining = [];
  }

  /** Answers due now. */
  settle(emit: (call: number, response: AdmitResponse) => void): void {
    for (const joining of this.#joining) this.#advance(joining);
    for (const { call, response } of this.#answers) emit(call, response);
    this.#answers = [];
  }

  /**
   * First it gets what the log holds. Then it counts together with the member whose place it takes, and before the
   * coordinator hears of it, it has all that was committed by that member's word alone. Counted only once the record
   * names it, a write could be committed by leader and old member after the record was written, and be unknown to the
   * next epoch's majority, in which the new one stands for the old.
   */
  #advance(joining: Joining): void {
    const { learner, targetSlot, calls } = joining;
    if (!learner.mayBeNamed && learner.match >= targetSlot) {
      learner.mayBeNamed = true;
      joining.countedSlot = this.#node.commitSlot;
    }
    if (!this.#node.rules.mayJoin(learner.match, joining.countedSlot)) return;
    for (const call of calls) this.#answer(call, learner.match);
    joining.calls = [];
  }

  #find({ epoch, version, member }: AdmitRequest): Joining | null {
    const { config, isOpen, index, log } = this.#node;
    if (member === undefined || config === null || !isOpen) return null;
    const place = config.replicas[member.index];
    // An answer for another list would outlive what keeps it true: the joint count ends when the list changes.
    if (epoch !== this.#node.epoch || version !== config.version || place === undefined) return null;
    if (member.index === index || config.replicas.some(({ incarnation }) => incarnation === member.incarnation)) {
      return null;
    }
    const known = this.#joining.find(({ learner }) => learner.incarnation === member.incarnation);
    if (known !== undefined) return known.learner.index === member.index ? known : null;
    if (!this.#makeRoom(member.id)) return null;
    const learner = this.#followers.addLearner(member);
    const targetSlot = log.lastSlot;
    const joining = { id: member.id, learner, targetSlot, countedSlot: Number.MAX_SAFE_INTEGER, calls: [] };
    this.#joining.push(joining);
    return joining;
  }

  /** A former life of the same name goes, and if need be the one that came first. One that may be named stays. */
  #makeRoom(id: string): boolean {
    const canGo = (joining: Joining): boolean => !joining.learner.mayBeNamed;
    for (const former of this.#joining.filter((joining) => joining.id === id && canGo(joining))) this.#drop(former);
    const first = this.#joining.find(canGo);
    if (this.#joining.length >= JOINING_LIMIT && first !== undefined) this.#drop(first);
    return this.#joining.length < JOINING_LIMIT;
  }

  #drop(joining: Joining): void {
    this.#followers.dropLearner(joining.learner);
    this.#joining = this.#joining.filter((other) => other !== joining);
    for (const call of joining.calls) this.#answer(call, 0);
  }

  #answer(call: number, matchSlot: number): void {
    this.#answers.push({ call, response: { epoch: this.#node.epoch, matchSlot } });
  }
}
