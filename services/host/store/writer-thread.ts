// The thread that writes: one block of changes after the other, each in a transaction of its own that is flushed when it
// ends. A block that cannot be kept is tried again until it can. Does not know what a block says.

import { parentPort, workerData } from 'node:worker_threads';
import { commitChanges, dataFile, openRecords, type Records, readStats } from './environment.js';

/** What the thread is started with. */
export interface WriterSettings {
  directory: string;
  /** The data file does not grow beyond this. */
  bytesLimit: number;
}

/** To the thread: keep a block, or end. */
export type WriterRequest = { kind: 'keep'; block: Uint8Array } | { kind: 'close' };

/** From the thread. */
export type WriterReport =
  /** The block is kept; it took so long since it was asked for, without what went wrong before. */
  | { kind: 'kept'; flushUs: number; fileBytes: number }
  /** The block cannot be kept for now; said once, until one is kept. */
  | { kind: 'stuck'; reason: string }
  /** Nothing can be kept any more in this process. */
  | { kind: 'broken'; reason: string }
  | { kind: 'closed' };

const RETRY_MS = 250;
const MAP_FULL = -30792;

/** The data file would grow beyond its limit. */
class LimitReached extends Error {
  override readonly name = 'LimitReached';
}

class Writer {
  private isStuck = false;

  constructor(
    private readonly records: Records,
    private readonly bytesLimit: number,
  ) {}

  /** Keeps a block, now or later. */
  keep(block: Buffer): void {
    const beginMs = performance.now();
    try {
      this.assertRoom(block.length);
      commitChanges(this.records, block);
    } catch (error) {
      this.onFailed(block, error);
      return;
    }
    this.isStuck = false;
    const flushUs = Math.round((performance.now() - beginMs) * 1000);
    report({ kind: 'kept', flushUs, fileBytes: readStats(this.records).fileBytes });
  }

  private onFailed(block: Buffer, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (!isPassing(error)) {
      report({ kind: 'broken', reason });
      return;
    }
    if (!this.isStuck) report({ kind: 'stuck', reason });
    this.isStuck = true;
    setTimeout(() => this.keep(block), RETRY_MS);
  }

  /** LMDB makes its map larger by itself, so the limit has to be watched here; pages that are free count as room. */
  private assertRoom(blockBytes: number): void {
    const { fileBytes, freeBytes } = readStats(this.records);
    const wanted = fileBytes + Math.max(0, 2 * blockBytes - freeBytes);
    if (wanted > this.bytesLimit) throw new LimitReached(`store-bytes-limit (${this.bytesLimit}) is reached`);
  }
}

/**
 * Whether trying again can help: the system refused to write, or there is no room. Everything else says that LMDB met a
 * page that is not what it should be, that a commit failed half-way, or that a block is not what it should be.
 */
function isPassing(error: unknown): boolean {
  if (error instanceof LimitReached) return true;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'number' && (code > 0 || code === MAP_FULL);
}

function report(message: WriterReport): void {
  parentPort?.postMessage(message);
}

const { directory, bytesLimit } = workerData as WriterSettings;
const records = openRecords(dataFile(directory), bytesLimit);
const writer = new Writer(records, bytesLimit);

parentPort?.on('message', (request: WriterRequest) => {
  if (request.kind === 'keep') {
    const { buffer, byteOffset, byteLength } = request.block;
    writer.keep(Buffer.from(buffer, byteOffset, byteLength));
    return;
  }
  records.close().then(() => {
    report({ kind: 'closed' });
    parentPort?.close();
  });
});
