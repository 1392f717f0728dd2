// How sessions end (F5). The leader asks a majority of replicas, and so many witnesses that every write which q of them
// hold is met, what they hold of sessions whose lease ran out; it orders what turns up, and only then puts their end into
// the log. Writes that lie before it are executed, whatever comes after it never is. Knows nothing of how writes are ordered.

import type { ReplicaOutput } from '../core.js';
import { type ClusterConfig, type Inquiry, type OutcomeQuery, RefusalCode, type SessionUpkeep } from '../messages.js';
import type { Quorums } from '../quorum.js';
import type { Followers } from './followers.js';
import { Leases } from './leases.js';
import type { ReplicaNode } from './node.js';
import { Outcomes } from './outcomes.js';

/** Sessions that are asked about at once. */
const SESSIONS_LIMIT = 1024;
/** Ended sessions that witnesses are told of in one frame. */
const TOLD_LIMIT = 8192;
/** Silence after which somebody who has not answered is asked again. */
const ASK_AGAIN_US = 20_000;

/** The question under way. */
interface OpenInquiry {
  number: number;
  /** Sessions that were heard of meanwhile are taken out, and the rest is asked under another number. */
  sessions: Set<number>;
  /** Which lives have answered this number, by place. */
  replicas: Map<number, number>;
  witnesses: Map<number, number>;
  askedUs: number;
}

/** What endings need of the leadership they belong to. */
interface Leadership {
  quorums: Quorums;
  followers: Followers;
  /** Puts the end of these sessions into the log. */
  append(sessions: number[]): void;
  /** Orders what this replica itself holds of a session. */
  orderHeld(session: number): void;
  /** Nothing of a session waits for anything any more. */
  drop(session: number): void;
}

function forgetGone(answered: Map<number, number>, members: readonly { incarnation: number }[]): void {
  for (const [index, incarnation] of answered) if (members[index]?.incarnation !== incarnation) answered.delete(index);
}

/** The endings of one leadership. */
export class Endings {
  readonly #node: ReplicaNode;
  readonly #leadership: Leadership;
  readonly #leases: Leases;
  readonly #outcomes: Outcomes;
  #inquiry: OpenInquiry | null = null;
  #lastNumber = 0;
  /** Sessions whose end has a slot that is not committed. */
  readonly #ending = new Set<number>();
  /** Ended sessions that witnesses are to be told of. */
  readonly #untold = new Set<number>();
  /** Holders still keep out a session that goes on; they have to be told. */
  #isReleaseDue = false;

  constructor(node: ReplicaNode, leadership: Leadership) {
    this.#node = node;
    this.#leadership = leadership;
    this.#leases = new Leases(node.options.sessionLeaseUs, node.nowUs);
    this.#outcomes = new Outcomes(node, leadership.followers);
    for (const [session] of node.state.dedup) this.#leases.begin(session);
  }

  /** A session has its first slot. */
  begin(session: number): void {
    this.#leases.begin(session);
  }

  /** The client of a session says something: it lives, and what was asked about it is void. */
  hear(session: number): void {
    this.#leases.renew(session);
    const inquiry = this.#inquiry;
    if (inquiry === null || !inquiry.sessions.delete(session)) return;
    this.#open(inquiry.sessions);
  }

  /** A write of a session came by way of others. What was asked about the session may be what brought it. */
  renew(session: number): void {
    if (this.#inquiry?.sessions.has(session) !== true) this.#leases.renew(session);
  }

  /** A session may end without waiting for its lease. */
  close(session: number): void {
    if (!this.#node.isEnded(session)) this.#leases.close(session);
  }

  /** `settles`: the question also ends the session, and is answered when nothing can change the answer any more. */
  onQuery(query: OutcomeQuery, client: number, settles: boolean): void {
    this.#outcomes.onQuery(query, client, settles);
  }

  /** An end that a new leader finds in its log, or that it has just put there. */
  noteAppended(sessions: readonly number[]): void {
    for (const session of sessions) this.#ending.add(session);
  }

  /** Whether nothing of a session may be appended any more. */
  isEnding(session: number): boolean {
    return this.#node.isEnded(session) || (this.#ending.size > 0 && this.#ending.has(session));
  }

  /** Says no to an operation of a session that has ended or is about to; false if it goes on. */
  refusesEnded(session: number, client: number, operation: { seq?: number; nonce?: number }): boolean {
    if (!this.isEnding(session)) return false;
    const isEnded = this.#node.isEnded(session);
    // Whoever still holds something of it has not heard.
    if (isEnded) this.#untold.add(session);
    if (client === 0) return true;
    if (isEnded) this.#node.refuseEnded(session, client, operation);
    // Its end can still be lost with this leadership, so nothing is certain yet.
    else this.#node.refuse(client, RefusalCode.full, `session ${session} is ending`, { session, ...operation });
    return true;
  }

  onTick(): void {
    const { isOpen, nowUs } = this.#node;
    this.#leases.pass(nowUs);
    if (!isOpen || (this.#inquiry !== null && this.#inquiry.sessions.size > 0)) return;
    const due = this.#leases.findDue(SESSIONS_LIMIT).filter((session) => !this.isEnding(session));
    if (due.length === 0) return;
    for (const session of due) this.#leadership.orderHeld(session);
    this.#node.counts.inquiries++;
    this.#open(new Set(due));
  }

  /**
   * The life that has a place has reported all that it holds, and everything reported was ordered before this is called.
   * An answer of any other life says nothing: the one that has the place now may hold more, and go on taking it in (P7).
   */
  onAnswer(from: 'replica' | 'witness', index: number, number: number): void {
    const inquiry = this.#inquiry;
    if (inquiry === null || number !== inquiry.number) return;
    const member = (from === 'replica' ? this.#node.config?.replicas : this.#node.config?.witnesses)?.[index];
    if (member === undefined) return;
    (from === 'replica' ? inquiry.replicas : inquiry.witnesses).set(index, member.incarnation);
  }

  /** Lives have changed within the epoch: what those that are gone have answered is void (P7). */
  onMembers({ replicas, witnesses }: ClusterConfig): void {
    if (this.#inquiry === null) return;
    forgetGone(this.#inquiry.replicas, replicas);
    forgetGone(this.#inquiry.witnesses, witnesses);
  }

  /** Ends sessions of which enough is known, answers questions, asks whoever has not answered. */
  onTurnEnd(outputs: ReplicaOutput[]): void {
    this.#outcomes.settle();
    const inquiry = this.#inquiry;
    if (inquiry === null) return;
    const { quorums, followers, append } = this.#leadership;
    const { rules, nowUs } = this.#node;
    const asked = { replicas: inquiry.replicas.size + 1, witnesses: inquiry.witnesses.size };
    if (inquiry.sessions.size === 0) {
      const isHeard = asked.replicas === quorums.replicas && asked.witnesses === quorums.witnesses;
      if (isHeard) this.#inquiry = null;
    } else if (rules.mayEnd(asked, quorums)) {
      const sessions = [...inquiry.sessions].sort((a, b) => a - b);
      this.#inquiry = null;
      append(sessions);
      this.noteAppended(sessions);
      return;
    }
    if (this.#inquiry === null || nowUs - inquiry.askedUs < ASK_AGAIN_US) return;
    inquiry.askedUs = nowUs;
    const message: Inquiry = { number: inquiry.number, sessions: [...inquiry.sessions] };
    followers.inquire(message, inquiry.replicas, (to, frame) => outputs.push({ kind: 'replicate', to, frame }));
    this.#askWitnesses(message, inquiry.witnesses, outputs);
  }

  /** The end of sessions is committed. */
  onCommitted(slot: number, sessions: readonly number[]): void {
    const node = this.#node;
    for (const session of sessions) {
      this.#outcomes.onEnded(session, slot);
      this.#ending.delete(session);
      this.#leases.forget(session);
      this.#untold.add(session);
      this.#leadership.drop(session);
    }
    const clients = sessions.map((session) => node.clientOf.get(session));
    node.endSessions(slot, sessions);
    sessions.forEach((session, at) => {
      const client = clients[at];
      if (client !== undefined) node.refuseEnded(session, client, {});
    });
    if (!this.#isReleaseDue || this.#inquiry !== null) return;
    this.#isReleaseDue = false;
    this.#open(new Set());
  }

  /** Whether witnesses have something to hear. */
  get hasUntold(): boolean {
    return this.#untold.size > 0;
  }

  /** Ended sessions for the next frame to all witnesses. */
  takeUntold(): number[] {
    const told: number[] = [];
    for (const session of this.#untold) {
      if (told.length >= TOLD_LIMIT) break;
      told.push(session);
      this.#untold.delete(session);
    }
    return told;
  }

  dropClient(client: number): void {
    this.#outcomes.dropClient(client);
  }

  /** A question that comes to a replica that leads: `ended` and `alive` are said of sessions, `queries` of writes. */
  onUpkeep(upkeep: SessionUpkeep, client: number): void {
    for (const session of upkeep.alive) {
      if (this.#node.isEnded(session)) this.#node.refuseEnded(session, client, {});
      else this.hear(session);
    }
    for (const session of upkeep.ended) this.close(session);
    for (const query of upkeep.queries) this.onQuery(query, client, upkeep.ended.includes(query.session));
  }

  #open(sessions: Set<number>): void {
    if (this.#inquiry !== null) this.#isReleaseDue = true;
    if (sessions.size === 0) this.#isReleaseDue = false;
    const number = ++this.#lastNumber;
    const askedUs = Number.NEGATIVE_INFINITY;
    this.#inquiry = { number, sessions, replicas: new Map(), witnesses: new Map(), askedUs };
  }

  #askWitnesses(inquiry: Inquiry, answered: ReadonlyMap<number, number>, outputs: ReplicaOutput[]): void {
    const { config, options, epoch, index } = this.#node;
    const to = (config?.witnesses ?? []).map((witness) => witness.index).filter((witness) => !answered.has(witness));
    if (to.length === 0) return;
    const frame = { clusterId: options.clusterId, epoch, leader: index, committed: [], inquiry, expired: [] };
    outputs.push({ kind: 'collect', to, frame });
  }
}
