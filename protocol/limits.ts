// The bounds that every part of the system agrees on. A figure that only one room needs lives in that room.

/** Longest key, bytes. */
export const KEY_BYTES_LIMIT = 1024;
/** Longest value, bytes. */
export const VALUE_BYTES_LIMIT = 1 << 20;
/** Most mutations of one batch; all its keys and values together also obey `VALUE_BYTES_LIMIT`. */
export const BATCH_MUTATIONS_LIMIT = 1024;
/** A frame is closed by the operation that takes it over this size. */
export const FRAME_BYTES_SOFT_LIMIT = 1 << 20;
/** Largest frame a receiver takes: the soft limit, one operation of the largest kind, and its envelope. */
export const FRAME_BYTES_HARD_LIMIT =
  FRAME_BYTES_SOFT_LIMIT + VALUE_BYTES_LIMIT + KEY_BYTES_LIMIT * BATCH_MUTATIONS_LIMIT + 65536;
/** Most operations in one frame. */
export const FRAME_OPERATIONS_LIMIT = 8192;
/** Most entries of one scan. */
export const SCAN_ENTRIES_LIMIT = 10_000;
/** Most bytes of keys and values in one scan answer. */
export const SCAN_BYTES_LIMIT = 1 << 20;
/** Numbers on the wire are exact up to here; session ids, seqs, slots and epochs stay below. */
export const NUMBER_LIMIT = Number.MAX_SAFE_INTEGER;
