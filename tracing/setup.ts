// Turns tracing on: checks where spans are to go and loads the OpenTelemetry SDK, which a process without tracing never
// does. Knows no name of a span.

import type { Tracer } from '@opentelemetry/api';
import type { SpanCounts } from './span-budget.js';

/** How a process traces. */
export interface TracingOptions {
  /** OTLP/gRPC endpoint: `http://host:port`, `https://host:port` for TLS, or `host:port`; the port defaults to 4317. */
  url: string;
  /** Name under which the process appears, the same for all of its kind. */
  serviceName: string;
  /** Facts about the process; they win over those that are found out, such as `service.instance.id`. */
  attributes: Record<string, string | number>;
  /** Spans that may start per second before whole traces are dropped; 5,000 by default. */
  spansPerSecondLimit?: number;
  /** Receives problems, at most one sentence per minute. */
  log?: (problem: string) => void;
}

/** Tracing that is on. */
export interface Tracing {
  /**
   * Makes spans; give it the parent's context, since none is ever active. A span whose `isRecording()` is false was
   * refused: its trace is over budget and its context should not travel on.
   */
  readonly tracer: Tracer;
  /** What became of the spans so far. */
  stats(): SpanCounts;
  /** Sends what is left and lets go of the collector; within 2 s even if that does not answer. Never rejects. */
  close(): Promise<void>;
}

/** Where spans are to go is not stated as it must be. */
export class OtlpUrlError extends Error {
  override readonly name = 'OtlpUrlError';
}

const OTLP_URL = /^(?:(https?):\/\/)?(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(\d{1,5}))?\/?$/i;
const OTLP_PORT = '4317';

/**
 * An OTLP/gRPC endpoint as `http://host:port` or `https://host:port`.
 * @param setting What the user calls it; the error begins with it.
 * @throws OtlpUrlError
 */
export function parseOtlpUrl(setting: string, text: string): string {
  const [, scheme = 'http', host, port = OTLP_PORT] = OTLP_URL.exec(text.trim()) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65535) {
    throw new OtlpUrlError(`${setting}: must be http://host:port, https://host:port or host:port, not '${text}'`);
  }
  return `${scheme.toLowerCase()}://${host}:${port}`;
}

/**
 * Begins to trace. Whether the collector is there shows later, in `stats` and in the log.
 * @throws OtlpUrlError
 */
export async function openTracing(options: TracingOptions): Promise<Tracing> {
  const url = parseOtlpUrl('url', options.url);
  const { startTracing } = await import('./sdk-tracing.js');
  return startTracing({ ...options, url });
}
