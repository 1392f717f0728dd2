// The driver around a core that does what it is told: turns, back-pressure, deadlines, aborts and levels.

import assert from 'node:assert/strict';
import { ClientError } from '../../../client/client-error.js';
import { CoreDriver, OPERATIONS_LIMIT } from '../../../client/core-driver.js';
import { createSessionState, type SessionState } from '../../../client/pending-call.js';
import { SessionHandle } from '../../../client/session-handle.js';
import type { WeakWrite } from '../../../client/types.js';
import { createAnswer, FakeCore, FakeSender, nextTurn } from './fake-core.js';

interface Bench {
  core: FakeCore;
  sender: FakeSender;
  driver: CoreDriver;
  state: SessionState;
  session: SessionHandle;
  wanted: number[];
  /** Moves the driver's clock. */
  advance(ms: number): void;
}

const open: CoreDriver[] = [];

function createBench(options: { batchDelayUs?: number } = {}): Bench {
  const core = new FakeCore();
  const sender = new FakeSender();
  const wanted: number[] = [];
  let shiftMs = 0;
  const clock = (): number => performance.now() + shiftMs;
  const driver = new CoreDriver({
    core,
    sender,
    clock,
    batchDelayUs: options.batchDelayUs ?? 0,
    onConfigWanted: (epoch) => wanted.push(epoch),
    tracer: null,
    stamps: null,
  });
  open.push(driver);
  const state = createSessionState(5);
  const session = new SessionHandle(driver, state, 10_000);
  const advance = (ms: number): void => {
    shiftMs += ms;
  };
  return { core, sender, driver, state, session, wanted, advance };
}

function codeOf(code: string): (error: unknown) => boolean {
  return (error) => error instanceof ClientError && error.code === code;
}

describe('core driver', () => {
  afterEach(() => {
    for (const driver of open.splice(0)) driver.close();
  });

  it('ends a turn once, after everything that happened in it', async () => {
    const { core, session } = createBench();
    for (const key of ['a', 'b', 'c']) session.get(key).catch(() => {});
    await nextTurn();
    assert.deepEqual(
      core.inputs.map((input) => input.kind),
      ['submit', 'submit', 'submit', 'turnEnd'],
    );
  });

  it('gathers for batchDelayUs before it ends the turn', async () => {
    const { core, session, advance } = createBench({ batchDelayUs: 3_600_000_000 });
    session.get('a').catch(() => {});
    await nextTurn();
    assert.equal(core.of('turnEnd').length, 0);
    advance(3_600_000);
    await nextTurn();
    assert.equal(core.of('turnEnd').length, 1);
  });

  it('shapes the answer of each kind of operation', async () => {
    const { core, driver, session } = createBench();
    const put = session.put('k', 'v');
    const cas = session.compareAndSet('k', null, 'v');
    const get = session.get('k');
    const scan = session.scan({ limit: 1 });
    core.answers.push(
      { kind: 'completed', call: 1, answer: createAnswer({ seq: 1, slot: 4 }) },
      {
        kind: 'completed',
        call: 2,
        answer: createAnswer({
          seq: 2,
          applied: false,
          present: true,
          value: Buffer.from('x'),
          path: 'slow',
          slowReason: 'overtaken',
        }),
      },
      { kind: 'completed', call: 3, answer: createAnswer({ present: true, value: Buffer.from('v') }) },
      {
        kind: 'completed',
        call: 4,
        answer: createAnswer({
          entries: [{ key: Buffer.from('k'), value: Buffer.from('v') }],
          more: true,
          resumeAfter: Buffer.from('k'),
        }),
      },
    );
    driver.feed({ kind: 'tick' });
    assert.deepEqual(await put, { id: { session: 5, seq: 1 }, path: 'fast', epoch: 1, slot: 4 });
    assert.deepEqual(await cas, {
      id: { session: 5, seq: 2 },
      path: 'slow',
      slowReason: 'overtaken',
      epoch: 1,
      slot: 1,
      applied: false,
      found: Buffer.from('x'),
    });
    assert.deepEqual((await get).value, Buffer.from('v'));
    assert.equal((await scan).cursor, Buffer.from('k\0').toString('base64url'));
    assert.equal(driver.pending, 0);
  });

  it("refuses the caller's mistakes before anything is sent", async () => {
    const { core, session } = createBench();
    await assert.rejects(session.put('', 'v'), codeOf('INVALID_ARGUMENT'));
    await assert.rejects(session.put('k'.repeat(1025), 'v'), /key: 1025 bytes exceed the limit of 1024 bytes/);
    await assert.rejects(
      session.put('k', Buffer.alloc((1 << 20) + 1)),
      /value: 1048577 bytes exceed the limit of 1048576/,
    );
    await assert.rejects(session.batch([]), codeOf('INVALID_ARGUMENT'));
    await assert.rejects(session.batch(new Array(1025).fill({ key: 'k', value: null })), /limit of 1024 writes/);
    const halves = ['a', 'b'].map((key) => ({ key, value: Buffer.alloc(1 << 19) }));
    await assert.rejects(session.batch(halves), /writes: 1048578 bytes exceed/);
    await assert.rejects(session.scan({ limit: 0 }), /limit: must be a whole number from 1 to 10000/);
    await assert.rejects(session.scan({ cursor: '%' }), /cursor: not a scan cursor/);
    await assert.rejects(session.get('k', { deadlineMs: 0 }), /deadlineMs: must be more than 0/);
    await assert.rejects(session.get('k', { traceparent: 'nonsense' }), /traceparent/);
    assert.throws(() => session.put('', 'v', { consistency: 'weak' }), codeOf('INVALID_ARGUMENT'));
    assert.equal(core.inputs.length, 0);
  });

  it('copies keys and values, so that the caller may reuse its buffers', () => {
    const { core, session } = createBench();
    const value = Buffer.from('before');
    session.put('k', value).catch(() => {});
    value.write('AFTER!');
    const operation = core.of('submit')[0]?.operation;
    assert.ok(operation?.kind === 'put');
    assert.equal(Buffer.from(operation.value).toString(), 'before');
  });

  it('fails a read with DEADLINE_EXCEEDED and a numbered write with UNKNOWN_OUTCOME and its id (F7)', async () => {
    const { core, driver, session, advance } = createBench();
    const read = session.get('k', { deadlineMs: 50 });
    const write = session.put('k', 'v', { deadlineMs: 50 });
    advance(1000);
    await assert.rejects(read, codeOf('DEADLINE_EXCEEDED'));
    await assert.rejects(write, (error) => {
      assert.ok(error instanceof ClientError);
      assert.equal(error.code, 'UNKNOWN_OUTCOME');
      assert.deepEqual(error.id, { session: 5, seq: 1 });
      return true;
    });
    assert.deepEqual(
      core
        .of('abandon')
        .map(({ call }) => call)
        .sort(),
      core.of('submit').map(({ call }) => call),
    );
    assert.equal(driver.pending, 0);
  });

  it('ends the wait when the signal fires, and does not begin when it has fired', async () => {
    const { core, session } = createBench();
    const control = new AbortController();
    const read = session.get('k', { signal: control.signal });
    const write = session.put('k', 'v', { signal: control.signal });
    control.abort(new Error('enough'));
    await assert.rejects(
      read,
      (error) => codeOf('ABORTED')(error) && error instanceof Error && error.cause === control.signal.reason,
    );
    await assert.rejects(write, codeOf('UNKNOWN_OUTCOME'));
    await assert.rejects(session.get('k', { signal: control.signal }), codeOf('ABORTED'));
    assert.equal(core.of('submit').length, 2);
  });

  it('holds a session back in order while its write set is full', async () => {
    const { core, driver, session } = createBench();
    core.writeSetLimit = 1;
    for (const key of ['a', 'b']) session.put(key, 'v').catch(() => {});
    session.get('c').catch(() => {});
    await nextTurn();
    assert.equal(
      core.of('submit').some(({ operation }) => operation.kind === 'get'),
      false,
    );
    core.committedThrough = 1;
    driver.feed({ kind: 'tick' });
    await nextTurn();
    const kinds = core.of('submit').map(({ operation }) => operation.kind);
    assert.deepEqual(kinds.slice(-2), ['put', 'get']);
  });

  it('lets no read overtake a write of its session that has no number yet', async () => {
    const { core, driver, session, advance } = createBench();
    core.writeSetLimit = 1;
    core.keeps = true;
    session.put('a', 'v', { consistency: 'weak' });
    const kept = session.put('b', 'v', { consistency: 'weak', deadlineMs: 50 });
    session.put('c', 'v', { consistency: 'weak' });
    session.get('c', { consistency: 'weak' }).catch(() => {});
    await nextTurn();
    assert.equal(core.of('submit').length, 2);
    const local = kept.local;
    advance(1000);
    await assert.rejects(local, codeOf('DEADLINE_EXCEEDED'));
    await nextTurn();
    assert.equal(core.of('submit').length, 3);
    core.committedThrough = 1;
    driver.feed({ kind: 'tick' });
    await nextTurn();
    assert.equal(core.of('submit').at(-1)?.operation.kind, 'get');
  });

  it('holds everything back while a stream is congested, and a held write has no outcome to be unsure of', async () => {
    const { core, sender, driver, session, advance } = createBench();
    sender.congested = true;
    const write = session.put('a', 'v', { deadlineMs: 50 });
    session.put('b', 'v').catch(() => {});
    await nextTurn();
    assert.equal(core.of('submit').length, 0);
    advance(1000);
    await assert.rejects(write, codeOf('DEADLINE_EXCEEDED'));
    sender.congested = false;
    driver.resume();
    await nextTurn();
    const keys = core
      .of('submit')
      .map(({ operation }) => (operation.kind === 'put' ? Buffer.from(operation.key).toString() : ''));
    assert.deepEqual(keys, ['b']);
  });

  it('refuses with RESOURCE_EXHAUSTED what exceeds the operations that may be under way', async () => {
    const { core, session } = createBench();
    for (let i = 0; i < OPERATIONS_LIMIT; i++) session.get('k').catch(() => {});
    await assert.rejects(session.get('k'), codeOf('RESOURCE_EXHAUSTED'));
    assert.equal(core.of('submit').length, OPERATIONS_LIMIT);
  });

  it('reports a weak write level by level, higher levels standing for lower ones', async () => {
    const { core, driver, session } = createBench();
    const write: WeakWrite = session.put('k', 'v', { consistency: 'weak' });
    assert.equal(write.level, null);
    assert.deepEqual(write.id, { session: 5, seq: 1 });
    core.answers.push({ kind: 'completed', call: 1, answer: createAnswer({ path: 'weak', seq: 1, slot: 0 }) });
    driver.feed({ kind: 'tick' });
    assert.equal(write.level, 'local');
    assert.deepEqual(await write.local, { path: 'weak', epoch: 1, slot: 0 });
    core.answers.push({ kind: 'level', call: 1, level: 'committed', slot: 9, epoch: 2 });
    driver.feed({ kind: 'tick' });
    assert.equal(write.level, 'committed');
    assert.deepEqual(await write.witnessed, { path: 'weak', epoch: 2, slot: 9 });
    assert.deepEqual(await write.committed, { path: 'weak', epoch: 2, slot: 9 });
    assert.equal(driver.pending, 0);
  });

  it('fails the levels that a weak write has not reached, and ignoring them is no unhandled rejection', async () => {
    const { core, driver, session, advance } = createBench();
    const write = session.put('k', 'v', { consistency: 'weak', deadlineMs: 20 });
    const committed = write.committed;
    core.answers.push({ kind: 'completed', call: 1, answer: createAnswer({ path: 'weak', seq: 1 }) });
    driver.feed({ kind: 'tick' });
    advance(1000);
    await assert.rejects(committed, codeOf('UNKNOWN_OUTCOME'));
    assert.equal((await write.local).path, 'weak');
    void write.witnessed;
    assert.equal(write.level, 'local');
  });

  it('waits for the writes so far before it exports a token', async () => {
    const { core, driver, session } = createBench();
    session.put('k', 'v').catch(() => {});
    await assert.rejects(session.exportToken({ deadlineMs: 10 }), codeOf('DEADLINE_EXCEEDED'));
    const token = session.exportToken();
    core.committedThrough = 1;
    driver.feed({ kind: 'tick' });
    assert.match(await token, /^[A-Za-z0-9_-]+$/);
  });

  it('ends what is under way when it is closed', async () => {
    const { driver, session } = createBench();
    const read = session.get('k');
    const write = session.put('k', 'v');
    driver.close();
    await assert.rejects(read, codeOf('CLOSED'));
    await assert.rejects(write, codeOf('UNKNOWN_OUTCOME'));
    await assert.rejects(session.get('k'), codeOf('CLOSED'));
  });

  it('waits for writes under way when it is drained, and no longer than it was told', async () => {
    const { core, driver, session } = createBench();
    const write = session.put('k', 'v');
    await driver.drained(10);
    assert.equal(driver.pending, 1);
    const drained = driver.drained(60_000);
    core.answers.push({ kind: 'completed', call: 1, answer: createAnswer({ seq: 1 }) });
    driver.feed({ kind: 'tick' });
    await drained;
    assert.equal((await write).id.seq, 1);
  });

  it('passes on that the configuration is wanted, and counts epochs after the first', () => {
    const { core, driver, wanted } = createBench();
    core.answers.push({ kind: 'configWanted', epoch: 3 });
    driver.feed({ kind: 'tick' });
    assert.deepEqual(wanted, [3]);
    const base = {
      clusterId: 'c',
      leader: 0,
      replicas: [],
      witnesses: [],
      fastQuorum: 3,
      openSlot: 1,
      natsUrl: '',
      version: 1,
    };
    for (const [epoch, status] of [
      [1, 2],
      [2, 1],
      [2, 2],
      [2, 2],
    ] as const) {
      driver.feed({ kind: 'config', config: { ...base, epoch, status } });
    }
    assert.equal(driver.epochChanges, 1);
  });
});
