// The clock of one process: it begins somewhere else than true time and runs a little faster or slower, but never back.
// Knows nothing of what time is used for.

import type { SimulationPlan } from './plan.js';
import { SeededRandom } from './random.js';

/** A clock with an offset and a drift that the seed, the salt and the process's name decide. */
export class SkewedClock {
  private readonly offsetUs: number;
  /** Own microseconds per true microsecond. */
  private readonly rate: number;

  constructor(name: string, { seed, salt, clockOffsetUs, clockDrift }: SimulationPlan) {
    let stream = salt;
    for (const character of name) stream = (stream * 31 + character.charCodeAt(0)) % 1_000_003;
    const random = new SeededRandom(seed, 1000 + stream);
    this.offsetUs = Math.floor(random.fraction() * clockOffsetUs);
    this.rate = 1 + (2 * random.fraction() - 1) * clockDrift;
  }

  /** Whether it ever shows anything but true time. */
  get isSkewed(): boolean {
    return this.offsetUs !== 0 || this.rate !== 1;
  }

  /** What it shows at a true time, in whole microseconds. */
  at(trueUs: number): number {
    return Math.floor(this.offsetUs + trueUs * this.rate);
  }

  /** True microseconds that pass while it counts `ownUs`. */
  durationOf(ownUs: number): number {
    return ownUs / this.rate;
  }
}
