// Lives that are to become members: brought up to date by the leader while they count nowhere, until the coordinator may
// write them into the record (P7, D10). Does not decide who is exchanged, nor when.

import type { AdmitRequest, AdmitResponse } from '../messages.js';
import type { Follower, Followers, JoiningPlace } from './followers.js';
import type { ReplicaNode } from './node.js';

/** Lives that are brought up to date at once: as many coordinators may disagree on who is to join. */
const JOINING_LIMIT = 4;

/** A life on its way to one place. */
interface Joining {
  id: string;
  learner: Follower;
  place: JoiningPlace;
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
    const { learner, place, targetSlot, calls } = joining;
    if (!place.mayBeNamed && learner.match >= targetSlot) {
      place.mayBeNamed = true;
      joining.countedSlot = this.#node.commitSlot;
    }
    if (!this.#node.rules.mayJoin(learner.match, joining.countedSlot)) return;
    for (const call of calls) this.#answer(call, learner.match);
    joining.calls = [];
  }

  /**
   * A life may be on its way to several places: the member whose place it was to take came back and another is gone, while
   * the first place may still be written. The next list gives it one of them at most, and counts are right under each.
   */
  #find({ epoch, version, member }: AdmitRequest): Joining | null {
    const { config, isOpen, index, log } = this.#node;
    if (member === undefined || config === null || !isOpen) return null;
    const present = config.replicas[member.index];
    // An answer for another list would outlive what keeps it true: the joint count ends when the list changes.
    if (epoch !== this.#node.epoch || version !== config.version || present === undefined) return null;
    if (member.index === index || config.replicas.some(({ incarnation }) => incarnation === member.incarnation)) {
      return null;
    }
    const known = this.#joining.filter(({ learner }) => learner.incarnation === member.incarnation);
    const same = known.find((joining) => joining.place.index === member.index);
    if (same !== undefined) return same;
    if (known.length === 0 && !this.#makeRoom(member.id)) return null;
    const learner = known[0]?.learner ?? this.#followers.addLearner(member);
    const targetSlot = log.lastSlot;
    const place = { index: member.index, mayBeNamed: false };
    learner.places.push(place);
    const joining = { id: member.id, learner, place, targetSlot, countedSlot: Number.MAX_SAFE_INTEGER, calls: [] };
    this.#joining.push(joining);
    return joining;
  }

  /** A former life of the same name goes, and if need be the one that came first. One that may be named stays. */
  #makeRoom(id: string): boolean {
    const canGo = ({ learner }: Joining): boolean => !learner.places.some(({ mayBeNamed }) => mayBeNamed);
    for (const { learner } of this.#joining.filter((joining) => joining.id === id && canGo(joining)))
      this.#drop(learner);
    const first = this.#joining.find(canGo);
    if (this.#lives >= JOINING_LIMIT && first !== undefined) this.#drop(first.learner);
    return this.#lives < JOINING_LIMIT;
  }

  get #lives(): number {
    return new Set(this.#joining.map(({ learner }) => learner)).size;
  }

  #drop(learner: Follower): void {
    this.#followers.dropLearner(learner);
    for (const { calls } of this.#joining.filter((joining) => joining.learner === learner)) {
      for (const call of calls) this.#answer(call, 0);
    }
    this.#joining = this.#joining.filter((joining) => joining.learner !== learner);
  }

  #answer(call: number, matchSlot: number): void {
    this.#answers.push({ call, response: { epoch: this.#node.epoch, matchSlot } });
  }
}
