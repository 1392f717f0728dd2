// A correct store in one page: one log, sessions with operations in flight, weak reads from a log prefix with the
// session's own writes laid over. It makes histories of any size that every checker must accept, and, with one rule
// taken away, histories that they must not.

import type { HistoryEvent } from '../../checkers/history.js';
import { bytes } from './story.js';

/** A rule that the machine can be made to forget. */
export type Forgotten =
  | 'token'
  | 'overlay'
  | 'acknowledged'
  | 'dedup'
  | 'freshness'
  | 'sequence'
  | 'comparison'
  | 'atomicity';

/** What to run. Same options, same history. */
export interface MachineOptions {
  seed: number;
  operations: number;
  sessions: number;
  keys: number;
  /** Operations in flight per session. */
  pendings: number;
  forget?: Forgotten;
}

/** A history and what was left in the end. */
export interface MachineRun {
  history: HistoryEvent[];
  finalState: Map<string, string>;
}

interface Flight {
  event: HistoryEvent;
  /** Weak reads: the log position that the session knew. */
  token: number;
  executed: boolean;
  position: number;
}

interface Writer {
  queue: Flight[];
  inFlight: Flight[];
  /** Own writes, in order. */
  own: Flight[];
  seq: number;
  token: number;
  /** Gave up on a write: that one and all later ones will never be executed. */
  dead: boolean;
}

/** Runs the machine until all operations are through. */
export function runMachine(options: MachineOptions): MachineRun {
  return new Machine(options).run();
}

class Machine {
  private readonly history: HistoryEvent[] = [];
  /** States after each position of the log; the one at 0 is empty. */
  private readonly states: ReadonlyMap<string, { value: string; slot: number }>[] = [new Map()];
  private readonly sessions: Writer[] = [];
  private clock = 0;
  private issued = 0;
  private random: number;

  constructor(private readonly options: MachineOptions) {
    this.random = options.seed | 0;
    for (let session = 0; session < options.sessions; session += 1) {
      this.sessions.push({ queue: [], inFlight: [], own: [], seq: 0, token: 0, dead: false });
    }
  }

  run(): MachineRun {
    const { operations, pendings } = this.options;
    for (let busy = true; busy; ) {
      this.clock += 1;
      const number = this.below(this.sessions.length);
      const session = this.sessions[number] as Writer;
      const action = this.below(3);
      if (action === 0 && this.issued < operations && session.inFlight.length < pendings && !session.dead)
        this.issue(number, session);
      else if (action === 1) this.execute(session);
      else this.finish(session);
      const idle = this.sessions.every(
        ({ queue, inFlight, dead }) => queue.length === 0 && (dead || inFlight.length === 0),
      );
      busy = !idle || (this.issued < operations && this.sessions.some(({ dead }) => !dead));
    }
    for (const event of this.history) if (event.returnUs === undefined) event.outcome = 'unknown';
    for (const event of this.history) if (event.outcome === 'unknown') delete event.result;
    const state = this.states.at(-1) ?? new Map<string, { value: string; slot: number }>();
    return { history: this.history, finalState: new Map([...state].map(([key, { value }]) => [key, value])) };
  }

  private issue(number: number, session: Writer): void {
    this.issued += 1;
    const key = bytes(`k${this.below(this.options.keys)}`);
    const value = bytes(`v${this.issued}`);
    const op = (['put', 'put', 'get', 'get', 'get', 'cas', 'delete', 'scan', 'batch'] as const)[this.below(9)] ?? 'get';
    const consistency = op !== 'cas' && this.below(2) === 0 ? 'weak' : 'strong';
    if (op !== 'get' && op !== 'scan') session.seq += 1;
    const event: HistoryEvent = {
      session: number,
      seq: session.seq,
      op,
      consistency,
      key,
      invokeUs: this.clock,
      outcome: 'ok',
      slot: 0,
      epoch: 1,
    };
    if (op === 'put' || op === 'cas') event.value = value;
    if (op === 'cas') event.expected = this.below(4) === 0 ? null : (this.states.at(-1)?.get(key)?.value ?? null);
    if (op === 'scan') event.key = '';
    if (op === 'batch') {
      event.key = '';
      event.writes = [...Array(this.options.keys).keys()].map((at) => ({
        key: bytes(`k${at}`),
        value: this.below(4) === 0 ? null : value,
      }));
    }
    const flight: Flight = { event, token: session.token, executed: false, position: 0 };
    this.history.push(event);
    session.inFlight.push(flight);
    if (op !== 'get' && op !== 'scan') session.own.push(flight);
    if (op !== 'get' && op !== 'scan') session.queue.push(flight);
    else if (consistency === 'strong') session.queue.push(flight);
  }

  /** The next operation of the session takes its place in the log. */
  private execute(session: Writer): void {
    const forgetful = this.options.forget === 'sequence' && this.below(3) === 0;
    const [flight] = forgetful ? session.queue.splice(-1) : session.queue.splice(0, 1);
    if (!flight) return;
    const { event } = flight;
    flight.executed = true;
    if (this.options.forget === 'acknowledged' && event.consistency === 'weak' && this.below(4) === 0) return;
    const stale = this.options.forget === 'freshness' && this.below(3) === 0;
    const state =
      this.states.at(stale ? -2 : -1) ?? this.states[0] ?? new Map<string, { value: string; slot: number }>();
    if (event.op === 'get' || event.op === 'scan') {
      flight.position = this.states.length - 1;
      this.answer(event, (key) => state.get(key) ?? null);
      return;
    }
    this.append(event);
    if (this.options.forget === 'dedup' && this.below(4) === 0)
      session.queue.splice(session.queue.length, 0, { ...flight, event: { ...event } });
    flight.position = this.states.length - 1;
    if (event.consistency === 'strong') event.slot = flight.position;
  }

  private append(event: HistoryEvent): void {
    const state = new Map(this.states.at(-1));
    const slot = this.states.length;
    const found = state.get(event.key)?.value ?? null;
    const matches = found === event.expected || (this.options.forget === 'comparison' && this.below(2) === 0);
    if (event.op === 'cas') event.result = matches ? { applied: true } : { applied: false, found };
    const changes = event.writes ?? [{ key: event.key, value: event.value ?? null }];
    for (const { key, value } of event.op === 'cas' && !matches ? [] : changes) {
      if (this.options.forget === 'atomicity' && event.op === 'batch' && this.below(3) === 0) continue;
      if (value === null) state.delete(key);
      else state.set(key, { value, slot });
    }
    this.states.push(state);
  }

  /** An answer reaches the caller, or never does. */
  private finish(session: Writer): void {
    const at = this.below(session.inFlight.length);
    const flight = session.inFlight[at];
    if (!flight) return;
    const { event } = flight;
    const isWeakRead = event.consistency === 'weak' && (event.op === 'get' || event.op === 'scan');
    if (isWeakRead) this.answerWeakly(session, flight);
    else if (event.consistency === 'strong' && !flight.executed) {
      if (this.below(150) > 0) return;
      this.abandon(session, flight);
    }
    session.inFlight.splice(at, 1);
    if (event.outcome !== 'ok') return;
    event.returnUs = this.clock;
    if (flight.position > session.token) session.token = flight.position;
  }

  private abandon(session: Writer, flight: Flight): void {
    flight.event.outcome = 'unknown';
    const at = session.queue.indexOf(flight);
    if (flight.event.op === 'get' || flight.event.op === 'scan') session.queue.splice(at, 1);
    else if (this.below(2) === 0) {
      session.dead = true;
      session.queue.splice(at);
    }
  }

  private answerWeakly(session: Writer, flight: Flight): void {
    const { event } = flight;
    const from = this.options.forget === 'token' ? 0 : flight.token;
    const position = from + this.below(this.states.length - from);
    const state = this.states[position] ?? new Map<string, { value: string; slot: number }>();
    const laidOver = session.own.filter((own) => {
      if (own.event.seq > event.seq || own.event.op === 'cas' || this.options.forget === 'overlay') return false;
      return !own.executed || own.position > position;
    });
    const over = new Map(
      laidOver.flatMap(({ event: own }) =>
        (own.writes ?? [{ key: own.key, value: own.value ?? null }]).map(({ key, value }) => [key, value]),
      ),
    );
    flight.position = position;
    this.answer(event, (key) => {
      const own = over.get(key);
      if (own === undefined) return state.get(key) ?? null;
      return own === null ? null : { value: own, slot: 0 };
    });
  }

  private answer(event: HistoryEvent, look: (key: string) => { value: string; slot: number } | null): void {
    const found = look(event.key);
    if (event.op === 'get') event.result = found?.value ?? null;
    if (event.op === 'get') event.slot = found?.slot ?? 0;
    if (event.op !== 'scan') return;
    const entries = [...Array(this.options.keys).keys()]
      .map((at) => bytes(`k${at}`))
      .map((key) => ({ key, value: look(key)?.value ?? null }));
    event.result = {
      entries: entries.flatMap(({ key, value }) => (value === null ? [] : [{ key, value }])),
      more: false,
    };
  }

  /** A number from 0 below `limit`; a linear congruence is random enough here. */
  private below(limit: number): number {
    this.random = (Math.imul(this.random, 1664525) + 1013904223) | 0;
    return limit === 0 ? 0 : ((this.random >>> 8) * limit) >>> 24;
  }
}
