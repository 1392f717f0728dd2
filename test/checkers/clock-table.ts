// Clocks as rows of one table: for each session how many of its writes are known. Rows that are needed no more are used
// again, so that the table is as large as what has to be remembered.

/** Rows that are allocated at a time. */
const CHUNK_ROWS = 1024;

/** Says that the table would outgrow its limit. */
export class ClockTableFull extends Error {
  override readonly name = 'ClockTableFull';
}

/** Rows of `width` counters, all 0 in a new row. */
export class ClockTable {
  readonly #chunks: Int32Array[] = [];
  readonly #free: number[] = [];
  #rows = 0;

  /** @param bytesLimit beyond it `create` throws `ClockTableFull`. */
  constructor(
    readonly width: number,
    private readonly bytesLimit: number,
  ) {}

  create(): number {
    const reused = this.#free.pop();
    if (reused !== undefined) return reused;
    if (this.#rows % CHUNK_ROWS === 0) {
      const bytes = (this.#chunks.length + 1) * CHUNK_ROWS * this.width * 4;
      if (bytes > this.bytesLimit)
        throw new ClockTableFull(`clocks of ${this.width} sessions take over ${bytes} bytes`);
      this.#chunks.push(new Int32Array(CHUNK_ROWS * this.width));
    }
    this.#rows += 1;
    return this.#rows - 1;
  }

  release(row: number): void {
    const [chunk, start] = this.#place(row);
    chunk.fill(0, start, start + this.width);
    this.#free.push(row);
  }

  get(row: number, session: number): number {
    const [chunk, start] = this.#place(row);
    return chunk[start + session] ?? 0;
  }

  raise(row: number, session: number, count: number): void {
    const [chunk, start] = this.#place(row);
    if (count > (chunk[start + session] ?? 0)) chunk[start + session] = count;
  }

  /** Lets `row` know all that `other` knows. */
  join(row: number, other: number): void {
    const [chunk, start] = this.#place(row);
    const [otherChunk, otherStart] = this.#place(other);
    for (let session = 0; session < this.width; session += 1) {
      const count = otherChunk[otherStart + session] ?? 0;
      if (count > (chunk[start + session] ?? 0)) chunk[start + session] = count;
    }
  }

  #place(row: number): [Int32Array, number] {
    return [this.#chunks[Math.floor(row / CHUNK_ROWS)] as Int32Array, (row % CHUNK_ROWS) * this.width];
  }
}
