// The open loop of one process: operations are sent when their time comes, whatever became of earlier ones, and their
// latency counts from that time. Sends that are late are sent late, never skipped and never moved. Knows when to issue;
// what an operation is belongs to operation-lane.ts, how precisely one can wait to wakeup.ts.

import type { OpenLoopCounts } from '../../proto/gen/curpho/v1/load_worker.js';
import type { Arrivals } from './arrivals.js';
import { type LaneOwner, type LoadLoop, type LoopDoors, OperationLane, type Stream } from './operation-lane.js';
import type { Wakeup } from './wakeup.js';

/** How much may be under way at once. */
export interface OpenLoopLimits {
  /** Most operations in flight; further ones wait. */
  inFlightLimit: number;
  /** Most operations that wait; further ones are dropped and counted. */
  waitingLimit: number;
}

/** When the loop begins, from when on arrivals are counted, and when it ends; times of the doors' clock. */
export interface OpenLoopSpan {
  beginMs: number;
  countFromMs: number;
  untilMs: number;
}

/** One run of the loop. Use once. Operations go round the streams, in the order in which they are sent. */
export class OpenLoop implements LoadLoop, LaneOwner<Stream> {
  /** Of the arrivals due from `countFromMs` on. */
  readonly counts: OpenLoopCounts = {
    intended: 0,
    sent: 0,
    dropped: 0,
    inFlightMax: 0,
    waitingMax: 0,
    waitingAtEnd: 0,
    unansweredAtEnd: 0,
  };
  readonly #doors: LoopDoors;
  readonly #streams: readonly Stream[];
  readonly #arrivals: Arrivals;
  readonly #wakeup: Wakeup;
  readonly #limits: OpenLoopLimits;
  readonly #span: OpenLoopSpan;
  readonly #freeLanes: OperationLane<Stream>[] = [];
  readonly #waiting = new TimeQueue();
  readonly #drained: Promise<void>;
  #resolveDrained: () => void = () => {};
  #inFlight = 0;
  #turn = 0;
  #dueMs: number;
  #hasEnded = false;

  constructor(
    doors: LoopDoors,
    streams: readonly Stream[],
    { arrivals, wakeup }: { arrivals: Arrivals; wakeup: Wakeup },
    limits: OpenLoopLimits,
    span: OpenLoopSpan,
  ) {
    this.#doors = doors;
    this.#streams = streams;
    this.#arrivals = arrivals;
    this.#wakeup = wakeup;
    this.#limits = limits;
    this.#span = span;
    this.#dueMs = span.beginMs + arrivals.nextMs;
    this.#drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  run(): Promise<void> {
    if (!this.#hasEnded) this.#onTime();
    return this.#drained;
  }

  /** Sends nothing more; what waits is given up, what is in flight is waited for. */
  stop(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#wakeup.cancel();
    this.counts.waitingAtEnd = this.#waiting.length;
    this.counts.unansweredAtEnd = this.#inFlight;
    this.#waiting.clear();
    this.#maybeDrained();
  }

  onAnswered(lane: OperationLane<Stream>, nowMs: number, latencyMs: number): void {
    this.#doors.sendLag.addLatency(latencyMs);
    this.#release(lane);
    // A process that is awake anyway need not wait for its next wake-up.
    if (nowMs >= this.#dueMs && !this.#hasEnded) this.#sendDue(nowMs);
  }

  onFailed(lane: OperationLane<Stream>): void {
    this.#release(lane);
  }

  readonly #onTime = (): void => {
    const nowMs = this.#doors.now();
    this.#sendDue(nowMs);
    if (nowMs >= this.#span.untilMs) this.stop();
    else this.#wakeup.at(Math.min(this.#dueMs, this.#span.untilMs), this.#onTime);
  };

  /** What becomes due while this runs is left for the next time, so that answers are heard in between. */
  #sendDue(nowMs: number): void {
    while (this.#dueMs <= nowMs && this.#dueMs < this.#span.untilMs) {
      this.#arrive(this.#dueMs);
      this.#arrivals.advance();
      this.#dueMs = this.#span.beginMs + this.#arrivals.nextMs;
    }
  }

  #arrive(dueMs: number): void {
    const isCounted = dueMs >= this.#span.countFromMs;
    if (isCounted) this.counts.intended++;
    this.#doors.sendLag.addLag(this.#doors.now() - dueMs);
    if (this.#inFlight < this.#limits.inFlightLimit) this.#send(dueMs);
    else if (this.#waiting.length < this.#limits.waitingLimit) this.#waiting.push(dueMs);
    else if (isCounted) this.counts.dropped++;
    if (!isCounted) return;
    this.counts.inFlightMax = Math.max(this.counts.inFlightMax, this.#inFlight);
    this.counts.waitingMax = Math.max(this.counts.waitingMax, this.#waiting.length);
  }

  #send(dueMs: number): void {
    if (dueMs >= this.#span.countFromMs) this.counts.sent++;
    this.#inFlight++;
    const stream = this.#streams[this.#turn++ % this.#streams.length];
    if (stream === undefined) throw new RangeError('an open loop needs at least one stream');
    const lane = this.#freeLanes.pop() ?? new OperationLane(this.#doors, this, stream);
    lane.stream = stream;
    lane.issue(dueMs);
  }

  /** The place of an operation that ended goes to the one that has waited longest. */
  #release(lane: OperationLane<Stream>): void {
    this.#inFlight--;
    this.#freeLanes.push(lane);
    if (this.#waiting.length > 0) this.#send(this.#waiting.shift());
    this.#maybeDrained();
  }

  #maybeDrained(): void {
    if (this.#hasEnded && this.#inFlight === 0) this.#resolveDrained();
  }
}

/** Times in the order in which they came, in a ring that grows with the most that ever waited. */
class TimeQueue {
  #ring = new Float64Array(1024);
  #first = 0;
  length = 0;

  push(timeMs: number): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#first + this.length++) % this.#ring.length] = timeMs;
  }

  /** The earliest; there has to be one. */
  shift(): number {
    const timeMs = this.#ring[this.#first] ?? Number.NaN;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.length--;
    return timeMs;
  }

  clear(): void {
    this.length = 0;
  }

  #grow(): void {
    const ring = new Float64Array(this.#ring.length * 2);
    ring.set(this.#ring.subarray(this.#first));
    ring.set(this.#ring.subarray(0, this.#first), this.#ring.length - this.#first);
    this.#ring = ring;
    this.#first = 0;
  }
}
