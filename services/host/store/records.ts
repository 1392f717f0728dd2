// The compact form of what is kept: numbers and bytes in a row, batches of records as one block of bytes that can be
// handed to another thread, and the checksum that every record carries. Does not know what a record says.

import { crc32 } from 'node:zlib';

const FIRST_BYTES = 4096;
const CHECKSUM_BYTES = 4;
/** Kind, length of the key, length of the value with its checksum. */
const HEADER_BYTES = 7;

/** What is done to a record. `clear` has the end of a range of keys, which it excludes, in place of a value. */
export const RecordChange = { put: 1, delete: 2, clear: 3 } as const;

/** A record is not what was written. */
export class DamagedRecord extends Error {
  override readonly name = 'DamagedRecord';
}

/** Writes numbers and bytes into a buffer that grows. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** An integer from 0 to the largest that is safe, seven bits to a byte. */
  number(value: number): this {
    this.reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      // Bit operations would cut the number to 32 bits.
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
    return this;
  }

  /** Bytes as they are; their length is not noted. */
  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Text with one byte for each character; its length is not noted. */
  text(text: string): this {
    this.reserve(text.length);
    this.#length += this.#bytes.write(text, this.#length, 'latin1');
    return this;
  }

  /** A copy of what was written; the writer begins anew. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }

  /** What was written, valid until the next call; the writer begins anew. */
  view(): Buffer {
    const bytes = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return bytes;
  }

  private reserve(bytes: number): void {
    const wanted = this.#length + bytes;
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Reads what a `RecordWriter` wrote. */
export class RecordReader {
  #at = 0;

  constructor(private readonly bytes: Buffer) {}

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  /** @throws DamagedRecord if there is no number here. */
  number(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined || unit > Number.MAX_SAFE_INTEGER) throw new DamagedRecord('a number is cut off');
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) return value;
      unit *= 0x80;
    }
  }

  /** The next `length` bytes, by reference. */
  raw(length: number): Buffer {
    if (this.#at + length > this.bytes.length) throw new DamagedRecord('bytes are cut off');
    this.#at += length;
    return this.bytes.subarray(this.#at - length, this.#at);
  }

  /** All that is left, as text. */
  restAsText(): string {
    const text = this.bytes.toString('latin1', this.#at);
    this.#at = this.bytes.length;
    return text;
  }
}

/** Changes of records in order, as one block that `applyChanges` reads. */
export class ChangeWriter {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#length;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#append(RecordChange.put, key, value, CHECKSUM_BYTES);
  }

  delete(key: Uint8Array): void {
    this.#append(RecordChange.delete, key, key.subarray(0, 0), 0);
  }

  /** Removes all keys from `start` on and below `end`. */
  clear(start: Uint8Array, end: Uint8Array): void {
    this.#append(RecordChange.clear, start, end, 0);
  }

  /** The block, whose memory is the caller's; the writer begins anew. */
  take(): Buffer {
    const block = this.#bytes.subarray(0, this.#length);
    this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#length = 0;
    return block;
  }

  #append(change: number, key: Uint8Array, value: Uint8Array, extra: number): void {
    const valueAt = this.#length + HEADER_BYTES + key.length;
    const end = valueAt + value.length + extra;
    this.#reserve(end);
    const bytes = this.#bytes;
    bytes[this.#length] = change;
    bytes.writeUInt16LE(key.length, this.#length + 1);
    bytes.writeUInt32LE(value.length + extra, this.#length + 3);
    bytes.set(key, this.#length + HEADER_BYTES);
    bytes.set(value, valueAt);
    this.#length = end;
  }

  #reserve(wanted: number): void {
    if (wanted <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Where the changes of a block go. */
export interface ChangeTarget {
  put(key: Buffer, sealed: Buffer): void;
  delete(key: Buffer): void;
  clear(start: Buffer, end: Buffer): void;
}

/** Carries out a block's changes in order. Writes the checksums into the block, so that this costs no other thread. */
export function applyChanges(block: Buffer, target: ChangeTarget): void {
  for (let at = 0; at < block.length; ) {
    const change = block[at];
    const keyEnd = at + HEADER_BYTES + block.readUInt16LE(at + 1);
    const key = block.subarray(at + HEADER_BYTES, keyEnd);
    at = keyEnd + block.readUInt32LE(at + 3);
    const value = block.subarray(keyEnd, at);
    if (change === RecordChange.put) {
      value.writeUInt32LE(checksum(key, value.subarray(0, -CHECKSUM_BYTES)), value.length - CHECKSUM_BYTES);
      target.put(key, value);
    } else if (change === RecordChange.delete) {
      target.delete(key);
    } else {
      target.clear(key, value);
    }
  }
}

/**
 * The value of a record as it was put.
 * @throws DamagedRecord if key or value are not what was written.
 */
export function unseal(key: Buffer, sealed: Buffer): Buffer {
  const length = sealed.length - CHECKSUM_BYTES;
  if (length >= 0) {
    const value = sealed.subarray(0, length);
    if (checksum(key, value) === sealed.readUInt32LE(length)) return value;
  }
  throw new DamagedRecord(`the record at key ${key.toString('hex', 0, 32)} does not match its checksum`);
}

/** Covers the key too: a value under the wrong key is no better than a wrong value. */
function checksum(key: Buffer, value: Buffer): number {
  return crc32(value, crc32(key));
}
