// Carries out the plan of an ablation: one run after the other, each on a cluster and with client processes of its own,
// so that what a process happens to be like counts among the noise and not among the effects. Knows the order and what
// becomes of a run that fails; how a run is measured is sweep.ts's business.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ProgressSink } from '../driver/progress.js';
import { plannedMs, runSweep, type SweepDoors } from '../driver/sweep.js';
import { describeCommit, describeMachine, type RunResult } from '../outcome/result.js';
import { type AblationPlan, listRuns, type PlannedRun } from './ablation-plan.js';
import { AblationProgress } from './ablation-progress.js';
import { ABLATION_SCHEMA_VERSION, type AblationResult, type AblationRun } from './ablation-result.js';
import { summarizeFactor } from './effects.js';
import { readFigures } from './figures.js';

/** What an ablation needs from its surroundings. */
export interface AblationDoors {
  stderr: ProgressSink;
  /** Module of the client processes. */
  workerEntry: URL;
  /** Aborting ends it; what was measured until then is reported. */
  signal: AbortSignal;
  /** Measures one run; tests put a double here. */
  measure?: typeof runSweep;
}

/** So many runs that fail one after the other end the ablation: the next ones would fail as well. */
const FAILURES_IN_A_ROW = 2;

/** Carries out the plan. Nothing is left running. Fails only if the very first runs do: then there is nothing to report. */
export async function runAblation(plan: AblationPlan, doors: AblationDoors): Promise<AblationResult> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const planned = listRuns(plan);
  const [first] = planned;
  if (first === undefined) throw new RangeError('an ablation without runs');
  const progress = new AblationProgress(
    doors.stderr,
    planned.map((run) => plannedMs(run.plan)),
  );
  progress.start();
  let outcome: { runs: AblationRun[]; failures: string[] };
  try {
    outcome = await measureAll(planned, progress, doors);
  } finally {
    progress.stop();
  }
  const { runs, failures } = outcome;
  return {
    schemaVersion: ABLATION_SCHEMA_VERSION,
    startedAt,
    ...describeCommit(),
    machine,
    plan: plan.base,
    repetitions: plan.repetitions,
    factors: plan.factors.map((factor) => summarizeFactor(factor, runs)),
    order: runs.map(({ factor, level, repetition }) => ({ factor, level, repetition })),
    interrupted: doors.signal.aborted,
    failures,
  };
}

async function measureAll(
  planned: readonly PlannedRun[],
  progress: AblationProgress,
  doors: AblationDoors,
): Promise<{ runs: AblationRun[]; failures: string[] }> {
  const runs: AblationRun[] = [];
  const failures: string[] = [];
  let failedInARow = 0;
  for (const each of planned) {
    if (doors.signal.aborted) break;
    progress.run(describeRun(each));
    try {
      const result = await measureOne(each, progress, doors);
      // A run that was broken off says nothing of its level.
      if (result.interrupted) break;
      runs.push(toRun(each, result));
      failures.push(...result.failures.map((failure) => `${describeRun(each)}: ${failure}`));
      failedInARow = result.failures.length > 0 ? failedInARow + 1 : 0;
    } catch (error) {
      if (doors.signal.aborted) break;
      failures.push(`${describeRun(each)}: ${error instanceof Error ? error.message : String(error)}`);
      failedInARow++;
      if (runs.length === 0) throw error;
    }
    progress.ended();
    if (failedInARow === FAILURES_IN_A_ROW) break;
  }
  return { runs, failures };
}

/** Traces of a run are there to cost what they cost; nobody reads them. */
async function measureOne(
  { plan }: PlannedRun,
  progress: SweepDoors['progress'],
  { measure = runSweep, workerEntry, signal }: AblationDoors,
): Promise<RunResult> {
  const out = mkdtempSync(path.join(os.tmpdir(), 'curpho-ablate-'));
  try {
    return await measure(plan, null, { progress, workerEntry, signal, out });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

function toRun({ factor, level, repetition, plan }: PlannedRun, result: RunResult): AblationRun {
  const point = result.failures.length > 0 ? undefined : result.points[0];
  // Without any load before it, that processes are slow to begin is what is measured, and no fault of the generator.
  const isCold = plan.warmupMs === 0;
  return {
    factor,
    level,
    repetition,
    startedAt: result.startedAt,
    figures: point === undefined ? null : readFigures(point, plan),
    errors: point === undefined ? 0 : point.errors + point.unknown,
    doubts: point === undefined || isCold ? [] : point.selfCheck.reasons,
    dataWrong: point?.verified === false || result.warmup.verification.wrong > 0,
  };
}

/** A run in a few words. */
function describeRun({ factor, label, repetition }: PlannedRun): string {
  return `${factor} ${label}, repetition ${repetition}`;
}
