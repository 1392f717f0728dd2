// What the leader knows of its followers: how far each log equals its own, which confirmation round each has answered,
// and what to send next. Pipelined: it sends on before the answer is there and goes back when an answer says so. Lives
// that are to take a place (learners) are sent the same and count only against the member whose place that is.

import { FRAME_BYTES_SOFT_LIMIT, FRAME_OPERATIONS_LIMIT } from '../limits.js';
import type { Inquiry, ReplicaMember, ReplicateRequest, ReplicateResponse } from '../messages.js';
import type { ReplicaNode } from './node.js';
import type { FollowerLife, JoiningLife } from './rules.js';
import { type SnapshotReader, SnapshotSender } from './snapshot-sender.js';

/** Entries that may be on their way to one follower. */
const WINDOW_ENTRIES = 16_384;
/** Bytes of the same, one frame more or less: below what a host queues for a stream before it gives the stream up. */
const WINDOW_BYTES = 8 << 20;
/** Silence after which a follower is sent something anyway, so that a lost last frame is not lost for good. */
const HEARTBEAT_US = 50_000;
/** Lack of progress after which entries on their way are sent again. */
const RESEND_US = 100_000;
/** The same after several times in a row: one whose disk does not keep up has it all, and would only get it again. */
const RESEND_US_MOST = 16 * RESEND_US;
/** Lack of progress after which a snapshot is not kept for its receiver any more; it begins anew when that is heard. */
const SNAPSHOT_PATIENCE_US = 10_000_000;

/** A place of the list that a learner may take. */
export interface JoiningPlace {
  index: number;
  /** Whether the record may name the learner there already (D10). */
  mayBeNamed: boolean;
}

/** One life that follows. */
export interface Follower extends FollowerLife {
  /** True until a configuration names it. */
  isLearner: boolean;
  /** Learners: places that it is to take; the next list gives it one of them at most. */
  places: JoiningPlace[];
  /** Slot to send next; above `match`. */
  next: number;
  /** The follower's log equals ours up to here. Never decreases within a leadership. */
  match: number;
  /** What it is taken to have as long as it did not say. */
  presumed: number;
  /** False from when it is started over until it says where its log stands; so long it is sent no entries. */
  isAnswering: boolean;
  /** It said that it lacks entries which are gone from our log. */
  lacksLog: boolean;
  /** The snapshot that it is sent. */
  snapshot: SnapshotReader | null;
  /** Newest round the follower has answered. */
  round: number;
  /** When `match` last moved or an idle pipeline was started. */
  progressUs: number;
  /** Lack of progress after which it is started over; doubles each time. */
  patienceUs: number;
  /** When it last took a part of a snapshot. */
  snapshotUs: number;
  sentUs: number;
  /** What the last frame said, so that an unchanged one is not repeated. */
  sentCommit: number;
  sentPrevSlot: number;
  sentRound: number;
}

type Emit = (to: number[], frame: ReplicateRequest) => void;

/** All followers of one leadership. */
export class Followers {
  readonly #node: ReplicaNode;
  readonly #snapshots: SnapshotSender;
  readonly #majority: number;
  /** First slot of this leadership: where to ask a follower from of which nothing is known. */
  readonly #firstSlot: number;
  /** Members, this replica left out. */
  #named: Follower[];
  #learners: Follower[] = [];
  /** Newest confirmation round started. */
  round = 0;

  constructor(node: ReplicaNode, members: readonly ReplicaMember[], majority: number) {
    this.#node = node;
    this.#snapshots = new SnapshotSender(node);
    this.#majority = majority;
    this.#firstSlot = node.log.lastSlot + 1;
    this.#named = members.filter(({ index }) => index !== node.index).map((member) => this.#createNamed(member));
  }

  /** The members changed within the epoch (D10): a learner that is named now goes on from where it is. */
  follow(members: readonly ReplicaMember[]): void {
    const known = [...this.#named, ...this.#learners];
    this.#named = members
      .filter(({ index }) => index !== this.#node.index)
      .map((member) => {
        const follower = known.find((life) => life.incarnation === member.incarnation) ?? this.#createNamed(member);
        follower.index = member.index;
        follower.isLearner = false;
        follower.places = [];
        return follower;
      });
    for (const follower of known) if (!this.#named.includes(follower)) follower.snapshot?.close();
    this.#learners = [];
  }

  /** Begins to send to a life that is to take a place. Nothing is known of its log: it is asked first. */
  addLearner({ index, incarnation }: FollowerLife): Follower {
    const next = this.#node.log.lastSlot + 1;
    const learner = createFollower({ index, incarnation }, { next, presumed: 0 });
    learner.isLearner = true;
    learner.isAnswering = false;
    this.#learners.push(learner);
    return learner;
  }

  dropLearner(learner: Follower): void {
    learner.snapshot?.close();
    this.#learners = this.#learners.filter((other) => other !== learner);
  }

  /** The leadership ends. */
  close(): void {
    this.#snapshots.close();
  }

  /** The stream to a follower is new: what was on its way is sent again. */
  onUp(index: number): void {
    const follower = this.#named.find((candidate) => candidate.index === index);
    if (follower === undefined) return;
    follower.patienceUs = RESEND_US;
    this.#restart(follower);
  }

  /** The same for a learner. */
  onLearnerUp(incarnation: number): void {
    const learner = this.#learners.find((candidate) => candidate.incarnation === incarnation);
    if (learner === undefined) return;
    learner.patienceUs = RESEND_US;
    this.#restart(learner);
  }

  onResponse(frame: ReplicateResponse): void {
    const { rules, nowUs } = this.#node;
    const isSender = (life: Follower): boolean => rules.isOfLife(frame, life);
    const follower = this.#learners.find(isSender) ?? this.#named.find(isSender);
    if (follower === undefined) return;
    this.#node.progress.noteAnswer(follower.incarnation);
    follower.round = Math.max(follower.round, frame.round);
    this.#noteParts(follower, frame);
    if (!frame.ok) return this.#stepBack(follower, frame.matchSlot);
    follower.isAnswering = true;
    if (frame.matchSlot > follower.match) {
      follower.match = frame.matchSlot;
      noteProgress(follower, nowUs);
    }
    follower.next = Math.max(follower.next, follower.match + 1);
    const isReachable = follower.match > 0 && this.#node.log.epochAt(follower.match) !== undefined;
    if (follower.lacksLog && isReachable) this.#noteReachable(follower);
  }

  /** Parts of a snapshot that have arrived. Whoever answers takes parts: what it has not is sent again. */
  #noteParts(follower: Follower, frame: ReplicateResponse): void {
    const { snapshot } = follower;
    if (snapshot === null) return;
    if (!follower.isAnswering) snapshot.rewind();
    follower.isAnswering = true;
    if (!snapshot.acknowledge(frame.snapshotSlot, frame.snapshotParts)) return;
    noteProgress(follower, this.#node.nowUs);
    follower.snapshotUs = this.#node.nowUs;
  }

  /** The log goes on from where the follower stands: it needs no snapshot any more. */
  #noteReachable(follower: Follower): void {
    follower.lacksLog = false;
    follower.snapshot?.close();
    follower.snapshot = null;
    follower.next = follower.match + 1;
  }

  /**
   * The logs differ where the follower was asked. What it has of a log that is shorter, and what is committed of one that
   * differs, is the next to try; the beginning of our log is the furthest to go back. One that says no even there lacks
   * what is gone here and is sent a snapshot.
   */
  #stepBack(follower: Follower, matchSlot: number): void {
    const { log, nowUs } = this.#node;
    const hinted = Math.min(follower.next - 1, matchSlot + 1);
    const lackedLog = follower.lacksLog;
    // Nobody lacks what comes before a whole log, whatever a late answer looks like.
    if (log.floor > 0 && follower.sentPrevSlot === log.floor && hinted <= log.floor) follower.lacksLog = true;
    if (follower.lacksLog) follower.isAnswering = true;
    follower.next = Math.max(follower.match + 1, hinted, log.floor + 1);
    follower.presumed = Math.min(follower.presumed, follower.next - 1);
    // Said once more it is no progress: parts that were lost are sent again only if there is none for a while.
    if (lackedLog) return;
    follower.sentCommit = -1;
    noteProgress(follower, nowUs);
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

  /** Slot up to which every member has the log and keeps it. */
  storedEverywhere(): number {
    return this.#named.reduce((least, { match }) => Math.min(least, match), this.#node.durableSlot);
  }

  /** Slot up to which nobody who is being brought up to date needs the log. */
  neededAfter(): number {
    let least = this.#snapshots.slot ?? this.#node.log.lastSlot;
    for (const { snapshot, isAnswering, match } of this.#learners) {
      if (snapshot === null && isAnswering) least = Math.min(least, match);
    }
    return least;
  }

  /** Sends entries again that were not answered for too long. */
  onTick(): void {
    const { log, nowUs } = this.#node;
    for (const follower of this.#all()) {
      if (follower.match < log.lastSlot && nowUs - follower.progressUs > follower.patienceUs) {
        follower.patienceUs = Math.min(2 * follower.patienceUs, RESEND_US_MOST);
        this.#restart(follower);
      }
      if (follower.snapshot === null || nowUs - follower.snapshotUs <= SNAPSHOT_PATIENCE_US) continue;
      follower.snapshot.close();
      follower.snapshot = null;
      follower.isAnswering = false;
    }
  }

  /** Whether some follower lacks entries or has not been told of commits. */
  hasNews(): boolean {
    return this.#all().some((follower) => this.#hasNews(follower));
  }

  /** Emits what followers lack: one frame for all that stand at the same place, none where nothing is new. */
  send(emit: Emit): void {
    const groups = new Map<number, Follower[]>();
    for (const follower of this.#named) {
      if (!follower.isAnswering) this.#ask(follower, emit);
      else if (follower.lacksLog) this.#sendSnapshot(follower, emit);
      else {
        const group = groups.get(follower.next);
        if (group === undefined) groups.set(follower.next, [follower]);
        else group.push(follower);
      }
    }
    for (const [next, group] of groups) this.#sendFrom(next, group, emit);
    for (const learner of this.#learners) {
      if (!learner.isAnswering) this.#ask(learner, emit);
      else if (learner.lacksLog) this.#sendSnapshot(learner, emit);
      else this.#sendFrom(learner.next, [learner], emit);
    }
  }

  /** Asks members that have not answered what they hold of some sessions (F5); the frame carries nothing else that is new. */
  inquire(inquiry: Inquiry, answered: ReadonlyMap<number, number>, emit: Emit): void {
    for (const follower of this.#named) {
      const { index, match, next } = follower;
      if (answered.has(index)) continue;
      const prevSlot = Math.max(match > 0 ? match : next - 1, this.#node.log.floor);
      emit([index], { ...this.#createFrame(follower, prevSlot, []), inquiry });
    }
  }

  /** Asks a follower whether its log equals ours up to where it would be sent more, or where ours begins. */
  #ask(follower: Follower, emit: Emit): void {
    if (!this.#hasNews(follower)) return;
    const { log } = this.#node;
    follower.next = Math.max(follower.next, log.floor + 1);
    const frame = this.#createFrame(follower, follower.next - 1, []);
    this.#noteSent(follower, frame);
    emit([follower.index], frame);
  }

  #sendFrom(from: number, group: Follower[], emit: Emit): void {
    const { log } = this.#node;
    const [first] = group;
    if (first === undefined) return;
    const furthest = Math.min(...group.map((follower) => this.#windowEnd(follower)));
    let next = from;
    do {
      const receivers = next > from ? group : group.filter((follower) => this.#hasNews(follower));
      if (receivers.length === 0) return;
      if (log.epochAt(next - 1) === undefined) {
        // The entries were dropped meanwhile: what it has is asked for from where the log begins now.
        for (const follower of group) follower.isAnswering = false;
        return;
      }
      const entries = log.slice(next, { entries: FRAME_OPERATIONS_LIMIT, bytes: FRAME_BYTES_SOFT_LIMIT });
      const frame = this.#createFrame(first, next - 1, entries);
      for (const follower of receivers) this.#noteSent(follower, frame);
      emit(
        receivers.map(({ index }) => index),
        frame,
      );
      next += entries.length;
      if (entries.length === 0) return;
    } while (next <= log.lastSlot && next < furthest);
  }

  /** Sends the parts that are due, or, where none is, what is new besides. */
  #sendSnapshot(follower: Follower, emit: Emit): void {
    const { log, nowUs } = this.#node;
    const isOver = follower.snapshot?.isClosed === true || (follower.snapshot?.slot ?? log.floor) < log.floor;
    if (follower.snapshot !== null && isOver) {
      follower.snapshot.close();
      follower.snapshot = null;
    }
    if (follower.snapshot === null) {
      follower.snapshot = this.#snapshots.open();
      follower.snapshotUs = nowUs;
    }
    let part = follower.snapshot.take();
    if (part === null && !this.#hasNews(follower)) return;
    do {
      const frame = this.#createFrame(follower, log.floor, []);
      // Nothing is asked of its log: it has nothing that could be compared.
      if (part !== null) Object.assign(frame, { prevSlot: 0, prevEpoch: 0, snapshot: part });
      this.#noteSent(follower, frame);
      emit([follower.index], frame);
      part = part === null ? null : follower.snapshot.take();
    } while (part !== null);
  }

  #createFrame(follower: Follower, prevSlot: number, entries: ReplicateRequest['entries']): ReplicateRequest {
    const { options, epoch, index, commitSlot, openSlot, log } = this.#node;
    return {
      clusterId: options.clusterId,
      epoch,
      leader: index,
      prevSlot,
      prevEpoch: log.epochAt(prevSlot) ?? 0,
      entries,
      commitSlot,
      openSlot,
      round: this.round,
      storedEverywhere: this.storedEverywhere(),
      trace: undefined,
      learner: follower.isLearner ? follower.incarnation : 0,
      snapshot: undefined,
      inquiry: undefined,
    };
  }

  #hasNews(follower: Follower): boolean {
    const { log, commitSlot, nowUs } = this.#node;
    if (follower.isAnswering && follower.lacksLog) {
      if (follower.snapshot === null || follower.snapshot.isDue) return true;
    } else if (follower.isAnswering && follower.next <= log.lastSlot && follower.next <= this.#windowEnd(follower)) {
      return true;
    }
    if (follower.sentCommit < commitSlot || follower.sentRound < this.round) return true;
    return nowUs - follower.sentUs > HEARTBEAT_US;
  }

  /** How far it is sent entries before it answers. At first it is taken to have what came before this leadership. */
  #windowEnd({ match, presumed }: Follower): number {
    const from = match > 0 ? match : presumed;
    return Math.min(from + WINDOW_ENTRIES, this.#node.log.reach(from, WINDOW_BYTES));
  }

  #noteSent(follower: Follower, frame: ReplicateRequest): void {
    const { nowUs } = this.#node;
    if (follower.match === follower.next - 1) follower.progressUs = nowUs;
    if (!follower.lacksLog || !follower.isAnswering) follower.next = frame.prevSlot + frame.entries.length + 1;
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

  #createNamed({ index, incarnation }: ReplicaMember): Follower {
    return createFollower({ index, incarnation }, { next: this.#firstSlot, presumed: this.#firstSlot - 1 });
  }

  #all(): Follower[] {
    return this.#learners.length === 0 ? this.#named : [...this.#named, ...this.#learners];
  }

  #reachedByMajority(own: number, of: (follower: Follower) => number): number {
    const atPlace = this.#learners.length === 0 ? of : (follower: Follower) => this.#reachedAtPlace(follower, of);
    const reached = [own, ...this.#named.map(atPlace)].sort((a, b) => b - a);
    return reached[this.#majority - 1] ?? 0;
  }

  #reachedAtPlace(member: Follower, of: (follower: Follower) => number): number {
    const joining: JoiningLife[] = this.#learners.flatMap((learner) =>
      learner.places
        .filter(({ index }) => index === member.index)
        .map(({ mayBeNamed }) => ({ reached: of(learner), mayBeNamed })),
    );
    return this.#node.rules.reachedAtPlace(of(member), joining);
  }
}

function createFollower(life: FollowerLife, from: { next: number; presumed: number }): Follower {
  return {
    ...life,
    ...from,
    isLearner: false,
    places: [],
    match: 0,
    isAnswering: true,
    lacksLog: false,
    snapshot: null,
    round: 0,
    progressUs: 0,
    patienceUs: RESEND_US,
    snapshotUs: 0,
    sentUs: 0,
    sentCommit: -1,
    sentPrevSlot: -1,
    sentRound: -1,
  };
}

function noteProgress(follower: Follower, nowUs: number): void {
  follower.progressUs = nowUs;
  follower.patienceUs = RESEND_US;
}
