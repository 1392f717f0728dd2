// Time for everything that is not a rule: the machine's monotonic clock, which all processes on it share, so that stamps
// taken in two of them can be subtracted.

const [seconds, nanoseconds] = process.hrtime();
const originUs = seconds * 1e6 + nanoseconds / 1e3 - performance.now() * 1e3;

/** Microseconds of the monotonic clock, an integer; never decreases. Allocates nothing, unlike `process.hrtime`. */
export function monotonicUs(): number {
  return Math.floor(originUs + performance.now() * 1e3);
}
