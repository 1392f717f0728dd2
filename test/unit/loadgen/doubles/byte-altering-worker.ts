// A client process whose cluster alters one byte of one value in the whole run.

import { MemoryClient } from '../../../../loadgen/worker/memory-client.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

let isAltered = false;

await serveWorker(
  async () =>
    new MemoryClient({
      delayMs: 2,
      tamper: (_key, answer) => {
        if (isAltered || answer.value === null) return answer;
        isAltered = true;
        const value = Buffer.from(answer.value);
        value[50] = (value[50] ?? 0) ^ 1;
        return { ...answer, value };
      },
    }),
);
