// A disk in virtual time: takes batches in order, one after the other, and forgets at a crash whatever was not through.
// What a batch does to what is kept is its owner's business.

import type { World } from './node.js';

/** How often a full disk is tried again. */
const RETRY_US = 1000;

/** Who is told what becomes of a batch. */
export interface BatchOwner {
  onKept: () => void;
  /** The disk was full; once for all batches that it tries to keep together. */
  onRefused?: () => void;
}

interface Write<Batch> extends BatchOwner {
  batch: Batch;
}

/** The disk of one node; outlives the node's processes. */
export class SimulatedDisk<Batch> {
  private readonly queue: Write<Batch>[] = [];
  private isWriting = false;
  /** Tells writes that were under way at a crash from those of the next process. */
  private life = 0;
  private group: Write<Batch>[] = [];
  private slowUntilUs = 0;
  private fullUntilUs = 0;

  /** `keep` applies a batch to what is kept; called once for each, in order. */
  constructor(
    private readonly world: World,
    private readonly keep: (batch: Batch) => void,
  ) {}

  /** Keeps a batch some time from now, then calls `onKept`. */
  write(batch: Batch, onKept: () => void, onRefused?: () => void): void {
    this.queue.push({ batch, onKept, ...(onRefused && { onRefused }) });
    if (!this.isWriting) this.writeNext();
  }

  /**
   * The process ends: what is not handed over to the disk never will be kept, and of what is under way some of the first
   * batches are.
   */
  crash(): void {
    const { random } = this.world;
    if (this.isWriting)
      for (const { batch } of this.group.splice(0, random.below(this.group.length + 1))) this.keep(batch);
    this.life++;
    this.queue.length = 0;
    this.isWriting = false;
  }

  /** Until then every group takes a hundred times as long. */
  slow(untilUs: number): void {
    this.slowUntilUs = untilUs;
  }

  /** Until then nothing more fits. What does not fit is tried again. */
  fill(untilUs: number): void {
    this.fullUntilUs = untilUs;
  }

  /** Neither slow nor full any more. */
  recover(): void {
    this.slowUntilUs = 0;
    this.fullUntilUs = 0;
  }

  private writeNext(): void {
    const { life } = this;
    const { random, plan, timeline } = this.world;
    this.isWriting = true;
    // Group commit: whatever waits goes together.
    const group = this.queue.splice(0);
    this.group = group;
    const slowness = timeline.nowUs < this.slowUntilUs ? 100 : 1;
    let isRefused = false;
    const finish = (): void => {
      if (this.life !== life) return;
      if (timeline.nowUs < this.fullUntilUs) {
        if (!isRefused) group[0]?.onRefused?.();
        isRefused = true;
        timeline.after(RETRY_US, finish);
        return;
      }
      for (const { batch } of group) this.keep(batch);
      this.isWriting = false;
      for (const { onKept } of group) onKept();
      if (this.queue.length > 0 && !this.isWriting) this.writeNext();
    };
    timeline.after(1 + random.below(plan.diskUs) * slowness, finish);
  }
}
