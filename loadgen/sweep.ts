// Carries out a plan: one cluster, one set of client processes, one warm-up at the largest stream count, then every
// window of every point in rotating order. Knows the order of things; how a window is driven and what a point means are
// other files' business.

import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import type { LoadPlan, OutputPlan } from './plan.js';
import { SCHEMA_VERSION } from './plan.js';
import { type PointResult, type ProcessShare, summarizePoint, type WindowMeasurement } from './point.js';
import { readProcessUsage } from './process-usage.js';
import type { Progress } from './progress.js';
import { describeCommit, describeMachine, judgeGoal, type RunResult, type WarmupResult } from './result.js';
import { rotateWindows, type Window } from './rotation.js';
import { openTargetCluster, type TargetCluster } from './target-cluster.js';
import type { LoadPhase, PhaseResult, WorkerSetup } from './worker-messages.js';
import { WorkerPool } from './worker-pool.js';

/** What a sweep needs from its surroundings. */
export interface SweepDoors {
  progress: Progress;
  /** Module of the client processes; tests put a double here. */
  workerEntry: URL;
  /** Aborting ends the sweep; what was measured until then is reported. */
  signal: AbortSignal;
}

/** Time between telling the processes to begin and the beginning. */
const START_AHEAD_MS = 100;
const WARMUP_SEED_WORD = 0;

/** How long the parts of known length take together, milliseconds. */
export function plannedMs(plan: LoadPlan): number {
  return (
    plan.warmupMs +
    plan.threads.length * plan.iterations * (plan.settleMs + (plan.requests === null ? plan.durationMs : 0))
  );
}

/** Carries out the plan. Nothing is left running afterwards, whatever happens. */
export async function runSweep(plan: LoadPlan, history: OutputPlan['history'], doors: SweepDoors): Promise<RunResult> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  doors.progress.step(plan.target === null ? 'starting a local cluster' : `connecting to ${plan.target}`, 0);
  const cluster = await openTargetCluster(plan);
  try {
    doors.signal.throwIfAborted();
    const pool = await WorkerPool.start(workerSetups(plan, cluster.target, history), {
      entry: doors.workerEntry,
      scheduling: plan.scheduling,
    });
    const sweep = new Sweep(plan, cluster, pool, doors);
    const endPool = () => void pool.end();
    doors.signal.addEventListener('abort', endPool);
    try {
      await sweep.measure();
      await pool.close();
    } catch (error) {
      if (!doors.signal.aborted) throw error;
    } finally {
      doors.signal.removeEventListener('abort', endPool);
      await pool.end();
      if (history !== null) joinHistories(history, plan.clients);
    }
    const points = sweep.points();
    return {
      schemaVersion: SCHEMA_VERSION,
      startedAt,
      ...describeCommit(),
      plan,
      machine,
      warmup: sweep.warmup,
      order: sweep.order,
      points,
      viewChanges: sweep.viewChanges,
      goalMet: judgeGoal(plan, points),
      interrupted: doors.signal.aborted,
    };
  } finally {
    await cluster.stop();
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
  readonly #plan: LoadPlan;
  readonly #cluster: TargetCluster;
  readonly #pool: WorkerPool;
  readonly #doors: SweepDoors;
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
    const { clients, pendings } = this.#plan;
    return this.#plan.threads.flatMap((threads) => {
      const windows = this.#windows.get(threads);
      if (windows === undefined) return [];
      return [summarizePoint({ clients, threads, pendings }, windows, this.#processShares(threads))];
    });
  }

  async #warmUp(threads: number): Promise<void> {
    const plan = this.#plan;
    this.#doors.progress.step(`warm-up at ${plan.clients * threads} streams`, plan.warmupMs);
    const phase = { threads, settleMs: 0, durationMs: plan.warmupMs, requests: null, seedWord: WARMUP_SEED_WORD };
    const results = await this.#load(phase);
    const total = (pick: (result: PhaseResult) => number) => results.reduce((sum, result) => sum + pick(result), 0);
    this.warmup = {
      streams: plan.clients * threads,
      ms: plan.warmupMs,
      operations: total((result) => result.recording.operations),
      errors: total((result) => result.recording.errors + result.recording.unknown),
      verification: {
        checked: total((result) => result.verification.checked),
        wrong: total((result) => result.verification.wrong),
        examples: results.flatMap((result) => result.verification.examples).slice(0, 10),
      },
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
    const before = this.#readUsage();
    const beganMs = performance.now();
    const results = await this.#load({
      threads: window.threads,
      settleMs,
      durationMs,
      requests,
      seedWord: window.iteration,
    });
    this.#addUsage(window.threads, before, performance.now() - beganMs);
    this.order.push(window);
    const windows = this.#windows.get(window.threads) ?? [];
    windows.push({ iteration: window.iteration, results });
    this.#windows.set(window.threads, windows);
  }

  async #load(phase: Omit<LoadPhase, 'startAtMs'>): Promise<PhaseResult[]> {
    const startAtMs = performance.timeOrigin + performance.now() + START_AHEAD_MS;
    const results = await this.#pool.load({ ...phase, startAtMs });
    this.viewChanges = Math.max(this.viewChanges, ...results.map((result) => result.epochChanges));
    return results;
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
    return [...shares].map(({ role, name, pid, cpuShare, rssBytes }) => ({ role, name, pid, cpuShare, rssBytes }));
  }
}

function workerSetups(plan: LoadPlan, target: string, history: string | null): WorkerSetup[] {
  const { pendings, weakRatio, writeRatio, keys, zipf, valueBytes, seed, batchDelayUs, ackTransport } = plan;
  return Array.from({ length: plan.clients }, (_, client) => ({
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
    history: history === null ? null : historyPart(history, client),
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
