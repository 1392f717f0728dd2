// Spans as OTLP writes them in JSON: ids in hexadecimal, times and large integers as decimal text, enum values as
// numbers. Character by character what OpenTelemetry's own JSON exporter writes, which trace viewers open. Made as text
// right away: through objects it takes more than twice as long.

import type { AnyValue, InstrumentationScope, KeyValue } from '../proto/gen/opentelemetry/proto/common/v1/common.js';
import type { Resource } from '../proto/gen/opentelemetry/proto/resource/v1/resource.js';
import type { Span, Span_Event, Span_Link } from '../proto/gen/opentelemetry/proto/trace/v1/trace.js';

/** Bytes of an id as hexadecimal text. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * One span as a JSON object.
 * @param traceId The span's trace id as hexadecimal text, which callers need anyhow.
 */
export function encodeSpan(span: Span, traceId: string): string {
  const parent = span.parentSpanId.length === 0 ? '' : `"parentSpanId":"${toHex(span.parentSpanId)}",`;
  const message = span.status?.message ? `,"message":${JSON.stringify(span.status.message)}` : '';
  return (
    `{"traceId":"${traceId}","spanId":"${toHex(span.spanId)}",${parent}${encodeTraceState(span.traceState)}` +
    `"name":${JSON.stringify(span.name)},"kind":${span.kind},` +
    `"startTimeUnixNano":"${span.startTimeUnixNano}","endTimeUnixNano":"${span.endTimeUnixNano}",` +
    `"attributes":${encodeAttributes(span.attributes)},"droppedAttributesCount":${span.droppedAttributesCount},` +
    `"events":${encodeList(span.events, encodeEvent)},"droppedEventsCount":${span.droppedEventsCount},` +
    `"status":{"code":${span.status?.code ?? 0}${message}},` +
    `"links":${encodeList(span.links, encodeLink)},"droppedLinksCount":${span.droppedLinksCount},"flags":${span.flags}}`
  );
}

/** Where spans come from as a JSON object. */
export function encodeResource(resource: Resource | undefined): string {
  const attributes = encodeAttributes(resource?.attributes ?? []);
  return `{"attributes":${attributes},"droppedAttributesCount":${resource?.droppedAttributesCount ?? 0}}`;
}

/** What made spans as a JSON object. */
export function encodeScope(scope: InstrumentationScope | undefined): string {
  if (scope === undefined) return '{}';
  const version = scope.version === '' ? '' : `,"version":${JSON.stringify(scope.version)}`;
  const attributes =
    scope.attributes.length === 0
      ? ''
      : `,"attributes":${encodeAttributes(scope.attributes)},"droppedAttributesCount":${scope.droppedAttributesCount}`;
  return `{"name":${JSON.stringify(scope.name)}${version}${attributes}}`;
}

function encodeEvent(event: Span_Event): string {
  return (
    `{"attributes":${encodeAttributes(event.attributes)},"name":${JSON.stringify(event.name)},` +
    `"timeUnixNano":"${event.timeUnixNano}","droppedAttributesCount":${event.droppedAttributesCount}}`
  );
}

function encodeLink(link: Span_Link): string {
  return (
    `{"attributes":${encodeAttributes(link.attributes)},"spanId":"${toHex(link.spanId)}",` +
    `"traceId":"${toHex(link.traceId)}",${encodeTraceState(link.traceState)}` +
    `"droppedAttributesCount":${link.droppedAttributesCount},"flags":${link.flags}}`
  );
}

function encodeTraceState(traceState: string): string {
  return traceState === '' ? '' : `"traceState":${JSON.stringify(traceState)},`;
}

function encodeAttributes(attributes: readonly KeyValue[]): string {
  return encodeList(attributes, encodeAttribute);
}

function encodeAttribute({ key, value }: KeyValue): string {
  return `{"key":${JSON.stringify(key)},"value":${encodeValue(value)}}`;
}

function encodeValue(any: AnyValue | undefined): string {
  const value = any?.value;
  if (value === undefined) return '{}';
  switch (value.$case) {
    case 'intValue':
      return `{"intValue":${Number.isSafeInteger(Number(value.value)) ? value.value : `"${value.value}"`}}`;
    case 'doubleValue':
      return `{"doubleValue":${Number.isFinite(value.value) ? value.value : `"${value.value}"`}}`;
    case 'bytesValue':
      return `{"bytesValue":"${Buffer.from(value.value).toString('base64')}"}`;
    case 'arrayValue':
      return `{"arrayValue":{"values":${encodeList(value.value.values, encodeValue)}}}`;
    case 'kvlistValue':
      return `{"kvlistValue":{"values":${encodeAttributes(value.value.values)}}}`;
    default:
      return `{"${value.$case}":${JSON.stringify(value.value)}}`;
  }
}

function encodeList<T>(list: readonly T[], encode: (item: T) => string): string {
  let text = '';
  for (const item of list) text += text === '' ? encode(item) : `,${encode(item)}`;
  return `[${text}]`;
}
