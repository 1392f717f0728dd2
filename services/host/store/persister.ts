// Carries out what a core wants kept: batches go to the store, and what waited for them goes on when they are there.

import type { NodeStore } from './node-store.js';
import type { ChangeWriter } from './records.js';

/** An output that waits for the disk. */
export interface PersistOutput<B, O> {
  batch: B;
  then: O[];
}

/** What every core says of its batches. */
interface Numbered {
  number: number;
}

/** The loop, as far as what was kept concerns it. */
interface Resumable<O> {
  carryOut(outputs: readonly O[], input: { kind: 'persisted'; number: number }): void;
}

/** Between the loop of a core and its store. */
export class Persister<B extends Numbered, O> {
  constructor(
    private readonly store: NodeStore,
    /** Writes a batch in the format of its role. */
    private readonly encode: (batch: B, changes: ChangeWriter) => void,
    private readonly loop: Resumable<O>,
  ) {}

  /** Keeps the batch, then carries out what waited for it and tells the core. */
  persist({ batch, then }: PersistOutput<B, O>): void {
    this.store.write(
      (changes) => this.encode(batch, changes),
      () => this.loop.carryOut(then, { kind: 'persisted', number: batch.number }),
    );
  }
}
