// Comparisons of made-up results: what is called a difference, what is not, and which runs are not alike.

import assert from 'node:assert/strict';
import { type Comparison, compareResults } from '../../../loadgen/outcome/compare.js';
import { describeComparison, describeOverall, describePoint } from '../../../loadgen/outcome/describe-comparison.js';
import { findCautions, findDifferences } from '../../../loadgen/outcome/likeness.js';
import type { OpenLoopResult, PointResult } from '../../../loadgen/outcome/point.js';
import type { RunResult } from '../../../loadgen/outcome/result.js';
import { parsePlan, type RawFlags, SWEEP_DEFAULTS } from '../../../loadgen/plan.js';
import { renderTerminal } from '../../../loadgen/report/table.js';
import { comparedPoint } from './compared-point.js';
import { sampleResult } from './sample-result.js';

const SLOW = [1000, 1010, 1020];
const FAST = [1200, 1210, 1220];
const NOISY = [900, 1010, 1300];

function compareThroughputs(before: number[], after: number[]): Comparison {
  return comparePointLists([comparedPoint(4, { opsPerSecond: before })], [comparedPoint(4, { opsPerSecond: after })]);
}

function comparePointLists(before: PointResult[], after: PointResult[]): Comparison {
  return compareResults(sampleResult(before), later(after));
}

function later(points: PointResult[], changes: Partial<RunResult> = {}): RunResult {
  return sampleResult(points, { startedAt: '2030-01-02T00:00:00.000Z', ...changes });
}

function onlySentence(comparison: Comparison): string {
  assert.equal(comparison.points.length, 1);
  return comparison.points.map(describePoint).join();
}

describe('compareResults', () => {
  it('calls a difference that the spread does not explain', () => {
    const better = compareThroughputs(SLOW, FAST);
    assert.equal(better.verdict, 'better');
    assert.equal(onlySentence(better), '8 streams: better: throughput +20 % (+18 % to +22 %)');
    assert.equal(
      describeOverall(better),
      'better at every stream count compared (1 of 3 figures differ; chance alone makes about 0.3 stand out)',
    );
    const worse = compareThroughputs(FAST, SLOW);
    assert.equal(onlySentence(worse), '8 streams: worse: throughput -17 % (-18 % to -15 %)');
  });

  it('calls none that the spread may explain, however far the medians are apart', () => {
    const comparison = compareThroughputs([900, 1000, 1300], [1100, 1250, 1280]);
    assert.equal(comparison.points[0]?.figures[0]?.change, 1.25);
    assert.equal(onlySentence(comparison), '8 streams: no difference beyond the spread of the iterations');
    assert.match(describeOverall(comparison), /^no difference was shown/);
  });

  it('calls none that is certain and too small to matter', () => {
    assert.equal(compareThroughputs([1000, 1000.1, 1000.2], [1005, 1005.1, 1005.2]).verdict, 'alike');
  });

  for (const [before, after] of [
    [1, 3],
    [3, 2],
    [1, 1],
  ] as const) {
    it(`gives no verdict with ${before} and ${after} iterations`, () => {
      const comparison = compareThroughputs(SLOW.slice(0, before), FAST.slice(0, after));
      assert.equal(comparison.verdict, 'undecided');
      assert.ok(comparison.points[0]?.figures.every(({ interval }) => interval === null));
      assert.match(
        onlySentence(comparison),
        new RegExp(`no interval can be given with ${before} and ${after} iterations`),
      );
      assert.match(describeOverall(comparison), /^no verdict: each side needs 3 iterations/);
    });
  }

  it('takes lower latency for better', () => {
    const comparison = comparePointLists(
      [comparedPoint(4, { opsPerSecond: NOISY, weakP50Ms: [2, 2.01, 2.02] })],
      [comparedPoint(4, { opsPerSecond: NOISY, weakP50Ms: [1, 1.01, 1.02] })],
    );
    assert.equal(onlySentence(comparison), '8 streams: better: weak median -50 % (-50 % to -49 %)');
  });

  it('says mixed where one figure is better and another worse', () => {
    const comparison = comparePointLists(
      [comparedPoint(4, { opsPerSecond: SLOW, weakP99Ms: [10, 11, 12] })],
      [comparedPoint(4, { opsPerSecond: FAST, weakP99Ms: [20, 22, 24] })],
    );
    assert.equal(
      onlySentence(comparison),
      '8 streams: mixed: better throughput +20 % (+18 % to +22 %); worse weak p99 +100 % (+67 % to +140 %)',
    );
  });

  it('compares the stream counts that both have and names the rest', () => {
    const points = (...threads: number[]) => threads.map((each) => comparedPoint(each, { opsPerSecond: SLOW }));
    const comparison = comparePointLists(points(1, 2), points(2, 3, 4));
    assert.deepEqual(
      comparison.points.map(({ streams }) => streams),
      [4],
    );
    assert.deepEqual([comparison.streamsOnlyBefore, comparison.streamsOnlyAfter], [[2], [6, 8]]);
    const side = { place: 'a', result: sampleResult([]) };
    assert.match(
      describeComparison(comparison, side, side).verdict.join('\n'),
      /left out 2 streams: measured in before only\nleft out 6, 8 streams: measured in after only/,
    );
  });

  it('does not let a point without a difference hide one that has it', () => {
    const comparison = comparePointLists(
      [comparedPoint(1, { opsPerSecond: NOISY }), comparedPoint(2, { opsPerSecond: SLOW })],
      [comparedPoint(1, { opsPerSecond: NOISY }), comparedPoint(2, { opsPerSecond: FAST })],
    );
    assert.match(describeOverall(comparison), /^better at 4 streams; nothing was shown at 2 \(1 of 6 figures differ;/);
  });

  it('names points that go different ways', () => {
    const comparison = comparePointLists(
      [comparedPoint(1, { opsPerSecond: FAST }), comparedPoint(2, { opsPerSecond: SLOW })],
      [comparedPoint(1, { opsPerSecond: SLOW }), comparedPoint(2, { opsPerSecond: FAST })],
    );
    assert.match(
      describeOverall(comparison),
      /^mixed: better at 4 streams, worse at 2 streams \(2 of 6 figures differ;/,
    );
  });

  it('leaves throughput out of the verdict where the rate was given and kept', () => {
    const openLoop: OpenLoopResult = {
      intendedPerSecond: 1000,
      sentPerSecond: 1000,
      intended: 1000,
      sent: 1000,
      dropped: 0,
      completed: 1000,
      completedPerSecond: 1000,
      inFlightMax: 5,
      waitingMax: 0,
      waitingAtEnd: 0,
      unansweredAtEnd: 0,
      overloaded: false,
    };
    const points = (opsPerSecond: number[], overloaded = false) => [
      { ...comparedPoint(4, { opsPerSecond }), openLoop: { ...openLoop, overloaded } },
    ];
    assert.equal(comparePointLists(points(SLOW), points(FAST)).verdict, 'alike');
    const overloaded = comparePointLists(points(SLOW, true), points(FAST));
    assert.equal(overloaded.verdict, 'better');
    assert.match(overloaded.warnings.join('\n'), /before: overloaded at 8 streams/);
  });

  it('holds shares against each other by their difference, also down to 0', () => {
    const withFastPath = (shares: number[]) => {
      const point = comparedPoint(4, { opsPerSecond: NOISY });
      const iterations = point.iterations.map((each, at) => ({ ...each, fastPathShare: shares[at] ?? null }));
      return [{ ...point, iterations, fastPathShare: shares[1] ?? null }];
    };
    const [high, none] = [withFastPath([0.97, 0.98, 0.99]), withFastPath([0, 0, 0])];
    assert.equal(
      onlySentence(comparePointLists(high, none)),
      '8 streams: worse: fast path -98.0 points (-99.0 points to -97.0 points)',
    );
    assert.equal(comparePointLists(none, high).verdict, 'better');
    assert.equal(comparePointLists(none, none).verdict, 'alike');
    // Certain, and too small to matter.
    assert.equal(comparePointLists(high, withFastPath([0.975, 0.985, 0.995])).verdict, 'alike');
  });

  it('names what it could not judge beside what it could', () => {
    const whole = comparedPoint(4, { opsPerSecond: SLOW });
    const broken = {
      ...whole,
      iterations: whole.iterations.map((each, at) => (at === 1 ? { ...each, weakP99Ms: null } : each)),
      weak: { ...whole.weak, p50Ms: null },
    };
    const comparison = comparePointLists([whole], [broken]);
    assert.equal(
      onlySentence(comparison),
      '8 streams: no difference beyond the spread of the iterations; cannot say: weak median, weak p99',
    );
    assert.match(describeOverall(comparison), /; not every figure could be judged at 8 streams$/);
    const side = { place: 'a', result: sampleResult([]) };
    const text = renderTerminal(describeComparison(comparison, side, side));
    assert.match(text, /weak median +│ 1\.00 ms +│ – +│ – +│ – +│ cannot say/);
  });

  it('warns of runs that may not mean what they say', () => {
    const good = comparedPoint(4, { opsPerSecond: SLOW });
    const doubtful = {
      ...good,
      verified: false,
      errors: 2,
      selfCheck: { ...good.selfCheck, valid: false, reasons: ['a client process used 99 % of a core'] },
    };
    const { warnings } = compareResults(
      sampleResult([good], { machine: { ...sampleResult([]).machine, cpus: 64, node: 'v99' } }),
      later([doubtful], { interrupted: true, failures: ['worker 1 was lost'], viewChanges: 3, dirty: true }),
    );
    for (const expected of [
      /^after: it was interrupted/,
      /^after: NOT VALID: worker 1 was lost/,
      /^after: DATA WRONG at 8 streams/,
      /^after: NOT VALID at 8 streams: a client process used 99 %/,
      /^after: 2 operations failed at 8 streams/,
      /^after: the view changed 3 times/,
      /^after: the working tree had local changes/,
      /^another machine: machine\.cpus is 2, was 64/,
      /^another Node version: machine\.node is v20, was v99/,
    ])
      assert.ok(
        warnings.some((warning) => expected.test(warning)),
        `${expected} in\n${warnings.join('\n')}`,
      );
    assert.equal(warnings.length, 9);
  });

  it('warns when a run is compared with itself', () => {
    const result = sampleResult([comparedPoint(4, { opsPerSecond: SLOW })]);
    assert.match(compareResults(result, result).warnings.join(), /one and the same run/);
  });

  it('shows figures, intervals and what they cannot know', () => {
    const comparison = compareThroughputs(SLOW, FAST);
    const result = sampleResult([], { gitCommit: '0123456789abcdef' });
    const text = renderTerminal(
      describeComparison(comparison, { place: 'old', result }, { place: 'new/result.json', result }),
    );
    assert.match(text, /throughput +│ 1,010 ops\/s │ 1,210 ops\/s │ ×1\.198 │ ×1\.176 … ×1\.220 \(90 %\) │ better/);
    assert.match(text, /weak median +│ 1\.00 ms +│ 1\.00 ms +│ ×1\.000 .*none shown/);
    assert.match(text, /new\/result\.json, of 2030-01-01T00:00:00\.000Z, commit 0123456789ab/);
    assert.match(text, /not how the machine changed between the two/);
  });
});

describe('likeness', () => {
  const plan = (flags: RawFlags = {}) => parsePlan(flags, SWEEP_DEFAULTS);

  it('finds a plan like itself', () => {
    assert.deepEqual(findDifferences(plan(), plan()), []);
    assert.deepEqual(findCautions(sampleResult([]), sampleResult([])), []);
  });

  for (const [flags, field, before, after] of [
    [{ clients: '3' }, 'clients', '2', '3'],
    [{ pendings: '5' }, 'pendings', '10', '5'],
    [{ weakRatio: '0.6' }, 'weakRatio', '0.5', '0.6'],
    [{ writeRatio: '0.2' }, 'writeRatio', '0.1', '0.2'],
    [{ keys: '5000' }, 'keys', '1000000', '5000'],
    [{ zipf: '0' }, 'zipf', '0.9', '0'],
    [{ valueBytes: '200' }, 'valueBytes', '100', '200'],
    [{ preload: true }, 'preload', 'false', 'true'],
    [{ batchDelay: '50' }, 'batchDelayUs', '0', '50'],
    [{ ackTransport: 'stream' }, 'ackTransport', 'nats', 'stream'],
    [{ descriptorLimit: '100' }, 'descriptorLimit', '200', '100'],
    [{ durability: 'disk' }, 'durability', 'memory', 'disk'],
    [{ shards: '4' }, 'shards', 'null', '4'],
    [{ traceRatio: '0.1' }, 'traceRatio', '0', '0.1'],
    [{ workers: 'a:1,b:2' }, 'workers', 'client processes of its own', 'remote workers'],
  ] as const) {
    it(`tells ${field} apart`, () => {
      assert.deepEqual(findDifferences(plan(), plan(flags)), [{ field, before, after }]);
    });
  }

  it('tells windows of time from numbers of operations, and a local cluster from an existing one', () => {
    const fieldsOf = (flags: RawFlags) => findDifferences(plan(), plan(flags)).map(({ field }) => field);
    assert.deepEqual(fieldsOf({ requests: '100' }), ['durationMs', 'requests']);
    assert.deepEqual(fieldsOf({ target: 'a:1' }), ['target', 'descriptorLimit', 'durability']);
    assert.deepEqual(fieldsOf({ scheduling: plan().scheduling === 'batch' ? 'normal' : 'batch' }), ['scheduling']);
  });

  it('holds settings of the open loop against open loops only', () => {
    const open = { rate: '2000/s' };
    const fieldsOf = (before: RawFlags, after: RawFlags) =>
      findDifferences(plan(before), plan(after)).map(({ field }) => field);
    assert.deepEqual(fieldsOf(open, { rate: '3000/s' }), ['rate']);
    assert.deepEqual(fieldsOf(open, { ...open, arrivals: 'constant', inFlightLimit: '5', waitingLimit: '6' }), [
      'arrivals',
      'inFlightLimit',
      'waitingLimit',
    ]);
    assert.ok(fieldsOf({}, open).includes('rate'));
  });

  it('notes what differs and may be compared', () => {
    const before = sampleResult([]);
    const after = sampleResult([], { plan: plan({ seed: '7', duration: '10s', iterations: '9', threads: '3' }) });
    assert.deepEqual(findDifferences(before.plan, after.plan), []);
    assert.deepEqual(findCautions(before, after), ['plan.durationMs is 10000, was 5000', 'plan.seed is 7, was 1']);
  });
});
