// Short tries beside a run, for what its points cannot tell: what loopback carries on this machine, and whether the
// number of shards matters. Each on processes of its own, one after the other, within a minute. A try that fails is said
// and costs the run nothing.

import { type CalibrationResult, calibrate } from '../calibrate/calibrate.js';
import type { Probes } from '../outcome/probes.js';
import type { LoadPlan } from '../plan.js';
import { runSweep, type SweepDoors } from './sweep.js';

/** Length of one step of the calibration, which has 13 of them. */
const STEP_MS = 300;
/** About what a frame of a loaded cluster has. */
const FRAME_BYTES = 1024;
/** Numbers of shards of the study, in an order that neither profits from by drifting machines. */
const SHARD_ORDER = [512, 32_768, 32_768, 512] as const;
const SHARD_RUN = { warmupMs: 4000, settleMs: 0, durationMs: 4000, iterations: 1, requests: null } as const;

/** How long it takes, about. */
export const PROBES_MS = 55_000;

/** What probes need beside what a sweep needs; tests put doubles here. */
export interface ProbeDoors extends SweepDoors {
  measure?: typeof runSweep;
  calibrateWith?: (options: Parameters<typeof calibrate>[0]) => Promise<Pick<CalibrationResult, 'ceilings'>>;
}

/** Tries everything once. Never fails; a signal ends it early. */
export async function runProbes(plan: LoadPlan, doors: ProbeDoors): Promise<Probes> {
  const failures: string[] = [];
  const loopback = await attempt('what loopback carries', failures, () => measureLoopback(plan, doors));
  const shards = await attempt('numbers of shards', failures, () => compareShards(plan, doors));
  return { loopback, shards: shards ?? [], failures };
}

async function attempt<T>(what: string, failures: string[], action: () => Promise<T>): Promise<T | null> {
  try {
    return await action();
  } catch (error) {
    failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}

async function measureLoopback(
  { scheduling }: LoadPlan,
  { progress, signal, calibrateWith = calibrate }: ProbeDoors,
): Promise<Probes['loopback']> {
  const onStep = (label: string, ms: number): void => progress.step(`probing loopback, ${label}`, ms);
  const { ceilings } = await calibrateWith({ durationMs: STEP_MS, scheduling, signal, onStep });
  const most = (frameBytes: number | null, of: 'framesPerSecond' | 'mibPerSecond'): number =>
    Math.max(
      ...ceilings.filter((each) => frameBytes === null || each.frameBytes === frameBytes).map((each) => each[of]),
    );
  return {
    frameBytes: FRAME_BYTES,
    framesPerSecond: most(FRAME_BYTES, 'framesPerSecond'),
    mibPerSecond: most(null, 'mibPerSecond'),
  };
}

/** Two pairs, each one run of either number. */
async function compareShards(plan: LoadPlan, doors: ProbeDoors): Promise<number[]> {
  if (plan.target !== null) throw new Error('an existing cluster has the shards that it has');
  const { measure = runSweep } = doors;
  const runs: { shards: number; opsPerSecond: number }[] = [];
  for (const shards of SHARD_ORDER) {
    doors.signal.throwIfAborted();
    const result = await measure(planRun(plan, shards), null, doors);
    const [point] = result.points;
    if (point === undefined || point.opsPerSecond === 0 || result.failures.length > 0)
      throw new Error(result.failures.join('; ') || 'no figures');
    runs.push({ shards, opsPerSecond: point.opsPerSecond });
  }
  return [runs.slice(0, 2), runs.slice(2)].map((pair) => {
    const of = (wanted: number): number => pair.find(({ shards }) => shards === wanted)?.opsPerSecond ?? 0;
    return of(32_768) / of(512) - 1;
  });
}

/** The run's load at its most streams, short, and without what nobody will look at. */
function planRun(plan: LoadPlan, shards: number): LoadPlan {
  const threads = [Math.max(...plan.threads)];
  return {
    ...plan,
    ...SHARD_RUN,
    threads,
    shards,
    traceRatio: 0,
    otlpUrl: null,
    attributeEvery: 0,
    goal: [],
    probes: false,
  };
}
