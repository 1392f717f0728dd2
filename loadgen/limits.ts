// The limits of a plan, for the command line and for load processes alike: what the one takes the others must not
// refuse. Those that follow from how something is built stand where it is built.

/** Processes of a run. */
export const CLIENTS_LIMIT = 64;
/** Sessions of one process. */
export const THREADS_LIMIT = 1024;
/** Operations in flight per session. */
export const PENDINGS_LIMIT = 10_000;
/** Operations per session and window. */
export const REQUESTS_LIMIT = 1_000_000_000;
/** Longest phase, milliseconds. */
export const DURATION_MS_LIMIT = 86_400_000;
/** Exponent of the key popularity. */
export const ZIPF_LIMIT = 10;
/** Gathering time of a frame. */
export const BATCH_DELAY_US_LIMIT = 1_000_000;
/** Operations per second of all processes together. */
export const RATE_LIMIT = 1_000_000;
/** Operations of an open loop in flight, per process. */
export const IN_FLIGHT_LIMIT = 1_000_000;
/** Operations of an open loop that wait, per process. */
export const WAITING_LIMIT = 10_000_000;
/** Every so manieth operation has a time line, at most this many. */
export const ATTRIBUTE_EVERY_LIMIT = 1 << 20;
