// Points: percentiles of merged histograms, medians and trends of iterations, shares, validity.

import assert from 'node:assert/strict';
import { summarizePoint } from '../../../loadgen/point.js';
import { rotateWindows } from '../../../loadgen/rotation.js';
import { judgeGenerator } from '../../../loadgen/self-check.js';
import { median, spread, trend } from '../../../loadgen/statistics.js';
import { samplePhase, samplePoint } from './sample-result.js';

const SHAPE = { clients: 2, threads: 4, pendings: 10 };

function times(count: number, latencyUs: number): number[] {
  return Array.from({ length: count }, () => latencyUs);
}

describe('rotateWindows', () => {
  it('begins every iteration one point later', () => {
    const order = rotateWindows([2, 4, 6, 8], 3).map(({ iteration, threads }) => `${iteration}:${threads}`);
    assert.deepEqual(order, ['1:2', '1:4', '1:6', '1:8', '2:4', '2:6', '2:8', '2:2', '3:6', '3:8', '3:2', '3:4']);
  });

  it('measures every point once in every iteration, also with more iterations than points', () => {
    const order = rotateWindows([1, 2, 3], 7);
    assert.equal(new Set(order.map(({ iteration, threads }) => `${iteration}:${threads}`)).size, 21);
  });
});

describe('statistics', () => {
  it('takes medians, spreads and trends', () => {
    assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3]), median([])], [2, 2.5, 0]);
    assert.ok(Math.abs(spread([17_231, 18_858, 17_757]) - 0.0906) < 0.0001, 'as in the study: 9.1 %');
    assert.ok(Math.abs(trend([90, 100, 110]) - 0.2) < 1e-9);
    assert.ok(Math.abs(trend([100, 130, 100])) < 1e-9);
    assert.deepEqual([spread([5]), trend([5]), trend([0, 0])], [0, 0, 0]);
  });
});

describe('summarizePoint', () => {
  it('takes percentiles from the merged histogram, not from those of its parts', () => {
    // Two processes with medians of 1 and 9 ms; the slow one completed a third as much. The mean of medians would be 5.
    const fast = samplePhase([[], [], times(300, 1000), []]);
    const slow = samplePhase([[], [], times(100, 9000), []]);
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [fast, slow] }], []);
    assert.equal(point.weak.count, 400);
    assert.equal(point.weak.p50Ms, 1);
    assert.ok(Math.abs((point.weak.p90Ms ?? 0) - 9) < 0.01);
    assert.equal(point.opsPerSecond, 400);
  });

  it('joins reads and writes of a class and keeps strong from weak', () => {
    const phase = samplePhase([times(10, 2000), times(30, 4000), times(5, 100), times(15, 300)]);
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [phase] }], []);
    assert.deepEqual([point.strong.count, point.weak.count], [40, 20]);
    assert.deepEqual([point.classes.strongRead.count, point.classes.strongWrite.count], [10, 30]);
    assert.deepEqual([point.classes.weakRead.p50Ms, point.classes.weakWrite.p50Ms], [0.1, 0.3]);
  });

  it('reports null, not zero, where nothing was measured', () => {
    const phase = samplePhase([[], [], [100], []], { acks: { nats: 0, stream: 0 } });
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [phase] }], []);
    assert.deepEqual([point.strong.p50Ms, point.fastPathShare, point.ackShare.nats], [null, null, null]);
  });

  it('takes the median of iterations and tells a trend', () => {
    const rising = samplePoint(4, [90, 100, 110]);
    assert.deepEqual([rising.opsPerSecond, rising.steady], [100, false]);
    const wavering = samplePoint(4, [100, 108, 101]);
    assert.deepEqual([wavering.opsPerSecond, wavering.steady], [101, true]);
  });

  it('adds up shares, errors and checks over processes', () => {
    const first = samplePhase([[100, 100, 100], [], [], []]);
    first.recording.fast = 1;
    first.recording.slowReasons = { leaderConflict: 2 };
    first.recording.errors = 1;
    const second = samplePhase([times(5, 100), [], [], []], {
      verification: { checked: 10, wrong: 1, found: 10, examples: ['oops'] },
    });
    second.recording.fast = 1;
    second.recording.slowReasons = { leaderConflict: 1, witnessGap: 3 };
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [first, second] }], []);
    assert.deepEqual(point.slowReasons, { leaderConflict: 3, witnessGap: 3 });
    assert.equal(point.fastPathShare, 0.25);
    assert.deepEqual(point.ackShare, { nats: 0.9, stream: 0.1 });
    assert.deepEqual([point.errors, point.verified, point.foundShare], [1, false, 0.75]);
    assert.deepEqual(point.verification, { checked: 20, wrong: 1, examples: ['oops'] });
  });

  it('does not certify a window without a single operation', () => {
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [samplePhase([])] }], []);
    assert.equal(point.selfCheck.valid, false);
  });
});

describe('judgeGenerator', () => {
  const good = { cpuShare: 0.6, loopDelayP99Ms: 5, sendLagP99Ms: 0.05, sendLagShare: 0.01, startLagMs: 1, rssBytes: 1 };

  it('certifies a generator that kept up', () => {
    assert.deepEqual(judgeGenerator([good, good]).reasons, []);
  });

  for (const [change, reason] of [
    [{ cpuShare: 0.99 }, /99 % of a core/],
    [{ loopDelayP99Ms: 150 }, /event-loop delay/],
    [{ sendLagShare: 0.2 }, /20 % of the latency/],
    [{ startLagMs: 500 }, /began 500 ms late/],
  ] as const) {
    it(`refuses ${JSON.stringify(change)} of one process, and says why`, () => {
      const verdict = judgeGenerator([good, { ...good, ...change }]);
      assert.equal(verdict.valid, false);
      assert.match(verdict.reasons.join(), reason);
    });
  }
});
