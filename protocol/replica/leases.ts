// When each session that has written was last heard of, in the leader's own time. A lease that ran out is a reason to ask
// whether anything of the session is left (endings.ts), never a reason to drop it. Time in which this leader did not run
// counts against nobody, and a new leader gives every session a full lease.

/** Part of the lease that one step may count, whatever the clock says. */
const STEP_SHARE = 8;
/** Sessions looked at in one step; with a million of them a round takes some twenty seconds. */
const SCAN_LIMIT = 1024;
/** Sessions that were closed and wait for their turn; what is beyond it waits for its lease. */
const CLOSED_LIMIT = 65_536;

/** The leases of one leadership. */
export class Leases {
  readonly #leaseMs: number;
  /** Lease-clock milliseconds by session; whole numbers, so that a renewal allocates nothing. */
  readonly #heard = new Map<number, number>();
  readonly #closed = new Set<number>();
  #clockUs = 0;
  #steppedUs: number;
  #scan: IterableIterator<[number, number]>;

  constructor(leaseUs: number, nowUs: number) {
    this.#leaseMs = leaseUs / 1000;
    this.#steppedUs = nowUs;
    this.#scan = this.#heard.entries();
  }

  /** Sessions with a lease. */
  get size(): number {
    return this.#heard.size;
  }

  /** A session has begun to write; its lease begins. */
  begin(session: number): void {
    this.#heard.set(session, this.#nowMs());
  }

  /** A session was heard of; nothing happens if it has no lease. */
  renew(session: number): void {
    if (this.#closed.size > 0) this.#closed.delete(session);
    if (this.#heard.has(session)) this.#heard.set(session, this.#nowMs());
  }

  /** Its client says that it is closed, or somebody wants it ended: it need not be waited for. */
  close(session: number): void {
    if (this.#closed.size < CLOSED_LIMIT) this.#closed.add(session);
  }

  /** It has ended. */
  forget(session: number): void {
    this.#heard.delete(session);
    this.#closed.delete(session);
  }

  /** Time passes. */
  pass(nowUs: number): void {
    this.#clockUs += Math.min(nowUs - this.#steppedUs, (this.#leaseMs * 1000) / STEP_SHARE);
    this.#steppedUs = nowUs;
  }

  /** Up to `limit` sessions that are closed or were silent for longer than the lease, as far as one step looks. */
  findDue(limit: number): number[] {
    const due = new Set<number>();
    for (const session of this.#closed) {
      if (due.size >= limit) return [...due];
      due.add(session);
      this.#closed.delete(session);
    }
    const untilMs = this.#nowMs() - this.#leaseMs;
    for (let looked = Math.min(SCAN_LIMIT, this.#heard.size); looked > 0 && due.size < limit; looked--) {
      const next = this.#scan.next();
      if (next.done === true) {
        this.#scan = this.#heard.entries();
        continue;
      }
      const [session, heardMs] = next.value;
      if (heardMs < untilMs) due.add(session);
    }
    return [...due];
  }

  #nowMs(): number {
    return Math.floor(this.#clockUs / 1000);
  }
}
