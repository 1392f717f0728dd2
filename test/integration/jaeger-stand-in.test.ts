// The stand-in for Jaeger as the process that a deployment starts, fed by our own tracing.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { ROOT_CONTEXT, type SpanContext, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { openTracing, type Tracing } from '../../tracing/setup.js';
import type { JaegerAddresses, JaegerTrace } from '../support/jaeger-stand-in.js';

const MAIN = path.join(import.meta.dirname, '..', 'support', 'jaeger-stand-in-main.js');
const START_S = 1_790_000_000;

describe('Jaeger stand-in', () => {
  let child: ChildProcess;
  let addresses: JaegerAddresses;
  const root: { context?: SpanContext } = {};

  before(async () => {
    const ports = ['--otlp-port', '0', '--query-port', '0', '--health-port', '0'];
    child = spawn(process.execPath, [MAIN, ...ports], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(createInterface(child.stdout!), 'line');
    addresses = JSON.parse(line);
    const client = await open('client');
    const replica = await open('replica');
    const put = client.tracer.startSpan('put', { kind: SpanKind.CLIENT, startTime: [START_S, 1000] }, ROOT_CONTEXT);
    root.context = put.spanContext();
    const parent = trace.setSpanContext(ROOT_CONTEXT, { ...root.context, isRemote: true });
    const execute = replica.tracer.startSpan(
      'execute',
      { startTime: [START_S, 2000], attributes: { slot: 7 } },
      parent,
    );
    execute.addEvent('committed', { by: 'leader' }, [START_S, 3000]);
    execute.setStatus({ code: SpanStatusCode.ERROR, message: 'no room' });
    execute.end([START_S, 5000]);
    put.end([START_S + 1, 1000]);
    await replica.close();
    await client.close();
  });

  after(async () => {
    child.kill('SIGTERM');
    const [code] = await once(child, 'exit');
    assert.equal(code, 0);
  });

  const open = (serviceName: string): Promise<Tracing> =>
    openTracing({ url: addresses.otlp, serviceName, attributes: {} });
  const get = async (pathname: string): Promise<{ status: number; data: unknown }> => {
    const response = await fetch(`http://${addresses.query}${pathname}`);
    const { data } = (await response.json()) as { data: unknown };
    return { status: response.status, data };
  };

  it('is healthy and says what it is', async () => {
    assert.equal((await fetch(`http://${addresses.health}/status`)).status, 200);
    assert.match(await (await fetch(`http://${addresses.query}/`)).text(), /stand-in for Jaeger/);
  });

  it('knows the services', async () => {
    assert.deepEqual(await get('/api/services'), { status: 200, data: ['client', 'replica'] });
  });

  it('shows a trace across processes in Jaeger’s form', async () => {
    const { data } = await get('/api/traces?service=replica&limit=5');
    const [found, ...others] = data as JaegerTrace[];
    assert.deepEqual(others, []);
    assert.equal(found?.traceID, root.context?.traceId);
    const execute = found?.spans.find(({ operationName }) => operationName === 'execute');
    const put = found?.spans.find(({ operationName }) => operationName === 'put');
    assert.deepEqual(put?.references, []);
    assert.deepEqual([put?.startTime, put?.duration], [START_S * 1e6 + 1, 1e6]);
    assert.ok(put?.tags.some(({ key, value }) => key === 'span.kind' && value === 'client'));
    assert.deepEqual(execute?.references, [{ refType: 'CHILD_OF', traceID: found?.traceID, spanID: put?.spanID }]);
    assert.deepEqual(execute?.tags, [
      { key: 'slot', type: 'int64', value: 7 },
      { key: 'span.kind', type: 'string', value: 'internal' },
      { key: 'otel.status_code', type: 'string', value: 'ERROR' },
      { key: 'error', type: 'bool', value: true },
      { key: 'otel.status_description', type: 'string', value: 'no room' },
      { key: 'otel.scope.name', type: 'string', value: 'curpho' },
    ]);
    assert.deepEqual(execute?.logs, [
      {
        timestamp: START_S * 1e6 + 3,
        fields: [
          { key: 'event', type: 'string', value: 'committed' },
          { key: 'by', type: 'string', value: 'leader' },
        ],
      },
    ]);
    assert.equal(found?.processes[execute?.processID ?? '']?.serviceName, 'replica');
    assert.deepEqual((await get(`/api/traces/${found?.traceID}`)).data, [found]);
  });

  it('says what is wrong with a question', async () => {
    const statuses = await Promise.all(
      ['/api/traces', '/api/traces?service=a&limit=0', `/api/traces/${'1'.repeat(32)}`, '/api/unknown'].map(
        async (pathname) => (await get(pathname)).status,
      ),
    );
    assert.deepEqual(statuses, [400, 400, 404, 404]);
  });
});
