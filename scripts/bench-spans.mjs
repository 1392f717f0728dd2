// What a span costs: microseconds of CPU to start and end one, to export it over OTLP/gRPC, and to receive it into a
// file, the collector being a process of its own. Works on what is built: npm run build && node scripts/bench-spans.mjs
// Options: --dist FOLDER, --spans NUMBER.
import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api';
import { root } from './process.mjs';

/** Two full batches: they fit the queue, so that nothing is dropped, and need not wait for the batch timer. */
const ROUND_SPANS = 4096;
const SPANS_PER_TRACE = 16;
const ATTRIBUTES = { 'curpho.operation': 'put', 'curpho.consistency': 'strong', 'curpho.slot': 123_456 };

const { values } = parseArgs({
  options: { dist: { type: 'string', default: 'dist' }, spans: { type: 'string', default: '100000' } },
});
const folder = path.resolve(root, values.dist, 'tracing');
if (process.send === undefined) await measure();
else await collect();

/** CPU of this process so far, microseconds. */
function cpuUs() {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The collector's side: tells its address, then its CPU time on every message; the message 'close' closes it first. */
async function collect() {
  const { openTraceCollector } = await import(path.join(folder, 'collector.js'));
  const collector = await openTraceCollector({
    listen: '127.0.0.1:0',
    file: process.env.TRACE_FILE,
    fileBytesLimit: 1e9,
  });
  process.on('message', async (message) => {
    if (message === 'close') await collector.close();
    process.send({ cpuUs: cpuUs(), ...collector.stats() });
  });
  process.send({ address: collector.address });
}

async function measure() {
  const { openTracing } = await import(path.join(folder, 'setup.js'));
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'curpho-bench-spans-'));
  const file = path.join(temporary, 'traces.jsonl');
  const child = fork(process.argv[1], process.argv.slice(2), { env: { ...process.env, TRACE_FILE: file } });
  const answer = () => new Promise((resolve) => child.once('message', resolve));
  const ask = (message) => {
    const answered = answer();
    child.send(message);
    return answered;
  };
  try {
    const { address } = await answer();
    const tracing = await openTracing({
      url: address,
      serviceName: 'bench',
      attributes: {},
      spansPerSecondLimit: 1e9,
      log: console.error,
    });
    await runRounds(tracing, 10 * ROUND_SPANS);
    const before = await ask('cpu');
    const { spans, startUs, totalUs } = await runRounds(tracing, Number(values.spans));
    const after = await ask('cpu');
    await tracing.close();
    const written = await ask('close');
    const report = (what, us) => console.log(`${what.padEnd(48)} ${us.toFixed(2).padStart(6)} µs`);
    console.log(`${spans} spans with ${Object.keys(ATTRIBUTES).length} attributes, CPU per span:`);
    report('start and end, with times and parent given', startUs / spans);
    report('serialise and export', (totalUs - startUs) / spans);
    report('receive (collector process)', (after.cpuUs - before.cpuUs) / spans);
    report('all of that', (totalUs + after.cpuUs - before.cpuUs) / spans);
    report('write the file, afterwards', (written.cpuUs - after.cpuUs) / written.spans);
    console.log(`${(statSync(file).size / written.spans).toFixed(0)} bytes per span in the file`);
    console.log(
      `exported ${tracing.stats().exported}, dropped ${tracing.stats().dropped}, in the file ${written.spans}`,
    );
  } finally {
    child.kill();
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Makes spans in rounds, each exported before the next begins. */
async function runRounds(tracing, wanted) {
  let spans = 0;
  let startUs = 0;
  const settled = () => tracing.stats().exported + tracing.stats().dropped;
  const settledBefore = settled();
  const beganUs = cpuUs();
  while (spans < wanted) {
    const roundUs = cpuUs();
    makeSpans(tracing.tracer, ROUND_SPANS);
    startUs += cpuUs() - roundUs;
    spans += ROUND_SPANS;
    while (settled() - settledBefore < spans) await sleep(5);
  }
  return { spans, startUs, totalUs: cpuUs() - beganUs };
}

function makeSpans(tracer, count) {
  const startedAtMs = Date.now();
  const seconds = Math.floor(startedAtMs / 1000);
  for (let i = 0; i < count; i += SPANS_PER_TRACE) {
    const traceId = Math.random().toString(16).slice(2).padEnd(16, '1').repeat(2).slice(0, 32);
    const spanContext = { traceId, spanId: traceId.slice(16), traceFlags: TraceFlags.SAMPLED, isRemote: true };
    const parent = trace.setSpanContext(ROOT_CONTEXT, spanContext);
    for (let j = 0; j < SPANS_PER_TRACE; j++) {
      const span = tracer.startSpan('execute', { startTime: [seconds, j * 1000] }, parent);
      for (const key in ATTRIBUTES) span.setAttribute(key, ATTRIBUTES[key]);
      span.end([seconds, (j + 5) * 1000]);
    }
  }
}
