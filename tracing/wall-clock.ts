// The one clock of all processes: of spans, and of the moment at which load processes begin together. It is the time of
// day, taken at the start and carried on by the monotonic clock, so that it never jumps while something is measured; a
// long-lived process takes it anew between two plans. Two processes of one machine agree to within some microseconds, two
// machines as well as their clocks do.

let originUs = performance.timeOrigin * 1000;

const RESET_ATTEMPTS = 3;
const TICK_WITHIN_MS = 5;

/** Microseconds since 1970, an integer. */
export function wallUs(): number {
  return Math.floor(originUs + performance.now() * 1000);
}

/**
 * Takes the time of day anew. A process that lives long calls it between two pieces of work: the time that it carries on
 * is wrong once the machine was suspended or its clock was set. Takes some milliseconds.
 */
export function resetWallClock(): void {
  let newestUs = Number.NEGATIVE_INFINITY;
  // A pause between the two readings makes the origin look earlier; the latest of several is the one without.
  for (let attempt = 0; attempt < RESET_ATTEMPTS; attempt++) newestUs = Math.max(newestUs, readOriginUs());
  originUs = newestUs;
}

/** The time of day is told in milliseconds only; at the moment when it ticks it is exact. */
function readOriginUs(): number {
  const giveUpMs = performance.now() + TICK_WITHIN_MS;
  const before = Date.now();
  let dayMs = before;
  let nowMs = performance.now();
  while (dayMs === before && nowMs < giveUpMs) {
    dayMs = Date.now();
    nowMs = performance.now();
  }
  return (dayMs - nowMs) * 1000;
}

/** A time in the form that OpenTelemetry takes as it is: seconds and nanoseconds. */
export function toHrTime(us: number): [number, number] {
  const seconds = Math.floor(us / 1e6);
  return [seconds, (us - seconds * 1e6) * 1000];
}
