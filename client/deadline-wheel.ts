// Deadlines of many operations on one timer: a hashed wheel of intrusive lists, so that setting and clearing one costs
// a few pointer writes and allocates nothing. Somebody else turns it; it has no timer of its own.

const SLOT_MS = 4;
const SLOTS = 4096;

/** What can be on the wheel. The links belong to the wheel. */
export interface Timed {
  /** When it expires, milliseconds of the clock that turns the wheel. */
  deadlineMs: number;
  wheelPrevious: Timed | null;
  wheelNext: Timed | null;
  /** Slot it hangs in, -1 if none. */
  wheelSlot: number;
  /** Its time is over; it is off the wheel already. */
  onDeadline(): void;
}

/** A wheel of {@link Timed}. Precision is one slot (4 ms) and the interval at which `turn` is called. */
export class DeadlineWheel {
  private readonly heads: (Timed | null)[] = new Array<Timed | null>(SLOTS).fill(null);
  private turnedThrough: number;

  constructor(nowMs: number) {
    this.turnedThrough = Math.floor(nowMs / SLOT_MS);
  }

  /** Sets `timed.deadlineMs` to ring. It must not be on the wheel. A deadline in the past rings on the next turn. */
  add(timed: Timed): void {
    const tick = Math.max(Math.floor(timed.deadlineMs / SLOT_MS), this.turnedThrough);
    const slot = tick % SLOTS;
    const head = this.heads[slot] ?? null;
    timed.wheelSlot = slot;
    timed.wheelPrevious = null;
    timed.wheelNext = head;
    if (head !== null) head.wheelPrevious = timed;
    this.heads[slot] = timed;
  }

  /** Takes it off; harmless if it is not on. */
  remove(timed: Timed): void {
    if (timed.wheelSlot < 0) return;
    if (timed.wheelPrevious !== null) timed.wheelPrevious.wheelNext = timed.wheelNext;
    else this.heads[timed.wheelSlot] = timed.wheelNext;
    if (timed.wheelNext !== null) timed.wheelNext.wheelPrevious = timed.wheelPrevious;
    timed.wheelPrevious = null;
    timed.wheelNext = null;
    timed.wheelSlot = -1;
  }

  /**
   * Rings everything whose deadline is not after `nowMs`. The slot that `nowMs` lies in is looked at again next time,
   * since the rest of its milliseconds are still to come.
   */
  turn(nowMs: number): void {
    const last = Math.floor(nowMs / SLOT_MS);
    const first = Math.max(this.turnedThrough, last - SLOTS + 1);
    this.turnedThrough = last;
    for (let tick = first; tick <= last; tick++) this.ring(tick % SLOTS, nowMs);
  }

  private ring(slot: number, nowMs: number): void {
    const head = this.heads[slot] ?? null;
    if (head === null) return;
    const due: Timed[] = [];
    for (let timed: Timed | null = head; timed !== null; timed = timed.wheelNext) {
      if (timed.deadlineMs <= nowMs) due.push(timed);
    }
    for (const timed of due) this.remove(timed);
    for (const timed of due) timed.onDeadline();
  }
}
