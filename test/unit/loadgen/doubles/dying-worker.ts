// A client process that ends in the middle of its first load.

import { MemoryClient } from '../../../../loadgen/worker/memory-client.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

await serveWorker(
  async () =>
    new MemoryClient({
      delayMs: 2,
      tamper: () => process.exit(9),
    }),
);
