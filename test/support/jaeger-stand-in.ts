// Stands in for Jaeger where its image cannot be had: takes spans over OTLP/gRPC and answers the part of Jaeger's query
// API that tests ask, in Jaeger's JSON. Keeps the latest traces in memory and draws nothing.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AnyValue, KeyValue } from '../../proto/gen/opentelemetry/proto/common/v1/common.js';
import {
  type ResourceSpans,
  type ScopeSpans,
  type Span,
  Span_SpanKind,
  Status_StatusCode,
} from '../../proto/gen/opentelemetry/proto/trace/v1/trace.js';
import { openTraceCollector, type TraceCollector } from '../../tracing/collector.js';
import { toHex } from '../../tracing/otlp-json.js';

/** Where a stand-in listens, host:port each; port 0 picks a free one. */
export interface JaegerAddresses {
  /** OTLP/gRPC. */
  otlp: string;
  /** The query API, HTTP. */
  query: string;
  /** `GET /status`, HTTP. */
  health: string;
}

interface JaegerTag {
  key: string;
  type: 'string' | 'bool' | 'int64' | 'float64' | 'binary';
  value: string | boolean | number;
}

/** A span as Jaeger's query API shows it; times in microseconds. */
export interface JaegerSpan {
  traceID: string;
  spanID: string;
  operationName: string;
  references: { refType: 'CHILD_OF' | 'FOLLOWS_FROM'; traceID: string; spanID: string }[];
  startTime: number;
  duration: number;
  tags: JaegerTag[];
  logs: { timestamp: number; fields: JaegerTag[] }[];
  processID: string;
}

/** A trace as Jaeger's query API shows it. */
export interface JaegerTrace {
  traceID: string;
  spans: JaegerSpan[];
  processes: Record<string, { serviceName: string; tags: JaegerTag[] }>;
}

const TRACES_LIMIT = 10_000;
const ANSWERED_TRACES = 20;

/** Traces in memory, the oldest forgotten first. */
class TraceStore {
  readonly #traces = new Map<string, JaegerTrace>();

  add(resourceSpans: readonly ResourceSpans[]): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      const tags = (resource?.attributes ?? []).map(toTag);
      const named = tags.find(({ key }) => key === 'service.name');
      const process = {
        serviceName: String(named?.value ?? 'unknown_service'),
        tags: tags.filter((tag) => tag !== named),
      };
      for (const scope of scopeSpans) for (const span of scope.spans) this.#addSpan(span, scope, process);
    }
  }

  get services(): string[] {
    const all = [...this.#traces.values()].flatMap(({ processes }) => Object.values(processes));
    return [...new Set(all.map(({ serviceName }) => serviceName))].sort();
  }

  /** The latest traces in which the service took part, latest first. */
  find(service: string, limit: number): JaegerTrace[] {
    const has = ({ processes }: JaegerTrace) => Object.values(processes).some((each) => each.serviceName === service);
    return [...this.#traces.values()].filter(has).reverse().slice(0, limit);
  }

  get(traceId: string): JaegerTrace | undefined {
    return this.#traces.get(traceId.padStart(32, '0'));
  }

  #addSpan(span: Span, scope: ScopeSpans, process: JaegerTrace['processes'][string]): void {
    const trace = this.#traceOf(toHex(span.traceId));
    const known = Object.entries(trace.processes).find(([, each]) => JSON.stringify(each) === JSON.stringify(process));
    const processID = known?.[0] ?? `p${Object.keys(trace.processes).length + 1}`;
    trace.processes[processID] = process;
    trace.spans.push(toJaegerSpan(span, scope, processID));
  }

  #traceOf(traceID: string): JaegerTrace {
    const trace = this.#traces.get(traceID) ?? { traceID, spans: [], processes: {} };
    this.#traces.set(traceID, trace);
    const [oldest] = this.#traces.keys();
    if (this.#traces.size > TRACES_LIMIT && oldest !== undefined) this.#traces.delete(oldest);
    return trace;
  }
}

function toJaegerSpan(span: Span, { scope }: ScopeSpans, processID: string): JaegerSpan {
  const traceID = toHex(span.traceId);
  const parent = { refType: 'CHILD_OF' as const, traceID, spanID: toHex(span.parentSpanId) };
  const links = span.links.map((link) => ({
    refType: 'FOLLOWS_FROM' as const,
    traceID: toHex(link.traceId),
    spanID: toHex(link.spanId),
  }));
  const startTime = toMicroseconds(span.startTimeUnixNano);
  return {
    traceID,
    spanID: toHex(span.spanId),
    operationName: span.name,
    references: span.parentSpanId.length === 0 ? links : [parent, ...links],
    startTime,
    duration: toMicroseconds(String(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano))),
    tags: [
      ...span.attributes.map(toTag),
      ...describeKind(span),
      ...describeStatus(span),
      ...describeScope(scope?.name),
    ],
    logs: span.events.map((event) => ({
      timestamp: toMicroseconds(event.timeUnixNano),
      fields: [{ key: 'event', type: 'string', value: event.name }, ...event.attributes.map(toTag)],
    })),
    processID,
  };
}

function describeKind({ kind }: Span): JaegerTag[] {
  if (kind === Span_SpanKind.UNSPECIFIED) return [];
  return [{ key: 'span.kind', type: 'string', value: Span_SpanKind[kind].toLowerCase() }];
}

function describeStatus({ status }: Span): JaegerTag[] {
  if (status?.code !== Status_StatusCode.ERROR) return [];
  return [
    { key: 'otel.status_code', type: 'string', value: 'ERROR' },
    { key: 'error', type: 'bool', value: true },
    ...(status.message === '' ? [] : [toTag({ key: 'otel.status_description', value: textValue(status.message) })]),
  ];
}

function describeScope(name: string | undefined): JaegerTag[] {
  return name === undefined || name === '' ? [] : [toTag({ key: 'otel.scope.name', value: textValue(name) })];
}

function textValue(value: string): AnyValue {
  return { value: { $case: 'stringValue', value } };
}

function toTag({ key, value: wrapped }: KeyValue): JaegerTag {
  const value = wrapped?.value;
  switch (value?.$case) {
    case 'stringValue':
      return { key, type: 'string', value: value.value };
    case 'boolValue':
      return { key, type: 'bool', value: value.value };
    case 'intValue':
      return { key, type: 'int64', value: Number(value.value) };
    case 'doubleValue':
      return { key, type: 'float64', value: value.value };
    case 'bytesValue':
      return { key, type: 'binary', value: Buffer.from(value.value).toString('base64') };
    default:
      return { key, type: 'string', value: JSON.stringify(value?.value ?? null) };
  }
}

function toMicroseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1000n);
}

/** A stand-in that is open. */
export class JaegerStandIn {
  readonly #collector: TraceCollector;
  readonly #servers: readonly Server[];

  private constructor(
    collector: TraceCollector,
    servers: readonly Server[],
    /** Where it listens, with the real ports. */
    readonly addresses: JaegerAddresses,
  ) {
    this.#collector = collector;
    this.#servers = servers;
  }

  /** @throws if one of the addresses cannot be had. */
  static async open(wanted: JaegerAddresses): Promise<JaegerStandIn> {
    const store = new TraceStore();
    const onSpans = (spans: readonly ResourceSpans[]): void => store.add(spans);
    const collector = await openTraceCollector({ listen: wanted.otlp, file: null, onSpans });
    const queries = createServer((request, response) => answerQuery(store, request, response));
    const health = createServer((request, response) =>
      answerJson(response, request.url === '/status' ? 200 : 404, { status: 'Server available' }),
    );
    try {
      const addresses = {
        otlp: collector.address,
        query: await listen(queries, wanted.query),
        health: await listen(health, wanted.health),
      };
      return new JaegerStandIn(collector, [queries, health], addresses);
    } catch (error) {
      await collector.close();
      for (const server of [queries, health]) server.close();
      throw error;
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#collector.close();
    for (const server of this.#servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
}

function answerQuery(store: TraceStore, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const [, traceId] = /^\/api\/traces\/([0-9a-f]{1,32})$/.exec(url.pathname) ?? [];
  if (request.method !== 'GET') {
    answerError(response, 405, `${request.method} is not answered here`);
  } else if (url.pathname === '/') {
    response
      .setHeader('content-type', 'text/plain')
      .end('A stand-in for Jaeger: no user interface, see /api/services.\n');
  } else if (url.pathname === '/api/services') {
    answerData(response, store.services);
  } else if (url.pathname === '/api/traces') {
    const service = url.searchParams.get('service') ?? '';
    const limit = Number(url.searchParams.get('limit') ?? ANSWERED_TRACES);
    if (service === '') answerError(response, 400, "parameter 'service' is required");
    else if (!Number.isInteger(limit) || limit < 1) answerError(response, 400, "parameter 'limit' is a number from 1");
    else answerData(response, store.find(service, limit));
  } else if (traceId !== undefined) {
    const trace = store.get(traceId);
    if (trace === undefined) answerError(response, 404, 'trace not found');
    else answerData(response, [trace]);
  } else {
    answerError(response, 404, `${url.pathname} is not answered here`);
  }
}

function answerData(response: ServerResponse, data: readonly unknown[]): void {
  answerJson(response, 200, { data, total: data.length, limit: 0, offset: 0, errors: null });
}

function answerError(response: ServerResponse, code: number, msg: string): void {
  answerJson(response, code, { data: null, total: 0, limit: 0, offset: 0, errors: [{ code, msg }] });
}

function answerJson(response: ServerResponse, code: number, body: object): void {
  response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function listen(server: Server, address: string): Promise<string> {
  const at = address.lastIndexOf(':');
  const host = address.slice(0, at);
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(address.slice(at + 1)), host, () => {
      resolve(`${host}:${(server.address() as AddressInfo).port}`);
    });
  });
}
