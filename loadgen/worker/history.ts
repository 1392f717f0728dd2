// Writes the history of all operations for the consistency checkers: a head, then one line of JSON per operation, in the
// order of completion, as docs/HISTORY.md describes it. Knows the form of a line and nothing of what a checker makes of
// it. Meant for short runs: it costs speed.

import { closeSync, openSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';

/** One operation as its caller saw it. Keys and values are base64; times are microseconds since 1970. */
export interface HistoryEvent {
  session: number;
  /** Writes: the command's seq. Reads: the session's last write seq when the read was issued. */
  seq: number;
  op: 'put' | 'get' | 'batch';
  consistency: 'strong' | 'weak';
  key: string;
  /** put: the value written. */
  value?: string;
  /** batch: its changes. */
  writes?: { key: string; value: string | null }[];
  /** get: the value, null for absence; only where `outcome` is `ok`. */
  result?: string | null;
  invokeUs: number;
  /** Absent if it never returned. A weak write returns with its local acknowledgement. */
  returnUs?: number;
  outcome: 'ok' | 'failed' | 'unknown';
  slot: number;
  epoch: number;
}

/** Says of which version the lines after it are. Each part has its own, so that joined parts are a history again. */
const HEAD = '{"curphoHistory":1}';

const FLUSH_CHARACTERS = 1 << 20;

/** An open history file of one process. `Event` is what is known of an operation in the form of docs/HISTORY.md. */
export class HistoryWriter<Event extends object = HistoryEvent> {
  readonly #file: number;
  #lines: string[] = [HEAD];
  #characters = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w');
  }

  write(event: Event): void {
    const line = JSON.stringify(event);
    this.#lines.push(line);
    this.#characters += line.length;
    if (this.#characters >= FLUSH_CHARACTERS) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  /** Blocks on purpose: what is buffered stays bounded whatever the disk does. */
  #flush(): void {
    if (this.#lines.length === 0) return;
    writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
    this.#characters = 0;
  }
}

/** A time of `performance.now()` as microseconds on the clock that all processes of the machine share. */
export function historyTimeUs(nowMs: number): number {
  return Math.round((performance.timeOrigin + nowMs) * 1000);
}

/** Base64 of bytes, the form of keys and values in a history. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}
