// What this process had of the machine's cores and what it waited for them. All of it the kernel counts anyway; reading it
// is the whole cost.

import { readFileSync } from 'node:fs';
import type { ProcessorFigures } from '../proto/gen/curpho/v1/diagnostics.js';

/** Of the first thread of the process, the one with the event loop. */
const SCHEDSTAT = '/proc/self/schedstat';

/** Processor time and switches since the last reset. */
export class ProcessorWatch {
  private base = readTotals();

  reset(): void {
    this.base = readTotals();
  }

  read(): ProcessorFigures {
    const { base } = this;
    const now = readTotals();
    const figures: ProcessorFigures = {
      userUs: now.userUs - base.userUs,
      systemUs: now.systemUs - base.systemUs,
      voluntarySwitches: now.voluntarySwitches - base.voluntarySwitches,
      involuntarySwitches: now.involuntarySwitches - base.involuntarySwitches,
    };
    if (now.runDelayUs !== undefined && base.runDelayUs !== undefined) {
      figures.runDelayUs = now.runDelayUs - base.runDelayUs;
    }
    return figures;
  }
}

/** Since the process began. */
function readTotals(): ProcessorFigures {
  const { userCPUTime, systemCPUTime, voluntaryContextSwitches, involuntaryContextSwitches } = process.resourceUsage();
  const totals: ProcessorFigures = {
    userUs: userCPUTime,
    systemUs: systemCPUTime,
    voluntarySwitches: voluntaryContextSwitches,
    involuntarySwitches: involuntaryContextSwitches,
  };
  const runDelayUs = parseSchedstat(readSchedstat());
  if (runDelayUs !== null) totals.runDelayUs = runDelayUs;
  return totals;
}

function readSchedstat(): string {
  try {
    return readFileSync(SCHEDSTAT, 'latin1');
  } catch {
    return '';
  }
}

/**
 * The time spent waiting for a core, microseconds, out of `time-running time-waiting timeslices` in nanoseconds. Null if the
 * text is another, or all zeros, as of kernels that do not count this.
 */
export function parseSchedstat(text: string): number | null {
  const match = /^(\d+) (\d+) (\d+)\n?$/.exec(text);
  if (match === null || Number(match[1]) === 0) return null;
  return Math.round(Number(match[2]) / 1000);
}
