// A file of traces. Exports wait in memory, as they came, and become lines of JSON when the file is closed: by then
// whatever was traced is over, and it is known which traces are whole and which fit.

import { type FileHandle, open } from 'node:fs/promises';
import { chooseTraces, encodeTraceLine } from './trace-lines.js';

/** A span takes more than twice as many bytes in JSON, so this much is enough to fill the file. */
const HELD_SHARE = 0.5;

/** A new file of OTLP JSON lines, one line per export, never longer than its limit. */
export class TraceFile {
  readonly #handle: FileHandle;
  readonly #bytesLimit: number;
  readonly #exports: Uint8Array[] = [];
  #heldBytes = 0;

  private constructor(handle: FileHandle, bytesLimit: number) {
    this.#handle = handle;
    this.#bytesLimit = bytesLimit;
  }

  /** Creates the file, or empties it. */
  static async create(path: string, bytesLimit: number): Promise<TraceFile> {
    return new TraceFile(await open(path, 'w'), bytesLimit);
  }

  /** Takes an encoded export; false if there is more than the file could hold already. */
  maybeHold(bytes: Uint8Array): boolean {
    if (this.#heldBytes + bytes.length > this.#bytesLimit * HELD_SHARE) return false;
    this.#heldBytes += bytes.length;
    this.#exports.push(bytes);
    return true;
  }

  /**
   * Writes the file and closes it.
   * @returns what is in it.
   * @throws what the disk said; then whole lines are in the file, and perhaps a part of one more.
   */
  async close(): Promise<{ traces: number; spans: number }> {
    try {
      const chosen = chooseTraces(this.#exports, this.#bytesLimit);
      let spans = 0;
      for (const bytes of this.#exports) {
        const line = encodeTraceLine(bytes, chosen);
        await this.#handle.appendFile(line.text);
        spans += line.spans;
      }
      return { traces: chosen.size, spans };
    } finally {
      await this.#handle.close();
    }
  }
}
