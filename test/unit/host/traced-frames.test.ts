// A replica's traced frames without a replica: what goes in, what comes out, and that each span ends once, whatever is
// sent twice, refused, parked or left behind.

import assert from 'node:assert/strict';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { createAckBatch, createSessionResponse } from '../../../protocol/frames.js';
import type { FrameTrace, ReplicateRequest, SessionRequest } from '../../../protocol/messages.js';
import { TracedFrames } from '../../../services/replica/traced-frames.js';
import { encodeTraceContext } from '../../../tracing/trace-context.js';

const PARENT = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags: 1 };
const SESSION = 7;

class Bench {
  readonly core = { epoch: 1, isLeader: true, isOpen: true, ordered: 0, committed: 0 };
  readonly frames: TracedFrames;
  readonly #exporter = new InMemorySpanExporter();

  constructor() {
    const provider = new TracerProvider({
      spanProcessors: [new SimpleSpanProcessor({ exporter: this.#exporter })],
    });
    const { core } = this;
    this.frames = new TracedFrames(provider.getTracer('test'), {
      get epoch() {
        return core.epoch;
      },
      get isLeader() {
        return core.isLeader;
      },
      get isOpen() {
        return core.isOpen;
      },
      orderedThrough: () => core.ordered,
      committedThrough: () => core.committed,
    });
  }

  /** Spans that have ended, each once; the SDK says nothing of a second end. */
  spans(name: string): ReadableSpan[] {
    return this.#exporter.getFinishedSpans().filter((span) => span.name === name);
  }

  errors(name: string): unknown[] {
    return this.spans(name).map(({ attributes }) => attributes['error.type']);
  }

  /** A client's frame goes through the core. */
  step(content: Partial<SessionRequest>, client = 3): void {
    const frame: SessionRequest = {
      ...{ clusterId: 'c', epoch: 1, clientId: client, ping: 0, trace: undefined, upkeep: undefined },
      ...{ writes: [], strongReads: [], confirmedReads: [], weakReads: [], ackQueries: [] },
      ...content,
    };
    this.frames.onSession(frame, client, Date.now() * 1000);
    this.frames.onSessionStepped(frame, 1);
  }
}

function traceOf(...names: { seq?: number; nonce?: number }[]): FrameTrace {
  const context = encodeTraceContext(PARENT);
  const operations = names.map(({ seq = 0, nonce = 0 }) => ({ session: seq > 0 ? SESSION : 0, seq, nonce, context }));
  return { sentUs: Date.now() * 1000, operations, turn: 0, stampUs: 0, taken: [] };
}

function writeOf(seq: number, strong = true): SessionRequest['writes'][number] {
  const command = { session: SESSION, seq, strong, mutations: [], condition: undefined, ackedThrough: 0 };
  return { command, committedThrough: 0, bound: 1, dependencies: [] };
}

function replyTo(seq: number) {
  const flags = { ok: true, committed: false, stale: false };
  return { session: SESSION, seq, slot: 9, ...flags, result: undefined, committedThrough: 0 };
}

describe('traced frames of a replica', () => {
  it('acknowledge the weak write that is held, though its log entry came in between', () => {
    const bench = new Bench();
    bench.core.isLeader = false;
    bench.step({ writes: [writeOf(1, false)], trace: traceOf({ seq: 1 }) });
    const { command } = writeOf(1, false);
    const rest = {
      prevSlot: 0,
      prevEpoch: 0,
      commitSlot: 0,
      openSlot: 1,
      round: 0,
      storedEverywhere: 0,
      learner: 0,
      snapshot: undefined,
      inquiry: undefined,
    };
    const entries = [{ epoch: 1, command, expiry: undefined }];
    const replicate: ReplicateRequest = {
      ...{ clusterId: 'c', epoch: 1, leader: 0, entries, trace: traceOf({ seq: 1 }) },
      ...rest,
    };
    bench.frames.onReplicate(replicate, Date.now() * 1000);
    bench.frames.onReplicateStepped();
    const batch = createAckBatch('c', { epoch: 1, replica: 1, commitSlot: 0 });
    batch.weakAcks.push({ session: SESSION, seq: 1 });
    bench.frames.traceAcks(batch);
    bench.frames.onAcksSent(true);
    bench.frames.onReplicated();
    const [hold] = bench.spans('replica.hold');
    const [publish] = bench.spans('ack.publish');
    assert.equal(publish?.parentSpanContext?.spanId, hold?.spanContext().spanId);
    assert.deepEqual([bench.errors('replica.hold'), bench.errors('follower.append')], [[undefined], [undefined]]);
    assert.equal(batch.trace?.operations.length, 1);
  });

  it('end each arrival of a write that is sent twice once, and answer one', () => {
    const bench = new Bench();
    bench.step({ writes: [writeOf(1)], trace: traceOf({ seq: 1 }) });
    bench.step({ writes: [writeOf(1)], trace: traceOf({ seq: 1 }) });
    const frame = createSessionResponse('c', 1, 1);
    frame.writeReplies.push(replyTo(1), replyTo(1));
    bench.frames.traceAnswers(3, frame);
    bench.frames.onSent();
    assert.equal(frame.trace?.operations.length, 1);
    const ends = bench.spans('leader.propose').map(({ attributes }) => attributes['curpho.resent'] ?? false);
    assert.deepEqual(ends, [true, false]);
    assert.equal(bench.spans('node.step').length, 2);
  });

  it('forget writes that wait for a predecessor when their client goes', () => {
    const bench = new Bench();
    for (let seq = 2; seq < 3000; seq++) bench.step({ writes: [writeOf(seq)], trace: traceOf({ seq }) }, 4);
    bench.frames.onClientGone(4);
    bench.core.ordered = 1;
    bench.step({ writes: [writeOf(1)], trace: traceOf({ seq: 1 }) });
    bench.core.committed = 1;
    bench.frames.onTurn();
    assert.equal(bench.spans('replicate and commit').length, 1);
  });

  it('do not follow what is committed already', () => {
    const bench = new Bench();
    bench.core.ordered = bench.core.committed = 5;
    bench.step({ writes: [writeOf(5)], trace: traceOf({ seq: 5 }) });
    bench.frames.onTurn();
    assert.equal(bench.spans('replicate and commit').length, 0);
  });

  it('end what is refused with its step, and say why', () => {
    const key = Buffer.from('k');
    const read = { strongReads: [{ nonce: 2, session: SESSION, barrier: 0, key }], trace: traceOf({ nonce: 2 }) };
    const refusals = [
      [{ isLeader: false }, 'refused_not_leader'],
      [{ isOpen: false }, 'refused_not_open'],
      [{ epoch: 2 }, 'refused_epoch'],
    ] as const;
    for (const [state, why] of refusals) {
      const bench = new Bench();
      Object.assign(bench.core, state);
      bench.step(read);
      assert.deepEqual(bench.errors('leader.read'), [why]);
    }
  });

  it('end what is open when the leadership, the client or the node ends', () => {
    const bench = new Bench();
    bench.core.ordered = 1;
    bench.step({ writes: [writeOf(1)], trace: traceOf({ seq: 1 }) });
    bench.core.isLeader = false;
    bench.frames.onTurn();
    assert.deepEqual(bench.errors('leader.propose'), []);
    const [commit] = bench.spans('replicate and commit');
    assert.equal(commit?.status.message, 'leadership_lost');
    bench.frames.onClientGone(3);
    assert.deepEqual(bench.errors('leader.propose'), ['client_gone']);
    bench.core.isLeader = true;
    bench.step({ writes: [writeOf(2)], trace: traceOf({ seq: 2 }) });
    bench.frames.close();
    assert.deepEqual(bench.errors('leader.propose'), ['client_gone', 'node_closed']);
  });

  it('take a frame full of names that mean nothing without looking for each in all of it', () => {
    const bench = new Bench();
    const names = Array.from({ length: 8192 }, (_, at) => ({ nonce: at + 10 }));
    const key = Buffer.from('k');
    let visits = 0;
    const strongReads = Array.from({ length: 64 }, (_, at) => ({
      get nonce() {
        visits++;
        return at + 1;
      },
      ...{ session: SESSION, barrier: 0, key },
    }));
    bench.step({ strongReads, trace: traceOf(...names) });
    assert.ok(visits <= 2 * strongReads.length, `${visits} looks at ${strongReads.length} reads`);
  });
});
