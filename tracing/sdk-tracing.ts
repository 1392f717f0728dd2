// The OpenTelemetry SDK as we run it: spans only, over OTLP/gRPC, from a bounded queue. Registers nothing globally and
// detects nothing, so a process may trace several services, and neither command line nor environment leaves it.

import { readFileSync } from 'node:fs';
import os from 'node:os';
import { type Context, context, DiagLogLevel, diag, trace } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { NodeSDK } from '@opentelemetry/sdk-node';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace';
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from '@opentelemetry/semantic-conventions';
import { SpanBudget } from './span-budget.js';
import type { Tracing, TracingOptions } from './tracing.js';

const SPANS_PER_SECOND_LIMIT = 5000;
const UNSENT_SPANS_LIMIT = 16_384;
const BATCH_SPANS_LIMIT = 2048;
const BATCH_DELAY_MS = 500;
/** Less than `CLOSE_MS_LIMIT`, so that a hanging collector ends no later than we do. */
const EXPORT_MS_LIMIT = 1800;
const CLOSE_MS_LIMIT = 2000;
const LOG_INTERVAL_MS = 60_000;
/** Compiled code lies one folder deeper than the sources. */
const PACKAGE = new URL('../../package.json', import.meta.url);

/** `openTracing` once the SDK is loaded. */
export function startTracing(options: TracingOptions): Tracing {
  const log = createSparseLog(options.log ?? (() => undefined));
  const spansPerSecondLimit = options.spansPerSecondLimit ?? SPANS_PER_SECOND_LIMIT;
  const budget = new SpanBudget({ spansPerSecondLimit, unsentLimit: UNSENT_SPANS_LIMIT }, () => performance.now());
  const exporter = createCountingExporter(options.url, budget, log);
  const version = readVersion();
  const sdk = new NodeSDK({
    resource: resourceFromAttributes({
      [ATTR_SERVICE_NAME]: options.serviceName,
      [ATTR_SERVICE_VERSION]: version,
      'service.instance.id': `${os.hostname()}:${process.pid}`,
      'host.name': os.hostname(),
      'process.pid': process.pid,
      ...options.attributes,
    }),
    sampler: createBudgetSampler(budget),
    spanProcessors: [createQueue(exporter, budget)],
    autoDetectResources: false,
    // Left out, the environment would decide about these.
    instrumentations: [],
    metricReaders: [],
    logRecordProcessors: [],
    textMapPropagator: null,
  });
  // Someone who sets this variable wants the SDK's own words on the console.
  if (process.env.OTEL_LOG_LEVEL === undefined) sendDiagnosticsTo(log);
  // The SDK offers its tracers only as the process's global ones, of which there can be one: taken, and withdrawn. So is
  // the context that would follow every promise: parents are given explicitly.
  trace.disable();
  sdk.start();
  const tracer = trace.getTracer('curpho', version);
  trace.disable();
  context.disable();

  const close = async (): Promise<void> => {
    budget.close();
    await settledWithin(CLOSE_MS_LIMIT, sdk.shutdown());
    budget.giveUp();
  };
  let closing: Promise<void> | undefined;
  return {
    tracer,
    stats: () => budget.counts(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

function readVersion(): string {
  return JSON.parse(readFileSync(PACKAGE, 'utf8')).version;
}

/**
 * Records every span that the budget allows: whether an operation is traced was decided where it began. A span refused
 * here is never made, so going over the budget costs less, not more.
 */
function createBudgetSampler(budget: SpanBudget): Sampler {
  const yes = { decision: SamplingDecision.RECORD_AND_SAMPLED };
  const no = { decision: SamplingDecision.NOT_RECORD };
  return {
    shouldSample: (_context: Context, traceId: string) => (budget.maybeStart(traceId) ? yes : no),
    toString: () => 'BudgetSampler',
  };
}

/** The SDK's batches behind a bound of our own: theirs drops without telling. */
function createQueue(exporter: SpanExporter, budget: SpanBudget): SpanProcessor {
  const batches = new BatchSpanProcessor({
    exporter,
    maxQueueSize: UNSENT_SPANS_LIMIT,
    maxExportBatchSize: BATCH_SPANS_LIMIT,
    scheduledDelayMillis: BATCH_DELAY_MS,
    exportTimeoutMillis: CLOSE_MS_LIMIT,
  });
  return {
    onStart: () => undefined,
    onEnd: (span: ReadableSpan) => {
      if (budget.maybeQueue(span.spanContext().traceId)) batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    // The batches close the exporter only if their last export succeeds.
    shutdown: () => batches.shutdown().finally(() => exporter.shutdown()),
  };
}

/** Exports over OTLP/gRPC and tells the budget what the collector said. */
function createCountingExporter(url: string, budget: SpanBudget, log: (problem: string) => void): SpanExporter {
  const exporter = new OTLPTraceExporter({ url, timeoutMillis: EXPORT_MS_LIMIT });
  return {
    export: (spans: ReadableSpan[], done: (result: ExportResult) => void) =>
      exporter.export(spans, (result) => {
        const isExported = result.code === ExportResultCode.SUCCESS;
        budget.settle(spans.length, isExported);
        if (!isExported)
          log(`cannot export ${spans.length} spans to ${url}: ${result.error?.message ?? 'no reason given'}`);
        done(result);
      }),
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}

/** Resolves once `end` has settled one way or the other, or after `limitMs`. */
function settledWithin(limitMs: number, end: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limitMs);
    const finish = (): void => {
      clearTimeout(timer);
      resolve();
    };
    // A failed last export has been counted and logged where it failed.
    end.then(finish, finish);
  });
}

/** What the SDK has to say beyond failed exports: partial successes, values that are no attributes. */
function sendDiagnosticsTo(log: (problem: string) => void): void {
  const write = (...words: unknown[]): void => log(words.join(' '));
  const logger = { error: write, warn: write, info: write, debug: write, verbose: write };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** Lets one problem per minute through and says how many it held back. */
function createSparseLog(log: (problem: string) => void): (problem: string) => void {
  let writtenAtMs = Number.NEGATIVE_INFINITY;
  let heldBack = 0;
  return (problem) => {
    const nowMs = performance.now();
    if (nowMs - writtenAtMs < LOG_INTERVAL_MS) {
      heldBack++;
      return;
    }
    log(heldBack === 0 ? `tracing: ${problem}` : `tracing: ${problem} (and ${heldBack} earlier problems)`);
    writtenAtMs = nowMs;
    heldBack = 0;
  };
}
