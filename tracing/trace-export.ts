// The content of one OTLP export call: a quick look at it while spans come in, and the whole of it later. The look
// costs a tenth of the decoding, which matters as long as the machine that is traced is also the one that receives.

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ExportTraceServiceRequest } from '../proto/gen/opentelemetry/proto/collector/trace/v1/trace_service.js';
import type { ResourceSpans } from '../proto/gen/opentelemetry/proto/trace/v1/trace.js';

/** What an export holds. */
export interface ExportCounts {
  spans: number;
  /** Spans without proper ids, which count for nothing else. */
  invalid: number;
}

/** Field numbers of opentelemetry/proto on the way down to the ids. */
const RESOURCE_SPANS = 1;
const SCOPE_SPANS = 2;
const SPANS = 2;
const TRACE_ID = 1;
const SPAN_ID = 2;

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;

/**
 * Counts the spans of an encoded export.
 * @param onSpan Is told the trace id of each proper span.
 * @throws if this is not an export.
 */
export function scanExport(bytes: Uint8Array, onSpan: (traceId: Uint8Array) => void): ExportCounts {
  const counts = { spans: 0, invalid: 0 };
  const reader = new BinaryReader(bytes);
  const scanSpan = (end: number): void => {
    let traceId: Uint8Array | null = null;
    let hasSpanId = false;
    forEachField(reader, end, (field, valueEnd) => {
      if (field === TRACE_ID && isId(bytes, reader.pos, valueEnd, TRACE_ID_BYTES)) {
        traceId = bytes.subarray(reader.pos, valueEnd);
      } else if (field === SPAN_ID) {
        hasSpanId = isId(bytes, reader.pos, valueEnd, SPAN_ID_BYTES);
      }
    });
    if (traceId === null || !hasSpanId) {
      counts.invalid++;
    } else {
      counts.spans++;
      onSpan(traceId);
    }
  };
  forEachField(reader, bytes.length, (field, resourceEnd) => {
    if (field !== RESOURCE_SPANS) return;
    forEachField(reader, resourceEnd, (inResource, scopeEnd) => {
      if (inResource !== SCOPE_SPANS) return;
      forEachField(reader, scopeEnd, (inScope, spanEnd) => {
        if (inScope === SPANS) scanSpan(spanEnd);
      });
    });
  });
  return counts;
}

/**
 * The spans of an encoded export, without those that have no proper ids.
 * @throws if this is not an export.
 */
export function decodeExport(bytes: Uint8Array): ResourceSpans[] {
  return ExportTraceServiceRequest.decode(bytes).resourceSpans.map((resource) => ({
    ...resource,
    scopeSpans: resource.scopeSpans.map((scope) => ({
      ...scope,
      spans: scope.spans.filter(
        ({ traceId, spanId }) =>
          isId(traceId, 0, traceId.length, TRACE_ID_BYTES) && isId(spanId, 0, spanId.length, SPAN_ID_BYTES),
      ),
    })),
  }));
}

/** Visits the fields of a message that have a length, with the reader at their value, and skips all others. */
function forEachField(reader: BinaryReader, end: number, visit: (field: number, valueEnd: number) => void): void {
  while (reader.pos < end) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited) {
      const valueEnd = reader.uint32() + reader.pos;
      if (valueEnd > end) throw new RangeError(`field ${field} is longer than the message it is in`);
      visit(field, valueEnd);
      reader.pos = valueEnd;
    } else {
      reader.skip(wireType, field);
    }
  }
}

function isId(bytes: Uint8Array, start: number, end: number, length: number): boolean {
  if (end - start !== length) return false;
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return true;
  return false;
}
