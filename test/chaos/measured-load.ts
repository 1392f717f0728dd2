// The load of the scaling study on a cluster that is being broken meanwhile: windows one after the other, each told when
// it begins, every read checked in line. How a window is driven is the load generator's business.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Progress } from '../../loadgen/driver/progress.js';
import { runSweep } from '../../loadgen/driver/sweep.js';
import { WORKER_ENTRY } from '../../loadgen/driver/worker-pool.js';
import type { RunResult } from '../../loadgen/outcome/result.js';
import { parsePlan, RUN_DEFAULTS } from '../../loadgen/plan.js';

/** What to measure. */
export interface MeasuredLoadOptions {
  target: string;
  windows: number;
  windowS: number;
  warmupS: number;
  /** Sessions per process; two processes. */
  threads: number;
  signal: AbortSignal;
  /** A window's load begins now; it counts from one second later on. Numbers are from 0. */
  onWindow: (window: number) => void;
}

/** Before it counts, a window's load runs for so long. */
export const WINDOW_SETTLE_MS = 1000;

/** Runs the load to its end. */
export async function runMeasuredLoad(options: MeasuredLoadOptions): Promise<RunResult> {
  const { target, windows, windowS, warmupS, threads, signal, onWindow } = options;
  const flags = { target, iterations: `${windows}`, duration: `${windowS}s`, warmup: `${warmupS}s` };
  const plan = { ...parsePlan({ ...flags, threads: `${threads}` }, RUN_DEFAULTS), settleMs: WINDOW_SETTLE_MS };
  const out = mkdtempSync(path.join(tmpdir(), 'curpho-bench-'));
  try {
    const progress = new WindowProgress(onWindow);
    return await runSweep(plan, null, { progress, workerEntry: WORKER_ENTRY, signal, out });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Hears of the steps of a measurement; windows are those that come after connecting and the warm-up. */
class WindowProgress extends Progress {
  readonly #onWindow: (window: number) => void;
  #windows = 0;

  constructor(onWindow: (window: number) => void) {
    super(process.stderr, 0);
    this.#onWindow = onWindow;
  }

  override step(label: string, ms: number): void {
    super.step(label, ms);
    if (!/^(connecting|starting|loading|warm-up)/.test(label)) this.#onWindow(this.#windows++);
  }
}

/** What the in-line checks and the counters of a result say: all zero if all is well. */
export function describeFaultsOf(result: RunResult): { wrong: number; errors: number; unknown: number } {
  const windows = result.points.flatMap(({ iterations }) => iterations);
  const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
  return {
    wrong: result.warmup.verification.wrong + sum(result.points.map(({ verification }) => verification.wrong)),
    errors: sum(windows.map(({ errors }) => errors)),
    unknown: sum(windows.map(({ unknown }) => unknown)),
  };
}
