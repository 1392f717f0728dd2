// Which operations a client traces, what their frames carry, and what their spans say; spans go to memory.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { InMemorySpanExporter, SamplingDecision, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Answer, Operation } from '../../../protocol/core.js';
import type { SessionRequest } from '../../../protocol/messages.js';
import { ClientTracer } from '../../../tracing/client-tracer.js';
import { createAnswer } from '../client/fake-core.js';

const GET: Operation = { kind: 'get', strong: true, key: Buffer.from('k') };
const CALLER = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';

function open(ratio: number, random?: () => number) {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const tracer = new ClientTracer({ tracer: provider.getTracer('test'), ratio, ...(random ? { random } : {}) });
  return { tracer, spans: () => exporter.getFinishedSpans() };
}

/** Numbers in [0, 1) from a fixed beginning. */
function createRandom(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function frameWith(nonces: number[], writes: [number, number][] = []): SessionRequest {
  const read = { session: 1, barrier: 0, key: Buffer.from('k') };
  const command = { strong: true, mutations: [], condition: undefined, ackedThrough: 0 };
  return {
    ...{
      clusterId: 'c',
      epoch: 1,
      clientId: 1,
      confirmedReads: [],
      weakReads: [],
      ackQueries: [],
      ping: 0,
      upkeep: undefined,
    },
    writes: writes.map(([session, seq]) => {
      return { command: { ...command, session, seq }, committedThrough: 0, bound: 0, dependencies: [] };
    }),
    strongReads: nonces.map((nonce) => ({ ...read, nonce })),
    trace: undefined,
  };
}

describe('client tracer', () => {
  it('samples by the ratio, each operation with the same chance', () => {
    for (const ratio of [0, 0.01, 0.25, 1]) {
      const { tracer } = open(ratio, createRandom());
      let sampled = 0;
      for (let i = 0; i < 20_000; i++) {
        const operation = tracer.begin(GET, 1, undefined);
        if (operation === null) continue;
        sampled++;
        tracer.onDone(operation);
      }
      const share = sampled / 20_000;
      assert.ok(Math.abs(share - ratio) <= ratio * 0.1 * (1 - ratio), `${share} of ${ratio}`);
    }
  });

  it('goes on with the trace of a sampled caller, and never overrules one that is not', () => {
    const { tracer, spans } = open(0);
    const operation = tracer.begin(GET, 1, `00-${CALLER}-01`);
    assert.ok(operation !== null);
    tracer.onCompleted(operation, createAnswer());
    const [span] = spans();
    assert.equal(`${span?.spanContext().traceId}-${span?.parentSpanContext?.spanId}`, CALLER);
    assert.equal(open(1).tracer.begin(GET, 1, `00-${CALLER}-00`), null);
  });

  it('puts into a frame the contexts of its traced operations, by their names there', () => {
    const { tracer } = open(0);
    assert.equal(tracer.traceSession(frameWith([1, 2])), undefined);
    const read = tracer.begin(GET, 1, `00-${CALLER}-01`);
    const write = tracer.begin({ kind: 'put', strong: true, key: GET.key, value: GET.key }, 7, `00-${CALLER}-01`);
    assert.ok(read !== null && write !== null);
    tracer.onAttempt(read, 2);
    tracer.onNumbered(write, 7, 3);
    const trace = tracer.traceSession(
      frameWith(
        [1, 2],
        [
          [7, 2],
          [7, 3],
        ],
      ),
    );
    assert.deepEqual(
      trace?.operations.map(({ nonce, session, seq }) => [nonce, session, seq]),
      [
        [2, 0, 0],
        [0, 7, 3],
      ],
    );
    assert.deepEqual(trace?.operations[0]?.context, read.context);
    tracer.onAttempt(read, 5);
    assert.equal(tracer.traceSession(frameWith([2])), undefined, 'an attempt that was given up is nobody’s');
    tracer.onDone(read);
    tracer.onDone(write);
    assert.equal(tracer.traceSession(frameWith([5], [[7, 3]])), undefined);
  });

  it('says how an operation ended', () => {
    const { tracer, spans } = open(1);
    const slow: Answer = { ...createAnswer(), path: 'slow', slowReason: 'witnessGap', epoch: 4, slot: 9 };
    const answered = tracer.begin(GET, 1, undefined);
    const failed = tracer.begin(GET, 1, undefined);
    assert.ok(answered !== null && failed !== null);
    tracer.onCompleted(answered, slow);
    tracer.onFailed(failed, 'DEADLINE_EXCEEDED');
    tracer.onFailed(answered, 'CLOSED');
    const [first, second, ...more] = spans();
    assert.equal(more.length, 0, 'each ends once');
    assert.deepEqual(
      ['curpho.path', 'curpho.slow_reason', 'curpho.epoch', 'curpho.slot'].map((key) => first?.attributes[key]),
      ['slow', 'witnessGap', 4, 9],
    );
    assert.deepEqual([second?.attributes['error.type'], second?.status.code], ['DEADLINE_EXCEEDED', 2]);
  });

  it('shows an answer that arrives before it was sent as one that took no time', () => {
    const { tracer, spans } = open(1);
    const operation = tracer.begin(GET, 1, undefined);
    assert.ok(operation !== null);
    tracer.onAttempt(operation, 1);
    const context = operation.context;
    const operations = [{ nonce: 1, session: 0, seq: 0, context }];
    const ahead = { sentUs: Date.now() * 1000 + 60_000_000, operations, turn: 0, stampUs: 0, taken: [] };
    tracer.onAnswers(ahead, 2);
    const [transit] = spans();
    assert.deepEqual(transit?.duration, [0, 0]);
    assert.ok(Number(transit?.attributes['curpho.clock_ahead_us']) > 50_000_000);
  });

  it('lets an operation go on whose tracer throws, and traces no more', async () => {
    let calls = 0;
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter })],
      sampler: {
        shouldSample: () => {
          if (++calls > 1) throw new Error('not today');
          return { decision: SamplingDecision.RECORD_AND_SAMPLED };
        },
        toString: () => 'Failing',
      },
    });
    const tracer = new ClientTracer({ tracer: provider.getTracer('test'), ratio: 1 });
    const warned = once(process, 'warning');
    const operation = tracer.begin(GET, 1, undefined);
    assert.ok(operation !== null);
    tracer.onAttempt(operation, 1);
    assert.ok(tracer.traceSession(frameWith([1])) !== undefined);
    tracer.onTurnSent();
    tracer.onCompleted(operation, createAnswer());
    tracer.onDone(operation);
    assert.equal(tracer.begin(GET, 1, undefined), null);
    assert.match(String(await warned), /nothing is traced any more: Error: not today/);
  });
});
