// What operations notice when NATS is killed, or halts, for a window each under the study's load: strong ones nothing,
// weak ones that acknowledgements come over the stream.

import type { BenchContext, BenchReport } from './bench-context.js';
import { openBenchStage } from './bench-stage.js';
import { describeFaultsOf, runMeasuredLoad } from './measured-load.js';
import { Probe } from './probe.js';

const WINDOWS = ['before', 'killed', 'back', 'halted', 'going on'] as const;
const WARMUP_S = 5;

/** Takes NATS away twice. */
export async function benchNatsLoss({ signal, threads, windowS }: BenchContext): Promise<BenchReport> {
  const stage = await openBenchStage();
  const { cluster, probe } = stage;
  try {
    const began: number[] = [];
    const acks: { nats: number; stream: number }[] = [];
    let restarted = Promise.resolve();
    const onWindow = (window: number): void => {
      began[window] = performance.now();
      acks[window] = probe.acks;
      if (window === 1) cluster.kill('nats', 'SIGKILL');
      if (window === 2) restarted = cluster.restart('nats');
      if (window === 3) cluster.kill('nats', 'SIGSTOP');
      if (window === 4) cluster.kill('nats', 'SIGCONT');
    };
    const load = { target: cluster.target, windows: WINDOWS.length, windowS, warmupS: WARMUP_S, threads, signal };
    const result = await runMeasuredLoad({ ...load, onWindow });
    await restarted;
    began.push(performance.now());
    acks.push(probe.acks);
    const { strong, weak } = probe;
    const { written, lost } = await probe.stop();
    const [windows] = result.points.map(({ iterations }) => iterations);
    const [first] = windows ?? [];
    const rows = WINDOWS.map((window, index) => {
      const measured = windows?.[index];
      const [from = 0, until = 0] = [began[index], began[index + 1]];
      const perSecond = (answers: readonly unknown[]): number => Math.round(answers.length / ((until - from) / 1000));
      const [was, is] = [acks[index], acks[index + 1]];
      return {
        ...{ window, opsPerSecond: Math.round(measured?.opsPerSecond ?? 0) },
        ofBefore: Math.round(((measured?.opsPerSecond ?? 0) / (first?.opsPerSecond ?? 1)) * 1000) / 1000,
        ...{ strongP50Ms: measured?.strongP50Ms ?? null, weakP50Ms: measured?.weakP50Ms ?? null },
        probeStrongPerSecond: perSecond(Probe.between(strong, from, until)),
        probeWeakPerSecond: perSecond(Probe.between(weak, from, until)),
        acksOverNats: (is?.nats ?? 0) - (was?.nats ?? 0),
        acksOverStream: (is?.stream ?? 0) - (was?.stream ?? 0),
        ...{ errors: measured?.errors ?? 0, unknown: measured?.unknown ?? 0 },
      };
    });
    const details = { written, lost, viewChanges: result.viewChanges, ...describeFaultsOf(result) };
    const isComplete = rows.every(({ probeWeakPerSecond }) => probeWeakPerSecond > 0);
    return { rows, details, isRight: details.wrong === 0 && lost === 0, isComplete };
  } finally {
    await stage.close();
  }
}
