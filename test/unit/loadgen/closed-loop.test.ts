// The closed loop: how many operations are in flight, when it ends, and what becomes of failures.

import assert from 'node:assert/strict';
import { ClientError } from '../../../client/client-error.js';
import type { Session } from '../../../client/types.js';
import { ClosedLoop } from '../../../loadgen/worker/closed-loop.js';
import { MemoryClient } from '../../../loadgen/worker/memory-client.js';
import { Recorder } from '../../../loadgen/worker/recorder.js';
import { createDoors, openStreams } from './loop-stage.js';

/** The session with every `get` replaced. */
function withGet(session: Session, get: Session['get']): Session {
  return new Proxy(session, {
    get(target, name) {
      if (name === 'get') return get;
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

describe('ClosedLoop', () => {
  it('issues exactly what was asked for, and every read is right', async () => {
    const doors = createDoors();
    const streams = await openStreams(new MemoryClient(), doors, 3);
    await new ClosedLoop(doors, streams, 4, { untilMs: Number.POSITIVE_INFINITY, requestsPerStream: 2000 }).run();
    assert.equal(doors.recorder.operations, 6000);
    assert.deepEqual([doors.verifier.totals.checked, doors.verifier.totals.wrong], [4200, 0]);
  });

  it('keeps the window of each stream full and never beyond', async () => {
    const doors = createDoors();
    let inFlight = 0;
    let most = 0;
    const streams = await openStreams(new MemoryClient(), doors, 1, (session) =>
      withGet(session, async (...args) => {
        most = Math.max(most, ++inFlight);
        const outcome = await session.get(...args);
        inFlight--;
        return outcome;
      }),
    );
    await new ClosedLoop(doors, streams, 7, { untilMs: Number.POSITIVE_INFINITY, requestsPerStream: 2000 }).run();
    assert.equal(most, 7);
    assert.equal(inFlight, 0);
  });

  it('counts failures and unknown outcomes apart and goes on', async () => {
    const doors = createDoors();
    let calls = 0;
    const streams = await openStreams(new MemoryClient(), doors, 1, (session) =>
      withGet(session, (...args) => {
        calls++;
        if (calls === 1) throw new ClientError('RESOURCE_EXHAUSTED', 'full');
        if (calls === 2) return Promise.reject(new ClientError('DEADLINE_EXCEEDED', 'late'));
        if (calls === 3) return Promise.reject(new ClientError('UNKNOWN_OUTCOME', 'who knows'));
        return session.get(...args);
      }),
    );
    await new ClosedLoop(doors, streams, 2, { untilMs: Number.POSITIVE_INFINITY, requestsPerStream: 100 }).run();
    const { operations, errors, unknown, errorCodes } = doors.recorder.result();
    assert.deepEqual([operations, errors, unknown], [97, 2, 1]);
    assert.deepEqual(errorCodes, { RESOURCE_EXHAUSTED: 1, DEADLINE_EXCEEDED: 1, UNKNOWN_OUTCOME: 1 });
  });

  it('ends at its time, or when it is stopped, with nothing in flight', async () => {
    const doors = createDoors();
    const untilMs = performance.now() + 20;
    const limits = { untilMs, requestsPerStream: Number.POSITIVE_INFINITY };
    await new ClosedLoop(doors, await openStreams(new MemoryClient(), doors, 2), 5, limits).run();
    assert.ok(performance.now() >= untilMs);
    const endless = { untilMs: Number.POSITIVE_INFINITY, requestsPerStream: Number.POSITIVE_INFINITY };
    const loop = new ClosedLoop(doors, await openStreams(new MemoryClient(), doors, 2), 5, endless);
    const running = loop.run();
    loop.stop();
    await running;
    assert.ok(doors.recorder.operations > 0);
  });
});

describe('Recorder', () => {
  it('counts what completes within the window, with the whole latency', () => {
    const recorder = new Recorder();
    recorder.open(100, 200);
    const fast = { path: 'fast', epoch: 1, slot: 1 } as const;
    recorder.completed(0, 90, 99.999, fast);
    recorder.completed(0, 90, 100, fast);
    recorder.completed(1, 150, 199.999, { path: 'slow', slowReason: 'overtaken', epoch: 1, slot: 1 });
    recorder.completed(3, 199, 200, { path: 'weak', epoch: 1, slot: 0 });
    const { operations, fast: fastCount, slowReasons } = recorder.result();
    assert.deepEqual([operations, fastCount, slowReasons], [2, 1, { overtaken: 1 }]);
  });
});
