// A small result for tests of reports, goals and exit codes.

import { type PointResult, summarizePoint } from '../../../loadgen/outcome/point.js';
import type { RunResult } from '../../../loadgen/outcome/result.js';
import { parsePlan, SCHEMA_VERSION, SWEEP_DEFAULTS } from '../../../loadgen/plan.js';
import { createHistogram, encodeHistogram } from '../../../loadgen/worker/histograms.js';
import { TimelineRecorder } from '../../../loadgen/worker/timeline-recorder.js';
import type { GeneratorHealth, PhaseResult } from '../../../proto/gen/curpho/v1/load_worker.js';
import { sampleClientSnapshot } from '../../support/sample-snapshot.js';

/** A generator that kept up. */
export const SAMPLE_HEALTH: GeneratorHealth = {
  cpuShare: 0.5,
  loopDelayP99Ms: 1,
  sendLagP99Ms: 0.01,
  sendLagShare: 0.01,
  startLagMs: 1,
  rssBytes: 1,
};

/** One process's measurement in a second: the given latencies in microseconds, by class. */
export function samplePhase(latenciesUs: number[][], changes: Partial<PhaseResult> = {}): PhaseResult {
  const timeline = new TimelineRecorder();
  timeline.open(0, 500);
  const histograms = [0, 1, 2, 3].map((index) => {
    const histogram = createHistogram(3);
    for (const latencyUs of latenciesUs[index] ?? []) {
      histogram.recordValue(latencyUs);
      timeline.completed(0);
      timeline.latency(0, latencyUs, index < 2, index < 2);
    }
    return encodeHistogram(histogram);
  });
  return {
    histograms,
    operations: latenciesUs.reduce((sum, list) => sum + list.length, 0),
    fast: (latenciesUs[0]?.length ?? 0) + (latenciesUs[1]?.length ?? 0),
    slowReasons: {},
    errors: 0,
    unknown: 0,
    errorCodes: {},
    windowMs: 1000,
    verification: { checked: 10, wrong: 0, found: 5, examples: [] },
    acksOverNats: 9,
    acksOverStream: 1,
    epochChanges: 0,
    health: SAMPLE_HEALTH,
    ...timeline.result(),
    openLoop: undefined,
    spansDropped: 0,
    spansExported: 0,
    timeLines: [],
    diagnostics: sampleClientSnapshot(0),
    ...changes,
  };
}

/** A point with the given throughputs, one window each. */
export function samplePoint(threads: number, throughputs: number[]): PointResult {
  const windows = throughputs.map((operations, at) => ({
    iteration: at + 1,
    results: [samplePhase([[], [], Array.from({ length: operations }, () => 1500), []])],
  }));
  return summarizePoint({ clients: 2, threads, pendings: 10 }, windows, []);
}

/** A result of the given points. */
export function sampleResult(points: PointResult[], changes: Partial<RunResult> = {}): RunResult {
  return {
    schemaVersion: SCHEMA_VERSION,
    startedAt: '2030-01-01T00:00:00.000Z',
    gitCommit: null,
    dirty: false,
    plan: parsePlan({}, SWEEP_DEFAULTS),
    machine: { cpus: 2, cpuModel: 'test', memoryBytes: 1 << 30, platform: 'test', node: 'v20', loadAverage: 0 },
    warmup: { streams: 16, ms: 10_000, operations: 1, errors: 0, verification: { checked: 1, wrong: 0, examples: [] } },
    order: [],
    points,
    findings: [],
    hypotheses: [],
    next: [],
    probes: null,
    viewChanges: 0,
    goalMet: null,
    interrupted: false,
    workers: [],
    failures: [],
    warnings: [],
    clientSpans: null,
    traces: null,
    ...changes,
  };
}
