// Answers to the question what became of a write (F7). An answer is given from committed state after a confirmation round
// that began after the question came (F6); where the session is to end, when its end is committed, which makes it final.

import { type OutcomeQuery, type OutcomeReply, OutcomeStatus, RefusalCode } from '../messages.js';
import type { Followers } from './followers.js';
import type { ReplicaNode } from './node.js';

/** Questions that may wait. */
const WAITING_LIMIT = 4096;

interface Waiting {
  query: OutcomeQuery;
  client: number;
  /** Newest round when the question came; a later one must be answered by a majority. */
  roundAtStart: number;
  /** A write that is not executed is answered for only when its session has ended. */
  settles: boolean;
}

/** The questions of one leadership. */
export class Outcomes {
  readonly #node: ReplicaNode;
  readonly #followers: Followers;
  #waiting: Waiting[] = [];

  constructor(node: ReplicaNode, followers: Followers) {
    this.#node = node;
    this.#followers = followers;
  }

  /** A repeated question joins the first. */
  onQuery(query: OutcomeQuery, client: number, settles: boolean): void {
    const isAsked = this.#waiting.some((one) => one.client === client && one.query.nonce === query.nonce);
    if (isAsked) return;
    if (this.#waiting.length >= WAITING_LIMIT) {
      return this.#node.refuse(client, RefusalCode.full, `more than ${WAITING_LIMIT} outcome queries wait`);
    }
    this.#node.counts.outcomeQueries++;
    this.#waiting.push({ query, client, settles, roundAtStart: this.#followers.round });
  }

  /** Answers what can be answered and starts a round for what has none under way. */
  settle(): void {
    if (this.#waiting.length === 0) return;
    const confirmed = this.#followers.confirmedRound();
    this.#waiting = this.#waiting.filter(({ query, client, roundAtStart, settles }) => {
      if (!this.#node.rules.isConfirmed(roundAtStart, confirmed)) return true;
      const status = this.#statusOf(query);
      if (settles && status === OutcomeStatus.notExecuted) return true;
      this.#reply(query, client, status, 0);
      return false;
    });
    if (this.#waiting.some(({ roundAtStart }) => roundAtStart === this.#followers.round)) this.#followers.round++;
  }

  /** To be called before the session leaves the state: its end at `slot` is committed, which needs no confirmation. */
  onEnded(session: number, slot: number): void {
    this.#waiting = this.#waiting.filter(({ query, client }) => {
      if (query.session !== session) return true;
      this.#reply(query, client, this.#statusOf(query), slot);
      return false;
    });
  }

  dropClient(client: number): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.client !== client);
  }

  #statusOf({ session, seq }: OutcomeQuery): OutcomeReply['status'] {
    if (seq <= this.#node.state.dedup.lastSeq(session)) return OutcomeStatus.executed;
    return this.#node.isEnded(session) ? OutcomeStatus.sessionEnded : OutcomeStatus.notExecuted;
  }

  #reply({ nonce, session, seq }: OutcomeQuery, client: number, status: number, endedAt: number): void {
    const record = this.#node.state.dedup.get(session);
    const reply: OutcomeReply = { nonce, status, slot: endedAt, result: undefined };
    if (status === OutcomeStatus.executed) {
      const executed = record?.results.get(seq);
      reply.slot = executed?.slot ?? (record?.lastSeq === seq ? record.lastSlot : 0);
      reply.result = executed?.result;
    }
    this.#node.replies.for(client, 48 + (reply.result?.value.length ?? 0)).outcomes.push(reply);
  }
}
