// The values that the generator writes: each says for which key it was written, by whom, as which of the writer's
// values, and carries a checksum over all of that and the padding. Knows nothing of what was really written.

/** Shortest value that holds the header. */
export const VALUE_BYTES_MIN = 24;

const HIGH = 0x1_0000_0000;

/** Reads of a value after `decode` returned true. One object is reused, so take what you need at once. */
export interface DecodedValue {
  keyIndex: number;
  /** Session that wrote it. */
  session: number;
  /** The how-manieth value of that session it is, from 1. Grows with the session's `seq`, and equals it where every write carries one value. */
  serial: number;
}

/** Encodes and decodes values of one length. */
export class ValueCodec {
  readonly decoded: DecodedValue = { keyIndex: 0, session: 0, serial: 0 };
  readonly #template: Buffer;

  /** `valueBytes` ≥ `VALUE_BYTES_MIN`. */
  constructor(valueBytes: number) {
    this.#template = Buffer.alloc(valueBytes);
    // Padding that differs from place to place, so that bytes moved within a value are noticed as well.
    for (let at = VALUE_BYTES_MIN; at < valueBytes; at++) this.#template[at] = (at * 167 + 13) & 0xff;
  }

  /** A new value; the caller owns it. Layout: checksum, key, session (low, high), serial (low, high), padding. */
  encode(keyIndex: number, session: number, serial: number): Buffer {
    const value = Buffer.allocUnsafe(this.#template.length);
    value.set(this.#template);
    writeWord(value, 4, keyIndex);
    writeWord(value, 8, session);
    writeWord(value, 12, session / HIGH);
    writeWord(value, 16, serial);
    writeWord(value, 20, serial / HIGH);
    writeWord(value, 0, checksum(value));
    return value;
  }

  /** Fills `decoded`; false if length or checksum do not fit, and then `decoded` means nothing. */
  decode(value: Uint8Array): boolean {
    if (value.length !== this.#template.length || readWord(value, 0) >>> 0 !== checksum(value)) return false;
    const decoded = this.decoded;
    decoded.keyIndex = readWord(value, 4) >>> 0;
    decoded.session = (readWord(value, 8) >>> 0) + (readWord(value, 12) >>> 0) * HIGH;
    decoded.serial = (readWord(value, 16) >>> 0) + (readWord(value, 20) >>> 0) * HIGH;
    return true;
  }
}

/**
 * 32 bits over everything after the first word. Every step can be undone given the word it took in, so a change within
 * one word always changes the result; other damage passes once in 2^32. Measured on 96 bytes: 68 ns, zlib's crc32 165 ns.
 */
export function checksum(value: Uint8Array): number {
  const length = value.length;
  let hash = 0x9e3779b9 ^ length;
  let at = 4;
  for (; at + 4 <= length; at += 4) {
    hash = Math.imul(hash ^ readWord(value, at), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  for (; at < length; at++) {
    hash = Math.imul(hash ^ (value[at] ?? 0), 0x85ebca6b);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function readWord(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

function writeWord(bytes: Uint8Array, at: number, word: number): void {
  const bits = word >>> 0;
  bytes[at] = bits & 0xff;
  bytes[at + 1] = (bits >>> 8) & 0xff;
  bytes[at + 2] = (bits >>> 16) & 0xff;
  bytes[at + 3] = bits >>> 24;
}
