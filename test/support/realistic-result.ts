// A result as a real sweep gave it, for tests and pictures of reports: the figures of one measured run (four points, three
// iterations) are spread out again into latencies, parts of windows and processes, the same on every machine.

import type { WindowDiagnostics } from '../../loadgen/outcome/diagnostics.js';
import { describeFindings } from '../../loadgen/outcome/findings.js';
import { parseGoal } from '../../loadgen/outcome/goal.js';
import { adviseNext, judgeHypotheses } from '../../loadgen/outcome/hypotheses.js';
import { type PointResult, summarizePoint } from '../../loadgen/outcome/point.js';
import type { Probes } from '../../loadgen/outcome/probes.js';
import type { RunResult } from '../../loadgen/outcome/result.js';
import { parsePlan, SCHEMA_VERSION, STUDY_DEFAULTS } from '../../loadgen/plan.js';
import { createHistogram, encodeHistogram } from '../../loadgen/worker/histograms.js';
import { Random } from '../../loadgen/worker/random.js';
import { TimeLineRows } from '../../loadgen/worker/time-lines.js';
import type { PhaseResult, TimelineBucket } from '../../proto/gen/curpho/v1/load_worker.js';
import { sampleClientSnapshot, sampleSnapshot } from './sample-snapshot.js';

/** What was measured at one stream count. */
interface MeasuredPoint {
  threads: number;
  opsPerSecond: [number, number, number];
  /** Median and 99th percentile in milliseconds: strong read, strong write, weak read, weak write. */
  latency: [number, number][];
  /** Of 1,000,000 strong operations. */
  slow: Record<string, number>;
}

const MEASURED: readonly MeasuredPoint[] = [
  {
    threads: 2,
    opsPerSecond: [23_336, 25_095, 24_539],
    latency: [
      [1.34, 6.42],
      [1.35, 5.84],
      [1.15, 7.67],
      [1.21, 5.17],
    ],
    slow: { uncovered: 7110, overtaken: 6984, readMismatch: 2637, witnessConflict: 1628, leaderConflict: 175 },
  },
  {
    threads: 4,
    opsPerSecond: [35_718, 37_525, 35_696],
    latency: [
      [1.85, 8.75],
      [1.82, 7.98],
      [1.55, 9.62],
      [1.55, 6.91],
    ],
    slow: {
      overtaken: 11_981,
      uncovered: 9917,
      readMismatch: 6042,
      witnessConflict: 2509,
      leaderConflict: 298,
      witnessDown: 129,
    },
  },
  {
    threads: 6,
    opsPerSecond: [46_113, 45_302, 44_790],
    latency: [
      [2.27, 10.46],
      [2.19, 9.73],
      [1.87, 11.49],
      [1.88, 8.68],
    ],
    slow: {
      overtaken: 15_407,
      uncovered: 10_753,
      readMismatch: 9073,
      witnessConflict: 2980,
      leaderConflict: 467,
      witnessDown: 156,
    },
  },
  {
    threads: 8,
    opsPerSecond: [53_090, 52_103, 52_958],
    latency: [
      [2.67, 12.73],
      [2.52, 11.24],
      [2.13, 12.4],
      [2.13, 9.15],
    ],
    slow: {
      overtaken: 19_346,
      uncovered: 11_555,
      readMismatch: 11_833,
      witnessConflict: 3443,
      leaderConflict: 521,
      witnessDown: 99,
    },
  },
];

const CLIENTS = 2;
const WINDOW_MS = 5000;
const BUCKETS = 25;
/** Shares of strong reads, strong writes, weak reads and weak writes. */
const MIX = [0.45, 0.05, 0.45, 0.05] as const;
/** One sample stands for so many operations. */
const WEIGHT = 20;
/** Standard normal distance of the 99th percentile. */
const Z99 = 2.326;

/** The whole result; `changes` replace fields of it. */
export function realisticResult(changes: Partial<RunResult> = {}): RunResult {
  composed ??= composeResult();
  return { ...structuredClone(composed), ...changes };
}

const PROBES: Probes = {
  loopback: { frameBytes: 1024, framesPerSecond: 34_512, mibPerSecond: 212.4 },
  shards: [0.021, -0.034],
  failures: [],
};

/** Composed once: a test process asks for it many times. */
let composed: RunResult | null = null;

function composeResult(): RunResult {
  const random = new Random(20_261_123);
  const points = MEASURED.map((measured) => realisticPoint(random, measured));
  return {
    schemaVersion: SCHEMA_VERSION,
    startedAt: '2026-11-23T14:46:32.062Z',
    gitCommit: '0ac110e02faa5fe28e8d293a9e9163437fe62d11',
    dirty: false,
    plan: parsePlan({ scheduling: 'batch' }, STUDY_DEFAULTS),
    machine: {
      cpus: 2,
      cpuModel: 'Intel(R) Xeon(R) Processor',
      memoryBytes: 25_276_063_744,
      platform: 'linux x64 6.18.44',
      node: 'v20.20.2',
      loadAverage: 2.92,
    },
    warmup: {
      streams: 16,
      ms: 10_000,
      operations: 350_866,
      errors: 0,
      verification: { checked: 315_928, wrong: 0, examples: [] },
    },
    order: [2, 4, 6, 8, 4, 6, 8, 2, 6, 8, 2, 4].map((threads, at) => ({ iteration: 1 + Math.floor(at / 4), threads })),
    points,
    findings: describeFindings(points),
    hypotheses: judgeHypotheses(points, PROBES),
    next: adviseNext(points),
    probes: PROBES,
    viewChanges: 0,
    goalMet: null,
    interrupted: false,
    workers: [0, 1].map((client) => ({
      name: `lab:${31_001 + client}`,
      address: `127.0.0.1:${42_001 + client}`,
      pid: 31_001 + client,
      cpus: 2,
      node: 'v20.20.2',
      clockOffsetMs: 0.1,
      isLocal: true,
    })),
    failures: [],
    warnings: [],
    clientSpans: { exported: 5_310, dropped: 0 },
    traces: { file: 'traces.jsonl', traces: 412, spans: 5_310, dropped: 0 },
  };
}

function realisticPoint(random: Random, measured: MeasuredPoint): PointResult {
  const windows = measured.opsPerSecond.map((opsPerSecond, at) => ({
    iteration: at + 1,
    nodes: realisticNodes(measured.threads, at),
    // The second window of the largest point has a pause in it, as a collection of garbage makes one.
    results: realisticPhases(random, measured, opsPerSecond, measured.threads === 8 && at === 1 ? 9 : null),
  }));
  const name = (role: string, index: number) => ({ role, name: `${role[0]}${index}`, pid: 100 });
  const share = (cpu: number) => cpu * (1 + (random.nextDouble() - 0.5) * 0.1);
  return summarizePoint({ clients: CLIENTS, threads: measured.threads, pendings: 10 }, windows, [
    { ...name('coordinator', 0), cpuShare: share(0.02), rssBytes: 73e6 },
    ...[0.31, 0.17, 0.22].map((cpu, at) => ({ ...name('replica', at), cpuShare: share(cpu), rssBytes: 166e6 })),
    ...[0.15, 0.15, 0.15].map((cpu, at) => ({ ...name('witness', at), cpuShare: share(cpu), rssBytes: 108e6 })),
    { role: 'nats', name: 'nats', pid: 101, cpuShare: share(0.07), rssBytes: 18e6 },
  ]);
}

/** Both processes of one window; in the part `pause`, hardly anything is done. */
function realisticPhases(random: Random, measured: MeasuredPoint, opsPerSecond: number, pause: number | null) {
  return Array.from({ length: CLIENTS }, (_, client) => ({
    ...realisticPhase(random, measured, opsPerSecond / CLIENTS, pause),
    diagnostics: sampleClientSnapshot(client, { elapsedUs: WINDOW_MS * 1000 }),
  }));
}

/** What the cluster's processes told; of the largest point a witness was silent in the last window. */
function realisticNodes(threads: number, window: number): WindowDiagnostics {
  const elapsedUs = WINDOW_MS * 1000;
  const isSilent = threads === 8 && window === 2;
  const names = ['c0', 'r0', 'r1', 'r2', 'w0', 'w1', ...(isSilent ? [] : ['w2'])];
  const roles: Record<string, string> = { c: 'coordinator', r: 'replica', w: 'witness' };
  const silent = { role: 'witness', nodeId: 'w2', address: '127.0.0.1:42009' };
  return {
    snapshots: names.map((nodeId, at) =>
      sampleSnapshot({ role: roles[nodeId[0] ?? ''] ?? '', nodeId, pid: 100 + at, elapsedUs }),
    ),
    missing: isSilent
      ? [{ ...silent, reason: 'did not answer: DEADLINE_EXCEEDED Deadline exceeded after 2.001s' }]
      : [],
    machine: { cores: 2, runnableMean: 1.2 + threads / 2, runnableMax: 3 + threads, samples: 50 },
  };
}

function realisticPhase(
  random: Random,
  measured: MeasuredPoint,
  opsPerSecond: number,
  pause: number | null,
): Omit<PhaseResult, 'diagnostics'> {
  const whole = [0, 1, 2, 3].map(() => createHistogram(3));
  const timeline: TimelineBucket[] = [];
  const weights = Array.from({ length: BUCKETS }, (_, at) => (at === pause ? 0.12 : 0.93 + random.nextDouble() * 0.14));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const slowShare = Object.values(measured.slow).reduce((total, count) => total + count, 0) / 1e6;
  for (const [at, weight] of weights.entries()) {
    const aim = (opsPerSecond * WINDOW_MS * weight) / sum / 1000;
    const parts = [createHistogram(2), createHistogram(2)];
    for (const [index, share] of MIX.entries()) {
      for (let sample = 0; sample < Math.round((aim * share) / WEIGHT); sample++) {
        const latencyUs = Math.round(
          latencyMs(random, measured.latency[index] ?? [1, 2]) * (at === pause ? 6000 : 1000),
        );
        whole[index]?.recordValueWithCount(latencyUs, WEIGHT);
        parts[index < 2 ? 0 : 1]?.recordValueWithCount(latencyUs, WEIGHT);
      }
    }
    const [strong, weak] = parts.map(encodeHistogram);
    const [strongCount = 0, weakCount = 0] = parts.map((part) => part.totalCount);
    const fast = Math.round(strongCount * (1 - slowShare));
    const none = new Uint8Array();
    timeline.push({
      operations: strongCount + weakCount,
      strong: strongCount,
      fast,
      errors: 0,
      strongHistogram: strong ?? none,
      weakHistogram: weak ?? none,
    });
  }
  return finishPhase(measured, whole.map(encodeHistogram), timeline, slowShare);
}

function finishPhase(
  measured: MeasuredPoint,
  histograms: Uint8Array[],
  timeline: TimelineBucket[],
  slowShare: number,
): Omit<PhaseResult, 'diagnostics'> {
  const operations = timeline.reduce((total, bucket) => total + bucket.operations, 0);
  const strong = timeline.reduce((total, bucket) => total + bucket.strong, 0);
  const slowReasons = Object.entries(measured.slow).map(([reason, count]) => [
    reason,
    Math.round((strong * count) / 1e6),
  ]);
  return {
    histograms,
    operations,
    fast: Math.round(strong * (1 - slowShare)),
    slowReasons: Object.fromEntries(slowReasons),
    errors: 0,
    unknown: 0,
    errorCodes: {},
    timeLines: realisticTimeLines(new Random(7), measured),
    windowMs: WINDOW_MS,
    verification: {
      checked: Math.round(operations * 0.9),
      wrong: 0,
      found: Math.round(operations * 0.5),
      examples: [],
    },
    acksOverNats: 998,
    acksOverStream: 2,
    epochChanges: 0,
    health: {
      cpuShare: 0.36,
      loopDelayP99Ms: 4.3,
      sendLagP99Ms: 0.06,
      sendLagShare: 0.005,
      startLagMs: 0,
      rssBytes: 1e8,
    },
    timeline,
    timelineBucketMs: WINDOW_MS / BUCKETS,
    openLoop: undefined,
    spansDropped: 0,
    spansExported: 0,
  };
}

/** Shares as a run had them: most of the time under way, some in other processes' turns, little at work. */
const STAGE_SHARES = [0.06, 0.38, 0.08, 0.01, 0.02, 0.05, 0, 0.24, 0.11, 0.02, 0.02];
const TIME_LINES = 200;

function realisticTimeLines(random: Random, measured: MeasuredPoint): Uint8Array[] {
  return [0, 1, 2, 3].map((index) => {
    const rows = new TimeLineRows(() => random.nextDouble());
    for (let line = 0; line < TIME_LINES; line++) {
      const us = latencyMs(random, measured.latency[index] ?? [1, 2]) * 1000;
      const isSlow = random.nextDouble() < 0.04;
      const stagesUs = STAGE_SHARES.map(
        (share, at) => us * share * (isSlow ? 0.6 : 1) + (isSlow && at === 6 ? us * 0.4 : 0),
      );
      const path = index > 1 ? 'weak' : isSlow ? 'slow' : 'fast';
      rows.record(path, us, {
        stagesUs,
        role: index < 2 && random.nextDouble() < 0.3 ? 'witness' : 'replica',
        node: 0,
      });
    }
    return rows.encode();
  });
}

/** Log-normal with a given median and 99th percentile. */
function latencyMs(random: Random, [median, p99]: readonly [number, number]): number {
  const uniform = Math.max(random.nextDouble(), 1e-9);
  const normal = Math.sqrt(-2 * Math.log(uniform)) * Math.cos(2 * Math.PI * random.nextDouble());
  return Math.min(60, median * Math.exp((normal * Math.log(p99 / median)) / Z99));
}

/** A result with bad news of every kind, and with words in it that would do harm where they are not escaped. */
export function hostileResult(): RunResult {
  const good = realisticResult();
  const points = good.points.map((point, at) => ({
    ...point,
    totalPendings: 0,
    steady: at !== 1,
    trend: at === 1 ? 0.14 : point.trend,
    openLoop: {
      intendedPerSecond: 20_000,
      sentPerSecond: 19_800 - at * 300,
      intended: 300_000,
      sent: 297_000 - at * 4_500,
      dropped: at * 4_500,
      completed: 296_000 - at * 4_500,
      completedPerSecond: 19_733 - at * 300,
      inFlightMax: 88 + 2_400 * at,
      waitingMax: at * 30_000,
      waitingAtEnd: at * 100,
      unansweredAtEnd: 20 + at * 900,
      overloaded: at > 1,
    },
  }));
  const [first] = points;
  if (first !== undefined) {
    const reasons = ['a client process used 97 % of a core: it set the pace itself; use more --clients'];
    first.selfCheck = { ...first.selfCheck, valid: false, reasons };
    first.verified = false;
    first.verification = { checked: 100_000, wrong: 1, examples: ['key 5: <script>alert(1)</script>'] };
    first.errors = 15;
    first.errorCodes = { '"><img src=x onerror=alert(2)>': 15 };
    first.processes = first.processes.map((share) => ({ ...share, role: `<b>${share.role}</b>` }));
    const timeline = first.iterations[0]?.timeline;
    if (timeline !== undefined) timeline.errors[9] = 15;
  }
  return {
    ...good,
    points,
    plan: { ...good.plan, rate: 20_000, target: "x'; rm -rf ~ <b>:1", goal: parseGoal('opsPerSecond>=90000') },
    goalMet: false,
    interrupted: true,
    failures: ['load process 1 (<b>lab</b>:31002, 127.0.0.1:42002) was lost: killed by SIGKILL'],
    machine: { ...good.machine, cpuModel: '</dd><script>alert(3)</script>\u0000\u001b[31m' },
    traces: { file: '"><a href=javascript:alert(4)>.jsonl', traces: 1, spans: 2, dropped: 3 },
  };
}
