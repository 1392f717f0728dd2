// The trace context as it travels in a frame: streams live for days, so no stream metadata could carry it. Turns it
// into the forms that callers and OpenTelemetry know; creates no spans and samples nothing.

import type { SpanContext } from '@opentelemetry/api';

import type { Bytes } from '../protocol/messages.js';

const TRACEPARENT = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** The one flag there is; OpenTelemetry's constant would load its package where nothing is traced. */
const SAMPLED = 1;

/** 16 bytes trace id, 8 bytes span id, 1 byte flags. */
export const TRACE_CONTEXT_BYTES = 25;

/**
 * The span that a W3C traceparent names.
 * @returns null if the text is not a traceparent.
 */
export function parseTraceparent(traceparent: string): SpanContext | null {
  const match = TRACEPARENT.exec(traceparent);
  if (match === null) return null;
  const [, traceId = '', spanId = '', flags = ''] = match;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** Whether a span is recorded, so that others should take part in its trace. */
export function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & SAMPLED) !== 0;
}

/** As it travels: {@link TRACE_CONTEXT_BYTES} bytes. */
export function encodeTraceContext({ traceId, spanId, traceFlags }: SpanContext): Bytes {
  const bytes = Buffer.allocUnsafe(TRACE_CONTEXT_BYTES);
  bytes.write(traceId, 0, 'hex');
  bytes.write(spanId, 16, 'hex');
  bytes[24] = traceFlags;
  return bytes;
}

/** The span that a context on the wire names; its length was checked by the codec. */
export function decodeTraceContext(context: Bytes): SpanContext {
  const hex = Buffer.from(context.buffer, context.byteOffset, context.byteLength).toString('hex');
  return {
    traceId: hex.slice(0, 32),
    spanId: hex.slice(32, 48),
    traceFlags: context[24] ?? 0,
    isRemote: true,
  };
}
