// Links between processes in virtual time: latency of their own, loss, duplication, overtaking, holds, and streams that
// break and come back. Also the bus of acknowledgements, which may do anything to a message. Knows nothing of what a
// frame says.

import type { Census } from './census.js';
import type { BusMode, FaultPlan } from './plan.js';
import type { SeededRandom } from './random.js';
import type { Timeline } from './timeline.js';

interface Link {
  latencyUs: number;
  /** No frame of a stream arrives before this unless the network reorders. */
  lastArrivalUs: number;
  /** Frames that would arrive before this wait. */
  heldUntilUs: number;
  /** Frames that are sent before this are lost. */
  cutUntilUs: number;
  /** Frames of an older stream are lost, or arrive as remains. */
  stream: number;
  down: boolean;
}

/** Everything the network is made of. */
export interface NetworkOptions {
  timeline: Timeline;
  random: SeededRandom;
  census: Census;
  faults: FaultPlan;
  latencyUs: number;
  latencySpreadUs: number;
  bus: BusMode;
}

/** All directed links of one run. */
export class Network {
  readonly bus: BusMode;
  /** By sender and receiver. */
  private readonly links = new Map<string, Map<string, Link>>();
  private faults: FaultPlan | null;

  constructor(private readonly options: NetworkOptions) {
    this.faults = options.faults;
    this.bus = options.bus;
  }

  /** True until `heal`. */
  get isHostile(): boolean {
    return this.faults !== null;
  }

  /** Carries one frame; `deliver` runs zero, one or two times, later. */
  send(from: string, to: string, deliver: () => void): void {
    const { random, census } = this.options;
    const link = this.link(from, to);
    const faults = this.faults;
    const isCut = link.down || link.cutUntilUs > this.options.timeline.nowUs;
    if (isCut || (faults !== null && random.chance(faults.drop))) {
      census.count('drop');
      return;
    }
    this.carry(link, deliver);
    if (faults !== null && random.chance(faults.duplicate)) {
      census.count('duplicate');
      this.carry(link, deliver);
    }
  }

  /** Carries one message of the bus, if it pleases. */
  publish(deliver: () => void): void {
    const { random, census, timeline, latencyUs, latencySpreadUs } = this.options;
    const lost = this.bus === 'silent' || (this.faults !== null && random.chance(this.faults.busLoss));
    if (lost) {
      census.count('ackLost');
      return;
    }
    const copies = this.faults !== null && random.chance(0.1) ? 2 : 1;
    if (copies === 2) census.count('ackDuplicate');
    for (let copy = 0; copy < copies; copy++) {
      const lateUs = this.faults !== null && random.chance(0.1) ? random.below(this.faults.busLateUs) : 0;
      if (lateUs > 0) census.count('ackLate');
      timeline.after(latencyUs + random.below(latencySpreadUs) + lateUs, deliver);
    }
  }

  /** Holds everything on a directed link for a while; it is not lost. */
  hold(from: string, to: string, durationUs: number): void {
    this.options.census.count('hold');
    const link = this.link(from, to);
    link.heldUntilUs = Math.max(link.heldUntilUs, this.options.timeline.nowUs + durationUs);
  }

  /** Loses everything that is sent on a directed link from now on, for a while. */
  cut(from: string, to: string, durationUs: number): void {
    const link = this.link(from, to);
    link.cutUntilUs = Math.max(link.cutUntilUs, this.options.timeline.nowUs + durationUs);
  }

  /** Breaks the streams of both directions. What is under way is lost, or arrives later as remains. */
  breakStreams(one: string, other: string): void {
    this.options.census.count('reconnect');
    for (const link of [this.link(one, other), this.link(other, one)]) {
      link.stream++;
      link.down = true;
    }
  }

  /** Streams of both directions are there again. */
  restoreStreams(one: string, other: string): void {
    for (const link of [this.link(one, other), this.link(other, one)]) {
      link.down = false;
      link.lastArrivalUs = this.options.timeline.nowUs;
    }
  }

  /** From now on nothing is lost, held, repeated or overtaken. */
  heal(): void {
    this.faults = null;
    for (const links of this.links.values()) {
      for (const link of links.values()) {
        link.down = false;
        link.heldUntilUs = 0;
        link.cutUntilUs = 0;
      }
    }
  }

  private carry(link: Link, deliver: () => void): void {
    const { random, timeline, census } = this.options;
    const faults = this.faults;
    const { stream } = link;
    let delayUs = link.latencyUs + random.below(50);
    if (faults !== null && random.chance(faults.tail)) delayUs += random.below(faults.tailUs);
    let arrivalUs = Math.max(timeline.nowUs + delayUs, link.heldUntilUs);
    if (arrivalUs < link.lastArrivalUs) {
      if (faults?.reorders === true) census.count('reorder');
      else arrivalUs = link.lastArrivalUs;
    }
    link.lastArrivalUs = Math.max(link.lastArrivalUs, arrivalUs);
    timeline.after(arrivalUs - timeline.nowUs, () => {
      if (link.stream === stream) deliver();
      else this.deliverRemains(deliver);
    });
  }

  /** A frame of a stream that broke: mostly lost, at times late (E7). */
  private deliverRemains(deliver: () => void): void {
    const { random, timeline, census } = this.options;
    if (random.chance(0.7)) {
      census.count('drop');
      return;
    }
    census.count('lateRemains');
    timeline.after(random.below(30_000), deliver);
  }

  private link(from: string, to: string): Link {
    let links = this.links.get(from);
    if (links === undefined) {
      links = new Map();
      this.links.set(from, links);
    }
    let link = links.get(to);
    if (link === undefined) {
      const { latencyUs, latencySpreadUs, random } = this.options;
      link = {
        latencyUs: latencyUs + random.below(latencySpreadUs),
        lastArrivalUs: 0,
        heldUntilUs: 0,
        cutUntilUs: 0,
        stream: 0,
        down: false,
      };
      links.set(to, link);
    }
    return link;
  }
}
