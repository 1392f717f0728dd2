// The time of day as all load processes of a run count it.

import { performance } from 'node:perf_hooks';

/** Microseconds since 1970. Runs evenly while the process lives, also when someone sets the machine's clock. */
export function wallClockUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
