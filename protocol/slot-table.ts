// A table of what is under way, by handles that are never used twice. In place of a Map: when a Map is rehashed, V8 links
// the old table to the new one, and once such an old table has been promoted it keeps every later one, with all that was
// in it, alive until the next full collection. With a Map per operation that cost a fifth of a client's time.

/** Slots of one table; a handle is a multiple of this plus the slot. */
const SLOTS_LIMIT = 1 << 20;

/** Values by handle. */
export class SlotTable<T> {
  readonly #values: (T | undefined)[] = [];
  readonly #handles: number[] = [];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Room for a value; the handle is at least 1 and never given again. */
  add(value: T): number {
    const slot = this.#free.pop() ?? this.#values.length;
    if (slot >= SLOTS_LIMIT) throw new RangeError(`more than ${SLOTS_LIMIT} values in a slot table`);
    const handle = (this.#handles[slot] ?? slot) + SLOTS_LIMIT;
    this.#handles[slot] = handle;
    this.#values[slot] = value;
    this.#size++;
    return handle;
  }

  get(handle: number): T | undefined {
    const slot = handle % SLOTS_LIMIT;
    return this.#handles[slot] === handle ? this.#values[slot] : undefined;
  }

  /** False if the handle names nothing (any more). */
  delete(handle: number): boolean {
    const slot = handle % SLOTS_LIMIT;
    if (this.#handles[slot] !== handle || this.#values[slot] === undefined) return false;
    this.#values[slot] = undefined;
    this.#free.push(slot);
    this.#size--;
    return true;
  }

  /** A snapshot of the values, oldest handle of each slot; order means nothing. */
  values(): T[] {
    return this.#values.filter((value): value is T & {} => value !== undefined);
  }
}
