// Points: percentiles of merged histograms, medians and trends of iterations, shares, validity.

import assert from 'node:assert/strict';
import { rotateWindows } from '../../../loadgen/driver/rotation.js';
import { summarizePoint } from '../../../loadgen/outcome/point.js';
import { median, spread, trend } from '../../../loadgen/outcome/statistics.js';
import { judgeGenerator } from '../../../loadgen/worker/self-check.js';
import { SAMPLE_HEALTH, samplePhase, samplePoint } from './sample-result.js';

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
    const phase = samplePhase([[], [], [100], []], { acksOverNats: 0, acksOverStream: 0 });
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
    first.fast = 1;
    first.slowReasons = { leaderConflict: 2 };
    first.errors = 1;
    const second = samplePhase([times(5, 100), [], [], []], {
      verification: { checked: 10, wrong: 1, found: 10, examples: ['oops'] },
    });
    second.fast = 1;
    second.slowReasons = { leaderConflict: 1, witnessGap: 3 };
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [first, second] }], []);
    assert.deepEqual(point.slowReasons, { leaderConflict: 3, witnessGap: 3 });
    assert.equal(point.fastPathShare, 0.25);
    assert.deepEqual(point.ackShare, { nats: 0.9, stream: 0.1 });
    assert.deepEqual([point.errors, point.verified, point.foundShare], [1, false, 0.75]);
    assert.deepEqual(point.verification, { checked: 20, wrong: 1, examples: ['oops'] });
  });

  it('draws a curve per class, up to the slowest operation', () => {
    const phase = samplePhase([times(999, 1000).concat(50_000), [], [], []]);
    const { curves } = summarizePoint(SHAPE, [{ iteration: 1, results: [phase] }], []);
    assert.deepEqual([curves.strongWrite, curves.weakRead], [[], []]);
    const curve = curves.strongRead;
    assert.deepEqual([curve[0]?.percentile, curve.at(-2)?.percentile, curve.at(-1)?.percentile], [0, 99.99, 100]);
    const at = (percentile: number) => curve.find((point) => point.percentile === percentile)?.ms ?? 0;
    assert.deepEqual([at(0), at(90), at(99)], [1, 1, 1]);
    assert.ok(at(99.99) > 49 && at(99.99) <= at(100));
    const rises = curve.slice(1).map((point, step) => point.ms - (curve[step]?.ms ?? 0));
    assert.ok(
      rises.every((rise) => rise >= 0),
      JSON.stringify(curve),
    );
  });

  it('says of an open loop what was intended, sent and given up, over processes and windows', () => {
    const counts = {
      intended: 100,
      sent: 90,
      dropped: 0,
      inFlightMax: 7,
      waitingMax: 20,
      waitingAtEnd: 0,
      unansweredAtEnd: 3,
    };
    const phases = [counts, { ...counts, waitingAtEnd: 10 }].map((openLoop) => samplePhase([[100]], { openLoop }));
    const windows = [
      { iteration: 1, results: phases },
      { iteration: 2, results: [samplePhase([[100]], { openLoop: { ...counts, sent: 60, dropped: 40 } })] },
    ];
    const { openLoop } = summarizePoint({ ...SHAPE, pendings: 0 }, windows, []);
    assert.deepEqual(openLoop, {
      intendedPerSecond: 150,
      sentPerSecond: 120,
      intended: 300,
      sent: 240,
      dropped: 40,
      completed: 3,
      completedPerSecond: 1.5,
      inFlightMax: 14,
      waitingMax: 40,
      waitingAtEnd: 10,
      unansweredAtEnd: 6,
      overloaded: true,
    });
  });

  it('does not call an open loop overloaded that kept up, nor a closed one', () => {
    const openLoop = {
      intended: 100,
      sent: 100,
      dropped: 0,
      inFlightMax: 7,
      waitingMax: 20,
      waitingAtEnd: 0,
      unansweredAtEnd: 3,
    };
    const kept = summarizePoint(SHAPE, [{ iteration: 1, results: [samplePhase([times(100, 100)], { openLoop })] }], []);
    assert.equal(kept.openLoop?.overloaded, false);
    assert.equal(samplePoint(4, [100]).openLoop, null);
  });

  it('calls an open loop overloaded that completed too little of what was due, dropped or not', () => {
    const isOverloaded = (intended: number, completed: number) => {
      const counts = { intended, sent: intended, dropped: 0, inFlightMax: intended, waitingMax: 0, waitingAtEnd: 0 };
      const openLoop = { ...counts, unansweredAtEnd: intended - completed };
      const windows = [
        {
          iteration: 1,
          results: [samplePhase([times(intended, 100)], { openLoop: { ...openLoop, unansweredAtEnd: 0 } })],
        },
        { iteration: 2, results: [samplePhase([times(completed, 100)], { openLoop })] },
      ];
      return summarizePoint(SHAPE, windows, []).openLoop?.overloaded;
    };
    // A cluster that takes three quarters of 2,000 a second for 5 s; the study's stall: 2,967 of 4,974.
    assert.deepEqual([isOverloaded(10_000, 7500), isOverloaded(4974, 2967)], [true, true]);
    // What happens to be under way at an end: a few of few, and less than a twentieth of many.
    assert.deepEqual([isOverloaded(5, 3), isOverloaded(100, 80), isOverloaded(10_000, 9600)], [false, false, false]);
  });

  it('does not certify a window without a single operation', () => {
    const point = summarizePoint(SHAPE, [{ iteration: 1, results: [samplePhase([])] }], []);
    assert.equal(point.selfCheck.valid, false);
  });
});

describe('judgeGenerator', () => {
  it('certifies a generator that kept up', () => {
    assert.deepEqual(judgeGenerator([SAMPLE_HEALTH, SAMPLE_HEALTH], 'closed').reasons, []);
  });

  for (const [change, reason] of [
    [{ cpuShare: 0.99 }, /99 % of a core/],
    [{ loopDelayP99Ms: 150 }, /event-loop delay/],
    [{ sendLagShare: 0.2 }, /20 % of the latency/],
    [{ startLagMs: 500 }, /began 500 ms late/],
  ] as const) {
    it(`refuses ${JSON.stringify(change)} of one process, and says why`, () => {
      const verdict = judgeGenerator([SAMPLE_HEALTH, { ...SAMPLE_HEALTH, ...change }], 'closed');
      assert.equal(verdict.valid, false);
      assert.match(verdict.reasons.join(), reason);
    });
  }

  it('asks in an open loop how late sends were, in share and in time', () => {
    const late = { ...SAMPLE_HEALTH, sendLagShare: 0.2, sendLagP99Ms: 20 };
    assert.deepEqual(judgeGenerator([late], 'open').reasons, []);
    const { valid, reasons } = judgeGenerator([{ ...late, sendLagShare: 0.4, sendLagP99Ms: 30 }], 'open');
    assert.equal(valid, false);
    assert.match(reasons[0] ?? '', /later than intended by 40 % of the latency/);
    assert.match(reasons[1] ?? '', /30.0 ms later than intended \(p99\)/);
  });
});
