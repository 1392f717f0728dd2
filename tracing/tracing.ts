// What tracing is to the rooms that make spans. Says nothing of how spans leave the process.

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
