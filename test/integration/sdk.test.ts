// The SDK against a real cluster of processes on this machine: every operation, both consistencies, and what happens to
// callers when they err, give up, or lose NATS.

import assert from 'node:assert/strict';
import { type Client, ClientError, type ClientErrorCode, connect, type Session } from '../../client/index.js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';

const weak = { consistency: 'weak' } as const;

function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString();
}

function failsWith(code: ClientErrorCode, message = /./): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ClientError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
}

describe('SDK against a local cluster', function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  let client: Client;
  let other: Client;
  let session: Session;

  before(async () => {
    cluster = await startLocalCluster();
    client = await connect({ target: cluster.target, clusterId: cluster.clusterId });
    other = await connect({ target: cluster.target });
  });

  after(async () => {
    await client?.close();
    await other?.close();
    await cluster?.stop();
  });

  beforeEach(async () => {
    session = await client.session();
  });

  describe('outcomes', () => {
    it('F7: what became of a write, of a session that is open here, open elsewhere, or at its end', async () => {
      await session.compareAndSet('o/a', null, 'one');
      const id = { session: session.id, seq: 1 };
      assert.equal((await client.resolve(id)).outcome, 'executed');
      await assert.rejects(client.resolve({ ...id, seq: 2 }), failsWith('INVALID_ARGUMENT', /has numbered 1 writes/));
      assert.equal((await other.resolve(id)).outcome, 'executed');
      assert.deepEqual(await other.resolve({ ...id, seq: 2 }), { outcome: 'unknown', reason: 'pending' });
      assert.deepEqual(await other.resolve({ ...id, seq: 2 }, { settle: true }), { outcome: 'notExecuted' });
      // The first may be on its way before the end is heard of here.
      await assert.rejects(session.put('o/a', 'two'));
      await assert.rejects(session.put('o/a', 'three'), failsWith('SESSION_EXPIRED'));
      assert.notEqual(session.lost, null);
      assert.deepEqual(await other.resolve(id), { outcome: 'unknown', reason: 'sessionEnded' });
      assert.equal(text((await (await client.session()).get('o/a')).value), 'one');
    });

    it('F5: a session that is closed ends, and so does what the cluster keeps of it', async () => {
      await session.put('o/b', 'one');
      const id = { session: session.id, seq: 1 };
      await session.close();
      let answer = await other.resolve(id);
      while (answer.outcome === 'executed') answer = await other.resolve(id);
      assert.deepEqual(answer, { outcome: 'unknown', reason: 'sessionEnded' });
    });
  });

  describe('strong operations', () => {
    it('put, get and delete', async () => {
      const put = await session.put('s/a', 'one');
      assert.deepEqual(put.id, { session: session.id, seq: 1 });
      assert.ok(put.slot > 0);
      assert.equal(text((await session.get('s/a')).value), 'one');
      await session.delete('s/a');
      assert.equal((await session.get('s/a')).value, null);
    });

    it('compare-and-set applies once, and otherwise says what it found', async () => {
      assert.equal((await session.compareAndSet('s/cas', null, 'one')).applied, true);
      const second = await session.compareAndSet('s/cas', null, 'two');
      assert.equal(second.applied, false);
      assert.equal(text(second.found), 'one');
      assert.equal((await session.compareAndSet('s/cas', 'one', 'two')).applied, true);
      assert.equal(text((await session.get('s/cas')).value), 'two');
    });

    it('a batch changes all its keys', async () => {
      await session.put('s/b1', 'old');
      await session.batch([
        { key: 's/b1', value: null },
        { key: 's/b2', value: 'new' },
      ]);
      assert.equal((await session.get('s/b1')).value, null);
      assert.equal(text((await session.get('s/b2')).value), 'new');
    });

    it('go the fast path when witnesses answer before the write is committed', async () => {
      const before = client.stats().fast;
      let path: string;
      do ({ path } = await session.put('s/fast', 'v'));
      while (path !== 'fast');
      do ({ path } = await session.get('s/fast'));
      while (path !== 'fast');
      assert.equal(client.stats().fast, before + 2);
    });

    it('values of the largest size come back as they were', async () => {
      const value = Buffer.alloc(1 << 20, 'x');
      await session.put('s/large', value);
      assert.ok(value.equals((await session.get('s/large')).value ?? Buffer.alloc(0)));
    });

    it('are seen by another client at once', async () => {
      const theirs = await other.session();
      for (let i = 0; i < 20; i++) {
        await session.put('s/shared', `mine ${i}`);
        assert.equal(text((await theirs.get('s/shared')).value), `mine ${i}`);
        await theirs.put('s/shared', `theirs ${i}`);
        assert.equal(text((await session.get('s/shared')).value), `theirs ${i}`);
      }
    });

    it('many at once are all answered', async () => {
      const keys = Array.from({ length: 2000 }, (_, i) => `s/many${i % 97}`);
      await Promise.all(keys.map((key, i) => (i % 10 === 0 ? session.put(key, `${i}`) : session.get(key))));
      assert.equal(text((await session.get('s/many0')).value), '1940');
    });
  });

  describe('weak operations', () => {
    it('a write goes through its levels and ends in the log', async () => {
      const write = session.put('w/a', 'one', weak);
      const local = await write.local;
      assert.equal(local.path, 'weak');
      assert.deepEqual(write.id, { session: session.id, seq: 1 });
      await write.witnessed;
      const committed = await write.committed;
      assert.ok(committed.slot > 0);
      assert.equal(write.level, 'committed');
    });

    it('a session reads its own writes without waiting for them', async () => {
      for (let i = 0; i < 50; i++) {
        session.put('w/own', `${i}`, weak);
        assert.equal(text((await session.get('w/own', weak)).value), `${i}`);
      }
      session.delete('w/own', weak);
      assert.equal((await session.get('w/own', weak)).value, null);
      session.batch([{ key: 'w/own', value: 'batched' }], weak);
      assert.equal(text((await session.get('w/own', weak)).value), 'batched');
    });

    it('a session reads its own writes also when they wait for room in the write set', async () => {
      const narrow = await connect({ target: cluster.target, writeSetLimit: 2 });
      try {
        const own = await narrow.session();
        for (let i = 0; i < 100; i++) own.put('w/narrow', `${i}`, weak);
        assert.equal(text((await own.get('w/narrow', weak)).value), '99');
        assert.equal(text((await own.get('w/narrow')).value), '99');
      } finally {
        await narrow.close();
      }
    });

    it('a strong read sees the weak writes of its session before it', async () => {
      session.put('w/mixed', 'weak', weak);
      assert.equal(text((await session.get('w/mixed')).value), 'weak');
    });

    it('acknowledgements are counted by the way they came', async () => {
      const counting = await connect({ target: cluster.target });
      try {
        const own = await counting.session();
        let writes = 0;
        // Subscribing goes on in the background, so the first ones may come over the stream.
        do {
          await own.put('w/counted', 'v', weak).local;
          writes++;
        } while (counting.stats().acks.nats === 0);
        const { nats, stream } = counting.stats().acks;
        assert.equal(nats + stream, writes);
      } finally {
        await counting.close();
      }
    });

    it('with ackTransport stream they all come over the stream', async () => {
      const streaming = await connect({ target: cluster.target, ackTransport: 'stream' });
      try {
        const own = await streaming.session();
        for (let i = 0; i < 20; i++) await own.put('w/streamed', `${i}`, weak).committed;
        assert.deepEqual(streaming.stats().acks, { nats: 0, stream: 20 });
      } finally {
        await streaming.close();
      }
    });
  });

  describe('scans', () => {
    for (const consistency of ['strong', 'weak'] as const) {
      it(`page by cursor (${consistency})`, async () => {
        const prefix = `scan/${consistency}/`;
        const keys = Array.from({ length: 25 }, (_, i) => `${prefix}${String(i).padStart(2, '0')}`);
        for (const key of keys) await session.put(key, key);
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const query = { start: prefix, end: `${prefix}~`, limit: 10 };
          const page = await session.scan(cursor === undefined ? query : { ...query, cursor }, { consistency });
          seen.push(...page.entries.map(({ key }) => text(key) ?? ''));
          cursor = page.cursor ?? undefined;
        } while (cursor !== undefined);
        assert.deepEqual(seen, keys);
      });
    }

    it('a weak scan shows the writes of its session', async () => {
      session.put('scan/own/b', 'b', weak);
      session.put('scan/own/a', 'a', weak);
      const { entries } = await session.scan({ start: 'scan/own/', end: 'scan/own/~' }, weak);
      assert.deepEqual(
        entries.map(({ value }) => text(value)),
        ['a', 'b'],
      );
    });
  });

  describe('mistakes, deadlines and signals', () => {
    it('name the field and the limit, and nothing is sent', async () => {
      await assert.rejects(session.put('k'.repeat(1025), 'v'), failsWith('INVALID_ARGUMENT', /key: .*1024 bytes/));
      await assert.rejects(session.put('k', Buffer.alloc((1 << 20) + 1)), failsWith('INVALID_ARGUMENT', /value/));
      await assert.rejects(session.get(''), failsWith('INVALID_ARGUMENT', /key: is empty/));
      assert.throws(() => session.delete('', weak), failsWith('INVALID_ARGUMENT'));
      await assert.rejects(client.session({ token: 'AAAA' }), failsWith('INVALID_ARGUMENT', /token/));
    });

    it('an aborted read is ABORTED, an aborted write has an unknown outcome and is committed all the same (F7)', async () => {
      const control = new AbortController();
      const read = session.get('m/abort', { signal: control.signal });
      const write = session.put('m/abort', 'v', { signal: control.signal });
      control.abort();
      await assert.rejects(read, failsWith('ABORTED'));
      await assert.rejects(write, failsWith('UNKNOWN_OUTCOME'));
      assert.equal(text((await session.get('m/abort')).value), 'v');
    });

    it('connect names the addresses that did not answer', async () => {
      const nobody = { target: '127.0.0.1:1', deadlineMs: 300 };
      await assert.rejects(connect(nobody), failsWith('UNREACHABLE', /127\.0\.0\.1:1/));
    });

    it('connect refuses another cluster, and a replica that is not there', async () => {
      const { target } = cluster;
      await assert.rejects(connect({ target, clusterId: 'other' }), failsWith('WRONG_CLUSTER'));
      await assert.rejects(connect({ target, boundReplica: 'r9' }), failsWith('INVALID_ARGUMENT', /boundReplica.*r0/));
    });

    it('a closed session and a closed client say so', async () => {
      const closing = await connect({ target: cluster.target });
      const own = await closing.session();
      const unfinished = own.put('m/closing', 'v', weak);
      await own.close();
      assert.equal(unfinished.level, 'committed');
      await assert.rejects(own.get('m/closing'), failsWith('CLOSED'));
      await closing.close();
      await assert.rejects(closing.session(), failsWith('CLOSED'));
    });
  });

  describe('tokens', () => {
    it('carry a session over to another client', async () => {
      for (let i = 0; i < 10; i++) {
        session.put('t/carried', `${i}`, weak);
        const resumed = await other.session({ token: await session.exportToken() });
        assert.equal(text((await resumed.get('t/carried', weak)).value), `${i}`);
        await resumed.close();
      }
    });
  });

  describe('surroundings', () => {
    it('connecting and working need neither every replica nor every witness', async () => {
      const follower = cluster.services.find(({ role, leader }) => role === 'replica' && !leader)?.name ?? '';
      cluster.kill(follower, 'SIGSTOP');
      cluster.kill('w0', 'SIGSTOP');
      try {
        const own = await connect({ target: cluster.target });
        const theirs = await own.session();
        await theirs.put('halved', 'v');
        assert.equal(text((await theirs.get('halved')).value), 'v');
        await theirs.put('halved', 'w', weak).committed;
        assert.equal(text((await theirs.get('halved', weak)).value), 'w');
        assert.notEqual(own.stats().boundReplica, follower);
        await own.close();
      } finally {
        cluster.kill(follower, 'SIGCONT');
        cluster.kill('w0', 'SIGCONT');
      }
    });

    it('binds to the replica that it is told to', async () => {
      const bound = await connect({ target: cluster.target, boundReplica: 'r1' });
      try {
        assert.equal(bound.stats().boundReplica, 'r1');
        const own = await bound.session();
        await own.put('bound', 'v', weak).local;
        assert.equal(text((await own.get('bound', weak)).value), 'v');
      } finally {
        await bound.close();
      }
    });

    it('goes on over the stream when NATS dies', async () => {
      cluster.kill('nats', 'SIGKILL');
      for (let i = 0; i < 50; i++) await session.put(`nats/${i}`, 'v', weak).committed;
      assert.equal((await session.scan({ start: 'nats/', end: 'nats/~' }, weak)).entries.length, 50);
      const late = await connect({ target: cluster.target });
      await late.close();
    });
  });
});
