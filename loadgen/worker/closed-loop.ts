// The closed loop of one process: each stream keeps `pendings` operations in flight and issues the next one the moment
// an answer arrives. Knows when to issue and when to end; what an operation is belongs to operation-lane.ts.

import { type LaneOwner, type LoadLoop, type LoopDoors, OperationLane, type Stream } from './operation-lane.js';

/** When streams stop issuing: at a time of the doors' clock, or after a number of operations each. */
export interface LoopLimits {
  untilMs: number;
  requestsPerStream: number;
}

interface LimitedStream extends Stream {
  left: number;
}

/** A prime, so that no number of lanes lets the samples always fall on the same ones. */
const SEND_LAG_EVERY = 61;

/** One run of the loop. Use once. */
export class ClosedLoop implements LoadLoop, LaneOwner<LimitedStream> {
  /** Nothing waits in a closed loop: an operation's time comes when it is sent. */
  readonly waiting = 0;
  readonly #doors: LoopDoors;
  readonly #lanes: OperationLane<LimitedStream>[] = [];
  readonly #untilMs: number;
  readonly #drained: Promise<void>;
  #resolveDrained: () => void = () => {};
  #busy = 0;
  #untilSendLag = SEND_LAG_EVERY;

  constructor(doors: LoopDoors, streams: readonly Stream[], pendings: number, limits: LoopLimits) {
    this.#doors = doors;
    this.#untilMs = limits.untilMs;
    this.#drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
    for (const { session, view, workload } of streams) {
      const stream = { session, view, workload, left: limits.requestsPerStream };
      for (let i = 0; i < pendings; i++) this.#lanes.push(new OperationLane(doors, this, stream));
    }
  }

  get inFlight(): number {
    return this.#busy;
  }

  /** Fills all windows. */
  run(): Promise<void> {
    // Counted before the first is issued, so that one that ends at once cannot look like the last.
    this.#busy = this.#lanes.length;
    for (const lane of this.#lanes) this.#issue(lane, this.#doors.now());
    return this.#drained;
  }

  stop(): void {
    for (const lane of this.#lanes) lane.stream.left = 0;
  }

  onAnswered(lane: OperationLane<LimitedStream>, nowMs: number, latencyMs: number): void {
    this.#issue(lane, nowMs);
    if (--this.#untilSendLag > 0) return;
    this.#untilSendLag = SEND_LAG_EVERY;
    this.#doors.sendLag.addLag(this.#doors.now() - nowMs);
    this.#doors.sendLag.addLatency(latencyMs);
  }

  onFailed(lane: OperationLane<LimitedStream>): void {
    this.#issue(lane, this.#doors.now());
  }

  #issue(lane: OperationLane<LimitedStream>, nowMs: number): void {
    const stream = lane.stream;
    if (stream.left <= 0 || nowMs >= this.#untilMs) {
      if (--this.#busy === 0) this.#resolveDrained();
      return;
    }
    stream.left--;
    lane.issue(nowMs);
  }
}
