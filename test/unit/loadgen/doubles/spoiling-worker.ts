// A client process that measures what it is asked to and spoils what comes after: it has lost spans, and its connection
// does not close.

import { serveOn } from '../../../../loadgen/worker/worker-server.js';
import { type PlannedLoad, WorkerService } from '../../../../loadgen/worker/worker-service.js';
import { samplePhase } from '../sample-result.js';

const load: PlannedLoad = {
  preload: async () => {},
  expectAllKeys: () => {},
  prepare: async () => {},
  load: async () => samplePhase([[100]], { spansExported: 5, spansDropped: 2 }),
  progress: () => ({ operations: 0, inFlight: 0, waiting: 0, errors: 0 }),
  close: async () => {
    throw new Error('the connection would not close');
  },
};

const { address } = await serveOn('127.0.0.1:0', new WorkerService({ open: async () => load }));
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ role: 'load-worker', address, pid: process.pid })}\n`);
