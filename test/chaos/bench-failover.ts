// How long nobody is served when the leader is killed or halted under the study's load: many times, each on a cluster of
// its own.

import { median } from '../../loadgen/outcome/statistics.js';
import type { BenchContext, BenchReport } from './bench-context.js';
import { openBenchStage } from './bench-stage.js';
import { describeFaultsOf, runMeasuredLoad, WINDOW_SETTLE_MS } from './measured-load.js';

const FAULTS = ['SIGKILL', 'SIGSTOP'] as const;
const WARMUP_S = 3;
const WINDOW_S = 12;
/** Into the window, so that there is something to compare with. */
const FAULT_AFTER_MS = WINDOW_SETTLE_MS + 3000;
const HEAL_AFTER_MS = 6000;

interface Attempt {
  fault: (typeof FAULTS)[number];
  unavailableS: number;
  epochs: number;
  wrong: number;
  errors: number;
  unknown: number;
  written: number;
  lost: number;
}

/** Kills and halts leaders in turns, `times` each. */
export async function benchFailover(context: BenchContext): Promise<BenchReport> {
  const attempts: Attempt[] = [];
  for (let count = 0; count < context.times && !context.signal.aborted; count++) {
    for (const fault of FAULTS) {
      attempts.push(await attempt(fault, context));
      context.log(`${fault} ${count + 1} of ${context.times}: ${attempts.at(-1)?.unavailableS} s without an answer`);
    }
  }
  const rows = FAULTS.map((fault) => {
    const of = attempts.filter((each) => each.fault === fault);
    const times = of.map(({ unavailableS }) => unavailableS);
    const sum = (pick: (each: Attempt) => number): number => of.reduce((total, each) => total + pick(each), 0);
    return {
      ...{ fault, times: of.length, medianS: median(times), minS: Math.min(...times), maxS: Math.max(...times) },
      ...{ epochs: sum((each) => each.epochs), lost: sum((each) => each.lost), wrong: sum((each) => each.wrong) },
      ...{ errors: sum((each) => each.errors), unknown: sum((each) => each.unknown) },
    };
  });
  const isRight = attempts.every(({ wrong, lost }) => wrong === 0 && lost === 0);
  return { rows, details: attempts, isRight, isComplete: attempts.every(({ epochs }) => epochs > 0) };
}

async function attempt(fault: (typeof FAULTS)[number], { signal, threads }: BenchContext): Promise<Attempt> {
  const stage = await openBenchStage();
  try {
    let beganMs = 0;
    const breakLeader = (): void => {
      const { leader } = stage;
      stage.after(FAULT_AFTER_MS, () => {
        beganMs = performance.now();
        stage.cluster.kill(leader, fault);
      });
      if (fault === 'SIGSTOP') stage.after(FAULT_AFTER_MS + HEAL_AFTER_MS, () => stage.cluster.kill(leader, 'SIGCONT'));
    };
    const load = { target: stage.cluster.target, windows: 1, windowS: WINDOW_S, warmupS: WARMUP_S, threads, signal };
    const result = await runMeasuredLoad({ ...load, onWindow: breakLeader });
    const unavailableS = Math.round(stage.probe.longestGapMs(beganMs, HEAL_AFTER_MS)) / 1000;
    const { written, lost } = await stage.probe.stop();
    await stage.view.ask();
    const epochs = (stage.view.config?.epoch ?? 1) - 1;
    return { fault, unavailableS, epochs, ...describeFaultsOf(result), written, lost };
  } finally {
    await stage.close();
  }
}
