// Whether the leader of an epoch is taken for lost. A suspicion, not a truth: being wrong costs an epoch, never safety.

import type { ClusterConfig } from '../messages.js';
import type { NodeRegistry } from './registry.js';
import { SilenceWatch } from './silence-watch.js';
import { NodeRole } from './types.js';

/** Part of the liveness time over which coordinators spread their suspicions. */
const SPREAD_SHARE = 8;
/**
 * By default, part of the liveness time that a leader whose stream broke has to be heard on another way: it may have been
 * the stream only, or the streams of all nodes.
 */
const STREAM_SHARE = 8;

/**
 * Why another epoch has to begin: `lost`, the leader is not heard; `deposed`, it is, but does not lead any more, because
 * it was started anew or says so itself (C4); `stalled`, it is and does, but to no purpose (stall-watch.ts).
 */
export type Suspicion = 'lost' | 'deposed' | 'stalled';

/** Watches one leader at a time. */
export class LeaderWatch {
  readonly #livenessUs: number;
  readonly #streamGraceUs: number;
  readonly #name: string;
  readonly #silence: SilenceWatch;
  #epoch = 0;
  #refusedEpoch = 0;

  /** `name` tells coordinators apart: two that hear the same silence do not act on it at the same moment. */
  constructor(options: { livenessUs: number; streamGraceUs?: number; name: string }) {
    this.#livenessUs = options.livenessUs;
    this.#streamGraceUs = options.streamGraceUs ?? options.livenessUs / STREAM_SHARE;
    this.#name = options.name;
    this.#silence = new SilenceWatch(options.livenessUs);
  }

  /** The leader of an epoch that is not over said that it will not lead it. */
  noteRefusal(epoch: number): void {
    this.#refusedEpoch = epoch;
  }

  /**
   * To be called at every step. The leader is suspected if another life has its name, if its stream broke and it was not
   * heard soon after, if it was silent for the liveness time, or if it lost its leadership.
   */
  suspect(config: ClusterConfig, registry: NodeRegistry, nowUs: number): Suspicion | null {
    if (config.epoch !== this.#epoch) this.#silence.reset();
    this.#epoch = config.epoch;
    const { id = '', incarnation } = config.replicas[config.leader] ?? {};
    const node = registry.find(NodeRole.replica, id);
    if (node === undefined) return null;
    const silentUs = this.#silence.measure(node, registry.hearing.anewUs, nowUs);
    if (node.incarnation !== incarnation) return 'lost';
    if (node.lostUs !== undefined && nowUs - node.lostUs >= this.#streamGraceUs) return 'lost';
    if (silentUs > this.#livenessUs + this.#spreadUs(config.epoch)) return 'lost';
    return node.lostEpoch === config.epoch || this.#refusedEpoch === config.epoch ? 'deposed' : null;
  }

  /** Differs between coordinators and from epoch to epoch, so that none is always overtaken by another. */
  #spreadUs(epoch: number): number {
    let hash = 0x811c9dc5;
    for (const char of `${this.#name}/${epoch}`) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
    return ((hash >>> 8) % 1024) * (this.#livenessUs / SPREAD_SHARE / 1024);
  }
}
