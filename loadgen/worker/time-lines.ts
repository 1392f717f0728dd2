// Keeps the time lines that operations bring along: up to a bound for each class of operation, every one with the same
// chance of being kept. Knows their form as bytes; what they mean together is worked out once all processes' are there.

import { STAGES, type TimeLine } from '../../attribution/stages.js';

/** Columns of a row: path, role and node, what the caller measured, and the stages. */
export const TIME_LINE_COLUMNS = 4 + STAGES.length;
/** Rows kept by one process for one class. */
const ROWS_LIMIT = 8192;
/** In the order of their codes. */
export const TIME_LINE_PATHS = ['fast', 'slow', 'weak'] as const;
/** In the order of their codes. */
export const TIME_LINE_ROLES = ['replica', 'witness'] as const;

/** Rows of one class. */
export class TimeLineRows {
  readonly #rows = new Float32Array(ROWS_LIMIT * TIME_LINE_COLUMNS);
  readonly #random: () => number;
  #seen = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** `latencyUs`: from issuing the operation to its answer, as the caller saw it. */
  record(path: (typeof TIME_LINE_PATHS)[number], latencyUs: number, line: TimeLine): void {
    const row = this.#seen < ROWS_LIMIT ? this.#seen : Math.floor(this.#random() * (this.#seen + 1));
    this.#seen++;
    if (row >= ROWS_LIMIT) return;
    const at = row * TIME_LINE_COLUMNS;
    this.#rows[at] = TIME_LINE_PATHS.indexOf(path);
    this.#rows[at + 1] = TIME_LINE_ROLES.indexOf(line.role);
    this.#rows[at + 2] = line.node;
    this.#rows[at + 3] = latencyUs;
    for (let stage = 0; stage < STAGES.length; stage++) this.#rows[at + 4 + stage] = line.stagesUs[stage] ?? 0;
  }

  reset(): void {
    this.#seen = 0;
  }

  /** 32-bit floats, least significant byte first, row by row. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(Math.min(this.#seen, ROWS_LIMIT) * TIME_LINE_COLUMNS * 4);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at * 4 < bytes.length; at++) view.setFloat32(at * 4, this.#rows[at] ?? 0, true);
    return bytes;
  }
}

/** Rows as `encode` wrote them; a part of a row at the end is left out. */
export function decodeTimeLines(bytes: Uint8Array): Float32Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rowBytes = TIME_LINE_COLUMNS * 4;
  return Array.from({ length: Math.floor(bytes.length / rowBytes) }, (_, row) =>
    Float32Array.from({ length: TIME_LINE_COLUMNS }, (_, column) => view.getFloat32(row * rowBytes + column * 4, true)),
  );
}
