// The study's guesses, each held against figures on either side of its threshold: one is changed at a time, and only its
// own guess may turn.

import assert from 'node:assert/strict';
import type { ProcessDiagnostics } from '../../../loadgen/outcome/diagnostics.js';
import { adviseNext, type Hypothesis, judgeHypotheses, type Verdict } from '../../../loadgen/outcome/hypotheses.js';
import type { PointResult } from '../../../loadgen/outcome/point.js';
import type { Probes } from '../../../loadgen/outcome/probes.js';
import { realisticResult } from '../../support/realistic-result.js';

const PROBES: Probes = {
  loopback: { frameBytes: 1024, framesPerSecond: 40_000, mibPerSecond: 100 },
  shards: [0.02, -0.03],
  failures: [],
};

/** One second of a process that has nothing to complain of. */
function calm(role: string, nodeId: string): ProcessDiagnostics {
  return {
    ...{ role, nodeId, pid: 1, epoch: 1, windows: 1, elapsedMs: 1000, residentBytes: 1 },
    processor: {
      ...{ userMs: 200, systemMs: 100, share: 0.3, runDelayMs: 20, runDelayShare: 0.02 },
      ...{ voluntarySwitches: 1, involuntarySwitches: 1 },
    },
    eventLoop: { utilization: 0.4, delayP50Ms: 0, delayP99Ms: 1, delayMaxMs: 2 },
    garbage: { minor: { count: 3, totalMs: 20, maxMs: 8 } },
    traffic: {
      ...{ framesIn: 1000, framesOut: 1000, bytesIn: 1 << 20, bytesOut: 1 << 20 },
      ...{ operationFrames: 900, operations: 9000, operationsPerFrame: 10 },
    },
    counters: role === 'replica' ? { proposals: nodeId === 'r0' ? 100 : 0 } : {},
    gauges:
      role === 'replica'
        ? {
            uncommitted: { now: 0, mean: 10, max: 40 },
            descriptorLimit: { now: 200, mean: 200, max: 200 },
            isSaturated: { now: 0, mean: 0, max: 0 },
          }
        : {},
    peaks: { queueLengthMax: 2 },
  };
}

/** Most of the time of a median operation is waiting in the node. */
function stagesOf(shares: Record<string, number>, point: PointResult): PointResult['stages'] {
  const stages = point.stages.weakRead.map((stage) => {
    const share = shares[stage.name] ?? 0;
    return { ...stage, shareOfMedian: share, medianUs: share * 1000, shareOfSlowest: share, slowestUs: share * 9000 };
  });
  return { strongRead: stages, strongWrite: stages, weakRead: stages, weakWrite: stages };
}

function point(changes: Partial<PointResult> = {}, leader: Partial<ProcessDiagnostics> = {}): PointResult {
  const base = realisticResult().points.at(-1);
  assert.ok(base !== undefined);
  const [window] = base.iterations;
  assert.ok(window !== undefined);
  const opsPerSecond = [100, 101, 99, 100, 102, 98];
  return {
    ...base,
    slowReasons: {},
    diagnostics: [{ ...calm('replica', 'r0'), ...leader }, calm('witness', 'w0'), calm('client', 'client-0')],
    machineLoad: { cores: 2, runnableMean: 1, runnableMax: 2, samples: 10 },
    attributed: { strongRead: 100, strongWrite: 100, weakRead: 100, weakWrite: 100 },
    stages: stagesOf({ 'node wait': 0.7, 'request transit': 0.2, 'node step': 0.05 }, base),
    iterations: [{ ...window, timeline: { ...window.timeline, opsPerSecond } }],
    ...changes,
  };
}

function verdicts(judged: readonly Hypothesis[]): Record<string, Verdict> {
  return Object.fromEntries(judged.map(({ name, verdict }) => [name, verdict]));
}

/** Names of what is supported. */
function causes(
  ...args: [changes: Partial<PointResult>, leader?: Partial<ProcessDiagnostics>, probes?: Probes]
): string[] {
  const [changes, leader, probes = PROBES] = args;
  return judgeHypotheses([point(changes, leader)], probes)
    .filter(({ verdict }) => verdict === 'supported')
    .map(({ name }) => name);
}

describe('the guesses of the study', () => {
  const calmLeader = calm('replica', 'r0');

  it('are all refuted where nothing is the matter', () => {
    assert.deepEqual(new Set(Object.values(verdicts(judgeHypotheses([point()], PROBES)))), new Set(['refuted']));
  });

  it('contention: by conflicts on keys, and by time in the core', () => {
    const { count } = point().strong;
    assert.deepEqual(causes({ slowReasons: { leaderConflict: Math.ceil(count * 0.06), readMismatch: count * 0.05 } }), [
      'contention',
    ]);
    assert.deepEqual(causes({ slowReasons: { leaderConflict: count * 0.04, readMismatch: count * 0.05 } }), []);
    assert.deepEqual(causes({ stages: stagesOf({ 'node step': 0.11, 'node wait': 0.89 }, point()) }), ['contention']);
  });

  it('scheduling: by threads that wait for a core, and by a node whose event loop is busy', () => {
    const waiting = (runDelayMs: number) => ({ processor: { ...calmLeader.processor, runDelayMs } });
    assert.deepEqual(causes({}, waiting(900)), ['scheduling']);
    assert.deepEqual(causes({}, waiting(200)), []);
    assert.deepEqual(causes({}, { eventLoop: { ...calmLeader.eventLoop, utilization: 0.9 } }), ['scheduling']);
    assert.deepEqual(causes({}, { eventLoop: { ...calmLeader.eventLoop, utilization: 0.89 } }), []);
  });

  it('network: by bytes against what loopback carries, and by time on its way while cores are free', () => {
    const sending = (mib: number) => ({ traffic: { ...calmLeader.traffic, bytesOut: mib * 2 ** 20 } });
    assert.deepEqual(causes({}, sending(48)), ['network']);
    assert.deepEqual(causes({}, sending(47)), []);
    const far = { stages: stagesOf({ 'request transit': 0.3, 'answer transit': 0.2, 'node wait': 0.5 }, point()) };
    assert.deepEqual(causes(far), ['network']);
    const busy = { processor: { ...calmLeader.processor, runDelayMs: 900 } };
    assert.equal(verdicts(judgeHypotheses([point(far, busy)], PROBES)).network, 'not measurable here');
    assert.deepEqual(
      causes(far, busy),
      ['scheduling'],
      'a frame whose reader has no core looks as if it were on its way',
    );
  });

  it('caches: by shards if both pairs agree, and by garbage collection', () => {
    const tried = (...shards: number[]): Probes => ({ ...PROBES, shards });
    assert.deepEqual(causes({}, {}, tried(-0.11, -0.1)), ['caches']);
    assert.deepEqual(causes({}, {}, tried(0.11, 0.12)), ['caches']);
    assert.deepEqual(causes({}, {}, tried(-0.3, 0.2)), [], 'pairs that disagree are noise');
    assert.deepEqual(causes({}, { garbage: { minor: { count: 9, totalMs: 100, maxMs: 20 } } }), ['caches']);
  });

  it('descriptor pool: by how full it was, and by clients that the leader held back', () => {
    const gauge = (max: number, holding = 0) => ({
      gauges: {
        ...calmLeader.gauges,
        uncommitted: { now: 0, mean: 1, max },
        isSaturated: { now: 0, mean: holding, max: holding },
      },
    });
    assert.deepEqual(causes({}, gauge(180)), ['descriptor pool']);
    assert.deepEqual(causes({}, gauge(179)), []);
    assert.deepEqual(causes({}, gauge(4, 0.01)), ['descriptor pool']);
  });

  it('run length: by the last third of the windows against the first', () => {
    const { iterations } = point();
    const going = (...opsPerSecond: number[]): Partial<PointResult> => ({
      iterations: iterations.map((each) => ({ ...each, timeline: { ...each.timeline, opsPerSecond } })),
    });
    assert.deepEqual(causes(going(100, 100, 105, 105, 110, 112)), ['run length']);
    assert.deepEqual(causes(going(100, 100, 100, 105, 108, 109)), []);
  });

  it('are not measurable where the figures are missing, and never refuted then', () => {
    const without = point({
      diagnostics: [],
      machineLoad: null,
      attributed: { strongRead: 0, strongWrite: 0, weakRead: 0, weakWrite: 0 },
      iterations: [],
    });
    const { contention, ...others } = verdicts(judgeHypotheses([without], null));
    assert.equal(contention, 'refuted', 'conflicts are counted anyway');
    assert.deepEqual(new Set(Object.values(others)), new Set(['not measurable here']));
    const unprobed = verdicts(judgeHypotheses([point()], null));
    assert.deepEqual([unprobed.network, unprobed.caches], ['not measurable here', 'not measurable here']);
    assert.deepEqual(judgeHypotheses([], PROBES), []);
  });

  it('what to change next follows from what there is too little of', () => {
    const [free = ''] = adviseNext([point()]);
    assert.match(free, /^Cores are free.*waiting in the node/);
    const processor = { ...calmLeader.processor, share: 1.4 };
    const [busy = ''] = adviseNext([point({}, { processor })]);
    assert.match(busy, /^All 2 cores are busy.*replica processes take 70 %.*at most 7\.5 %/);
    const waiting = { processor: { ...calmLeader.processor, runDelayMs: 900 } };
    assert.match(adviseNext([point({}, waiting)])[0] ?? '', /^All 2 cores are busy/, 'with the work of others');
    assert.deepEqual(adviseNext([]), []);
  });
});
