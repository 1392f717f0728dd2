// Latency histograms: how fine they are, how they are filled while load runs, and their form as bytes. Knows microseconds
// and nothing of what was measured.

import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64, type Histogram } from 'hdr-histogram-js';

/** Longest latency told apart; longer ones count as this. Microseconds. */
export const LATENCY_US_MAX = 120_000_000;

/** How many digits of a value count; the others are rounded down. */
export type Digits = 2 | 3;

/**
 * The counts of one histogram while it is filled. The buckets are HdrHistogram's own; to count into them directly is what
 * an operation under load can afford several times over, and the library takes over once they are complete.
 */
export class LatencyCounts {
  /** Values recorded. */
  total = 0;
  readonly #digits: Digits;
  /** Values below 2^bits have a bucket each; above, every power of two has 2^(bits − 1). */
  readonly #bits: number;
  readonly #counts: Uint32Array;

  constructor(digits: Digits) {
    this.#digits = digits;
    this.#bits = digits === 2 ? 8 : 11;
    this.#counts = new Uint32Array(this.#indexOf(LATENCY_US_MAX) + 1);
  }

  /** `latencyUs` is a whole number from 0 to `LATENCY_US_MAX`. */
  record(latencyUs: number): void {
    this.total++;
    const index = this.#indexOf(latencyUs);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
  }

  /** `other` has to be of as many digits. */
  add(other: LatencyCounts): void {
    this.total += other.total;
    other.#counts.forEach((count, index) => {
      if (count > 0) this.#counts[index] = (this.#counts[index] ?? 0) + count;
    });
  }

  reset(): void {
    this.total = 0;
    this.#counts.fill(0);
  }

  /** The compressed form (HdrHistogram V2); no bytes where nothing was recorded. */
  encode(): Uint8Array {
    if (this.total === 0) return new Uint8Array();
    const histogram = createHistogram(this.#digits);
    this.#counts.forEach((count, index) => {
      if (count > 0) histogram.recordValueWithCount(this.#lowestOf(index), count);
    });
    return encodeHistogram(histogram);
  }

  #indexOf(latencyUs: number): number {
    const shift = Math.max(0, 32 - this.#bits - Math.clz32(latencyUs));
    return (shift << (this.#bits - 1)) + (latencyUs >>> shift);
  }

  #lowestOf(index: number): number {
    const half = 1 << (this.#bits - 1);
    const shift = Math.max(0, (index >>> (this.#bits - 1)) - 1);
    return shift === 0 ? index : ((index % half) + half) * 2 ** shift;
  }
}

/** An empty histogram of microseconds. */
export function createHistogram(digits: Digits): Histogram {
  return build({ highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: digits });
}

/** The compressed form (HdrHistogram V2), as bytes. */
export function encodeHistogram(histogram: Histogram): Uint8Array {
  return Buffer.from(encodeIntoCompressedBase64(histogram), 'base64');
}

/** Back from `encodeHistogram`; no bytes are an empty histogram. */
export function decodeHistogram(bytes: Uint8Array, digits: Digits): Histogram {
  if (bytes.length === 0) return createHistogram(digits);
  return decodeFromCompressedBase64(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64'));
}

/** All values of several histograms together. */
export function mergeHistograms(histograms: readonly Histogram[], digits: Digits): Histogram {
  const merged = createHistogram(digits);
  for (const histogram of histograms) merged.add(histogram);
  return merged;
}
