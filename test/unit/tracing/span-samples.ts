// Spans made by the real SDK, in the two forms that its exporters give them.

import { ROOT_CONTEXT, type SpanContext, SpanKind, SpanStatusCode, TraceFlags, trace } from '@opentelemetry/api';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';

/** Moments of sample spans count from here, seconds since 1970. */
const START_S = 1_790_000_000;

/** A trace id that tells which trace it is. */
export function traceIdOf(number: number): string {
  return number.toString(16).padStart(32, 'a');
}

/** What a sample span is like. */
export interface SampleSpan {
  trace: number;
  /** Nanoseconds after the first moment. */
  startNs?: number;
  name?: string;
}

/** Plain spans of given traces, in the order in which they end. */
export function makeSpans(samples: readonly SampleSpan[]): ReadableSpan[] {
  return record((tracer) => {
    for (const { trace: number, startNs = 0, name = 'execute' } of samples) {
      const startTime: [number, number] = [START_S, startNs];
      tracer.startSpan(name, { startTime }, parentOf(number)).end([START_S, startNs + 1000]);
    }
  });
}

/** Spans that use everything OTLP has: all kinds of attributes, events, links, status, trace state, big numbers. */
export function makeRichSpans(): ReadableSpan[] {
  return record((tracer) => {
    const parent = parentOf(1);
    const link: SpanContext = { ...trace.getSpanContext(parentOf(2))!, isRemote: false };
    const span = tracer.startSpan(
      'put "é"\n',
      {
        kind: SpanKind.CLIENT,
        startTime: [START_S, 123_456_789],
        attributes: { text: 'a\\b', whole: -42, large: 2 ** 45 + 1, half: 0.5, yes: true, none: '', zero: 0 },
        links: [{ context: link, attributes: { why: 'batch' } }],
      },
      parent,
    );
    span.setAttribute('list', ['a', 'b']).setAttribute('numbers', [1, 2.5]);
    span.addEvent('accepted', { witness: 2 }, [START_S, 123_456_999]);
    span.setStatus({ code: SpanStatusCode.ERROR, message: 'lost "leader"' });
    const child = tracer.startSpan('queue', { startTime: [START_S, 200_000_000] }, trace.setSpan(ROOT_CONTEXT, span));
    child.end([START_S, 300_000_001]);
    span.end([START_S + 1, 1]);
    tracer.startSpan('root', { startTime: [START_S, 5] }, ROOT_CONTEXT).end([START_S, 6]);
  });
}

/** Spans as a call of the exporter carries them. */
export function toExport(spans: readonly ReadableSpan[]): Uint8Array {
  const bytes = ProtobufTraceSerializer.serializeRequest([...spans]);
  if (bytes === undefined) throw new Error('the SDK made nothing of the spans');
  return bytes;
}

/** Spans as the SDK writes them in JSON. */
export function toSdkJson(spans: readonly ReadableSpan[]): string {
  return Buffer.from(JsonTraceSerializer.serializeRequest([...spans]) ?? []).toString();
}

function parentOf(number: number) {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceIdOf(number),
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

function record(make: (tracer: ReturnType<TracerProvider['getTracer']>) => void): ReadableSpan[] {
  const ended: ReadableSpan[] = [];
  const recorder: SpanProcessor = {
    onStart: () => undefined,
    onEnd: (span) => ended.push(span),
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  };
  const resource = resourceFromAttributes({ 'service.name': 'sample', 'process.pid': 7 });
  make(new TracerProvider({ resource, spanProcessors: [recorder] }).getTracer('samples', '1.2.3'));
  return ended;
}
