// A correct store and its clients in one loop, for histories of any length: one log, sessions with operations in flight,
// weak reads from a prefix of the log with the session's own writes laid over. Same options, same history.

import type { HistoryEvent } from '../checkers/history.js';

/** What to make. */
export interface HistoryPlan {
  seed: number;
  operations: number;
  sessions: number;
  keys: number;
  /** Operations in flight per session. */
  pendings: number;
  /** Of the operations, those that write. */
  writeRatio: number;
  /** Of the writes, those that delete. */
  deleteRatio: number;
  /** Of the strong writes, those that compare and set. */
  casRatio: number;
  valueBytes: number;
}

interface Flight {
  event: HistoryEvent;
  /** Log position that the session knew when it issued the operation. */
  token: number;
  /** Position in the log, 0 before it has one. */
  position: number;
}

interface Client {
  queue: Flight[];
  inFlight: Flight[];
  /** Own writes that a weak read may not find in the log. */
  own: Flight[];
  seq: number;
  token: number;
}

interface Version {
  position: number;
  value: string | null;
}

/** One in so many strong writes is never answered. */
const UNANSWERED = 5000;

/** Makes the operations, each when it ends. */
export class HistoryMaker {
  readonly #clients: Client[];
  readonly #versions = new Map<string, Version[]>();
  #end = 0;
  #clock = 1;
  #issued = 0;
  #random: number;

  constructor(private readonly plan: HistoryPlan) {
    this.#random = plan.seed | 0;
    this.#clients = Array.from({ length: plan.sessions }, () => ({
      queue: [],
      inFlight: [],
      own: [],
      seq: 0,
      token: 0,
    }));
  }

  *events(): Generator<HistoryEvent> {
    let open = 0;
    while (this.#issued < this.plan.operations || open > 0) {
      this.#clock += this.#below(3);
      const number = this.#below(this.#clients.length);
      const client = this.#clients[number] as Client;
      const action = this.#below(3);
      if (action === 0 && this.#issued < this.plan.operations && client.inFlight.length < this.plan.pendings) {
        this.#issue(number, client);
        open += 1;
      } else if (action === 1) this.#execute(client);
      else {
        const ended = this.#finish(client);
        if (ended === null) continue;
        open -= 1;
        yield ended;
      }
    }
  }

  #issue(session: number, client: Client): void {
    const { keys, writeRatio, deleteRatio, casRatio, valueBytes } = this.plan;
    this.#issued += 1;
    // Squared, so that some keys are far more in demand than others.
    const key = base64(`key-${Math.floor(this.#fraction() ** 2 * keys)}`);
    const isWrite = this.#fraction() < writeRatio;
    const consistency = this.#below(2) === 0 ? 'weak' : 'strong';
    if (isWrite) client.seq += 1;
    const times = { invokeUs: this.#clock, outcome: 'ok', slot: 0, epoch: 1 } as const;
    const call = { session, seq: client.seq, consistency, key, ...times } as const;
    const value = base64(`value-${this.#issued}`.padEnd(valueBytes, '.'));
    let event: HistoryEvent = { ...call, op: 'get' };
    if (isWrite && this.#fraction() < deleteRatio) event = { ...call, op: 'delete' };
    else if (isWrite && consistency === 'strong' && this.#fraction() < casRatio)
      event = { ...call, op: 'cas', value, expected: this.#below(4) === 0 ? null : this.#find(key, this.#end).value };
    else if (isWrite) event = { ...call, op: 'put', value };
    const flight: Flight = { event, token: client.token, position: 0 };
    client.inFlight.push(flight);
    if (isWrite) client.own.push(flight);
    if (isWrite || consistency === 'strong') client.queue.push(flight);
  }

  /** The client's next operation takes its place in the log. */
  #execute(client: Client): void {
    const flight = client.queue.shift();
    if (!flight) return;
    const { event } = flight;
    const found = this.#find(event.key, this.#end);
    if (event.op === 'get') {
      event.result = found.value;
      event.slot = found.position;
      flight.position = Math.max(1, this.#end);
      return;
    }
    this.#end += 1;
    flight.position = this.#end;
    if (event.consistency === 'strong') event.slot = this.#end;
    const isApplied = event.op !== 'cas' || found.value === event.expected;
    if (event.op === 'cas') event.result = isApplied ? { applied: true } : { applied: false, found: found.value };
    if (!isApplied) return;
    const version = { position: this.#end, value: event.value ?? null };
    const versions = this.#versions.get(event.key);
    if (versions) versions.push(version);
    else this.#versions.set(event.key, [version]);
  }

  /** An operation in flight ends, if it can. */
  #finish(client: Client): HistoryEvent | null {
    const at = this.#below(client.inFlight.length);
    const flight = client.inFlight[at];
    if (!flight) return null;
    const { event } = flight;
    if (event.consistency === 'strong' && flight.position === 0) return null;
    if (event.consistency === 'weak' && event.op === 'get') this.#answerWeakly(client, flight);
    client.inFlight.splice(at, 1);
    if (event.consistency === 'strong' && event.op !== 'get' && this.#below(UNANSWERED) === 0) {
      const { result: _, ...unanswered } = event;
      return { ...unanswered, outcome: 'unknown', slot: 0, epoch: 0 };
    }
    event.returnUs = this.#clock;
    client.token = Math.max(client.token, flight.position);
    const oldest = client.inFlight.reduce((token, other) => Math.min(token, other.token), client.token);
    client.own = client.own.filter(({ position }) => position === 0 || position > oldest);
    return event;
  }

  #answerWeakly(client: Client, flight: Flight): void {
    const { event, token } = flight;
    flight.position = token + this.#below(this.#end - token + 1);
    const found = this.#find(event.key, flight.position);
    const own = client.own.findLast(({ event: write, position }) => {
      if (write.key !== event.key || write.op === 'cas' || write.seq > event.seq) return false;
      return position === 0 || position > flight.position;
    });
    event.result = own ? (own.event.value ?? null) : found.value;
    event.slot = own ? 0 : found.position;
  }

  /** The version of a key in a prefix of the log; one at position 0 holds nothing. */
  #find(key: string, end: number): Version {
    const versions = this.#versions.get(key) ?? [];
    let low = 0;
    for (let high = versions.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((versions[middle]?.position ?? 0) <= end) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1] ?? { position: 0, value: null };
  }

  /** A number from 0 below `limit`. */
  #below(limit: number): number {
    return Math.floor(this.#fraction() * limit);
  }

  /** Mulberry32. */
  #fraction(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
