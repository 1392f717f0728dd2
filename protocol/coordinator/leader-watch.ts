// Whether the leader of an epoch is taken for lost. A suspicion, not a truth: being wrong costs an epoch, never safety.
// Time in which this coordinator itself did not run is not held against anybody, so a machine that is busy or was
// asleep does not change views when it comes back.

import type { ClusterConfig } from '../messages.js';
import type { RegisteredNode } from './registry.js';

/** Part of the liveness time that one step may count as silence, whatever the clock says. */
const STEP_SHARE = 8;
/** Part of the liveness time over which coordinators spread their suspicions. */
const SPREAD_SHARE = 8;

/** Watches one leader at a time. */
export class LeaderWatch {
  readonly #livenessUs: number;
  readonly #name: string;
  #epoch = 0;
  #seenUs = 0;
  #steppedUs = 0;
  #silentUs = 0;

  /** `name` tells coordinators apart: two that hear the same silence do not act on it at the same moment. */
  constructor(options: { livenessUs: number; name: string }) {
    this.#livenessUs = options.livenessUs;
    this.#name = options.name;
  }

  /**
   * To be called at every step. `node` is what is known under the leader's name. The leader is suspected if another
   * life has its name, if its stream broke and it was not heard since, or if it was silent for the liveness time.
   */
  isSuspected(config: ClusterConfig, node: RegisteredNode | undefined, nowUs: number): boolean {
    const elapsedUs = Math.min(nowUs - this.#steppedUs, this.#livenessUs / STEP_SHARE);
    this.#steppedUs = nowUs;
    if (node === undefined) return false;
    if (config.epoch === this.#epoch && node.lastSeenUs === this.#seenUs) this.#silentUs += elapsedUs;
    else this.#silentUs = 0;
    this.#epoch = config.epoch;
    this.#seenUs = node.lastSeenUs;
    if (node.isLost || node.incarnation !== config.replicas[config.leader]?.incarnation) return true;
    return this.#silentUs > this.#livenessUs + this.#spreadUs(config.epoch);
  }

  /** Differs between coordinators and from epoch to epoch, so that none is always overtaken by another. */
  #spreadUs(epoch: number): number {
    let hash = 0x811c9dc5;
    for (const char of `${this.#name}/${epoch}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    return ((hash >>> 8) % 1024) * (this.#livenessUs / SPREAD_SHARE / 1024);
  }
}
