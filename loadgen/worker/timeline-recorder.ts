// Records how a window goes, part by part, in one process. A part is a pair of coarse histograms and four counters; what
// an operation costs here is a comparison and one more count. Knows nothing of how parts are merged or shown.

import type { TimelineBucket } from '../../proto/gen/curpho/v1/load_worker.js';
import { LatencyCounts } from './histograms.js';

const BUCKET_MS_MIN = 50;
const BUCKETS_AIM = 25;
/** Above what `bucketMsOf` leads to; a window of unknown length reaches it. */
const BUCKETS_MAX = 48;

/** Length of the parts of a window: about 25 of them, in whole steps of 50 ms. */
export function bucketMsOf(windowMs: number): number {
  return Math.max(BUCKET_MS_MIN, Math.round(windowMs / BUCKETS_AIM / BUCKET_MS_MIN) * BUCKET_MS_MIN);
}

/** One part under way. */
class Bucket {
  operations = 0;
  strong = 0;
  fast = 0;
  errors = 0;
  readonly weakLatency = new LatencyCounts(2);
  readonly strongLatency = new LatencyCounts(2);

  reset(): void {
    this.operations = 0;
    this.strong = 0;
    this.fast = 0;
    this.errors = 0;
    this.weakLatency.reset();
    this.strongLatency.reset();
  }

  add(other: Bucket): void {
    this.operations += other.operations;
    this.strong += other.strong;
    this.fast += other.fast;
    this.errors += other.errors;
    this.weakLatency.add(other.weakLatency);
    this.strongLatency.add(other.strongLatency);
  }
}

/** The parts of one window at a time. Times are of one clock and not before the window; they may go back. */
export class TimelineRecorder {
  readonly #buckets: Bucket[] = [new Bucket()];
  #bucket = this.#bucketAt(0);
  /** The newest part so far. */
  #last = 0;
  #beginMs = 0;
  #endMs = 0;
  #fromMs = 0;
  #bucketMs = BUCKET_MS_MIN;

  /**
   * Starts over with a window that begins at `fromMs`. If there turn out to be more parts than expected, because nobody
   * knew how long the window would be, pairs of them are joined and the parts are twice as long from then on.
   */
  open(fromMs: number, bucketMs: number): void {
    for (const bucket of this.#buckets) bucket.reset();
    this.#fromMs = fromMs;
    this.#bucketMs = bucketMs;
    this.#last = 0;
    this.#enter(0);
  }

  completed(nowMs: number): void {
    this.#turn(nowMs);
    this.#bucket.operations++;
  }

  /** `atMs` is the time to which the latency belongs. */
  latency(atMs: number, latencyUs: number, isStrong: boolean, isFast: boolean): void {
    this.#turn(atMs);
    const bucket = this.#bucket;
    if (isStrong) {
      bucket.strong++;
      if (isFast) bucket.fast++;
      bucket.strongLatency.record(latencyUs);
    } else {
      bucket.weakLatency.record(latencyUs);
    }
  }

  failed(nowMs: number): void {
    this.#turn(nowMs);
    this.#bucket.errors++;
  }

  result(): { timeline: TimelineBucket[]; timelineBucketMs: number } {
    return {
      timeline: this.#buckets.slice(0, this.#last + 1).map((bucket) => ({
        operations: bucket.operations,
        strong: bucket.strong,
        fast: bucket.fast,
        errors: bucket.errors,
        weakHistogram: bucket.weakLatency.encode(),
        strongHistogram: bucket.strongLatency.encode(),
      })),
      timelineBucketMs: this.#bucketMs,
    };
  }

  #turn(nowMs: number): void {
    if (nowMs >= this.#beginMs && nowMs < this.#endMs) return;
    let at = Math.floor((nowMs - this.#fromMs) / this.#bucketMs);
    while (at >= BUCKETS_MAX) {
      this.#joinPairs();
      at = Math.floor((nowMs - this.#fromMs) / this.#bucketMs);
    }
    this.#enter(at);
  }

  #enter(at: number): void {
    this.#last = Math.max(this.#last, at);
    this.#bucket = this.#bucketAt(at);
    this.#beginMs = this.#fromMs + at * this.#bucketMs;
    this.#endMs = this.#beginMs + this.#bucketMs;
  }

  #joinPairs(): void {
    for (let pair = 0; pair < BUCKETS_MAX / 2; pair++) {
      const joined = this.#bucketAt(pair);
      // The first part is its own pair's first half.
      if (pair > 0) {
        joined.reset();
        joined.add(this.#bucketAt(2 * pair));
      }
      joined.add(this.#bucketAt(2 * pair + 1));
    }
    for (const bucket of this.#buckets.slice(BUCKETS_MAX / 2)) bucket.reset();
    this.#bucketMs *= 2;
    this.#last = Math.floor(this.#last / 2);
  }

  #bucketAt(at: number): Bucket {
    let bucket = this.#buckets[at];
    while (bucket === undefined) {
      this.#buckets.push(new Bucket());
      bucket = this.#buckets[at];
    }
    return bucket;
  }
}
