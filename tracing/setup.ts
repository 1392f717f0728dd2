// Turns tracing on: checks where spans are to go and loads the OpenTelemetry SDK, which a process without tracing never
// does. Knows no name of a span.

import type { Tracing, TracingOptions } from './tracing.js';

export type { Tracing, TracingOptions } from './tracing.js';

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
