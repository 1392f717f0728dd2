// The monotonic clock of the machine: the same in every process on it, so that what one process stamps another can
// measure from. Between machines it means nothing; what is made of that is the business of whoever compares.

/** `performance.now()` reads the same clock, from the start of the process; so the two differ by a constant. */
const OFFSET_US = measureOffsetUs();

/** Microseconds, whole. */
export function hostUs(): number {
  return Math.round(OFFSET_US + performance.now() * 1000);
}

/** Of several readings the one with the least time between its halves. */
function measureOffsetUs(): number {
  let least = Number.POSITIVE_INFINITY;
  let offsetUs = 0;
  for (let reading = 0; reading < 16; reading++) {
    const fromMs = performance.now();
    const us = Number(process.hrtime.bigint()) / 1000;
    const toMs = performance.now();
    if (toMs - fromMs >= least) continue;
    least = toMs - fromMs;
    offsetUs = us - ((fromMs + toMs) / 2) * 1000;
  }
  return offsetUs;
}
