// The cursor of a scan: the key at which the next page starts, as base64url. Holds no state of the server.

import { KEY_BYTES_LIMIT } from '../protocol/limits.js';
import type { Bytes } from '../protocol/messages.js';
import { invalidArgument } from './client-error.js';

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** The cursor after a page that ended with `lastKey`; null if no key can follow. */
export function encodeScanCursor(lastKey: Bytes): string | null {
  const next = smallestKeyAfter(lastKey);
  return next === null ? null : Buffer.from(next.buffer, next.byteOffset, next.byteLength).toString('base64url');
}

/** The key at which the page named by a cursor starts. Fails with `INVALID_ARGUMENT`. */
export function parseScanCursor(cursor: string): Bytes {
  if (typeof cursor !== 'string' || !BASE64URL.test(cursor)) throw invalidArgument('cursor', 'not a scan cursor');
  const start = Buffer.from(cursor, 'base64url');
  if (start.length === 0 || start.length > KEY_BYTES_LIMIT || start.toString('base64url') !== cursor) {
    throw invalidArgument('cursor', 'not a scan cursor');
  }
  return start;
}

/**
 * The smallest key of legal length above `key`. Below the length limit that is the key and a zero byte. A key of full
 * length has no longer ones after it, so its last byte counts up, and trailing 0xff bytes carry.
 */
function smallestKeyAfter(key: Bytes): Bytes | null {
  if (key.length < KEY_BYTES_LIMIT) {
    const next = new Uint8Array(key.length + 1);
    next.set(key);
    return next;
  }
  let end = key.length;
  while (end > 0 && key[end - 1] === 0xff) end--;
  if (end === 0) return null;
  const next = key.slice(0, end);
  next[end - 1] = (next[end - 1] ?? 0) + 1;
  return next;
}
