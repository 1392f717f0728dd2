// A driver that vanishes: started as a process of its own by loadgen-workers.test.ts, it runs a phase that outlasts any
// test and says on stdout who drives what, once load flows. It is ended by kill -9.

import { WorkerPool } from '../../loadgen/driver/worker-pool.js';
import { samplePlan } from '../unit/loadgen/worker-samples.js';

const [target = '', workers = ''] = process.argv.slice(2);
const addresses = workers === '' ? null : workers.split(',');
const plans = Array.from({ length: addresses?.length ?? 2 }, (_, client) =>
  samplePlan({ runId: 'vanishing', target, client }),
);
const pool = await WorkerPool.start(plans, { workers: addresses, scheduling: 'normal' });
await pool.prepare(1);
let isSaid = false;
await pool.load({ threads: 1, settleMs: 0, durationMs: 600_000, requests: 0, seedWord: 1 }, ({ operations }) => {
  if (operations === 0 || isSaid) return;
  isSaid = true;
  process.stdout.write(`${JSON.stringify({ members: pool.members })}\n`);
});
