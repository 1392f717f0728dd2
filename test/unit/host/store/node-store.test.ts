// The store on disk: what is kept, in which order it is said, who may open it, and what happens when there is no room.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '../../../../services/host/config.js';
import { numberKey } from '../../../../services/host/store/keys.js';
import type { NodeStore } from '../../../../services/host/store/node-store.js';
import { fail, fillStore, keep, open, readAll, useDirectory } from './stored.js';

const WRITER = fileURLToPath(new URL('../../../support/store-writer.js', import.meta.url));

/** Processes that tests started; a failed test leaves one running. */
const started: ChildProcess[] = [];

function endProcesses(): void {
  for (const child of started.splice(0)) child.kill('SIGKILL');
}

/** Waits until `isTrue`, which a timer looks at. */
async function eventually(what: string, isTrue: () => boolean, withinMs = 10_000): Promise<void> {
  const untilMs = performance.now() + withinMs;
  while (!isTrue()) {
    assert.ok(performance.now() < untilMs, `not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('store on disk', () => {
  const directory = useDirectory();
  afterEach(endProcesses);

  it('finds again what it kept, and the life it belongs to', async () => {
    const first = await open(directory());
    first.joinCluster('cluster-a');
    await first.startWriting(fail);
    await keep(first, (changes) => {
      changes.put(numberKey(1, 5), Buffer.from('five'));
      changes.put(numberKey(1, 2 ** 40), Buffer.from('far'));
      changes.put(Buffer.concat([Buffer.from([2]), Buffer.alloc(1024, 'k')]), Buffer.alloc(1 << 20, 'v'));
    });
    await first.close(1000);
    const second = await open(directory());
    assert.equal(second.incarnation, first.incarnation);
    assert.equal(second.clusterId, 'cluster-a');
    assert.equal(second.get(numberKey(1, 5))?.toString(), 'five');
    assert.equal(second.get(numberKey(1, 6)), undefined);
    assert.deepEqual(
      [...second.read(Buffer.from([1]), Buffer.from([3]))].map(([, value]) => value.length),
      [4, 3, 1 << 20],
    );
    await second.close(0);
  });

  it('carries changes out in order, within a batch and over batches', async () => {
    await fillStore(directory(), (changes) => {
      for (let number = 1; number <= 9; number++) changes.put(numberKey(1, number), Buffer.from('old'));
      changes.clear(numberKey(1, 3), numberKey(1, 8));
      changes.put(numberKey(1, 4), Buffer.from('new'));
      changes.delete(numberKey(1, 9));
      changes.delete(numberKey(1, 77));
    });
    const store = await open(directory());
    const numbers = [...store.read(Buffer.from([1]), Buffer.from([2]))].map(([key, value]) => `${key[8]}${value}`);
    assert.deepEqual(numbers, ['1old', '2old', '4new', '8old']);
    await store.close(0);
  });

  it('says in order what is kept, and gathers what comes during a flush', async () => {
    const store = await open(directory());
    await store.startWriting(fail);
    const said: number[] = [];
    const all = new Promise<void>((resolve) => {
      for (let batch = 0; batch < 100; batch++) {
        store.write(
          (changes) => changes.put(numberKey(1, batch), Buffer.from('x')),
          () => {
            said.push(batch);
            if (batch === 99) resolve();
          },
        );
      }
    });
    assert.deepEqual(said, [], 'nothing is kept before it is flushed');
    await all;
    assert.deepEqual(said, [...said.keys()]);
    const { storeBatches, storeFlushes } = store.stats();
    assert.equal(storeBatches, 100);
    assert.equal(storeFlushes, 2, 'the first batch, and all others together');
    await store.close(1000);
  });

  it('keeps what waits when it is closed', async () => {
    const store = await open(directory());
    await store.startWriting(fail);
    for (let batch = 0; batch < 10; batch++) {
      store.write(
        (changes) => changes.put(numberKey(1, batch), Buffer.from('x')),
        () => undefined,
      );
    }
    await store.close(5000);
    const again = await open(directory());
    assert.equal(readAll(again).length, 10);
    await again.close(0);
  });

  it('is open in one process at a time, and free when that is killed', async () => {
    const child = spawn(process.execPath, [WRITER, directory()], { stdio: ['ignore', 'pipe', 'ignore'] });
    started.push(child);
    await once(child.stdout, 'data');
    await assert.rejects(open(directory()), (error: Error) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.message, `data-dir: ${directory()} is open in another process (pid ${child.pid})`);
      return true;
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await open(directory())).close(0);
  });

  it('refuses the directory of another node, role or cluster, and a newer format', async () => {
    const first = await open(directory());
    first.joinCluster('cluster-a');
    await first.close(0);
    const message = (text: string) => ({ name: 'ConfigError', message: `data-dir: ${directory()} ${text}` });
    await assert.rejects(open(directory(), { nodeId: 'r1' }), message('belongs to replica r0, not to replica r1'));
    await assert.rejects(open(directory(), { role: 'witness' }), message('belongs to replica r0, not to witness r0'));
    await assert.rejects(
      open(directory(), { clusterId: 'cluster-b' }),
      message('belongs to cluster cluster-a, not to cluster-b'),
    );
    await assert.rejects(
      open(directory(), { format: 0, ifDamaged: 'start-empty' }),
      message('is in format 1, and this program knows formats up to 0'),
    );
    // A refusal leaves everything as it was.
    const again = await open(directory(), { clusterId: 'cluster-a' });
    assert.equal(again.incarnation, first.incarnation);
    await again.close(0);
  });
});

/** The program that writes until it is ended, and what it said. */
class WritingProcess {
  /** Last number that was said to be kept. */
  kept = 0;
  complaints = '';
  readonly child: ChildProcess;

  constructor(directory: string, valueBytes: number, first: number) {
    const args = [WRITER, directory, `${valueBytes}`, `${first}`];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.kept = Number(line);
    });
    child.stderr.on('data', (text: Buffer) => {
      this.complaints += text;
    });
    this.child = child;
  }

  async kill(): Promise<void> {
    const closed = once(this.child, 'close');
    this.child.kill('SIGKILL');
    await closed;
  }
}

/** Last number that the store names; checks that there is everything up to it and nothing beyond. */
function checkWhole(store: NodeStore, valueBytes: number): number {
  const last = Number(store.get(numberKey(4, 0)) ?? 0);
  let expected = 0;
  for (const [key, value] of store.read(numberKey(3, 0), numberKey(4, 0))) {
    expected++;
    assert.deepEqual(key, numberKey(3, expected));
    assert.ok(value.equals(Buffer.alloc(valueBytes, expected)), `record ${expected}`);
  }
  assert.equal(expected, last, 'all of a batch or nothing');
  return last;
}

describe('store on disk, under force', () => {
  const directory = useDirectory();
  afterEach(endProcesses);

  it('C6: has everything that was said to be kept, and whole batches, after each kill -9', async () => {
    const VALUE_BYTES = 300;
    let last = 0;
    for (let round = 1; round <= 8; round++) {
      const writing = new WritingProcess(directory(), VALUE_BYTES, last + 1);
      // Another moment each time, as far as the first flushes go.
      const enough = last + 50 * round;
      await eventually(`${enough} records are kept`, () => writing.kept >= enough);
      await writing.kill();
      const store = await open(directory());
      const found = checkWhole(store, VALUE_BYTES);
      await store.close(0);
      assert.ok(found >= writing.kept, `kept ${writing.kept}, found ${found}`);
      last = found;
    }
  }).timeout(60_000);

  it('waits while the system refuses to write, loses nothing, and goes on when it does not', async () => {
    const VALUE_BYTES = 1000;
    const writing = new WritingProcess(directory(), VALUE_BYTES, 1);
    const limit = (bytes: string) => {
      const { status } = spawnSync('prlimit', [`--pid=${writing.child.pid}`, `--fsize=${bytes}:`]);
      assert.equal(status, 0);
    };
    try {
      await eventually('something is kept', () => writing.kept > 0);
      limit(`${2 << 20}`);
      await eventually('it is stuck', () => writing.complaints.includes('nothing can be kept'));
      const stuckAt = writing.kept;
      // Two attempts later it is still so, and it was said once.
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.equal(writing.kept, stuckAt);
      assert.equal(writing.complaints.split('nothing can be kept').length, 2);
      assert.ok(writing.complaints.includes(join(directory(), 'data.mdb')));
      limit('unlimited');
      await eventually('it goes on', () => writing.kept > stuckAt);
      assert.ok(writing.complaints.includes('keeps what it is given again'));
    } finally {
      await writing.kill();
    }
    const store = await open(directory());
    assert.ok(checkWhole(store, VALUE_BYTES) >= writing.kept);
    await store.close(0);
  }).timeout(30_000);

  it('keeps nothing beyond its limit, and goes on where there is a higher one', async () => {
    const bytesLimit = 1 << 20;
    const value = Buffer.alloc(100_000, 'v');
    const store = await open(directory(), { bytesLimit });
    await store.startWriting(fail);
    let kept = 0;
    for (let batch = 0; batch < 20; batch++) {
      store.write(
        (changes) => changes.put(numberKey(1, batch), value),
        () => kept++,
      );
      await eventually('kept or stuck', () => kept > batch || store.isStuck);
    }
    assert.ok(store.isStuck);
    assert.ok(store.waitingBytes > (19 - kept) * value.length);
    assert.ok(kept > 2 && kept < 10, `${kept} kept`);
    await store.close(10);
    const again = await open(directory(), { bytesLimit: 1 << 24 });
    assert.equal(readAll(again).length, kept);
    await again.startWriting(fail);
    await keep(again, (changes) => changes.put(numberKey(1, 99), value));
    assert.equal(again.isStuck, false);
    await again.close(1000);
    assert.ok(existsSync(join(directory(), 'data.mdb')));
  });
});
