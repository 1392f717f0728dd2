// A disk in virtual time: takes batches in order, one after the other, and forgets at a crash whatever was not through.
// What a batch does to what is kept is its owner's business.

import type { World } from './node.js';

interface Write<Batch> {
  batch: Batch;
  onKept: () => void;
}

/** The disk of one node; outlives the node's processes. */
export class SimulatedDisk<Batch> {
  private readonly queue: Write<Batch>[] = [];
  private isWriting = false;
  /** Tells writes that were under way at a crash from those of the next process. */
  private life = 0;

  /** `keep` applies a batch to what is kept; called once for each, in order. */
  constructor(
    private readonly world: World,
    private readonly keep: (batch: Batch) => void,
  ) {}

  /** Keeps a batch some time from now, then calls `onKept`. */
  write(batch: Batch, onKept: () => void): void {
    this.queue.push({ batch, onKept });
    if (!this.isWriting) this.writeNext();
  }

  /** The process ends: what is not kept yet never will be. */
  crash(): void {
    this.life++;
    this.queue.length = 0;
    this.isWriting = false;
  }

  private writeNext(): void {
    const { life } = this;
    const { random, plan, timeline } = this.world;
    this.isWriting = true;
    // Group commit: whatever waits goes together.
    const group = this.queue.splice(0);
    timeline.after(1 + random.below(plan.diskUs), () => {
      if (this.life !== life) return;
      for (const { batch } of group) this.keep(batch);
      this.isWriting = false;
      for (const { onKept } of group) onKept();
      if (this.queue.length > 0 && !this.isWriting) this.writeNext();
    });
  }
}
