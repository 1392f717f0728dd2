// How many threads of this machine want a core, looked at now and again during a window. Knows nothing of whose they are; on
// systems without /proc it finds nothing, and says so.

import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { MachineLoad } from '../outcome/diagnostics.js';

const LOADAVG = '/proc/loadavg';
const LOOK_MS = 100;

/** Looks from `begin` to `end`. */
export class MachineLoadWatch {
  #looking: NodeJS.Timeout | undefined;
  #samples = 0;
  #sum = 0;
  #max = 0;

  begin(): void {
    this.#looking ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** What there was; null if nothing could be seen. */
  end(): MachineLoad | null {
    clearInterval(this.#looking);
    if (this.#samples === 0) return null;
    return {
      cores: availableParallelism(),
      runnableMean: this.#sum / this.#samples,
      runnableMax: this.#max,
      samples: this.#samples,
    };
  }

  #look(): void {
    const runnable = readRunnable();
    if (runnable === null) return;
    this.#samples++;
    this.#sum += runnable;
    this.#max = Math.max(this.#max, runnable);
  }
}

function readRunnable(): number | null {
  try {
    return parseRunnable(readFileSync(LOADAVG, 'latin1'));
  } catch {
    return null;
  }
}

/** Runnable threads out of `0.20 0.18 0.12 3/80 11206`, without the one that reads; null if the text is another. */
export function parseRunnable(text: string): number | null {
  const match = /^\S+ \S+ \S+ (\d+)\/\d+ \d+\n?$/.exec(text);
  return match === null ? null : Math.max(0, Number(match[1]) - 1);
}
