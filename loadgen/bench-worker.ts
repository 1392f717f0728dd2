// How fast the generator itself is: one worker against a cluster that answers at once. Run it with
// `node dist/loadgen/bench-worker.js [streams] [seconds] [rate]`; a study far below its figure is not limited by the
// generator. With a rate it is an open loop, and the figures of interest are how late sends were and at what cost.

import { wallUs } from '../tracing/wall-clock.js';
import { MemoryClient } from './worker/memory-client.js';
import { LoadWorker } from './worker/worker.js';

const threads = Number(process.argv[2] ?? 8);
const seconds = Number(process.argv[3] ?? 5);
const rate = Number(process.argv[4] ?? 0);

const worker = await LoadWorker.connect(
  {
    runId: 'bench',
    target: 'memory',
    client: 0,
    pendings: 10,
    weakRatio: 0.5,
    writeRatio: 0.1,
    keys: 1_000_000,
    zipf: 0.9,
    valueBytes: 100,
    seed: 1,
    batchDelayUs: 0,
    ackTransport: 'nats',
    history: '',
    openLoop: rate === 0 ? undefined : { rate, arrivals: 'poisson', inFlightLimit: 10_000, waitingLimit: 100_000 },
    otlpUrl: '',
    traceRatio: 0,
    attributeEvery: 0,
  },
  async () => new MemoryClient(),
);
await worker.prepare(threads);
const result = await worker.load({
  runId: 'bench',
  threads,
  startAtUs: wallUs(),
  settleMs: 1000,
  durationMs: seconds * 1000,
  requests: 0,
  seedWord: 1,
});
const opsPerSecond = Math.round((result.operations / result.windowMs) * 1000);
const { health, verification, openLoop } = result;
process.stdout.write(`${JSON.stringify({ threads, seconds, rate, opsPerSecond, health, openLoop, verification })}\n`);
await worker.close();
