// How the data file is opened, in one place for the three that do: the node when it begins, the process that examines
// the file before, and the thread that writes. Commits as LMDB itself does, with a flush of the pages before the flush
// of the page that makes them valid: lmdb-js by default flushes after the commit, which it then reports too early.

import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';

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
