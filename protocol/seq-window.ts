// Values under consecutive numbers, added at the end and dropped from the front: a session's write set, a witness's
// entries of a session, a leader's uncommitted slots. An array rather than a Map for the reason told in slot-table.ts.

/** A window of numbers from `first` to `last`. */
export class SeqWindow<T> {
  #values: (T | undefined)[] = [];
  #head = 0;
  #first: number;

  /** The first value will have the number `first`. */
  constructor(first: number) {
    this.#first = first;
  }

  /** How many numbers the window spans. */
  get size(): number {
    return this.#values.length - this.#head;
  }

  /** Number of the newest value; one less than the next to come. */
  get last(): number {
    return this.#first + this.size - 1;
  }

  /** Adds a value under a number above `last`. Numbers that are passed over have no value. */
  add(number: number, value: T): void {
    if (this.size === 0) this.#first = number;
    if (number <= this.last) throw new RangeError(`number ${number} added after ${this.last}`);
    while (this.last < number - 1) this.#values.push(undefined);
    this.#values.push(value);
  }

  get(number: number): T | undefined {
    return number < this.#first ? undefined : this.#values[this.#head + number - this.#first];
  }

  has(number: number): boolean {
    return this.get(number) !== undefined;
  }

  /** Takes out the lowest number and its value, if it has one. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const value = this.#values[this.#head];
    this.#values[this.#head] = undefined;
    this.#head++;
    this.#first++;
    if (this.#head === this.#values.length) {
      this.#values.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }

  /** Number of the oldest value. Meaningless if there is none. */
  get first(): number {
    return this.#first;
  }

  /** The values in order of their numbers. Nothing may be dropped meanwhile. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let at = this.#head; at < this.#values.length; at++) {
      const value = this.#values[at];
      if (value !== undefined) yield value;
    }
  }
}
