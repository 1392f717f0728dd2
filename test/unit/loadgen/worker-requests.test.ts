// What a load process takes and what it refuses: the field is named, and so is the limit.

import assert from 'node:assert/strict';
import { UsageError } from '../../../loadgen/flag-values.js';
import {
  checkPlan,
  checkPreload,
  checkPrepare,
  checkRunId,
  checkStart,
} from '../../../loadgen/worker/worker-requests.js';
import type { LoadWorkerStartRequest, PlanRequest } from '../../../proto/gen/curpho/v1/load_worker.js';
import { samplePhase, samplePlan } from './worker-samples.js';

const NOW_US = 1_000_000_000;

function refuses(what: () => void, message: RegExp): void {
  assert.throws(what, (error) => error instanceof UsageError && message.test(error.message));
}

describe('requests to a load process', () => {
  it('take a plan within its limits', () => {
    checkPlan(samplePlan({}), null);
    checkPlan(samplePlan({ history: 'part-0', otlpUrl: 'http://127.0.0.1:4317', traceRatio: 1 }), 'part-0');
    checkPlan(samplePlan({ openLoop: { rate: 0.5, arrivals: 'constant', inFlightLimit: 1, waitingLimit: 0 } }), null);
  });

  const badPlans: [Partial<PlanRequest>, RegExp][] = [
    [{ runId: '' }, /^run_id: "" is not 1 to 64/],
    [{ runId: 'x'.repeat(65) }, /^run_id: /],
    [{ target: 'nowhere' }, /^target: 'nowhere' is not host:port/],
    [{ target: `${'h'.repeat(5000)}:1` }, /^target: longer than 4096/],
    [{ client: 64 }, /^client: 64 is not a whole number from 0 to 63/],
    [{ pendings: 0 }, /^pendings: 0 is not a whole number from 1 to 10000/],
    [{ weakRatio: 1.1 }, /^weak_ratio: 1.1 is not a number from 0 to 1/],
    [{ writeRatio: Number.NaN }, /^write_ratio: NaN/],
    [{ keys: 0 }, /^keys: 0/],
    [{ zipf: 11 }, /^zipf: 11 is not a number from 0 to 10/],
    [{ valueBytes: 1 }, /^value_bytes: 1 /],
    [{ seed: -1 }, /^seed: -1/],
    [{ batchDelayUs: 1_000_001 }, /^batch_delay_us: 1000001/],
    [{ ackTransport: 'pigeon' }, /^ack_transport: 'pigeon' is not one of nats, stream/],
    [{ history: 'elsewhere' }, /^history: this process may not write that file/],
    [{ otlpUrl: 'ftp://host' }, /^otlp_url: /],
    [{ traceRatio: -0.1 }, /^trace_ratio: -0.1/],
    [
      { openLoop: { rate: 0, arrivals: 'poisson', inFlightLimit: 1, waitingLimit: 0 } },
      /^open_loop.rate: 0 .* more than 0/,
    ],
    [{ openLoop: { rate: 1, arrivals: 'bursts', inFlightLimit: 1, waitingLimit: 0 } }, /^open_loop.arrivals: 'bursts'/],
    [
      { openLoop: { rate: 1, arrivals: 'poisson', inFlightLimit: 0, waitingLimit: 0 } },
      /^open_loop.in_flight_limit: 0/,
    ],
    [{ openLoop: { rate: 1, arrivals: 'poisson', inFlightLimit: 1, waitingLimit: 1e8 } }, /^open_loop.waiting_limit: /],
  ];
  for (const [changes, message] of badPlans) {
    it(`refuse a plan with ${JSON.stringify(changes).slice(0, 60)}`, () =>
      refuses(() => checkPlan(samplePlan(changes), null), message));
  }

  it('refuse a history other than the one that the process was started with', () =>
    refuses(() => checkPlan(samplePlan({ history: 'b' }), 'a'), /^history: /));

  it('refuse key ranges outside of the plan', () => {
    const plan = samplePlan({ keys: 100 });
    checkPreload({ runId: plan.runId, firstKey: 0, endKey: 100 }, plan);
    refuses(() => checkPreload({ runId: plan.runId, firstKey: 0, endKey: 101 }, plan), /^end_key: 101 .* 0 to 100/);
    refuses(() => checkPreload({ runId: plan.runId, firstKey: 7, endKey: 6 }, plan), /^first_key: 7 .* 0 to 6/);
  });

  it('refuse numbers of sessions that nobody can mean', () => {
    refuses(() => checkPrepare({ threads: 0 }), /^threads: 0/);
    refuses(() => checkPrepare({ threads: 1025 }), /^threads: 1025/);
  });

  const badPhases: [Partial<LoadWorkerStartRequest>, RegExp][] = [
    [{ threads: 3 }, /^threads: 3 is not a whole number from 1 to 2/],
    [{ startAtUs: NOW_US + 10_000_001 }, /^start_at_us: 10.0 s from now/],
    [{ startAtUs: NOW_US - 20_000_000 }, /^start_at_us: -20.0 s from now/],
    [{ settleMs: 86_400_001 }, /^settle_ms: /],
    [{ durationMs: 0 }, /^duration_ms: 0/],
    [{ requests: 1_000_000_001 }, /^requests: /],
  ];
  for (const [changes, message] of badPhases) {
    it(`refuse a phase with ${JSON.stringify(changes)}`, () =>
      refuses(() => checkStart(samplePhase({ startAtUs: NOW_US, ...changes }), 2, NOW_US), message));
  }

  it('take a phase of a number of operations, which has no length', () =>
    checkStart(samplePhase({ startAtUs: NOW_US, requests: 5, durationMs: 0 }), 2, NOW_US));

  it('refuse a phase before its sessions are open', () =>
    refuses(() => checkStart(samplePhase({ startAtUs: NOW_US }), 0, NOW_US), /^threads: no sessions are open/));

  it('refuse names of runs with anything but letters, digits, _ and -', () =>
    refuses(() => checkRunId('../etc'), /^run_id: "\.\.\/etc"/));
});
