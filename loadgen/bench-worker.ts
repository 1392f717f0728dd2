// How fast the generator itself is: one worker against a cluster that answers at once. Run it with
// `node dist/loadgen/bench-worker.js [streams] [seconds]`; a study far below this figure is not limited by the generator.

import { performance } from 'node:perf_hooks';

import { MemoryClient } from './memory-client.js';
import { LoadWorker } from './worker.js';

const threads = Number(process.argv[2] ?? 8);
const seconds = Number(process.argv[3] ?? 5);

const worker = await LoadWorker.connect(
  {
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
    history: null,
  },
  async () => new MemoryClient(),
);
await worker.prepare(threads);
const startAtMs = performance.timeOrigin + performance.now();
const result = await worker.load({
  threads,
  startAtMs,
  settleMs: 1000,
  durationMs: seconds * 1000,
  requests: null,
  seedWord: 1,
});
const opsPerSecond = (result.recording.operations / result.windowMs) * 1000;
process.stdout.write(
  `${JSON.stringify({ threads, seconds, opsPerSecond: Math.round(opsPerSecond), health: result.health, verification: result.verification })}\n`,
);
await worker.close();
