// Whether a leader that is heard is of no use: it says for how long too few replicas have answered it, or its disk has
// refused everything, and enough others say nothing of the kind. A suspicion, as in leader-watch.ts: being wrong costs
// an epoch, never safety. Does not know why a replica is stalled, nor who leads next.

import type { ClusterConfig, ReplicaMember } from '../messages.js';
import type { NodeRegistry } from './registry.js';
import { majorityOf } from './survey.js';
import { NodeRole } from './types.js';

/** Part of the bound from which on a replica counts as stalled: neither a reason to stay nor fit to do better. */
const DOUBT_SHARE = 2;
/** Part of the bound for which the leader has to be stalled, and the others not, as this coordinator sees it. */
const WITNESSED_SHARE = 4;
/** Part of the liveness time within which the others have to be heard: halted together with them, nobody is stalled. */
const HEARD_SHARE = 2;
/** Part of the liveness time that one step may count, whatever the clock says. */
const STEP_SHARE = 8;
/** The pause between epochs that begin because a leader is stalled doubles up to so many bounds. */
const PAUSE_SHARE_MAX = 32;
/** After so many pauses without such an epoch, the pause is short again. */
const QUIET_PAUSES = 4;

/** Watches one leader at a time. */
export class StallWatch {
  readonly #stallUs: number;
  readonly #stepUsMax: number;
  readonly #heardUs: number;
  #epoch = 0;
  #steppedUs = 0;
  /** When the doubt began by this coordinator's clock, and how long it has lasted while it ran. */
  #doubt: { beganUs: number; lastedUs: number } | null = null;
  /** The present epoch was found to be of no use. */
  #isSuspected = false;
  /** When the last epoch of no use was left, as seen here. */
  #leftUs = Number.NEGATIVE_INFINITY;
  /** No other is left sooner after that. */
  #pauseUs: number;

  /** `stallUs` is the bound, by default the liveness time. */
  constructor({ livenessUs, stallUs = livenessUs }: { livenessUs: number; stallUs?: number }) {
    this.#stallUs = stallUs;
    this.#stepUsMax = livenessUs / STEP_SHARE;
    this.#heardUs = livenessUs / HEARD_SHARE;
    this.#pauseUs = stallUs;
  }

  /**
   * To be called at every step. `live` are the places of the replicas that are heard, `canSeal` whether enough witnesses
   * are there for another epoch to begin.
   */
  suspects(
    config: ClusterConfig,
    registry: NodeRegistry,
    { live, canSeal }: { live: readonly number[]; canSeal: boolean },
    nowUs: number,
  ): boolean {
    this.#follow(config.epoch, nowUs);
    const elapsedUs = Math.min(nowUs - this.#steppedUs, this.#stepUsMax);
    this.#steppedUs = nowUs;
    const { stalledUs, saidUs } = this.#saidOf(config, registry, config.leader);
    const isDoubtful = this.#isStalled(stalledUs) && canSeal && this.#canDoWithout(config, registry, live, nowUs);
    if (!isDoubtful) {
      this.#doubt = null;
      return false;
    }
    const { anewUs } = registry.hearing;
    if (this.#doubt === null || this.#doubt.beganUs < anewUs) this.#doubt = { beganUs: nowUs, lastedUs: 0 };
    else this.#doubt.lastedUs += elapsedUs;
    // What the leader said before the others were heard may be of a time in which nobody could answer it.
    const isConfirmed = saidUs > this.#doubt.beganUs && this.#doubt.lastedUs >= this.#stallUs / WITNESSED_SHARE;
    if (!isConfirmed || stalledUs < this.#stallUs || nowUs - this.#leftUs < this.#pauseUs) return false;
    this.#isSuspected = true;
    return true;
  }

  /** An epoch that is left because it was of no use makes the next one that is wait longer, if it comes soon. */
  #follow(epoch: number, nowUs: number): void {
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    this.#doubt = null;
    if (!this.#isSuspected) return;
    this.#isSuspected = false;
    const isSoon = nowUs - this.#leftUs < QUIET_PAUSES * this.#pauseUs;
    this.#pauseUs = isSoon ? Math.min(2 * this.#pauseUs, PAUSE_SHARE_MAX * this.#stallUs) : this.#stallUs;
    this.#leftUs = nowUs;
  }

  /** Whether a member said last that it is of no use, in whichever epoch. */
  isStalled({ id, incarnation }: ReplicaMember, registry: NodeRegistry): boolean {
    const node = registry.find(NodeRole.replica, id);
    return node?.incarnation === incarnation && this.#isStalled(node.stall.stalledUs);
  }

  #isStalled(stalledUs: number): boolean {
    return stalledUs >= this.#stallUs / DOUBT_SHARE;
  }

  /** Whether a majority of the replicas, the leader left out, is heard and not stalled itself. */
  #canDoWithout(config: ClusterConfig, registry: NodeRegistry, live: readonly number[], nowUs: number): boolean {
    const able = live.filter((index) => {
      const { stalledUs, saidUs } = this.#saidOf(config, registry, index);
      return index !== config.leader && !this.#isStalled(stalledUs) && nowUs - saidUs <= this.#heardUs;
    });
    return able.length >= majorityOf(config);
  }

  /** What a member said last. What a leader says of another epoch than this one says nothing. */
  #saidOf({ replicas, leader, epoch }: ClusterConfig, registry: NodeRegistry, index: number) {
    const { id = '', incarnation } = replicas[index] ?? {};
    const node = registry.find(NodeRole.replica, id);
    const nothing = { stalledUs: 0, saidUs: Number.NEGATIVE_INFINITY };
    if (node?.incarnation !== incarnation || (index === leader && node?.stall.epoch !== epoch)) return nothing;
    return node?.stall ?? nothing;
  }
}
