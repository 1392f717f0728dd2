// Bounded memory of what is known about keys: one row of numbers per key, in typed arrays, the newer of two keys that
// share a place winning. Forgetting a row only weakens a later check, it can never raise a false alarm.

/** Rows of knowledge, addressed by place. A row whose `owner` is not the key holds nothing about it. */
export class FloorTable {
  /** Newest version known: its slot, the epoch that named the slot, its writer and that writer's serial. 0 = unknown. */
  readonly slot: Float64Array;
  readonly epoch: Float64Array;
  readonly writer: Float64Array;
  readonly serial: Float64Array;
  readonly #owner: Int32Array;
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.slot = new Float64Array(capacity);
    this.epoch = new Float64Array(capacity);
    this.writer = new Float64Array(capacity);
    this.serial = new Float64Array(capacity);
    this.#owner = new Int32Array(capacity);
  }

  /** The key's row, -1 if nothing is known about it. */
  find(keyIndex: number): number {
    const row = keyIndex % this.#capacity;
    return this.#owner[row] === keyIndex + 1 ? row : -1;
  }

  /** The key's row, emptied first if it held another key. */
  claim(keyIndex: number): number {
    const row = keyIndex % this.#capacity;
    if (this.#owner[row] !== keyIndex + 1) {
      this.#owner[row] = keyIndex + 1;
      this.slot[row] = 0;
      this.epoch[row] = 0;
      this.writer[row] = 0;
      this.serial[row] = 0;
      this.clearRow(row);
    }
    return row;
  }

  /** Raises the row to a version that was just seen, unless an equal or newer one is known. */
  raise(row: number, version: { slot: number; epoch: number; writer: number; serial: number }): void {
    const epoch = this.epoch[row] ?? 0;
    const isNewer = version.epoch > epoch || (version.epoch === epoch && version.slot >= (this.slot[row] ?? 0));
    if (!isNewer) return;
    this.slot[row] = version.slot;
    this.epoch[row] = version.epoch;
    this.writer[row] = version.writer;
    this.serial[row] = version.serial;
  }

  /** For tables that keep more in a row. */
  protected clearRow(_row: number): void {}
}
