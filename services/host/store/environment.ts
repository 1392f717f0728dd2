// How the data file is opened and written, in one place for the three that do: the node when it begins, the process that examines
// the file before, and the thread that writes. Commits as LMDB itself does, with a flush of the pages before the flush
// of the page that makes them valid: lmdb-js by default flushes after the commit, which it then reports too early.

import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { applyChanges, ChangeWriter } from './records.js';

/** Keys and values are bytes. */
export type Records = RootDatabase<Buffer, Buffer>;

const MAP_SLACK_BYTES = 64 << 20;

/** The file that holds everything, within the directory of a node. */
export function dataFile(directory: string): string {
  return join(directory, 'data.mdb');
}

/** Opens the data file at `path`; creates it if there is none. */
export function openRecords(path: string, bytesLimit: number): Records {
  return open<Buffer, Buffer>({
    path,
    noSubdir: true,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync: false,
    // Addresses, not memory. Where more is mapped than the file may grow to, the map is never moved.
    mapSize: bytesLimit + MAP_SLACK_BYTES,
    maxReaders: 8,
  });
}

/** LMDB's statistics, which lmdb-js does not type. */
export interface FileStats {
  fileBytes: number;
  /** Bytes of pages that hold nothing. */
  freeBytes: number;
  /** Number of the last transaction. */
  transaction: number;
  records: number;
}

interface TreeStats {
  treeBranchPageCount: number;
  treeLeafPageCount: number;
  overflowPages: number;
}

const META_PAGES = 2;

function pagesOf(tree: TreeStats): number {
  return tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages;
}

/** How full the file is, and how far. */
export function readStats(records: Records): FileStats {
  const stats = records.getStats() as TreeStats & {
    pageSize: number;
    lastPageNumber: number;
    lastTxnId: number;
    entryCount: number;
    free: TreeStats;
  };
  const pages = stats.lastPageNumber + 1;
  const freePages = Math.max(0, pages - META_PAGES - pagesOf(stats) - pagesOf(stats.free));
  const { pageSize, lastTxnId, entryCount } = stats;
  return { fileBytes: pages * pageSize, freeBytes: freePages * pageSize, transaction: lastTxnId, records: entryCount };
}

/** Key of the record that says which transaction was the last; a role's first records are on the same page. */
export const TRANSACTION_KEY = Buffer.from([0, 0]);

/** Keys that are looked up at once where a range is cleared. */
const CLEAR_KEYS = 4096;

/**
 * Keeps the changes of a block in one transaction. Its number becomes a record too: the page by which LMDB finds the
 * last tree has no checksum, and one wrong bit in it may lead to the tree of an earlier transaction, which looks whole.
 * @throws Error of LMDB; nothing is kept then.
 */
export function commitChanges(records: Records, block: Buffer): void {
  const number = new ChangeWriter();
  number.put(TRANSACTION_KEY, Buffer.from(String(readStats(records).transaction + 1)));
  const target = {
    put: (key: Buffer, value: Buffer): void => records.putSync(key, value),
    delete: (key: Buffer): void => {
      records.removeSync(key);
    },
    clear: (start: Buffer, end: Buffer): void => {
      for (;;) {
        const keys = [...records.getKeys({ start, end, limit: CLEAR_KEYS })];
        for (const key of keys) records.removeSync(key);
        if (keys.length < CLEAR_KEYS) return;
      }
    },
  };
  records.transactionSync(() => {
    applyChanges(block, target);
    applyChanges(number.take(), target);
  });
}
