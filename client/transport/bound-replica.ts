// Keeps this process bound to its closest replica: pings over the session streams, remembers the last round trips and
// binds again when the replica goes away or another is clearly closer. Sends pings through its owner; knows no gRPC.

import { type Candidate, chooseBound } from './bound-choice.js';

const SAMPLES = 9;
/** Pings to a replica before its distance counts. */
const FIRST_SAMPLES = 3;
/** Also how long an answer is waited for before the replica counts as away, however open its stream is. */
const PING_INTERVAL_MS = 3000;
/** How long the first choice waits for slower replicas once one has been measured. */
const FIRST_CHOICE_MS = 100;

/** How the binding is kept. */
export interface BoundReplicaOptions {
  clientId: number;
  /** Index to stay bound to whatever the distances, or null. */
  pinned: number | null;
  /** Monotonic milliseconds. */
  clock: () => number;
  /** Sends a ping with this number to a replica. */
  sendPing: (replica: number, ping: number) => void;
  onBind: (replica: number) => void;
  /** Time between pings, milliseconds. Default 3,000. */
  pingIntervalMs?: number;
}

interface Distance {
  up: boolean;
  /** A ping was not answered until the next one was due: it does not read, for a full disk or too much to do. */
  isSilent: boolean;
  /** Newest round trips, milliseconds, at most `SAMPLES`. */
  roundTripsMs: number[];
  /** Ping that is not answered yet, 0 if none. */
  ping: number;
  sentMs: number;
}

/** The binding of one client process. */
export class BoundReplica {
  private readonly options: BoundReplicaOptions;
  private readonly replicas = new Map<number, Distance>();
  private readonly interval: NodeJS.Timeout;
  private firstChoice: NodeJS.Timeout | null = null;
  private lastPing = 0;
  private bound: number | null = null;
  private resolveBound: () => void = () => {};
  /** Resolves with the first binding. */
  readonly ready = new Promise<void>((resolve) => {
    this.resolveBound = resolve;
  });

  constructor(options: BoundReplicaOptions) {
    this.options = options;
    this.interval = setInterval(() => this.pingAll(), options.pingIntervalMs ?? PING_INTERVAL_MS);
    this.interval.unref();
  }

  /** Index of the bound replica, null before the first choice. */
  get index(): number | null {
    return this.bound;
  }

  /** Forgets replicas that are not in the list and knows those that are. */
  setMembers(indexes: readonly number[]): void {
    for (const index of this.replicas.keys()) if (!indexes.includes(index)) this.replicas.delete(index);
    for (const index of indexes) {
      if (this.replicas.has(index)) continue;
      this.replicas.set(index, { up: false, isSilent: false, roundTripsMs: [], ping: 0, sentMs: 0 });
    }
    if (this.bound !== null && !this.replicas.has(this.bound)) this.choose();
  }

  /** Another replica stands at this index now, or the old one moved: old distances say nothing. */
  forget(index: number): void {
    this.replicas.delete(index);
  }

  onUp(index: number): void {
    const replica = this.replicas.get(index);
    if (replica === undefined) return;
    replica.up = true;
    this.ping(index, replica);
    if (this.options.pinned === index) this.bind(index);
  }

  onDown(index: number): void {
    const replica = this.replicas.get(index);
    if (replica === undefined) return;
    replica.up = false;
    replica.isSilent = false;
    replica.ping = 0;
    if (this.bound === index) this.choose();
  }

  onPong(index: number, ping: number): void {
    const replica = this.replicas.get(index);
    if (replica === undefined || ping !== replica.ping) return;
    replica.ping = 0;
    replica.isSilent = false;
    replica.roundTripsMs.push(this.options.clock() - replica.sentMs);
    if (replica.roundTripsMs.length > SAMPLES) replica.roundTripsMs.shift();
    if (replica.roundTripsMs.length < FIRST_SAMPLES) this.ping(index, replica);
    else if (this.bound !== null || [...this.replicas.values()].every(isMeasured)) this.choose();
    else this.firstChoice ??= setTimeout(() => this.choose(), FIRST_CHOICE_MS);
  }

  close(): void {
    clearInterval(this.interval);
    if (this.firstChoice !== null) clearTimeout(this.firstChoice);
  }

  private pingAll(): void {
    for (const replica of this.replicas.values()) replica.isSilent = replica.ping !== 0;
    for (const [index, replica] of this.replicas) if (replica.up) this.ping(index, replica);
  }

  private ping(index: number, replica: Distance): void {
    replica.ping = ++this.lastPing;
    replica.sentMs = this.options.clock();
    this.options.sendPing(index, replica.ping);
  }

  private choose(): void {
    if (this.options.pinned !== null) return;
    const candidates: Candidate[] = [];
    // Where all are silent, it is this process that did not run.
    const isAnyHeard = [...this.replicas.values()].some(({ up, isSilent }) => up && !isSilent);
    for (const [index, replica] of this.replicas) {
      if (replica.up && !(isAnyHeard && replica.isSilent))
        candidates.push({ index, distanceMs: isMeasured(replica) ? median(replica.roundTripsMs) : null });
    }
    const chosen = chooseBound(candidates, this.bound, this.options.clientId);
    if (chosen !== null) this.bind(chosen);
  }

  private bind(index: number): void {
    if (this.bound === index) return;
    this.bound = index;
    this.options.onBind(index);
    this.resolveBound();
  }
}

function isMeasured(replica: Distance): boolean {
  return replica.roundTripsMs.length >= FIRST_SAMPLES;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}
