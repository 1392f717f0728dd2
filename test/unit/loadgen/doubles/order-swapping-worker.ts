// A client process whose cluster shows two versions of one key in the wrong order, once: a newer one, then an older one.

import type { GetOutcome } from '../../../../client/types.js';
import { MemoryClient } from '../../../../loadgen/worker/memory-client.js';
import { serveWorker } from '../../../../loadgen/worker/worker-program.js';

/** More than there are operations in flight: by then no read can have begun before the newer version was shown. */
const NEWER_SHOWN_MIN = 40;

const shown = new Map<string, { first: GetOutcome; newerCount: number }>();
let isSwapped = false;

await serveWorker(
  async () =>
    new MemoryClient({
      delayMs: 2,
      tamper: (key, answer) => {
        if (isSwapped || answer.path !== 'fast' || answer.value === null) return answer;
        const known = shown.get(key);
        if (known === undefined) shown.set(key, { first: answer, newerCount: 0 });
        else if (known.first.slot !== answer.slot) known.newerCount++;
        if (known === undefined || known.newerCount < NEWER_SHOWN_MIN) return answer;
        isSwapped = true;
        return known.first;
      },
    }),
);
