// A client process whose cluster is a map: the whole load generator without a network.

import { MemoryClient } from '../../../../loadgen/worker/memory-client.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

await serveWorker(async () => new MemoryClient({ delayMs: 2 }));
