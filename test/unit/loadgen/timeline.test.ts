// Timelines: parts of a window as one process records them, and as several processes add up to.

import assert from 'node:assert/strict';
import { mergeTimelines } from '../../../loadgen/outcome/timeline.js';
import { bucketMsOf, TimelineRecorder } from '../../../loadgen/worker/timeline-recorder.js';

/** An operation that completes at a time to which its latency belongs as well. */
function answer(recorder: TimelineRecorder, atMs: number, latencyUs: number, isStrong: boolean, isFast: boolean): void {
  recorder.completed(atMs);
  recorder.latency(atMs, latencyUs, isStrong, isFast);
}

/** A recorder of a window that began at 1,000 ms, fed with weak operations of 1 ms that end at the given times. */
function recordWeak(timesMs: readonly number[], bucketMs: number): TimelineRecorder {
  const recorder = new TimelineRecorder();
  recorder.open(1000, bucketMs);
  for (const timeMs of timesMs) {
    answer(recorder, timeMs, 1000, false, false);
  }
  return recorder;
}

describe('TimelineRecorder', () => {
  it('has some 25 parts, in steps of 50 ms', () => {
    assert.deepEqual([100, 1000, 2000, 5000, 60_000].map(bucketMsOf), [50, 50, 100, 200, 2400]);
    for (let windowMs = 1000; windowMs < 100_000; windowMs += 7) {
      const parts = windowMs / bucketMsOf(windowMs);
      assert.ok(parts >= 16 && parts <= 38, `${windowMs} ms in ${parts} parts`);
    }
  });

  it('puts every operation and error into the part in which it ended', () => {
    const recorder = new TimelineRecorder();
    recorder.open(1000, 50);
    answer(recorder, 1000, 300, true, true);
    answer(recorder, 1049.999, 300, true, false);
    answer(recorder, 1050, 700, false, false);
    recorder.failed(1199);
    const { timeline, timelineBucketMs } = recorder.result();
    assert.equal(timelineBucketMs, 50);
    assert.deepEqual(
      timeline.map(({ operations, strong, fast, errors }) => [operations, strong, fast, errors]),
      [
        [2, 2, 1, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
      ],
    );
    assert.deepEqual([timeline[0]?.weakHistogram.length, timeline[1]?.strongHistogram.length], [0, 0]);
  });

  it('takes latencies of parts that are over, as they come after a stall', () => {
    const recorder = new TimelineRecorder();
    recorder.open(1000, 50);
    answer(recorder, 1000, 300, true, true);
    recorder.completed(1120);
    recorder.latency(1060, 60_000, true, false);
    recorder.latency(1010, 110_000, false, false);
    const { timeline } = recorder.result();
    assert.deepEqual(
      timeline.map(({ operations, strong, fast }) => [operations, strong, fast]),
      [
        [1, 1, 1],
        [0, 1, 0],
        [1, 0, 0],
      ],
    );
    assert.ok((timeline[0]?.weakHistogram.length ?? 0) > 0);
  });

  it('forgets the window before', () => {
    const recorder = recordWeak([1000, 1060, 1500], 50);
    recorder.open(2000, 50);
    answer(recorder, 2060, 1000, false, false);
    assert.deepEqual(
      recorder.result().timeline.map(({ operations }) => operations),
      [0, 1],
    );
  });

  it('joins pairs of parts when the window turns out long, and loses nothing', () => {
    // One operation in every part of 50 ms, 300 parts long: doubled three times.
    const recorder = recordWeak(
      Array.from({ length: 300 }, (_, part) => 1025 + part * 50),
      50,
    );
    const { timeline, timelineBucketMs } = recorder.result();
    assert.equal(timelineBucketMs, 400);
    assert.deepEqual(
      timeline.map(({ operations }) => operations),
      [...new Array<number>(37).fill(8), 4],
    );
    const merged = mergeTimelines([{ timeline, timelineBucketMs, windowMs: 15_000 }]);
    assert.deepEqual(new Set(merged.opsPerSecond), new Set([20]));
  });

  it('steps over a long silence at once', () => {
    const { timeline, timelineBucketMs } = recordWeak([1000, 1000 + 3_600_000], 50).result();
    assert.equal(timelineBucketMs, 102_400);
    assert.deepEqual([timeline.length, timeline[0]?.operations, timeline.at(-1)?.operations], [36, 1, 1]);
  });
});

describe('mergeTimelines', () => {
  it('takes percentiles from merged parts and adds the rest up', () => {
    const first = new TimelineRecorder();
    first.open(0, 100);
    for (let i = 0; i < 30; i++) answer(first, 10, 1000, false, false);
    answer(first, 150, 2000, true, true);
    first.failed(160);
    const second = new TimelineRecorder();
    second.open(0, 100);
    for (let i = 0; i < 10; i++) answer(second, 20, 9000, false, false);
    for (let i = 0; i < 3; i++) answer(second, 120, 4000, true, false);
    const merged = mergeTimelines([first, second].map((recorder) => ({ ...recorder.result(), windowMs: 300 })));
    assert.deepEqual([merged.bucketMs, merged.opsPerSecond], [100, [400, 40, 0]]);
    assert.deepEqual(
      [merged.fastPathShare, merged.errors],
      [
        [null, 0.25, null],
        [0, 1, 0],
      ],
    );
    assert.deepEqual(rounded(merged.weakP50Ms), [1, null, null]);
    assert.deepEqual(rounded(merged.weakP99Ms), [9, null, null]);
    assert.deepEqual(rounded(merged.strongP50Ms), [null, 4, null]);
    assert.deepEqual(rounded(merged.strongP99Ms), [null, 4, null]);
  });

  it('knows that the last part is short', () => {
    const timeline = recordWeak([1010, 1110, 1210], 100).result();
    assert.deepEqual(mergeTimelines([{ ...timeline, windowMs: 220 }]).opsPerSecond.map(Math.round), [10, 10, 50]);
  });

  it('joins processes whose parts differ in length by the coarsest', () => {
    const short = recordWeak([1010, 1060, 1110, 1160], 50).result();
    const long = recordWeak([1050, 1150], 100).result();
    const merged = mergeTimelines([
      { ...short, windowMs: 200 },
      { ...long, windowMs: 250 },
    ]);
    assert.deepEqual([merged.bucketMs, merged.opsPerSecond.map(Math.round)], [100, [30, 30, 0]]);
  });
});

function rounded(valuesMs: readonly (number | null)[]): (number | null)[] {
  return valuesMs.map((valueMs) => (valueMs === null ? null : Math.round(valueMs)));
}
