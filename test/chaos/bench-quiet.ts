// A long saturated run in which nothing is broken: no leader may be taken for dead because the machine is busy.

import type { BenchContext, BenchReport } from './bench-context.js';
import { openBenchStage } from './bench-stage.js';
import { describeFaultsOf, runMeasuredLoad } from './measured-load.js';

const WARMUP_S = 5;

/** Runs one window of the wanted length and counts epochs. */
export async function benchQuiet({ signal, threads, durationS }: BenchContext): Promise<BenchReport> {
  const stage = await openBenchStage();
  try {
    const load = { target: stage.cluster.target, windows: 1, windowS: durationS, warmupS: WARMUP_S, threads, signal };
    let beganMs = 0;
    const onWindow = (): void => {
      beganMs = performance.now();
    };
    const result = await runMeasuredLoad({ ...load, onWindow });
    const longestMs = stage.probe.longestGapMs(beganMs, Number.POSITIVE_INFINITY);
    const { written, lost } = await stage.probe.stop();
    await stage.view.ask();
    const viewChanges = (stage.view.config?.epoch ?? 0) - 1;
    const [point] = result.points;
    const faults = describeFaultsOf(result);
    const row = {
      ...{ durationS, opsPerSecond: Math.round(point?.opsPerSecond ?? 0), viewChanges },
      ...{ longestWithoutStrongMs: Math.round(longestMs), ...faults, written, lost },
    };
    return { rows: [row], details: {}, isRight: faults.wrong === 0 && lost === 0, isComplete: viewChanges === 0 };
  } finally {
    await stage.close();
  }
}
