// A client process without the process: what it says of a phase, in a closed and in an open loop.

import assert from 'node:assert/strict';
import { decodeHistogram } from '../../../loadgen/worker/histograms.js';
import { MemoryClient } from '../../../loadgen/worker/memory-client.js';
import { LoadWorker } from '../../../loadgen/worker/worker.js';
import type { LoadWorkerStartRequest, PhaseResult, PlanRequest } from '../../../proto/gen/curpho/v1/load_worker.js';
import { samplePhase, samplePlan } from './worker-samples.js';

const OPEN_LOOP = { rate: 2000, arrivals: 'constant', inFlightLimit: 100, waitingLimit: 100 };

/** Beginning now. */
function phase(changes: Partial<LoadWorkerStartRequest>): LoadWorkerStartRequest {
  return samplePhase({ startAtUs: (performance.timeOrigin + performance.now()) * 1000, ...changes });
}

/** A cluster that answers nothing before it is told to. */
class StalledClient extends MemoryClient {
  #held: (() => void)[] | null = [];

  override later(answer: () => void): void {
    if (this.#held === null) super.later(answer);
    else this.#held.push(answer);
  }

  goOn(): void {
    for (const answer of this.#held ?? []) super.later(answer);
    this.#held = null;
  }
}

async function withWorker<T>(
  plan: Partial<PlanRequest>,
  use: (worker: LoadWorker) => Promise<T>,
  client = new MemoryClient(),
): Promise<T> {
  const worker = await LoadWorker.connect(samplePlan(plan), async () => client);
  try {
    await worker.prepare(2);
    return await use(worker);
  } finally {
    await worker.close();
  }
}

function recorded(result: PhaseResult): number {
  return result.histograms.reduce((sum, bytes) => sum + decodeHistogram(bytes, 3).totalCount, 0);
}

function onTimeline(result: PhaseResult): number {
  return result.timeline.reduce((sum, { operations }) => sum + operations, 0);
}

describe('LoadWorker', () => {
  it('counts the same operations in total, in the histograms and on the timeline', async () => {
    const result = await withWorker({}, (worker) => worker.load(phase({ requests: 500, settleMs: 5 })));
    assert.deepEqual([result.operations, recorded(result), onTimeline(result)], [1000, 1000, 1000]);
    assert.deepEqual([result.verification?.wrong, result.openLoop], [0, undefined]);
  });

  it('runs an open loop through settling and window and counts the window', async () => {
    const result = await withWorker({ openLoop: OPEN_LOOP }, (worker) =>
      worker.load(phase({ settleMs: 50, durationMs: 100 })),
    );
    const { intended, sent, dropped, waitingAtEnd } = result.openLoop ?? assert.fail('no counts');
    assert.deepEqual([intended, sent + dropped + waitingAtEnd], [200, 200]);
    assert.deepEqual([recorded(result), onTimeline(result)], [200, result.operations]);
    assert.ok(result.windowMs === 100 && result.operations > 0);
  });

  it('waits in an open loop for what was due in the window and records its latency', async () => {
    const client = new StalledClient();
    const openLoop = { ...OPEN_LOOP, inFlightLimit: 1000 };
    const use = async (worker: LoadWorker) => {
      const endMs = performance.now() + 120;
      const running = worker.load(phase({ settleMs: 0, durationMs: 100 }));
      while (performance.now() < endMs || worker.progress().inFlight < 200) await new Promise(setImmediate);
      client.goOn();
      return running;
    };
    const result = await withWorker({ openLoop }, use, client);
    assert.deepEqual([recorded(result), result.operations, onTimeline(result)], [200, 0, 0]);
    assert.equal(result.openLoop?.unansweredAtEnd, 200);
  });

  it('sends the same schedule for the same seed, another one in another phase', async () => {
    const intended = (seedWord: number) =>
      withWorker({ openLoop: { ...OPEN_LOOP, arrivals: 'poisson' } }, async (worker) => {
        const { openLoop } = await worker.load(phase({ durationMs: 100, seedWord }));
        return openLoop?.intended;
      });
    const [first, again] = [await intended(1), await intended(1)];
    assert.equal(first, again);
    const others = await Promise.all([2, 3, 4].map(intended));
    assert.ok(others.some((count) => count !== first));
  });

  it('says while it runs how it is doing, and ends early when it is stopped', async () => {
    await withWorker({ openLoop: OPEN_LOOP }, async (worker) => {
      const running = worker.load(phase({ durationMs: 60_000 }));
      while (worker.progress().operations < 20) await new Promise(setImmediate);
      worker.stop();
      const result = await running;
      assert.ok(result.operations >= 20 && result.windowMs < 60_000);
      assert.equal(worker.progress().inFlight, 0);
    });
  });

  it('does not begin a phase that was stopped before its time', async () => {
    await withWorker({}, async (worker) => {
      const running = worker.load(phase({ requests: 100 }));
      worker.stop();
      assert.equal((await running).operations, 0);
    });
  });
});
