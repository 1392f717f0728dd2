// How an ablation is carried out: order, failures, interrupts and what is said meanwhile. Runs are doubles that answer at
// once.

import assert from 'node:assert/strict';
import { parseAblation } from '../../../loadgen/ablate/ablation-plan.js';
import { AblationProgress } from '../../../loadgen/ablate/ablation-progress.js';
import { exitCodeOfAblation } from '../../../loadgen/ablate/ablation-result.js';
import { type AblationDoors, runAblation } from '../../../loadgen/ablate/run-ablation.js';
import { ClusterError } from '../../../loadgen/driver/target-cluster.js';
import type { RunResult } from '../../../loadgen/outcome/result.js';
import type { LoadPlan } from '../../../loadgen/plan.js';
import { samplePoint, sampleResult } from './sample-result.js';
import { Sink } from './sink.js';

const PLAN = parseAblation({ factors: 'batch-delay', levels: ['batch-delay=0,50'] });

describe('running an ablation', () => {
  const measured: string[] = [];
  let interrupt: AbortController;

  beforeEach(() => {
    measured.length = 0;
    interrupt = new AbortController();
  });

  function run(answer: (plan: LoadPlan, at: number) => RunResult, plan = PLAN) {
    const measure: AblationDoors['measure'] = async (loadPlan) => {
      measured.push(`${loadPlan.batchDelayUs}`);
      return answer(loadPlan, measured.length);
    };
    const workerEntry = new URL('file:///no-worker.js');
    return runAblation(plan, { stderr: new Sink(), workerEntry, signal: interrupt.signal, measure });
  }

  const fine = ({ batchDelayUs }: LoadPlan) => sampleResult([samplePoint(8, [batchDelayUs === 0 ? 1000 : 500])]);

  it('measures every level in every repetition, in rotation, and says so', async () => {
    const result = await run(fine);
    assert.deepEqual(measured, ['0', '50', '50', '0', '0', '50']);
    assert.deepEqual(
      result.order.map(({ level }) => level),
      measured,
    );
    const [factor] = result.factors;
    assert.deepEqual(
      factor?.levels.map(({ runs, figures }) => [runs.length, figures.opsPerSecond]),
      [
        [3, 1000],
        [3, 500],
      ],
    );
    assert.equal(factor?.levels[1]?.effect.opsPerSecond.verdict, 'difference');
    assert.deepEqual([result.interrupted, result.failures, exitCodeOfAblation(result)], [false, [], 0]);
  });

  it('keeps what was complete when it is interrupted, and drops the run under way', async () => {
    const result = await run((plan, at) => {
      if (at < 4) return fine(plan);
      interrupt.abort();
      return { ...fine(plan), interrupted: true };
    });
    assert.equal(measured.length, 4);
    assert.equal(result.order.length, 3);
    assert.equal(result.factors[0]?.levels[1]?.effect.opsPerSecond.pairs, 1);
    assert.equal(exitCodeOfAblation(result), 130);
  });

  it('keeps what was complete when the interrupt comes while a cluster starts', async () => {
    const result = await run((plan, at) => {
      if (at < 3) return fine(plan);
      interrupt.abort();
      throw new DOMException('This operation was aborted', 'AbortError');
    });
    assert.deepEqual([result.order.length, result.failures, result.interrupted], [2, [], true]);
  });

  it('goes on after a run that failed, without its pair, and is not valid', async () => {
    const result = await run((plan, at) => {
      if (at === 2) throw new ClusterError('no local cluster: port taken');
      return fine(plan);
    });
    assert.equal(measured.length, 6);
    assert.deepEqual(result.failures, ['batch-delay 50 µs, repetition 1: no local cluster: port taken']);
    assert.equal(result.factors[0]?.levels[1]?.effect.opsPerSecond.pairs, 2);
    assert.equal(exitCodeOfAblation(result), 4);
  });

  it('takes no figures from a run that lost a load process', async () => {
    const result = await run((plan, at) =>
      at === 2 ? { ...fine(plan), failures: ['client 1 was lost'] } : fine(plan),
    );
    assert.deepEqual(result.failures, ['batch-delay 50 µs, repetition 1: client 1 was lost']);
    assert.equal(result.factors[0]?.levels[1]?.runs[0]?.figures, null);
  });

  it('ends after two failures in a row with what there is', async () => {
    const result = await run((plan, at) => {
      if (at > 2) throw new ClusterError('no more');
      return fine(plan);
    });
    assert.equal(measured.length, 4);
    assert.deepEqual([result.order.length, result.failures.length], [2, 2]);
  });

  it('fails with the first run: there is nothing to report then', async () => {
    const refused = run(() => {
      throw new ClusterError('no nats-server');
    });
    await assert.rejects(refused, /no nats-server/);
    assert.equal(measured.length, 1);
  });

  it('remembers why a run is to be doubted, but not of one that was to be cold', async () => {
    const plan = parseAblation({ factors: 'run-length', levels: ['run-length=1s,1s-cold'], repetitions: '1' });
    const result = await run((loadPlan) => {
      const [point] = fine(loadPlan).points;
      assert.ok(point !== undefined);
      const selfCheck = { ...point.selfCheck, valid: false, reasons: ['the event loop was held up'] };
      return sampleResult([{ ...point, selfCheck }]);
    }, plan);
    assert.deepEqual(
      result.factors[0]?.levels.map(({ runs }) => runs[0]?.doubts),
      [['the event loop was held up'], []],
    );
  });
});

describe('progress of an ablation', () => {
  it('says how many runs are done, what is being done, and how long the rest takes', () => {
    let nowMs = 0;
    const progress = new AblationProgress(new Sink(), [10_000, 10_000, 10_000], () => nowMs);
    progress.run('shards 512, repetition 1');
    progress.step('warm-up');
    progress.detail('7 operations');
    nowMs += 4000;
    assert.equal(progress.describe(), '0 of 3 runs, 41 s left  shards 512, repetition 1: warm-up: 7 operations');
    // The first run takes 30 s instead of 10 s: so will the others.
    nowMs = 30_000;
    progress.ended();
    progress.run('shards 64, repetition 1');
    nowMs += 5000;
    assert.equal(progress.describe(), '1 of 3 runs, 55 s left  shards 64, repetition 1');
    nowMs += 100_000;
    progress.ended();
    progress.run('x');
    assert.equal(progress.leftMs(), 10_000 + (20_000 + 95_000) / 2);
    progress.ended();
    assert.equal(progress.leftMs(), 0);
  });

  it('writes minutes as such', () => {
    const progress = new AblationProgress(new Sink(), [125_000], () => 0);
    assert.match(progress.describe(), /^0 of 1 runs, 2 min 10 s left/);
  });
});
