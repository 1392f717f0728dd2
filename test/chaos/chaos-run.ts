// One chaos run from the first process to the files it leaves: cluster, load, faults one after the other, the end of the
// load, and a record of it all for the judge. Judges nothing.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ChildGuard } from '../../deploy/child-guard.js';
import { historyTimeUs } from '../../loadgen/worker/history.js';
import { type ChaosPlan, describeCommand } from './chaos-flags.js';
import { type ChaosStage, openChaosStage } from './chaos-stage.js';
import { FaultRunner } from './fault-runner.js';
import { RUN_FILES, type RunRecord } from './judge.js';
import { LoadProcess } from './load-process.js';
import type { PlannedFault } from './schedule.js';

/** The cluster or the load did not start: nothing was tested. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

const CONNECTIONS = 3;
const LOAD_START_MS = 60_000;
/** What strong operations may take to come back once all is healed, and the load to end after that. */
const SETTLE_MS = 150_000;

/** Carries out a run; everything it leaves is in `directory`. @throws StartError, or what the load process died of. */
export async function runChaos(
  plan: ChaosPlan,
  schedule: readonly PlannedFault[],
  { directory, signal, onLog }: { directory: string; signal: AbortSignal; onLog: (line: string) => void },
): Promise<RunRecord> {
  mkdirSync(directory, { recursive: true });
  const { seed, durability } = plan;
  const onFailure = (error: unknown): never => {
    throw new StartError(error instanceof Error ? error.message : String(error));
  };
  const stage = await openChaosStage({ seed, durability, dataDir: path.join(directory, 'cluster'), onLog }).catch(
    onFailure,
  );
  const guard = new ChildGuard('');
  const load = new LoadProcess(
    {
      ...{ target: stage.cluster.target, seed, keys: plan.keys, rate: plan.rate, connections: CONNECTIONS },
      history: path.join(directory, RUN_FILES.history),
      finalState: path.join(directory, RUN_FILES.finalState),
    },
    { guard, logPath: path.join(directory, 'load.log') },
  );
  try {
    const isStarted = await load.until(() => load.counts !== null, LOAD_START_MS, signal).catch(onFailure);
    if (!isStarted) throw new StartError(signal.aborted ? 'interrupted' : 'the load did not start');
    const run = await breakThings(plan, schedule, { stage, load, signal, onLog });
    writeFileSync(path.join(directory, RUN_FILES.run), JSON.stringify(run, null, 2));
    return run;
  } finally {
    await load.kill();
    await stage.close();
    await guard.release();
  }
}

async function breakThings(
  plan: ChaosPlan,
  schedule: readonly PlannedFault[],
  {
    stage,
    load,
    signal,
    onLog,
  }: { stage: ChaosStage; load: LoadProcess; signal: AbortSignal; onLog: (line: string) => void },
): Promise<RunRecord> {
  const strong = (): number => load.counts?.strong ?? 0;
  const strongAnswered = (limitMs: number): Promise<boolean> => {
    const from = strong();
    return load.until(() => strong() > from, limitMs, signal);
  };
  const faults = new FaultRunner({ ...stage, durability: plan.durability, signal, strongAnswered });
  const beganMs = performance.now();
  const elapsedS = (): number => (performance.now() - beganMs) / 1000;
  const { seed, durationS, durability } = plan;
  const run: RunRecord = {
    ...{ seed, durationS, durability, command: describeCommand(plan), beganUs: historyTimeUs(beganMs), endedUs: 0 },
    ...{ faults: [], stalls: [], isSettled: false, counts: load.counts ?? neverStarted() },
  };
  const rest = async (untilS: number): Promise<void> => {
    const waitMs = (untilS - elapsedS()) * 1000;
    if (waitMs > 0) await pause(waitMs, undefined, { signal }).catch(() => undefined);
  };
  try {
    for (const fault of schedule) {
      await rest(fault.atS);
      if (signal.aborted || faults.isStalled) break;
      if (elapsedS() + fault.durationS > durationS) {
        onLog(`no time is left for ${fault.action}-${fault.target} and what follows`);
        break;
      }
      const executed = await faults.run(fault);
      run.faults.push(executed);
      const note = executed.note === '' ? '' : `: ${executed.note}`;
      onLog(`${elapsedS().toFixed(1)} s: ${executed.kind} ${executed.target || 'left out'}${note}`);
      if (faults.isStalled) run.stalls.push(`after ${executed.kind} of ${executed.target}: ${executed.note}`);
    }
    if (!faults.isStalled) await rest(durationS);
    await faults.countEpochs();
  } finally {
    faults.healAll();
  }
  run.endedUs = historyTimeUs(performance.now());
  run.isSettled = await load.finish(signal.aborted ? 0 : SETTLE_MS);
  run.counts = load.counts ?? run.counts;
  return run;
}

function neverStarted(): never {
  throw new StartError('the load did not start');
}
