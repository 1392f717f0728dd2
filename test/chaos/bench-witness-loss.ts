// What a lost witness costs, and for how long: kill -9 under the study's load, back after one window, and the share of
// strong operations that are fast again.

import type { BenchContext, BenchReport } from './bench-context.js';
import { openBenchStage } from './bench-stage.js';
import { describeFaultsOf, runMeasuredLoad } from './measured-load.js';
import { type Answer, Probe } from './probe.js';

const WINDOWS = ['before', 'lost', 'after'] as const;
const WARMUP_S = 5;
/** Shorter parts of so few probing operations differ from each other by more than the share that is asked for. */
const STEP_MS = 1000;
const GOAL_SHARE = 0.9;

/** Kills a witness and starts it again. */
export async function benchWitnessLoss({ signal, threads, windowS }: BenchContext): Promise<BenchReport> {
  const stage = await openBenchStage();
  try {
    const began: number[] = [];
    let upMs = 0;
    const onWindow = (window: number): void => {
      began[window] = performance.now();
      if (window === 1) stage.cluster.kill('w0', 'SIGKILL');
      if (window === 2) {
        const restarted = stage.cluster.restart('w0');
        stage.after(0, async () => {
          await restarted;
          upMs = performance.now();
        });
      }
    };
    const load = { target: stage.cluster.target, windows: WINDOWS.length, windowS, warmupS: WARMUP_S, threads, signal };
    const result = await runMeasuredLoad({ ...load, onWindow });
    const endMs = performance.now();
    const { strong } = stage.probe;
    const { written, lost } = await stage.probe.stop();
    const [windows] = result.points.map(({ iterations }) => iterations);
    const rows = WINDOWS.map((window, index) => {
      const measured = windows?.[index];
      const probed = Probe.between(strong, began[index] ?? 0, began[index + 1] ?? endMs);
      return {
        ...{ window, opsPerSecond: Math.round(measured?.opsPerSecond ?? 0), fastShare: round(measured?.fastPathShare) },
        ...{ probeFastShare: round(fastShare(probed)), errors: measured?.errors ?? 0, unknown: measured?.unknown ?? 0 },
      };
    });
    const before = fastShare(Probe.between(strong, began[0] ?? 0, began[1] ?? 0)) ?? 0;
    const backS = secondsUntilFast(strong, { fromMs: upMs, endMs, share: GOAL_SHARE * before });
    const details = { fastAgainS: backS, written, lost, viewChanges: result.viewChanges, ...describeFaultsOf(result) };
    return { rows, details, isRight: details.wrong === 0 && lost === 0, isComplete: backS !== null };
  } finally {
    await stage.close();
  }
}

/** From when on every part of the rest is at least that fast, seconds after `fromMs`; null if it never is. */
function secondsUntilFast(
  strong: readonly Answer[],
  { fromMs, endMs, share }: { fromMs: number; endMs: number; share: number },
): number | null {
  let backMs: number | null = null;
  for (let stepMs = fromMs; fromMs > 0 && stepMs + STEP_MS <= endMs; stepMs += STEP_MS) {
    const isFast = (fastShare(Probe.between(strong, stepMs, stepMs + STEP_MS)) ?? 0) >= share;
    if (!isFast) backMs = null;
    else backMs ??= stepMs - fromMs;
  }
  return backMs === null ? null : backMs / 1000;
}

function fastShare(answers: readonly Answer[]): number | null {
  return answers.length === 0 ? null : answers.filter(({ isFast }) => isFast).length / answers.length;
}

function round(share: number | null | undefined): number | null {
  return share === null || share === undefined ? null : Math.round(share * 1000) / 1000;
}
