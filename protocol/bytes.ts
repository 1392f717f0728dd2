// Bytes and their compact resting form. What rests in memory (keys, values in the state) is kept as a string with one
// character for each byte: a million 100-byte values take half the memory that way that they take as typed arrays
// (docs/BENCHMARKS.md), and the garbage collector has nothing to sweep. What travels stays bytes.

import type { Bytes } from './messages.js';

/** No bytes. Shared, never written to. */
export const NO_BYTES: Bytes = new Uint8Array(0);

// `Reflect.apply` spreads its argument over the stack, so long inputs go piecewise.
const CHUNK_BYTES = 4096;

/** The bytes as text, one character for each. Comparing two texts with `<` is comparing the bytes. */
export function bytesToText(bytes: Bytes): string {
  if (bytes.length <= CHUNK_BYTES) return Reflect.apply(String.fromCharCode, null, bytes);
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) text += bytesToText(bytes.subarray(at, at + CHUNK_BYTES));
  return text;
}

/** The inverse of `bytesToText`. */
export function textToBytes(text: string): Bytes {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Chunk from which a slab cuts; a view keeps its whole chunk alive, so what is cut should be short-lived. */
const SLAB_BYTES = 1 << 18;
/** The first chunk; each is twice as long as the one before, so that a core with little to send allocates little. */
const FIRST_SLAB_BYTES = 1 << 12;

/** Cuts many short-lived byte strings from few allocations: each array buffer of its own costs a malloc and a sweep. */
export class Slab {
  #chunk: Bytes = NO_BYTES;
  #used = 0;

  /** As `textToBytes`. */
  toBytes(text: string): Bytes {
    const { length } = text;
    if (length > SLAB_BYTES >> 4) return textToBytes(text);
    const bytes = this.#cut(length);
    for (let i = 0; i < length; i++) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  /** A copy that does not keep the frame alive from which the bytes came. */
  copy(bytes: Bytes): Bytes {
    if (bytes.length === 0) return NO_BYTES;
    if (bytes.length > SLAB_BYTES >> 4) return new Uint8Array(bytes);
    const copy = this.#cut(bytes.length);
    copy.set(bytes);
    return copy;
  }

  #cut(length: number): Bytes {
    if (this.#used + length > this.#chunk.length) {
      const longer = Math.max(FIRST_SLAB_BYTES, 2 * this.#chunk.length, length);
      this.#chunk = new Uint8Array(Math.min(longer, SLAB_BYTES));
      this.#used = 0;
    }
    const start = this.#used;
    this.#used = start + length;
    return this.#chunk.subarray(start, start + length);
  }
}

/** Whether two byte strings are equal. */
export function equalBytes(a: Bytes, b: Bytes): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Shard of a key among `shards`: FNV-1a over its characters. */
export function shardOf(key: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
