// Carries out a plan: one cluster, one set of client processes, one warm-up at the largest stream count, then every
// window of every point in rotating order. Knows the order of things; how a window is driven and what a point means are
// other files' business.

import { randomUUID } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import type {
  LoadWorkerStartRequest,
  PhaseProgress,
  PhaseResult,
  PlanRequest,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { describeFindings } from '../outcome/findings.js';
import { adviseNext, judgeHypotheses } from '../outcome/hypotheses.js';
import {
  addVerifications,
  type PointResult,
  type ProcessShare,
  summarizePoint,
  type WindowMeasurement,
} from '../outcome/point.js';
import {
  type ClientSpans,
  describeCommit,
  describeMachine,
  judgeGoal,
  type RunResult,
  type TraceSummary,
  type WarmupResult,
} from '../outcome/result.js';
import type { LoadPlan, OutputPlan } from '../plan.js';
import { SCHEMA_VERSION } from '../plan.js';
import { ClusterDiagnostics } from './cluster-diagnostics.js';
import { readProcessUsage } from './process-usage.js';
import type { Progress } from './progress.js';
import { rotateWindows, type Window } from './rotation.js';
import { openTargetCluster, type TargetCluster } from './target-cluster.js';
import { openTraceRecording } from './trace-recording.js';
import { WindowWatch } from './window-watch.js';
import { WorkerError, WorkerPool } from './worker-pool.js';

/** What a sweep needs from its surroundings. */
export interface SweepDoors {
  progress: Pick<Progress, 'step' | 'relabel' | 'detail'>;
  /** Module of the client processes; tests put a double here. */
  workerEntry: URL;
  /** Aborting ends the sweep; what was measured until then is reported. */
  signal: AbortSignal;
  /** Directory of the result, for the traces. */
  out: string;
  /** Where spans go; tests put a double here. */
  openTraces?: typeof openTraceRecording;
}

const WARMUP_SEED_WORD = 0;

/** How long the parts of known length take together, milliseconds. */
export function plannedMs(plan: LoadPlan): number {
  return (
    plan.warmupMs +
    plan.threads.length * plan.iterations * (plan.settleMs + (plan.requests === null ? plan.durationMs : 0))
  );
}

/**
 * Carries out the plan. Nothing is left running afterwards, whatever happens. A process that is lost on the way ends the
 * run: the result holds what was complete by then and names the process among its failures. What goes wrong after the
 * last window takes nothing from it: it is among its warnings.
 */
export async function runSweep(plan: LoadPlan, history: OutputPlan['history'], doors: SweepDoors): Promise<RunResult> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const traces = await (doors.openTraces ?? openTraceRecording)(plan, doors.out);
  let result: Awaited<ReturnType<typeof measureCluster>>;
  try {
    result = await measureCluster(plan, history, doors, traces.otlpUrl);
  } catch (error) {
    // What ended the run is what the user has to hear of.
    await traces.close().catch(() => {});
    throw error;
  }
  // Only now: the last spans come when the last service ends.
  const summary = await warnOnFailure(result.warnings, 'the traces were not kept', () => traces.close());
  return { ...result, startedAt, machine, traces: withLost(summary, result.clientSpans) };
}

/** What our own collector never saw is missing from its file as well. */
function withLost(traces: TraceSummary | null, clientSpans: ClientSpans | null): TraceSummary | null {
  return traces === null ? null : { ...traces, dropped: traces.dropped + (clientSpans?.dropped ?? 0) };
}

async function measureCluster(
  plan: LoadPlan,
  history: OutputPlan['history'],
  doors: SweepDoors,
  otlpUrl: string,
): Promise<Omit<RunResult, 'startedAt' | 'machine' | 'traces'>> {
  doors.progress.step(plan.target === null ? 'starting a local cluster' : `connecting to ${plan.target}`, 0);
  const cluster = await openTargetCluster(plan, otlpUrl);
  let result: Awaited<ReturnType<typeof measureWith>>;
  try {
    doors.signal.throwIfAborted();
    result = await measureWith(cluster, plan, history, doors, otlpUrl);
  } catch (error) {
    await cluster.stop().catch(() => {});
    throw error;
  }
  await warnOnFailure(result.warnings, 'the local cluster did not stop as it should', () => cluster.stop());
  return result;
}

async function measureWith(
  cluster: TargetCluster,
  plan: LoadPlan,
  history: OutputPlan['history'],
  doors: SweepDoors,
  otlpUrl: string,
): Promise<Omit<RunResult, 'startedAt' | 'machine' | 'traces'>> {
  const pool = await WorkerPool.start(planRequests(plan, cluster.target, { history, otlpUrl }), {
    workers: plan.workers,
    entry: doors.workerEntry,
    scheduling: plan.scheduling,
  });
  const sweep = new Sweep(plan, cluster, pool, doors);
  const warnings: string[] = [];
  let failures: string[];
  try {
    failures = await carryOut(sweep, pool, doors.signal, warnings);
  } finally {
    sweep.close();
    if (history !== null) {
      await warnOnFailure(warnings, 'the history is not whole', async () => joinHistories(history, plan.clients));
    }
  }
  const points = sweep.points();
  return {
    schemaVersion: SCHEMA_VERSION,
    ...describeCommit(),
    plan,
    warmup: sweep.warmup,
    order: sweep.order,
    points,
    findings: describeFindings(points),
    hypotheses: judgeHypotheses(points, null),
    next: adviseNext(points),
    probes: null,
    viewChanges: sweep.viewChanges,
    goalMet: judgeGoal(plan, points),
    interrupted: doors.signal.aborted,
    workers: pool.members,
    failures,
    warnings,
    clientSpans: otlpUrl === '' ? null : sweep.clientSpans,
  };
}

/** Measures until it is done, interrupted or short of a process; answers why it is not valid. Ends the pool. */
async function carryOut(sweep: Sweep, pool: WorkerPool, signal: AbortSignal, warnings: string[]): Promise<string[]> {
  const endPool = () => void pool.end();
  signal.addEventListener('abort', endPool);
  try {
    // An interrupt that came while the processes were starting has nobody to tell any more.
    signal.throwIfAborted();
    await sweep.measure();
    await warnOnFailure(warnings, 'a load process did not end as it should', () => pool.close());
    return [];
  } catch (error) {
    if (signal.aborted) return [];
    if (error instanceof WorkerError && error.code === 'WORKER_LOST') return [error.message];
    throw error;
  } finally {
    signal.removeEventListener('abort', endPool);
    await warnOnFailure(warnings, 'the load processes did not end as they should', () => pool.end());
  }
}

/** Does what comes after the measuring: should it fail, the result has to say so and must not be lost. */
async function warnOnFailure<T>(warnings: string[], what: string, work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    warnings.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

class Sweep {
  readonly order: Window[] = [];
  warmup: WarmupResult = {
    streams: 0,
    ms: 0,
    operations: 0,
    errors: 0,
    verification: { checked: 0, wrong: 0, examples: [] },
  };
  viewChanges = 0;
  /** As the processes told it at the end of the last phase. */
  clientSpans: ClientSpans = { exported: 0, dropped: 0 };
  readonly #plan: LoadPlan;
  readonly #cluster: TargetCluster;
  readonly #pool: WorkerPool;
  readonly #doors: SweepDoors;
  readonly #diagnostics: ClusterDiagnostics;
  readonly #windows = new Map<number, WindowMeasurement[]>();
  readonly #usage = new Map<
    number,
    { elapsedMs: number; shares: Map<number, ProcessShare & { cpuSeconds: number }> }
  >();

  constructor(plan: LoadPlan, cluster: TargetCluster, pool: WorkerPool, doors: SweepDoors) {
    this.#plan = plan;
    this.#cluster = cluster;
    this.#pool = pool;
    this.#doors = doors;
    this.#diagnostics = new ClusterDiagnostics(cluster.target);
  }

  /** Lets go of the cluster's processes. */
  close(): void {
    this.#diagnostics.close();
  }

  async measure(): Promise<void> {
    const plan = this.#plan;
    const { progress } = this.#doors;
    if (plan.preload) {
      progress.step('loading keys', 0);
      await this.#pool.preload(plan.keys, (keys) => progress.relabel(`loading keys: ${keys} of ${plan.keys}`));
    }
    const threads = Math.max(...plan.threads);
    await this.#pool.prepare(threads);
    if (plan.warmupMs > 0) await this.#warmUp(threads);
    for (const window of rotateWindows(plan.threads, plan.iterations)) {
      await this.#measureWindow(window);
    }
  }

  /** Points that have at least one window, in the order of the plan. */
  points(): PointResult[] {
    const { clients, rate } = this.#plan;
    const pendings = rate === null ? this.#plan.pendings : 0;
    return this.#plan.threads.flatMap((threads) => {
      const windows = this.#windows.get(threads);
      if (windows === undefined) return [];
      return [summarizePoint({ clients, threads, pendings }, windows, this.#processShares(threads))];
    });
  }

  async #warmUp(threads: number): Promise<void> {
    const plan = this.#plan;
    this.#doors.progress.step(`warm-up at ${plan.clients * threads} streams`, plan.warmupMs);
    const results = await this.#load({
      threads,
      settleMs: 0,
      durationMs: plan.warmupMs,
      requests: 0,
      seedWord: WARMUP_SEED_WORD,
    });
    const total = (pick: (result: PhaseResult) => number) => results.reduce((sum, result) => sum + pick(result), 0);
    this.warmup = {
      streams: plan.clients * threads,
      ms: plan.warmupMs,
      operations: total((result) => result.operations),
      errors: total((result) => result.errors + result.unknown),
      verification: addVerifications(results),
    };
  }

  async #measureWindow(window: Window): Promise<void> {
    const { clients, settleMs, durationMs, requests, iterations } = this.#plan;
    const streams = clients * window.threads;
    const windowMs = requests === null ? durationMs : 0;
    this.#doors.progress.step(
      `${streams} streams, iteration ${window.iteration} of ${iterations}`,
      settleMs + windowMs,
    );
    const { threads, iteration } = window;
    const before = this.#readUsage();
    const beganMs = performance.now();
    const watch = new WindowWatch(this.#diagnostics, { settleMs, durationMs: windowMs });
    try {
      const phase = { threads, settleMs, durationMs, requests: requests ?? 0, seedWord: iteration };
      const results = await this.#load(phase, (startAtUs) => watch.begin(startAtUs));
      this.#addUsage(threads, before, performance.now() - beganMs);
      this.order.push(window);
      const windows = this.#windows.get(threads) ?? [];
      windows.push({ iteration, results, nodes: await watch.end() });
      this.#windows.set(threads, windows);
    } finally {
      watch.cancel();
    }
  }

  async #load(
    phase: Omit<LoadWorkerStartRequest, 'runId' | 'startAtUs'>,
    onBegin?: (startAtUs: number) => void,
  ): Promise<PhaseResult[]> {
    const { progress } = this.#doors;
    const results = await this.#pool.load(phase, (sum) => progress.detail(this.#describeProgress(sum)), onBegin);
    this.viewChanges = Math.max(this.viewChanges, ...results.map((result) => result.epochChanges));
    // Both count from the plan on, not from the phase.
    this.clientSpans = {
      exported: results.reduce((sum, { spansExported }) => sum + spansExported, 0),
      dropped: results.reduce((sum, { spansDropped }) => sum + spansDropped, 0),
    };
    return results;
  }

  #describeProgress({ operations, inFlight, waiting, errors }: PhaseProgress): string {
    return [
      `${operations} operations`,
      ...(this.#plan.rate === null ? [] : [`${inFlight} in flight`]),
      ...(waiting === 0 ? [] : [`${waiting} WAITING`]),
      ...(errors === 0 ? [] : [`${errors} errors`]),
    ].join(', ');
  }

  #readUsage(): Map<number, number> {
    return new Map(this.#cluster.services.map(({ pid }) => [pid, readProcessUsage(pid)?.cpuSeconds ?? 0]));
  }

  #addUsage(threads: number, before: ReadonlyMap<number, number>, elapsedMs: number): void {
    const usage = this.#usage.get(threads) ?? {
      elapsedMs: 0,
      shares: new Map<number, ProcessShare & { cpuSeconds: number }>(),
    };
    usage.elapsedMs += elapsedMs;
    for (const { role, name, pid } of this.#cluster.services) {
      const now = readProcessUsage(pid);
      if (now === null) continue;
      const cpuSeconds = (usage.shares.get(pid)?.cpuSeconds ?? 0) + now.cpuSeconds - (before.get(pid) ?? 0);
      usage.shares.set(pid, {
        role,
        name,
        pid,
        cpuShare: (cpuSeconds * 1000) / usage.elapsedMs,
        rssBytes: now.rssBytes,
        cpuSeconds,
      });
    }
    this.#usage.set(threads, usage);
  }

  #processShares(threads: number): ProcessShare[] {
    const shares = this.#usage.get(threads)?.shares.values() ?? [];
    return [...shares];
  }
}

function planRequests(
  plan: LoadPlan,
  target: string,
  { history, otlpUrl }: { history: string | null; otlpUrl: string },
): PlanRequest[] {
  const { pendings, weakRatio, writeRatio, keys, zipf, valueBytes, seed, batchDelayUs, ackTransport } = plan;
  const { clients, rate, arrivals, inFlightLimit, waitingLimit } = plan;
  const runId = randomUUID();
  return Array.from({ length: clients }, (_, client) => ({
    runId,
    target,
    client,
    pendings,
    weakRatio,
    writeRatio,
    keys,
    zipf,
    valueBytes,
    seed,
    batchDelayUs,
    ackTransport,
    history: history === null ? '' : historyPart(history, client),
    openLoop: rate === null ? undefined : { rate: rate / clients, arrivals, inFlightLimit, waitingLimit },
    otlpUrl,
    traceRatio: plan.traceRatio,
    attributeEvery: plan.attributeEvery,
  }));
}

function historyPart(file: string, client: number): string {
  return `${file}.client-${client}`;
}

/** Puts the parts of all processes into one file. A part is missing if its process never connected. */
function joinHistories(file: string, clients: number): void {
  writeFileSync(file, '');
  for (let client = 0; client < clients; client++) {
    const part = historyPart(file, client);
    try {
      appendFileSync(file, readFileSync(part));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
    rmSync(part, { force: true });
  }
}
