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

/** Whose batches go where. */
export interface PersisterOptions<B, O> {
  store: NodeStore;
  loop: Resumable<O>;
  /** Writes a batch in the format of its role. */
  encode: (batch: B, changes: ChangeWriter) => void;
  /** Nothing can be kept any more. */
  onBroken: (error: Error) => void;
}

/** Ends the reading of the store and begins to keep batches in it. */
export function startPersister<B extends Numbered, O>(options: PersisterOptions<B, O>): Persister<B, O> {
  options.store.startWriting(options.onBroken).catch(options.onBroken);
  return new Persister(options);
}

/** Between the loop of a core and its store. */
export class Persister<B extends Numbered, O> {
  constructor(private readonly options: PersisterOptions<B, O>) {}

  /** Keeps the batch, then carries out what waited for it and tells the core. */
  persist({ batch, then }: PersistOutput<B, O>): void {
    const { store, loop, encode } = this.options;
    store.write(
      (changes) => encode(batch, changes),
      () => loop.carryOut(then, { kind: 'persisted', number: batch.number }),
    );
  }
}
