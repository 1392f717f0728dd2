// Compare-and-sets in flight that have shown themselves: somebody in a reader's causal past read what they wrote, so that
// the reader's own session may no longer leave them out. Knows the causal order; judges nothing.

import { type CausalOrder, isUndecidedFor, type Known } from './causal-order.js';
import { cellName, type HistoryModel, type Operation } from './history-model.js';

/** Finds out whether an undecided compare-and-set has been read in a reader's past. Looks only at what is asked for. */
export class ShownSwaps {
  /** Per writer, by its index, all who read it. */
  readonly #readers = new Map<number, Operation[]>();
  /** Per session its numbered operations, by seq. */
  readonly #numbered = new Map<number, Operation[]>();

  constructor(
    model: HistoryModel,
    private readonly order: CausalOrder,
  ) {
    for (const operation of order.operations) {
      if (operation.numbered) append(this.#numbered, operation.session, operation);
      for (const { key, value } of operation.reads) {
        const writer = value === null ? undefined : model.writers.get(cellName(key, value));
        if (writer?.event.op === 'cas') append(this.#readers, writer.index, operation);
      }
    }
    for (const operations of this.#numbered.values()) operations.sort((left, right) => left.seq - right.seq);
  }

  /** Whether the reader has to leave the compare-and-set out: it is in flight and nobody in the past read its value. */
  isHidden(swap: Operation, reader: Operation, past: Known): boolean {
    return isUndecidedFor(reader, swap) && !this.#isShown(swap, reader, past);
  }

  #isShown(swap: Operation, reader: Operation, past: Known): boolean {
    const witnesses = this.#readers.get(swap.index) ?? [];
    return witnesses.some((witness) => witness !== reader && this.#isInPast(witness, reader, past));
  }

  #isInPast(witness: Operation, reader: Operation, past: Known): boolean {
    if (witness.session !== reader.session) return this.#isKnown(witness, past);
    if (witness.returned < reader.invoke) return true;
    // A later compare-and-set of the session that is in flight as well says only what it has itself shown.
    return witness.numbered && witness.seq <= reader.seq && this.#isShown(witness, reader, past);
  }

  /** Others are known by their writes alone: by the first one that has the witness before it. */
  #isKnown(witness: Operation, past: Known): boolean {
    const first = witness.numbered
      ? witness
      : this.#numbered.get(witness.session)?.find((write) => witness.returned < write.invoke);
    if (!first) return false;
    const { column, rank } = this.order.place(first);
    return past.rank(column) >= rank;
  }
}

function append(lists: Map<number, Operation[]>, name: number, operation: Operation): void {
  const list = lists.get(name);
  if (list) list.push(operation);
  else lists.set(name, [operation]);
}
