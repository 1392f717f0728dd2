// The trace context as it travels in an operation: streams live for days, so no stream metadata could carry it. Creates
// no spans and samples nothing.

import type { Bytes } from '../protocol/messages.js';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** What an operation without a span carries. */
export const NO_TRACE_CONTEXT: Bytes = Buffer.alloc(0);

/**
 * Trace id, span id and flags of a W3C traceparent as 25 bytes; none if it says "not sampled".
 * @returns null if the text is not a traceparent.
 */
export function parseTraceparent(traceparent: string): Bytes | null {
  const match = TRACEPARENT.exec(traceparent);
  if (match === null) return null;
  const bytes = Buffer.from(`${match[1]}${match[2]}${match[3]}`, 'hex');
  const sampled = ((bytes[24] ?? 0) & 1) === 1;
  return sampled ? bytes : NO_TRACE_CONTEXT;
}
