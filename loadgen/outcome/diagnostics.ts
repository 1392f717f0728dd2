// What the processes of a run told of themselves, put together over the windows of a point: one object for each process, and
// the names of those that told nothing. Knows how figures of several windows become one, not how they were asked for.

import type {
  DiagnosticsSnapshot,
  EventLoopFigures,
  GarbagePauses,
  Gauge,
  ProcessorFigures,
  TrafficFigures,
} from '../../proto/gen/curpho/v1/diagnostics.js';

/** One process during the windows of a point. */
export interface ProcessDiagnostics {
  /** coordinator, replica, witness or client. */
  role: string;
  nodeId: string;
  pid: number;
  /** At the end of the last window. */
  epoch: number;
  /** Windows that the figures are of. */
  windows: number;
  /** Their length together, by the clock of the process. */
  elapsedMs: number;
  processor: {
    userMs: number;
    systemMs: number;
    /** Both over elapsed time; 1 is one core. */
    share: number;
    /** Time in which the event loop's thread was ready to run and waited for a core; null where the system does not tell. */
    runDelayMs: number | null;
    runDelayShare: number | null;
    voluntarySwitches: number;
    involuntarySwitches: number;
  };
  eventLoop: {
    /** Share of the time in which it did not wait for something to do. */
    utilization: number;
    /** Of the windows' medians the median, of their 99th percentiles and maxima the worst; null where it was not watched. */
    delayP50Ms: number | null;
    delayP99Ms: number | null;
    delayMaxMs: number | null;
  };
  /** Pauses by kind: minor, major, incremental, weakCallbacks; only those that occurred. */
  garbage: Record<string, { count: number; totalMs: number; maxMs: number }>;
  /** At the end of the last window. */
  residentBytes: number;
  traffic: {
    framesIn: number;
    framesOut: number;
    bytesIn: number;
    bytesOut: number;
    /** Frames with operations of clients: received by a node, sent by a client; and the operations in them. */
    operationFrames: number;
    operations: number;
    /** Null without such frames. */
    operationsPerFrame: number | null;
  };
  /** By how much each grew in the windows. */
  counters: Record<string, number>;
  /** `now` at the end of the last window, `mean` and `max` of all looks in the windows. */
  gauges: Record<string, { now: number; mean: number; max: number }>;
  /** Highest values in any window, exactly. */
  peaks: Record<string, number>;
}

/** A process whose figures of one window are not there, and why. */
export interface MissingProcess {
  role: string;
  nodeId: string;
  /** host:port; empty where it is not known. */
  address: string;
  iteration: number;
  reason: string;
}

/** How many threads wanted a core of the driver's machine, during the windows of a point. */
export interface MachineLoad {
  cores: number;
  /** Runnable threads, those that run included, without the one that looked. */
  runnableMean: number;
  runnableMax: number;
  /** How often that was looked at. */
  samples: number;
}

/** What was learnt of the cluster's processes and of the machine in one window. */
export interface WindowDiagnostics {
  snapshots: DiagnosticsSnapshot[];
  missing: Omit<MissingProcess, 'iteration'>[];
  /** Null where the system does not tell. */
  machine: MachineLoad | null;
}

/** One window as it is put together. */
export interface DiagnosedWindow {
  iteration: number;
  /** Of the load processes, in the order of their numbers. */
  results: readonly { diagnostics: DiagnosticsSnapshot | undefined }[];
  /** Absent where the cluster was not asked. */
  nodes?: WindowDiagnostics;
}

/** The part of a point that is made of diagnostics. */
export interface PointDiagnostics {
  diagnostics: ProcessDiagnostics[];
  diagnosticsMissing: MissingProcess[];
  machineLoad: MachineLoad | null;
}

/** Puts the windows of one point together. A process that was started anew between two of them is another one. */
export function summarizeDiagnostics(windows: readonly DiagnosedWindow[]): PointDiagnostics {
  const byProcess = new Map<string, DiagnosticsSnapshot[]>();
  for (const snapshot of windows.flatMap(snapshotsOf)) {
    const { role, nodeId, pid } = snapshot;
    const key = JSON.stringify([role, nodeId, pid]);
    byProcess.set(key, [...(byProcess.get(key) ?? []), snapshot]);
  }
  return {
    diagnostics: [...byProcess.values()].flatMap(mergeProcess),
    diagnosticsMissing: windows.flatMap(missingOf),
    machineLoad: mergeMachineLoads(windows.flatMap(({ nodes }) => nodes?.machine ?? [])),
  };
}

function snapshotsOf({ nodes, results }: DiagnosedWindow): DiagnosticsSnapshot[] {
  return [...(nodes?.snapshots ?? []), ...results.flatMap(({ diagnostics }) => diagnostics ?? [])];
}

function missingOf({ iteration, nodes, results }: DiagnosedWindow): MissingProcess[] {
  const silent = results.flatMap(({ diagnostics }, client) =>
    diagnostics === undefined
      ? [{ role: 'client', nodeId: `client-${client}`, address: '', reason: 'its result holds no diagnostics' }]
      : [],
  );
  return [...(nodes?.missing ?? []), ...silent].map((missing) => ({ ...missing, iteration }));
}

function mergeProcess(snapshots: readonly DiagnosticsSnapshot[]): ProcessDiagnostics[] {
  const last = snapshots.at(-1);
  if (last === undefined) return [];
  const elapsedUs = Math.max(
    1,
    sumOf(snapshots, (snapshot) => snapshot.elapsedUs),
  );
  return [
    {
      role: last.role,
      nodeId: last.nodeId,
      pid: last.pid,
      epoch: last.epoch,
      windows: snapshots.length,
      elapsedMs: elapsedUs / 1000,
      processor: mergeProcessors(
        snapshots.flatMap(({ processor }) => processor ?? []),
        elapsedUs,
      ),
      eventLoop: mergeEventLoops(snapshots, elapsedUs),
      garbage: mergeGarbage(snapshots.flatMap(({ garbage }) => garbage)),
      residentBytes: last.residentBytes,
      traffic: mergeTraffic(snapshots.flatMap(({ traffic }) => traffic ?? [])),
      counters: mergeByName(
        snapshots.map(({ counters }) => counters),
        (values) => sumOf(values, (value) => value),
      ),
      gauges: mergeGauges(snapshots),
      peaks: mergeByName(
        snapshots.map(({ peaks }) => peaks),
        (values) => Math.max(...values),
      ),
    },
  ];
}

function mergeProcessors(parts: readonly ProcessorFigures[], elapsedUs: number): ProcessDiagnostics['processor'] {
  const userUs = sumOf(parts, (part) => part.userUs);
  const systemUs = sumOf(parts, (part) => part.systemUs);
  const delaysUs = parts.flatMap(({ runDelayUs }) => runDelayUs ?? []);
  // A sum over some of the windows would look like little waiting.
  const isTold = parts.length > 0 && delaysUs.length === parts.length;
  const runDelayUs = sumOf(delaysUs, (delayUs) => delayUs);
  return {
    userMs: userUs / 1000,
    systemMs: systemUs / 1000,
    share: (userUs + systemUs) / elapsedUs,
    runDelayMs: isTold ? runDelayUs / 1000 : null,
    runDelayShare: isTold ? runDelayUs / elapsedUs : null,
    voluntarySwitches: sumOf(parts, (part) => part.voluntarySwitches),
    involuntarySwitches: sumOf(parts, (part) => part.involuntarySwitches),
  };
}

function mergeEventLoops(
  snapshots: readonly DiagnosticsSnapshot[],
  elapsedUs: number,
): ProcessDiagnostics['eventLoop'] {
  const busyUs = sumOf(snapshots, (snapshot) => (snapshot.eventLoop?.utilization ?? 0) * snapshot.elapsedUs);
  const delays = snapshots.flatMap(({ eventLoop }) => delayOf(eventLoop));
  const medians = delays.map(({ p50Ms }) => p50Ms).sort((a, b) => a - b);
  return {
    utilization: busyUs / elapsedUs,
    delayP50Ms: medians[Math.floor((medians.length - 1) / 2)] ?? null,
    delayP99Ms: delays.length === 0 ? null : Math.max(...delays.map(({ p99Ms }) => p99Ms)),
    delayMaxMs: delays.length === 0 ? null : Math.max(...delays.map(({ maxMs }) => maxMs)),
  };
}

function delayOf(eventLoop: EventLoopFigures | undefined): NonNullable<EventLoopFigures['delay']>[] {
  return eventLoop?.delay === undefined ? [] : [eventLoop.delay];
}

function mergeGarbage(pauses: readonly GarbagePauses[]): ProcessDiagnostics['garbage'] {
  const merged: ProcessDiagnostics['garbage'] = {};
  for (const { kind, count, totalMs, maxMs } of pauses) {
    const before = merged[kind] ?? { count: 0, totalMs: 0, maxMs: 0 };
    merged[kind] = {
      count: before.count + count,
      totalMs: before.totalMs + totalMs,
      maxMs: Math.max(before.maxMs, maxMs),
    };
  }
  return merged;
}

function mergeTraffic(parts: readonly TrafficFigures[]): ProcessDiagnostics['traffic'] {
  const operationFrames = sumOf(parts, (part) => part.operationFrames);
  const operations = sumOf(parts, (part) => part.operations);
  return {
    framesIn: sumOf(parts, (part) => part.framesIn),
    framesOut: sumOf(parts, (part) => part.framesOut),
    bytesIn: sumOf(parts, (part) => part.bytesIn),
    bytesOut: sumOf(parts, (part) => part.bytesOut),
    operationFrames,
    operations,
    operationsPerFrame: operationFrames === 0 ? null : operations / operationFrames,
  };
}

function mergeGauges(snapshots: readonly DiagnosticsSnapshot[]): ProcessDiagnostics['gauges'] {
  const weighted = snapshots.map(({ gauges, elapsedUs }) =>
    Object.fromEntries(Object.entries(gauges).map(([name, gauge]) => [name, { gauge, elapsedUs }])),
  );
  return mergeByName(weighted, (looks) => mergeGauge(looks));
}

/** Windows count by their length. */
function mergeGauge(looks: readonly { gauge: Gauge; elapsedUs: number }[]): Gauge {
  const weight = sumOf(looks, ({ elapsedUs }) => elapsedUs);
  const now = looks.at(-1)?.gauge.now ?? 0;
  return {
    now,
    mean: weight === 0 ? now : sumOf(looks, ({ gauge, elapsedUs }) => gauge.mean * elapsedUs) / weight,
    max: Math.max(...looks.map(({ gauge }) => gauge.max)),
  };
}

function mergeMachineLoads(loads: readonly MachineLoad[]): MachineLoad | null {
  const samples = sumOf(loads, (load) => load.samples);
  const [first] = loads;
  if (first === undefined || samples === 0) return null;
  return {
    cores: first.cores,
    runnableMean: sumOf(loads, (load) => load.runnableMean * load.samples) / samples,
    runnableMax: Math.max(...loads.map((load) => load.runnableMax)),
    samples,
  };
}

/** A name that is not in all parts is merged of those that it is in. */
function mergeByName<T, R>(parts: readonly Record<string, T>[], merge: (values: T[]) => R): Record<string, R> {
  const values = new Map<string, T[]>();
  for (const [name, value] of parts.flatMap((part) => Object.entries(part))) {
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return Object.fromEntries([...values].map(([name, list]) => [name, merge(list)]));
}

function sumOf<T>(items: readonly T[], pick: (item: T) => number): number {
  return items.reduce((sum, item) => sum + pick(item), 0);
}
