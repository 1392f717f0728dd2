// What a client process says of its sessions besides operating: that they are open, that they are closed, and what became
// of writes of sessions that are not its own (F5, F7). All of it goes to the leader. Knows nothing of leases; it speaks
// far more often than any of them lasts.

import { type CommandId, type OutcomeReply, OutcomeStatus } from '../messages.js';
import type { ClientContext } from './context.js';

/** Closed sessions whose end is not said yet; what is beyond it ends with its lease. */
const ENDED_LIMIT = 4096;
/** Sessions named in one turn, so that a frame holds them. */
const SAID_LIMIT = 1024;

interface Question {
  call: number;
  nonce: number;
  id: CommandId;
  settles: boolean;
  sentUs: number;
}

/** The upkeep of one client process. */
export class Upkeep {
  readonly #context: ClientContext;
  readonly #ended = new Set<number>();
  /** By nonce. */
  readonly #questions = new Map<number, Question>();
  #lastNonce = 0;
  #nextAliveUs = 0;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  /** Questions that have no answer yet. */
  get size(): number {
    return this.#questions.size;
  }

  /** A session was closed and has nothing under way: the cluster need not wait for its lease. Said once. */
  end(session: number): void {
    if (this.#ended.size < ENDED_LIMIT) this.#ended.add(session);
    if (this.#context.isServing) this.#sayEnded();
  }

  /** Asks until there is an answer, in whatever epoch. */
  ask(call: number, id: CommandId, settles: boolean): void {
    const nonce = ++this.#lastNonce;
    const question: Question = { call, nonce, id, settles, sentUs: 0 };
    this.#questions.set(nonce, question);
    if (this.#context.isServing) this.#send(question);
  }

  /** The caller stopped waiting. False if the call is no question. */
  abandon(call: number): boolean {
    for (const [nonce, question] of this.#questions) if (question.call === call) return this.#questions.delete(nonce);
    return false;
  }

  onOutcome({ nonce, status, slot, result }: OutcomeReply): void {
    const question = this.#questions.get(nonce);
    if (question === undefined) return;
    // Not final although that was asked for: the answer to an earlier question of the same name.
    if (question.settles && status === OutcomeStatus.notExecuted && slot === 0) return;
    this.#questions.delete(nonce);
    const { call } = question;
    const { outputs } = this.#context;
    if (status === OutcomeStatus.executed) {
      outputs.push({ kind: 'resolved', call, outcome: { status: 'executed', slot, result } });
    } else if (status === OutcomeStatus.notExecuted) {
      outputs.push({ kind: 'resolved', call, outcome: { status: 'notExecuted', isFinal: slot > 0 } });
    } else outputs.push({ kind: 'resolved', call, outcome: { status: 'sessionEnded' } });
  }

  /** A new epoch has opened: another leader has to be told. */
  sendAll(): void {
    for (const question of this.#questions.values()) this.#send(question);
    this.#sayEnded();
    this.#nextAliveUs = 0;
  }

  onTick(): void {
    const { isServing, nowUs, options } = this.#context;
    if (!isServing) return;
    for (const question of this.#questions.values()) {
      if (nowUs - question.sentUs >= options.retryUs) this.#send(question);
    }
    if (this.#ended.size > 0) this.#sayEnded();
    if (nowUs >= this.#nextAliveUs) this.#sayAlive();
  }

  /** A session that says something else is heard anyway. */
  #sayAlive(): void {
    const { nowUs, options, outbox, sessions } = this.#context;
    const everyUs = options.aliveEveryUs;
    this.#nextAliveUs = nowUs + everyUs / 4;
    let said = 0;
    for (const session of sessions.values()) {
      if (session.lastSeq === 0 || session.isExpired || nowUs - session.spokenUs < everyUs / 2) continue;
      // The rest is said in the next turn.
      if (++said > SAID_LIMIT) {
        this.#nextAliveUs = nowUs;
        return;
      }
      session.spokenUs = nowUs;
      outbox.sayAlive(session.id);
    }
  }

  #sayEnded(): void {
    let said = 0;
    for (const session of this.#ended) {
      if (++said > SAID_LIMIT) return;
      this.#ended.delete(session);
      this.#context.outbox.sayEnded(session);
    }
  }

  #send(question: Question): void {
    const { nonce, id, settles } = question;
    question.sentUs = this.#context.nowUs;
    this.#context.outbox.outcomeQuery({ nonce, ...id }, settles);
  }
}
