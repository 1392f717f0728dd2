// The keys of a workload: which key a popularity rank stands for, and the bytes of a key. Knows nothing of operations.

const CACHED_KEYS = 1 << 16;
const KEY_DIGITS = 10;
const KEY_BYTES = 3 + KEY_DIGITS;
/** Keys are cut from small common buffers: few enough that a cached key keeps little else alive. */
const KEYS_PER_SLAB = 64;

/** Most keys a workload may have: products of two key numbers must stay exact. */
export const KEYS_LIMIT = 50_000_000;

/** Keys numbered 0 … count-1. */
export class KeySpace {
  readonly count: number;
  readonly #stride: number;
  readonly #cache: (Buffer | undefined)[];
  readonly #cachedIndex: Int32Array;
  #slab = Buffer.alloc(0);
  #slabUsed = 0;

  constructor(count: number) {
    this.count = count;
    this.#stride = coprimeStride(count);
    this.#cache = new Array<Buffer | undefined>(Math.min(count, CACHED_KEYS)).fill(undefined);
    this.#cachedIndex = new Int32Array(this.#cache.length).fill(-1);
  }

  /** The key of a rank: a bijection that scatters neighbouring ranks, so that hot keys share no range and no shard. */
  indexOfRank(rank: number): number {
    return (rank * this.#stride) % this.count;
  }

  /** `key` and ten digits. The bytes are shared between calls: nobody may change them. */
  bytesOf(index: number): Buffer {
    const place = index % this.#cache.length;
    if (this.#cachedIndex[place] === index) {
      const known = this.#cache[place];
      if (known !== undefined) return known;
    }
    const bytes = this.#encode(index);
    this.#cache[place] = bytes;
    this.#cachedIndex[place] = index;
    return bytes;
  }

  #encode(index: number): Buffer {
    if (this.#slabUsed === this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(KEYS_PER_SLAB * KEY_BYTES);
      this.#slabUsed = 0;
    }
    const bytes = this.#slab.subarray(this.#slabUsed, this.#slabUsed + KEY_BYTES);
    this.#slabUsed += KEY_BYTES;
    bytes[0] = 0x6b;
    bytes[1] = 0x65;
    bytes[2] = 0x79;
    let rest = index;
    for (let at = KEY_BYTES - 1; at >= 3; at--) {
      const shorter = Math.floor(rest / 10);
      bytes[at] = 0x30 + rest - shorter * 10;
      rest = shorter;
    }
    return bytes;
  }
}

/** A step near the golden section of `count` that has no factor in common with it. */
function coprimeStride(count: number): number {
  let stride = Math.max(1, Math.floor(count * 0.618_033_988_75));
  while (greatestCommonDivisor(stride, count) !== 1) stride++;
  return stride;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
