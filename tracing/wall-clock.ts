// The one clock of all spans: the time of day when the process began, carried on by the monotonic clock. Two processes
// of one machine agree to within some microseconds, two machines as well as their clocks do.

const originUs = performance.timeOrigin * 1000;

/** Microseconds since 1970, an integer. */
export function wallUs(): number {
  return Math.floor(originUs + performance.now() * 1000);
}

/** A time in the form that OpenTelemetry takes as it is: seconds and nanoseconds. */
export function toHrTime(us: number): [number, number] {
  const seconds = Math.floor(us / 1e6);
  return [seconds, (us - seconds * 1e6) * 1000];
}
