// What a caller hears when the cluster has ended its session, and how it asks what became of a write: the driver around a
// core that does what it is told.

import assert from 'node:assert/strict';
import { ClientError } from '../../../client/client-error.js';
import { CoreDriver } from '../../../client/core-driver.js';
import { toResolution } from '../../../client/outcome.js';
import { createSessionState } from '../../../client/pending-call.js';
import { SessionHandle } from '../../../client/session-handle.js';
import { FakeCore, FakeSender, nextTurn } from './fake-core.js';

const open: CoreDriver[] = [];

function createBench() {
  const core = new FakeCore();
  const clock = (): number => performance.now();
  const parts = { sender: new FakeSender(), batchDelayUs: 0, onConfigWanted: () => {}, tracer: null, stamps: null };
  const driver = new CoreDriver({ core, clock, ...parts });
  open.push(driver);
  const state = createSessionState(5);
  driver.openSession(state, null);
  return { core, driver, session: new SessionHandle(driver, state, 10_000) };
}

function failsWith(code: string, id?: { session: number; seq: number }): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ClientError);
    assert.deepEqual([error.code, error.id], [code, id]);
    return true;
  };
}

const limits = { limitMs: 5000, signal: undefined };

describe('sessions that expire', () => {
  afterEach(() => {
    for (const driver of open.splice(0)) driver.close();
  });

  it('E8, F7: each operation says what is known of it, and the session says what may be lost', async () => {
    const { core, driver, session } = createBench();
    const strong = session.put('a', '1');
    const weak = session.put('b', '1', { consistency: 'weak' });
    const read = session.get('a');
    core.answers.push({ kind: 'sessionExpired', session: 5, lost: [1, 2] });
    for (const call of [1, 2, 3]) core.answers.push({ kind: 'failed', call, reason: 'sessionExpired' });
    driver.feed({ kind: 'tick' });
    await assert.rejects(strong, failsWith('UNKNOWN_OUTCOME', { session: 5, seq: 1 }));
    await assert.rejects(weak.committed, failsWith('SESSION_EXPIRED', { session: 5, seq: 2 }));
    await assert.rejects(read, failsWith('SESSION_EXPIRED'));
    assert.deepEqual(session.lost, [
      { session: 5, seq: 1 },
      { session: 5, seq: 2 },
    ]);
    await assert.rejects(session.put('c', '1'), failsWith('SESSION_EXPIRED'));
    await assert.rejects(session.close(), /its writes 1, 2 may be lost/);
    assert.equal(driver.pending, 0);
  });

  it('a session that expires with nothing under way has lost nothing', async () => {
    const { core, driver, session } = createBench();
    assert.equal(session.lost, null);
    core.answers.push({ kind: 'sessionExpired', session: 5, lost: [] });
    driver.feed({ kind: 'tick' });
    assert.deepEqual(session.lost, []);
    await assert.rejects(session.get('a'), /nothing of it is lost/);
    await session.close();
  });

  it('B3: a write whose id is taken fails, and is known to have had no effect', async () => {
    const { core, driver, session } = createBench();
    const put = session.put('a', '1');
    core.answers.push({ kind: 'failed', call: 1, reason: 'idReused' });
    driver.feed({ kind: 'tick' });
    await assert.rejects(put, failsWith('ID_REUSED', { session: 5, seq: 1 }));
  });
});

describe('outcomes that are asked for', () => {
  afterEach(() => {
    for (const driver of open.splice(0)) driver.close();
  });

  it('F7: the question goes to the core under a number that no operation has, and its answer to who asked', async () => {
    const { core, driver } = createBench();
    const asked = driver.resolutions.ask({ session: 9, seq: 4 }, true, limits);
    const [input] = core.of('resolve');
    assert.ok(input !== undefined && input.call < 0);
    assert.deepEqual([input.session, input.seq, input.settles], [9, 4, true]);
    core.answers.push({ kind: 'resolved', call: input.call, outcome: { status: 'sessionEnded' } });
    driver.feed({ kind: 'tick' });
    await nextTurn();
    assert.deepEqual(await asked, { status: 'sessionEnded' });
  });

  it('F7: who stops waiting has learnt nothing and may ask again', async () => {
    const { core, driver } = createBench();
    const impatient = driver.resolutions.ask({ session: 9, seq: 4 }, false, { ...limits, limitMs: 1 });
    await assert.rejects(impatient, failsWith('DEADLINE_EXCEEDED'));
    assert.equal(core.of('abandon').length, 1);
    const aborted = driver.resolutions.ask({ session: 9, seq: 4 }, false, { ...limits, signal: AbortSignal.abort() });
    await assert.rejects(aborted, failsWith('ABORTED'));
    const cut = driver.resolutions.ask({ session: 9, seq: 4 }, false, limits);
    driver.close();
    await assert.rejects(cut, failsWith('CLOSED'));
  });

  it('says no more than is known', () => {
    const result = { applied: false, present: true, value: Buffer.from('x'), version: 3 };
    assert.deepEqual(toResolution({ status: 'executed', slot: 7, result }), {
      ...{ outcome: 'executed', slot: 7, applied: false, found: Buffer.from('x') },
    });
    assert.deepEqual(toResolution({ status: 'executed', slot: 0, result: undefined }), { outcome: 'executed' });
    assert.deepEqual(toResolution({ status: 'notExecuted', isFinal: true }), { outcome: 'notExecuted' });
    assert.deepEqual(toResolution({ status: 'notExecuted', isFinal: false }), {
      outcome: 'unknown',
      reason: 'pending',
    });
    assert.deepEqual(toResolution({ status: 'sessionEnded' }), { outcome: 'unknown', reason: 'sessionEnded' });
  });
});
