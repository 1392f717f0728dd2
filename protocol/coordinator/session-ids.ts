// Hands out session ids from ranges that were reserved durably beforehand (F8), and keeps the calls that wait for a
// reservation. Knows nothing of records; the core tells it when a range is its own, and when ids of it may go out.

/** Ids reserved at a time; what is left when a coordinator ends is never issued. */
export const SESSION_RESERVATION = 10_000;
/** Most session ids of one call. */
export const SESSIONS_PER_CALL_LIMIT = 10_000;
/** Most calls that wait for a reservation. */
export const WAITING_CALLS_LIMIT = 1_024;

/** A call for session ids. */
export interface SessionCall {
  call: number;
  count: number;
}

/** Ids that went to a call. */
export interface IssuedSessions extends SessionCall {
  firstSession: number;
}

/** The session ids that one coordinator may hand out. */
export class SessionIds {
  #next = 1;
  /** Exclusive; #next ≤ #end, and [#next, #end) belongs to this coordinator alone. */
  #end = 1;
  #waiting: SessionCall[] = [];
  #demand = 0;

  /** Whether any call is not answered yet. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Adds a call; false if too many wait. */
  push(call: SessionCall): boolean {
    if (this.#waiting.length >= WAITING_CALLS_LIMIT) return false;
    this.#waiting.push(call);
    this.#demand += call.count;
    return true;
  }

  /** Takes over a range that was reserved durably. What was left of an older one that it does not continue is given up. */
  addRange(from: number, to: number): void {
    if (from !== this.#end) this.#next = from;
    this.#end = to;
  }

  /** Serves waiting calls in order as far as the range goes and `mayIssue` allows ids below a number to be handed out. */
  issue(mayIssue: (through: number) => boolean): IssuedSessions[] {
    const issued: IssuedSessions[] = [];
    for (const { call, count } of this.#waiting) {
      if (this.#end - this.#next < count || !mayIssue(this.#next + count)) break;
      issued.push({ call, count, firstSession: this.#next });
      this.#next += count;
      this.#demand -= count;
    }
    this.#waiting.splice(0, issued.length);
    return issued;
  }

  /**
   * How many ids to reserve next above `floor` so that all waiting calls are served; 0 if none waits that the range at
   * hand does not serve, unless `isAhead`.
   */
  wanted(floor: number, limit: number, isAhead: boolean): number {
    const isServed = this.#end - this.#next >= (this.#waiting[0]?.count ?? 0);
    if (isServed && !isAhead) return 0;
    return Math.max(0, Math.min(Math.max(this.#demand, SESSION_RESERVATION), limit + 1 - floor));
  }

  /** Takes out the calls that cannot be served because ids run out at `limit`. */
  refuseBeyond(floor: number, limit: number): SessionCall[] {
    const own = this.#end - this.#next;
    const free = limit + 1 - floor;
    const left = floor === this.#end ? own + free : Math.max(own, free);
    let served = 0;
    const kept: SessionCall[] = [];
    const refused: SessionCall[] = [];
    for (const waiting of this.#waiting) {
      const fits = served + waiting.count <= left;
      (fits ? kept : refused).push(waiting);
      if (fits) served += waiting.count;
    }
    this.#waiting = kept;
    this.#demand = served;
    return refused;
  }
}
