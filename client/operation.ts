// From what a caller states to an operation of the protocol: texts become bytes, limits are checked, and bytes are
// copied, because a write is kept until it is committed while its caller may reuse the buffer at once. Sends nothing.

import type { Operation } from '../protocol/core.js';
import {
  BATCH_MUTATIONS_LIMIT,
  KEY_BYTES_LIMIT,
  SCAN_BYTES_LIMIT,
  SCAN_ENTRIES_LIMIT,
  VALUE_BYTES_LIMIT,
} from '../protocol/limits.js';
import type { Bytes } from '../protocol/messages.js';
import { invalidArgument } from './client-error.js';
import { parseScanCursor } from './scan-cursor.js';
import type { BatchWrite, BytesLike, CallOptions, ScanQuery } from './types.js';

const SCAN_ENTRIES_DEFAULT = 100;
const NO_BYTES: Bytes = Buffer.alloc(0);

/** Whether the options ask for a strong operation. Fails with `INVALID_ARGUMENT` on any other word. */
export function isStrong(options: CallOptions | undefined): boolean {
  const consistency = options?.consistency;
  if (consistency === undefined || consistency === 'strong') return true;
  if (consistency === 'weak') return false;
  throw invalidArgument('consistency', `must be strong or weak, not ${JSON.stringify(consistency)}`);
}

/** A put. */
export function createPut(key: BytesLike, value: BytesLike, strong: boolean): Operation {
  return { kind: 'put', strong, key: toKey('key', key), value: toValue('value', value) };
}

/** A delete. */
export function createDelete(key: BytesLike, strong: boolean): Operation {
  return { kind: 'delete', strong, key: toKey('key', key) };
}

/** A compare-and-set. */
export function createCompareAndSet(key: BytesLike, expected: BytesLike | null, value: BytesLike): Operation {
  return {
    kind: 'compareAndSet',
    strong: true,
    key: toKey('key', key),
    expected: expected === null ? null : toValue('expected', expected),
    value: toValue('value', value),
  };
}

/** A batch: 1 to 1,024 changes of at most 1 MiB together. */
export function createBatch(writes: BatchWrite[], strong: boolean): Operation {
  if (!Array.isArray(writes) || writes.length === 0) throw invalidArgument('writes', 'a batch has at least one write');
  if (writes.length > BATCH_MUTATIONS_LIMIT) {
    throw invalidArgument('writes', `${writes.length} exceed the limit of ${BATCH_MUTATIONS_LIMIT} writes in a batch`);
  }
  let bytes = 0;
  const checked = writes.map((write, index) => {
    const key = toKey(`writes[${index}].key`, write.key);
    const value = write.value === null ? null : toValue(`writes[${index}].value`, write.value);
    bytes += key.length + (value?.length ?? 0);
    return { key, value };
  });
  if (bytes > VALUE_BYTES_LIMIT) {
    throw invalidArgument('writes', `${bytes} bytes exceed the limit of ${VALUE_BYTES_LIMIT} bytes in a batch`);
  }
  return { kind: 'batch', strong, writes: checked };
}

/** A get. */
export function createGet(key: BytesLike, strong: boolean): Operation {
  return { kind: 'get', strong, key: toKey('key', key) };
}

/** One page of a scan. */
export function createScan(query: ScanQuery, strong: boolean): Operation {
  return {
    kind: 'scan',
    strong,
    start: query.cursor === undefined ? toBound('start', query.start) : parseScanCursor(query.cursor),
    end: toBound('end', query.end),
    limit: toCount('limit', query.limit ?? SCAN_ENTRIES_DEFAULT, SCAN_ENTRIES_LIMIT),
    byteLimit: toCount('byteLimit', query.byteLimit ?? SCAN_BYTES_LIMIT, SCAN_BYTES_LIMIT),
  };
}

/** Bytes of keys and values that an operation keeps in memory until it is done. */
export function operationBytes(operation: Operation): number {
  switch (operation.kind) {
    case 'put':
      return operation.key.length + operation.value.length;
    case 'compareAndSet':
      return operation.key.length + operation.value.length + (operation.expected?.length ?? 0);
    case 'batch':
      return operation.writes.reduce((sum, write) => sum + write.key.length + (write.value?.length ?? 0), 0);
    case 'delete':
    case 'get':
      return operation.key.length;
    case 'scan':
      return operation.start.length + operation.end.length;
  }
}

/** Whether an operation is numbered and changes the state. */
export function isWrite(operation: Operation): boolean {
  return operation.kind !== 'get' && operation.kind !== 'scan';
}

function toKey(field: string, key: BytesLike): Bytes {
  const bytes = toOwnedBytes(field, key);
  if (bytes.length === 0) throw invalidArgument(field, 'is empty');
  if (bytes.length > KEY_BYTES_LIMIT) {
    throw invalidArgument(field, `${bytes.length} bytes exceed the limit of ${KEY_BYTES_LIMIT} bytes`);
  }
  return bytes;
}

function toValue(field: string, value: BytesLike): Bytes {
  const bytes = toOwnedBytes(field, value);
  if (bytes.length > VALUE_BYTES_LIMIT) {
    throw invalidArgument(field, `${bytes.length} bytes exceed the limit of ${VALUE_BYTES_LIMIT} bytes`);
  }
  return bytes;
}

function toBound(field: string, bound: BytesLike | undefined): Bytes {
  if (bound === undefined) return NO_BYTES;
  const bytes = toOwnedBytes(field, bound);
  if (bytes.length > KEY_BYTES_LIMIT) {
    throw invalidArgument(field, `${bytes.length} bytes exceed the limit of ${KEY_BYTES_LIMIT} bytes`);
  }
  return bytes;
}

function toCount(field: string, count: number, limit: number): number {
  if (!Number.isInteger(count) || count < 1 || count > limit) {
    throw invalidArgument(field, `must be a whole number from 1 to ${limit}, not ${count}`);
  }
  return count;
}

function toOwnedBytes(field: string, bytes: BytesLike): Bytes {
  if (typeof bytes === 'string') return Buffer.from(bytes, 'utf8');
  if (bytes instanceof Uint8Array) return Buffer.from(bytes);
  throw invalidArgument(field, 'must be a Uint8Array or a string');
}
