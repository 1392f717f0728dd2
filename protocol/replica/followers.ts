// What the leader knows of its followers: how far each log equals its own, which confirmation round each has answered,
// and what to send next. Pipelined: it sends on before the answer is there and goes back when an answer says so.

import { FRAME_BYTES_SOFT_LIMIT, FRAME_OPERATIONS_LIMIT } from '../limits.js';
import type { Inquiry, ReplicateRequest, ReplicateResponse } from '../messages.js';
import type { ReplicaNode } from './node.js';

/** Entries that may be on their way to one follower. */
const WINDOW_ENTRIES = 16_384;
/** Silence after which a follower is sent something anyway, so that a lost last frame is not lost for good. */
const HEARTBEAT_US = 50_000;
/** Lack of progress after which entries on their way are sent again. */
const RESEND_US = 100_000;

interface Follower {
  index: number;
  /** Slot to send next; above `match`. */
  next: number;
  /** The follower's log equals ours up to here. Never decreases within a leadership. */
  match: number;
  /** False from when it is started over until it says where its log stands; so long it is sent no entries. */
  isAnswering: boolean;
  /** Newest round the follower has answered. */
  round: number;
  /** When `match` last moved or an idle pipeline was started. */
  progressUs: number;
  sentUs: number;
  /** What the last frame said, so that an unchanged one is not repeated. */
  sentCommit: number;
  sentPrevSlot: number;
  sentRound: number;
}

/** All followers of one leadership. */
export class Followers {
  readonly #node: ReplicaNode;
  readonly #followers: Follower[] = [];
  readonly #majority: number;
  /** First slot of this leadership: where to ask a follower from of which nothing is known. */
  readonly #firstSlot: number;
  /** Newest confirmation round started. */
  round = 0;

  constructor(node: ReplicaNode, replicas: number, majority: number) {
    this.#node = node;
    this.#majority = majority;
    this.#firstSlot = node.log.lastSlot + 1;
    for (let index = 0; index < replicas; index++) {
      if (index === node.index) continue;
      this.#followers.push({
        index,
        next: this.#firstSlot,
        match: 0,
        isAnswering: true,
        round: 0,
        progressUs: 0,
        sentUs: 0,
        sentCommit: -1,
        sentPrevSlot: -1,
        sentRound: -1,
      });
    }
  }

  /** The stream to a follower is new: what was on its way is sent again. */
  onUp(index: number): void {
    const follower = this.#followers.find((candidate) => candidate.index === index);
    if (follower !== undefined) this.#restart(follower);
  }

  onResponse(frame: ReplicateResponse): void {
    const follower = this.#followers.find(({ index }) => index === frame.replica);
    if (follower === undefined) return;
    follower.round = Math.max(follower.round, frame.round);
    if (!frame.ok) return this.#stepBack(follower, frame.matchSlot);
    follower.isAnswering = true;
    if (frame.matchSlot > follower.match) {
      follower.match = frame.matchSlot;
      follower.progressUs = this.#node.nowUs;
    }
    follower.next = Math.max(follower.next, follower.match + 1);
  }

  /**
   * The logs differ where the follower was asked. What lies below our log's beginning every replica once had, so that is
   * the furthest to go back, unless the follower says no even there: then it lacks what nobody has any more.
   */
  #stepBack(follower: Follower, matchSlot: number): void {
    const { log, nowUs } = this.#node;
    const hinted = Math.min(follower.next - 1, matchSlot + 1);
    const least = follower.sentPrevSlot === log.floor ? 1 : log.floor + 1;
    follower.next = Math.max(follower.match + 1, hinted, least);
    follower.sentCommit = -1;
    follower.progressUs = nowUs;
  }

  /** Highest slot that a majority, this replica included, has in its log and keeps. */
  majorityMatch(): number {
    const { log, durableSlot, rules } = this.#node;
    return this.#reachedByMajority(rules.acknowledgedSlot(log.lastSlot, durableSlot), (follower) => follower.match);
  }

  /** Highest round that a majority has answered; this replica has answered them all. */
  confirmedRound(): number {
    return this.#reachedByMajority(this.round, (follower) => follower.round);
  }

  /** Slot up to which every replica has the log and keeps it. */
  storedEverywhere(): number {
    return this.#followers.reduce((least, { match }) => Math.min(least, match), this.#node.durableSlot);
  }

  /** Sends entries again that were not answered for too long. */
  onTick(): void {
    const { log, nowUs } = this.#node;
    for (const follower of this.#followers) {
      if (follower.match < log.lastSlot && nowUs - follower.progressUs > RESEND_US) this.#restart(follower);
    }
  }

  /** Whether some follower lacks entries or has not been told of commits. */
  hasNews(): boolean {
    return this.#followers.some((follower) => this.#hasNews(follower));
  }

  /** Emits what followers lack: one frame for all that stand at the same place, none where nothing is new. */
  send(emit: (to: number[], frame: ReplicateRequest) => void): void {
    const groups = new Map<number, Follower[]>();
    for (const follower of this.#followers) {
      if (!follower.isAnswering) {
        this.#ask(follower, emit);
        continue;
      }
      const group = groups.get(follower.next);
      if (group === undefined) groups.set(follower.next, [follower]);
      else group.push(follower);
    }
    for (const [next, group] of groups) this.#sendFrom(next, group, emit);
  }

  /** Asks those who have not answered what they hold of some sessions (F5); the frame carries nothing else that is new. */
  inquire(
    inquiry: Inquiry,
    answered: ReadonlySet<number>,
    emit: (to: number[], frame: ReplicateRequest) => void,
  ): void {
    for (const { index, match, next } of this.#followers) {
      if (answered.has(index)) continue;
      const prevSlot = match > 0 ? match : next - 1;
      const prevEpoch = this.#node.log.epochAt(prevSlot);
      if (prevEpoch !== undefined) emit([index], { ...this.#createFrame(prevSlot, prevEpoch, []), inquiry });
    }
  }

  /** Asks a follower whether its log equals ours up to where it would be sent more. */
  #ask(follower: Follower, emit: (to: number[], frame: ReplicateRequest) => void): void {
    const prevEpoch = this.#node.log.epochAt(follower.next - 1);
    // It lacks entries that were dropped; it waits for a snapshot.
    if (prevEpoch === undefined || !this.#hasNews(follower)) return;
    const frame = this.#createFrame(follower.next - 1, prevEpoch, []);
    this.#noteSent(follower, frame);
    emit([follower.index], frame);
  }

  #sendFrom(from: number, group: Follower[], emit: (to: number[], frame: ReplicateRequest) => void): void {
    const { log } = this.#node;
    const furthest = Math.min(...group.map((follower) => this.#windowEnd(follower)));
    let next = from;
    do {
      const receivers = next > from ? group : group.filter((follower) => this.#hasNews(follower));
      if (receivers.length === 0) return;
      const entries = log.slice(next, { entries: FRAME_OPERATIONS_LIMIT, bytes: FRAME_BYTES_SOFT_LIMIT });
      const prevEpoch = log.epochAt(next - 1);
      // The follower needs entries that were dropped; it waits for a snapshot.
      if (prevEpoch === undefined) return;
      const frame = this.#createFrame(next - 1, prevEpoch, entries);
      for (const follower of receivers) this.#noteSent(follower, frame);
      emit(
        receivers.map(({ index }) => index),
        frame,
      );
      next += entries.length;
      if (entries.length === 0) return;
    } while (next <= log.lastSlot && next < furthest);
  }

  #createFrame(prevSlot: number, prevEpoch: number, entries: ReplicateRequest['entries']): ReplicateRequest {
    const { options, epoch, index, commitSlot, openSlot } = this.#node;
    return {
      clusterId: options.clusterId,
      epoch,
      leader: index,
      prevSlot,
      prevEpoch,
      entries,
      commitSlot,
      openSlot,
      round: this.round,
      storedEverywhere: this.storedEverywhere(),
      trace: undefined,
      learner: 0,
      snapshot: undefined,
      inquiry: undefined,
    };
  }

  #hasNews(follower: Follower): boolean {
    const { log, commitSlot, nowUs } = this.#node;
    const isInWindow = follower.isAnswering && follower.next <= this.#windowEnd(follower);
    if (follower.next <= log.lastSlot && isInWindow) return true;
    if (follower.sentCommit < commitSlot || follower.sentRound < this.round) return true;
    return nowUs - follower.sentUs > HEARTBEAT_US;
  }

  /** How far it is sent entries before it answers. At first it is taken to have what came before this leadership. */
  #windowEnd({ match }: Follower): number {
    return (match > 0 ? match : this.#firstSlot - 1) + WINDOW_ENTRIES;
  }

  #noteSent(follower: Follower, frame: ReplicateRequest): void {
    const { nowUs } = this.#node;
    if (follower.match === follower.next - 1) follower.progressUs = nowUs;
    follower.next = frame.prevSlot + frame.entries.length + 1;
    follower.sentUs = nowUs;
    follower.sentCommit = frame.commitSlot;
    follower.sentPrevSlot = frame.prevSlot;
    follower.sentRound = frame.round;
  }

  /**
   * Goes back to what the follower is known to have and asks it; one that is gone is not sent the same entries for ever.
   * Of a follower that has never answered nothing is known, and the beginning of the log may be gone long since: it is
   * asked from where this leadership began.
   */
  #restart(follower: Follower): void {
    follower.isAnswering = false;
    follower.next = follower.match > 0 ? follower.match + 1 : this.#firstSlot;
    follower.progressUs = this.#node.nowUs;
    follower.sentCommit = -1;
  }

  #reachedByMajority(own: number, of: (follower: Follower) => number): number {
    const reached = [own, ...this.#followers.map(of)].sort((a, b) => b - a);
    return reached[this.#majority - 1] ?? 0;
  }
}
