// Requests to a load process that are right in every field, for tests to change.

import type { LoadWorkerStartRequest, PlanRequest } from '../../../proto/gen/curpho/v1/load_worker.js';

/** A plan for a small closed loop. */
export function samplePlan(changes: Partial<PlanRequest>): PlanRequest {
  return {
    runId: 'run-a',
    target: '127.0.0.1:7400',
    client: 0,
    pendings: 2,
    weakRatio: 0.5,
    writeRatio: 0.5,
    keys: 200,
    zipf: 0.9,
    valueBytes: 100,
    seed: 1,
    batchDelayUs: 0,
    ackTransport: 'nats',
    history: '',
    openLoop: undefined,
    otlpUrl: '',
    traceRatio: 0,
    attributeEvery: 16,
    ...changes,
  };
}

/** A phase of half a second that begins at 0. */
export function samplePhase(changes: Partial<LoadWorkerStartRequest>): LoadWorkerStartRequest {
  return {
    runId: 'run-a',
    threads: 2,
    startAtUs: 0,
    settleMs: 0,
    durationMs: 500,
    requests: 0,
    seedWord: 1,
    ...changes,
  };
}
