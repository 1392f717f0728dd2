// For how long the event loop of this process has been at work without a pause. What arrives meanwhile waits in the
// socket, and no stamp of its own would tell that wait from the way through the network.

import { performance } from 'node:perf_hooks';

/** A shorter pause is none: something lay there already when the loop looked, and reading it took as long. */
const PAUSE_MS = 0.05;

/** Watches one event loop; costs a look at a clock for each frame that arrives, some 30 ns. */
export class LoopWatch {
  readonly #idleMs: () => number;
  #seenMs = 0;
  #busySinceUs = 0;

  /** `idleMs`: how long the loop has waited for events so far. */
  constructor(idleMs: () => number = () => performance.nodeTiming.idleTime) {
    this.#idleMs = idleMs;
  }

  /** Something has just been read from its transport. Has to hear of everything that is, or a pause is dated too late. */
  onArrival(nowUs: number): void {
    const idleMs = this.#idleMs();
    if (idleMs - this.#seenMs >= PAUSE_MS) this.#busySinceUs = nowUs;
    this.#seenMs = idleMs;
  }

  /** How much of the time from `sentUs` to the arrival at `nowUs` the loop had been busy with other things, microseconds. */
  waited(sentUs: number, nowUs: number): number {
    return Math.max(0, Math.round(nowUs - Math.max(sentUs, this.#busySinceUs)));
  }
}
