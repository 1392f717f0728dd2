// The disk of a witness: what batches leave on it, and the image that the next process begins from. Checks what every
// store has to rely on: batches come in order, and remove only what is there.

import type { CheckedWrite, Inquiry } from '../../protocol/messages.js';
import type { WitnessBatch, WitnessImage, WitnessPromises } from '../../protocol/witness/persistence.js';
import { SimulatedDisk } from './disk.js';
import type { World } from './node.js';
import { copyFrame } from './wire-copy.js';

/** Outlives the processes of a witness. */
export class WitnessDisk {
  private readonly disk: SimulatedDisk<WitnessBatch>;
  private promises: WitnessPromises | null = null;
  private readonly entries = new Map<number, CheckedWrite>();
  private readonly sessions = new Map<number, number>();
  private asked: Inquiry | undefined;
  /** Number of the last batch of this process. */
  private newest = 0;
  /** Batches that were written and are not kept yet. */
  private underWay = 0;

  constructor(world: World) {
    this.disk = new SimulatedDisk(world, (batch) => this.keep(batch));
  }

  /** What a new process finds; undefined if nothing was ever kept. */
  get image(): WitnessImage | undefined {
    if (this.promises === null) return undefined;
    const entries = [...this.entries].sort(([one], [other]) => one - other);
    return {
      promises: this.promises,
      entries: entries.map(([arrival, write]) => ({ arrival, write })),
      sessions: [...this.sessions].map(([session, committedThrough]) => ({ session, committedThrough })),
      asked: this.asked,
    };
  }

  write(batch: WitnessBatch, onKept: () => void): void {
    this.underWay++;
    this.disk.write(copyFrame(batch), onKept);
  }

  /** The process ends: what is not kept yet never will be. Returns how many batches that are. */
  crash(): number {
    const lost = this.underWay;
    this.disk.crash();
    this.underWay = 0;
    this.newest = 0;
    return lost;
  }

  /** The disk is gone, and with it the life of the witness. */
  wipe(): void {
    this.crash();
    this.promises = null;
    this.entries.clear();
    this.sessions.clear();
    this.asked = undefined;
  }

  private keep({ number, promises, isFresh, added, removed, sessions, asked }: WitnessBatch): void {
    if (number !== this.newest + 1) throw new Error(`batch ${number} comes after ${this.newest}`);
    this.newest = number;
    this.underWay--;
    this.promises = promises;
    if (isFresh) {
      this.entries.clear();
      this.sessions.clear();
      this.asked = undefined;
    }
    if (asked !== undefined) this.asked = asked;
    for (const { arrival, write } of added) this.entries.set(arrival, write);
    for (const arrival of removed) {
      if (!this.entries.delete(arrival))
        throw new Error(`batch ${number} removes arrival ${arrival}, which is not there`);
    }
    for (const { session, committedThrough } of sessions) {
      if (committedThrough === 0) this.sessions.delete(session);
      else this.sessions.set(session, committedThrough);
    }
  }
}
