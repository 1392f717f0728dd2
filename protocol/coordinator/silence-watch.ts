// For how long a node was silent, as far as that can be held against it: time in which this coordinator itself did not
// run counts against nobody, so a machine that is busy or was asleep does not change views when it comes back.

import type { RegisteredNode } from './registry.js';

/** Part of the liveness time that one step may count as silence, whatever the clock says. */
const STEP_SHARE = 8;

/** Watches one name; to be asked at every step. */
export class SilenceWatch {
  readonly #stepUsMax: number;
  #incarnation = 0;
  #seenUs = 0;
  #steppedUs = 0;
  #silentUs = 0;
  #anewUs = 0;

  constructor(livenessUs: number) {
    this.#stepUsMax = livenessUs / STEP_SHARE;
  }

  /** Microseconds of silence since the node was last heard, or since `anewUs` if that is later. */
  measure({ incarnation, lastSeenUs }: RegisteredNode, anewUs: number, nowUs: number): number {
    const elapsedUs = Math.min(nowUs - this.#steppedUs, this.#stepUsMax);
    this.#steppedUs = nowUs;
    const isSame = incarnation === this.#incarnation && lastSeenUs === this.#seenUs && anewUs === this.#anewUs;
    this.#silentUs = isSame ? this.#silentUs + elapsedUs : 0;
    this.#anewUs = anewUs;
    this.#incarnation = incarnation;
    this.#seenUs = lastSeenUs;
    return this.#silentUs;
  }

  /** Whatever was silent so far counts anew. */
  reset(): void {
    this.#silentUs = 0;
  }
}
