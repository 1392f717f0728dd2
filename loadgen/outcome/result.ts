// The saved form of a measurement, `result.json`, and what it says about the machine. Knows the shape;
// does not know how anything was measured, nor how a result is read back.

import { execFileSync } from 'node:child_process';
import os from 'node:os';
import type { Window } from '../driver/rotation.js';
import type { WorkerMember } from '../driver/worker-pool.js';
import type { LoadPlan } from '../plan.js';
import { meetsGoal } from './goal.js';
import type { Hypothesis } from './hypotheses.js';
import { goalFigures, type PointResult } from './point.js';
import type { Probes } from './probes.js';

/** The machine that everything ran on. */
export interface Machine {
  cpus: number;
  cpuModel: string;
  memoryBytes: number;
  platform: string;
  node: string;
  /** Average load of one minute when the run began: other work on the machine. */
  loadAverage: number;
}

/** What the warm-up saw; its reads are checked like all others. */
export interface WarmupResult {
  streams: number;
  ms: number;
  operations: number;
  errors: number;
  verification: { checked: number; wrong: number; examples: string[] };
}

/** A whole measurement. */
export interface RunResult {
  schemaVersion: number;
  startedAt: string;
  /** Commit of the working tree, null outside a repository; `dirty` if files differ from it. */
  gitCommit: string | null;
  dirty: boolean;
  plan: LoadPlan;
  machine: Machine;
  warmup: WarmupResult;
  /** The windows in the order they were measured. */
  order: Window[];
  /** In the order of the plan. */
  points: PointResult[];
  /** What the figures say, as sentences. */
  findings: string[];
  /** The study's guesses at what holds throughput down, and what the figures say to them. */
  hypotheses: Hypothesis[];
  /** What to change next, as sentences. */
  next: string[];
  /** What was tried beside the points; null where nothing was. */
  probes: Probes | null;
  /** Epochs after the first that a client saw open. */
  viewChanges: number;
  /** Whether some point met all conditions of the goal; null without a goal. */
  goalMet: boolean | null;
  /** Stopped by the user: points may be missing or short of iterations. */
  interrupted: boolean;
  /** The processes that issued the load, in the order of their numbers. */
  workers: WorkerMember[];
  /** Why the run as a whole is not valid, as sentences, such as a process that was lost; empty for none. */
  failures: string[];
  /** What went wrong once all was measured, as sentences, such as a farewell that failed; the figures stand. */
  warnings: string[];
  /** Spans of the load processes themselves; null without tracing. */
  clientSpans: ClientSpans | null;
  /** Where the traces of this run are, relative to the result's directory; null without tracing or where it is another's collector that has them. */
  traces: TraceSummary | null;
}

/** What the load processes did with their spans until the end of the last window. */
export interface ClientSpans {
  exported: number;
  /** Those that they made and could not deliver. */
  dropped: number;
}

/** What tracing left behind. */
export interface TraceSummary {
  file: string;
  traces: number;
  spans: number;
  /** Spans that the load processes could not deliver or the file did not keep. */
  dropped: number;
}

/** Exit codes of the load generator. */
export const ExitCode = {
  passed: 0,
  goalMissed: 1,
  badUsage: 2,
  unreachable: 3,
  notValid: 4,
  dataWrong: 5,
  interrupted: 130,
} as const;

/** The exit code that a result calls for. Wrong data outranks everything: no other figure means anything then. */
export function exitCodeOf(result: RunResult): number {
  const isWrong = result.warmup.verification.wrong > 0 || result.points.some((point) => !point.verified);
  if (isWrong) return ExitCode.dataWrong;
  if (result.interrupted) return ExitCode.interrupted;
  if (result.failures.length > 0 || result.points.some((point) => !point.selfCheck.valid)) return ExitCode.notValid;
  return result.goalMet === false ? ExitCode.goalMissed : ExitCode.passed;
}

/** Whether some point meets the goal, all its conditions together; null without a goal. */
export function judgeGoal(plan: LoadPlan, points: readonly PointResult[]): boolean | null {
  if (plan.goal.length === 0) return null;
  return points.some((point) => meetsGoal(plan.goal, goalFigures(point)));
}

/** Describes this machine as it is now. */
export function describeMachine(): Machine {
  const cpus = os.cpus();
  return {
    cpus: os.availableParallelism(),
    cpuModel: cpus[0]?.model.trim() ?? 'unknown',
    memoryBytes: os.totalmem(),
    platform: `${os.platform()} ${os.arch()} ${os.release()}`,
    node: process.version,
    loadAverage: os.loadavg()[0] ?? 0,
  };
}

/** The commit that is checked out, as far as git can tell. */
export function describeCommit(): Pick<RunResult, 'gitCommit' | 'dirty'> {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return { gitCommit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain', '--untracked-files=no') !== '' };
  } catch {
    // An image has neither git nor a repository; it is told at build time what it was built from.
    return { gitCommit: process.env.CURPHO_COMMIT || null, dirty: false };
  }
}
