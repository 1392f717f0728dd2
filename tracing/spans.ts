// What the tracers of clients and nodes share: spans made with stated times, because what they describe is over by the
// time anybody knows its name. Knows nothing of operations.

import {
  type Attributes,
  type Link,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { Attribute } from './names.js';
import { toHrTime } from './wall-clock.js';

/** A span that is over, or about to begin. */
export interface SpanTimes {
  fromUs: number;
  /** Not before `fromUs`: clocks of two machines may differ, and a stage never takes less than no time. */
  toUs: number;
}

/** Begins a span under `parent`, or at the root of a new trace. */
export function beginSpan(
  tracer: Tracer,
  name: string,
  parent: SpanContext | null,
  options: { kind: SpanKind; fromUs: number; attributes: Attributes; links?: Link[] },
): Span {
  const { kind, fromUs, attributes, links } = options;
  const context = parent === null ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parent);
  const startTime = toHrTime(fromUs);
  return tracer.startSpan(name, { kind, startTime, attributes, ...(links === undefined ? {} : { links }) }, context);
}

/** A whole span inside its parent. */
export function addStage(
  tracer: Tracer,
  name: string,
  parent: SpanContext,
  { fromUs, toUs }: SpanTimes,
  attributes: Attributes = {},
): void {
  addSpan(tracer, name, parent, { fromUs, toUs, kind: SpanKind.INTERNAL, attributes });
}

/** A whole span of any kind. Its context is for spans of other processes. */
export function addSpan(
  tracer: Tracer,
  name: string,
  parent: SpanContext,
  options: SpanTimes & { kind: SpanKind; attributes: Attributes },
): SpanContext {
  const { fromUs, toUs, kind, attributes } = options;
  const span = beginSpan(tracer, name, parent, { kind, fromUs, attributes });
  span.end(toHrTime(Math.max(fromUs, toUs)));
  return span.spanContext();
}

/** Marks a span as failed; `why` is a word, not a sentence. */
export function failSpan(span: Span, why: string): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: why });
}

/** Says by how much the sender's clock was ahead, where a frame seems to have arrived before it left. */
export function describeSkew(sentUs: number, receivedUs: number): Attributes {
  return receivedUs < sentUs ? { [Attribute.clockAhead]: sentUs - receivedUs } : {};
}
