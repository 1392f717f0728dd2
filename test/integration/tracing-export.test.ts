// Spans on their way over real OTLP/gRPC: from openTracing to the collector and into its file, and what happens when the
// collector refuses, hangs or is not there.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket, type Server as TcpServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import {
  Client,
  credentials,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { ROOT_CONTEXT, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  ExportTraceServiceRequest,
  type ExportTraceServiceResponse,
  TraceServiceClient,
  TraceServiceService,
} from '../../proto/gen/opentelemetry/proto/collector/trace/v1/trace_service.js';
import type { ResourceSpans } from '../../proto/gen/opentelemetry/proto/trace/v1/trace.js';
import { openTraceCollector, type TraceCollector } from '../../tracing/collector.js';
import { openTracing, type Tracing } from '../../tracing/setup.js';
import { makeSpans, toExport } from '../unit/tracing/span-samples.js';

const ANY_PORT = '127.0.0.1:0';
const START_S = 1_790_000_000;
/** Far more than the two seconds that a close may take: the machine may be busy. */
const CLOSE_MS_GENEROUS = 10_000;

describe('exporting traces', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'curpho-traces-'));
  const file = path.join(folder, 'traces.jsonl');
  const closers: (() => unknown)[] = [];
  const logged: string[] = [];

  beforeEach(() => logged.splice(0));
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });
  after(() => rmSync(folder, { recursive: true }));

  const open = async (url: string, serviceName = 'test', spansPerSecondLimit = 5000): Promise<Tracing> => {
    const log = (problem: string) => logged.push(problem);
    const tracing = await openTracing({
      url,
      serviceName,
      attributes: { 'curpho.node': 'r-0' },
      spansPerSecondLimit,
      log,
    });
    closers.push(() => tracing.close());
    return tracing;
  };
  const collect = async (options: Partial<Parameters<typeof openTraceCollector>[0]> = {}): Promise<TraceCollector> => {
    const collector = await openTraceCollector({ listen: ANY_PORT, file: null, ...options });
    closers.push(() => collector.close());
    return collector;
  };

  it('carries spans with times, parents, attributes and the process they come from', async () => {
    const received: ResourceSpans[] = [];
    const collector = await collect({ onSpans: (spans) => received.push(...spans) });
    const tracing = await open(collector.address);
    const parent = tracing.tracer.startSpan('put', { startTime: [START_S, 7] }, ROOT_CONTEXT);
    const child = tracing.tracer.startSpan(
      'execute',
      { startTime: [START_S, 8], attributes: { slot: 12 } },
      trace.setSpan(ROOT_CONTEXT, parent),
    );
    child.setStatus({ code: SpanStatusCode.ERROR, message: 'refused' }).end([START_S, 9]);
    parent.end([START_S, 1_000_007]);
    await tracing.close();

    assert.deepEqual(tracing.stats(), { exported: 2, dropped: 0 });
    assert.deepEqual(collector.stats(), { traces: 1, spans: 2, dropped: 0 });
    const [execute, put] = received.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
    assert.equal(put?.startTimeUnixNano, `${START_S}000000007`);
    assert.equal(put?.endTimeUnixNano, `${START_S}001000007`);
    assert.deepEqual(execute?.parentSpanId, put?.spanId);
    assert.deepEqual(execute?.attributes, [{ key: 'slot', value: { value: { $case: 'intValue', value: '12' } } }]);
    assert.deepEqual(execute?.status, { code: 2, message: 'refused' });
    const keys = received[0]?.resource?.attributes.map(({ key }) => key).sort();
    const wanted = [
      'curpho.node',
      'host.name',
      'process.pid',
      'service.instance.id',
      'service.name',
      'service.version',
    ];
    assert.deepEqual(keys, wanted, 'these and no others: command lines and environments may hold secrets');
    assert.deepEqual(logged, []);
  });

  it('keeps the services of one process apart and nothing registered globally', async () => {
    const names = new Set<string>();
    const collector = await collect({ onSpans: (spans) => spans.forEach((each) => names.add(nameOf(each))) });
    const both = [await open(collector.address, 'replica'), await open(collector.address, 'witness')];
    for (const { tracer } of both) tracer.startSpan('step', {}, ROOT_CONTEXT).end();
    assert.equal(trace.getTracer('anyone').startSpan('step').isRecording(), false);
    for (const tracing of both) await tracing.close();
    assert.deepEqual([...names].sort(), ['replica', 'witness']);
  });

  it('loads the SDK only when tracing is turned on', async () => {
    const setup = new URL('../../tracing/setup.js', import.meta.url);
    const script = `
      import { createRequire } from 'node:module';
      const { openTracing } = await import(${JSON.stringify(setup)});
      const isLoaded = () => Object.keys(createRequire(${JSON.stringify(setup)}).cache).some((file) => /opentelemetry.sdk-/.test(file));
      const before = isLoaded();
      const tracing = await openTracing({ url: '127.0.0.1:1', serviceName: 'test', attributes: {} });
      console.log(before, isLoaded());
      await tracing.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    assert.equal(stdout, 'false true\n');
  });

  it('drops whole traces over the budget and says so to who makes spans', async () => {
    const collector = await collect();
    const tracing = await open(collector.address, 'test', 1);
    const first = tracing.tracer.startSpan('put', {}, ROOT_CONTEXT);
    const second = tracing.tracer.startSpan('put', {}, ROOT_CONTEXT);
    assert.deepEqual([first.isRecording(), second.isRecording()], [true, false]);
    assert.equal(second.spanContext().traceFlags, 0, 'its context says "not sampled" to whoever it travels to');
    tracing.tracer.startSpan('queue', {}, trace.setSpan(ROOT_CONTEXT, second)).end();
    second.end();
    first.end();
    await tracing.close();
    assert.deepEqual(tracing.stats(), { exported: 1, dropped: 2 });
    assert.deepEqual(collector.stats(), { traces: 1, spans: 1, dropped: 0 });
  });

  it('writes a file of lines that hold what was sent', async () => {
    const collector = await collect({ file });
    const traceIds: string[] = [];
    for (const name of ['replica', 'witness']) {
      const tracing = await open(collector.address, name);
      const span = tracing.tracer.startSpan('step', {}, ROOT_CONTEXT);
      traceIds.push(span.spanContext().traceId);
      span.end();
      await tracing.close();
    }
    await collector.close();
    assert.deepEqual(collector.stats(), { traces: 2, spans: 2, dropped: 0 });
    const lines = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const written = lines.map(({ resourceSpans }) => resourceSpans[0].scopeSpans[0].spans[0].traceId);
    assert.deepEqual(written, traceIds);
  });

  it('says what it left out because the file is full, and why', async () => {
    const bytesLimit = 4000;
    const collector = await collect({ file, fileBytesLimit: bytesLimit });
    const client = new TraceServiceClient(collector.address, credentials.createInsecure());
    closers.push(() => client.close());
    const exports = Array.from({ length: 20 }, (_, i) => toExport(makeSpans([{ trace: i, startNs: i }])));
    const answers = await Promise.all(exports.map((bytes) => exportTo(client, bytes)));
    assert.equal(answers[0]?.partialSuccess, undefined);
    const rejected = answers.flatMap(({ partialSuccess }) => partialSuccess ?? []);
    assert.deepEqual(rejected[0], { rejectedSpans: 1, errorMessage: '1 spans left out because the file is full' });
    assert.equal(collector.stats().dropped, rejected.length);
    await collector.close();
    const { traces, spans, dropped } = collector.stats();
    const text = readFileSync(file, 'utf8');
    assert.ok(text.length <= bytesLimit && text.endsWith('}\n'), `${text.length} bytes`);
    assert.equal(text.match(/"spanId"/g)?.length, spans);
    assert.deepEqual([traces, spans + dropped], [spans, exports.length]);
  });

  it('answers INVALID_ARGUMENT to what is not an export', async () => {
    const collector = await collect();
    const client = new TraceServiceClient(collector.address, credentials.createInsecure());
    const rawClient = new Client(collector.address, credentials.createInsecure());
    closers.push(
      () => client.close(),
      () => rawClient.close(),
    );
    const { path: method } = TraceServiceService.export;
    const asItIs = (bytes: Buffer): Buffer => bytes;
    const error = await new Promise<ServiceError | null>((resolve) => {
      rawClient.makeUnaryRequest(method, asItIs, asItIs, Buffer.from('hello, collector'), resolve);
    });
    assert.ok(error !== null);
    assert.equal(error.code, status.INVALID_ARGUMENT);
    assert.match(error.details, /^not an OTLP trace export: /);
    assert.deepEqual(await exportTo(client, new Uint8Array()), { partialSuccess: undefined }, 'and goes on');
  });

  it('counts what cannot be exported, closes in time and logs it once when there is no collector', async () => {
    const collector = await collect();
    const { address } = collector;
    await collector.close();
    const tracing = await open(address);
    tracing.tracer.startSpan('put', {}, ROOT_CONTEXT).end();
    while (tracing.stats().dropped === 0) await sleep(20);
    tracing.tracer.startSpan('put', {}, ROOT_CONTEXT).end();
    await closeSoon(tracing);
    assert.deepEqual(tracing.stats(), { exported: 0, dropped: 2 });
    assert.equal(logged.length, 1);
    assert.match(logged[0]!, new RegExp(`^tracing: cannot export 1 spans to http://${address}: .*UNAVAILABLE`));
  });

  it('closes in time with a collector that never answers', async () => {
    const server = new Server();
    const silent: handleUnaryCall<ExportTraceServiceRequest, ExportTraceServiceResponse> = () => undefined;
    server.addService(TraceServiceService, { export: silent });
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(ANY_PORT, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      ),
    );
    closers.push(() => server.forceShutdown());
    const tracing = await open(`127.0.0.1:${port}`);
    for (let i = 0; i < 3000; i++) tracing.tracer.startSpan('put', {}, ROOT_CONTEXT).end();
    await closeSoon(tracing);
    assert.deepEqual(tracing.stats(), { exported: 0, dropped: 3000 });
  });

  it('closes in time with a peer that accepts connections and speaks no gRPC', async () => {
    const sockets = new Set<Socket>();
    const server: TcpServer = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    const tracing = await open(`127.0.0.1:${(server.address() as AddressInfo).port}`);
    tracing.tracer.startSpan('put', {}, ROOT_CONTEXT).end();
    await closeSoon(tracing);
    assert.deepEqual(tracing.stats(), { exported: 0, dropped: 1 });
  });

  it('refuses to open where it cannot listen or write', async () => {
    const collector = await collect();
    await assert.rejects(collect({ listen: collector.address }), /^Error: traces: cannot listen on /);
    await assert.rejects(collect({ file: path.join(folder, 'absent', 'traces.jsonl') }), { code: 'ENOENT' });
  });
});

function nameOf({ resource }: ResourceSpans): string {
  const value = resource?.attributes.find(({ key }) => key === 'service.name')?.value?.value;
  return String(value?.value);
}

function exportTo(client: TraceServiceClient, bytes: Uint8Array): Promise<ExportTraceServiceResponse> {
  const request = ExportTraceServiceRequest.decode(bytes);
  return new Promise((resolve, reject) => {
    client.export(request, (error, response) => (error === null ? resolve(response) : reject(error)));
  });
}

async function closeSoon(tracing: Tracing): Promise<void> {
  const late = Symbol('late');
  const limit = new AbortController();
  const end = sleep(CLOSE_MS_GENEROUS, late, { signal: limit.signal }).catch(() => late);
  assert.notEqual(await Promise.race([tracing.close(), end]), late, 'the close has an end of its own');
  limit.abort();
}
