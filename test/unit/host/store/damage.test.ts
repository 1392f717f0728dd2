// A data file that is not what was written: cut, flipped, emptied, lost. The node must never read it as if it were.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findDamage } from '../../../../services/host/store/examination.js';
import { numberKey } from '../../../../services/host/store/keys.js';
import { fillStore, open, readAll, useDirectory } from './stored.js';

/** Where LMDB's first two pages say what counts, from the start of each. */
const META_FROM = 24;
const META_TO = 160;
const PAGE_BYTES = 4096;

describe('damaged data file', () => {
  const directory = useDirectory();
  const file = () => join(directory(), 'data.mdb');
  let whole: Buffer;
  let records: string[];

  beforeEach(async () => {
    for (let round = 0; round < 4; round++) {
      await fillStore(directory(), (changes) => {
        for (let number = 0; number < 400; number++) {
          const bytes = number % 100 === 0 ? 6000 : 50;
          changes.put(numberKey(1 + (number % 3), number), Buffer.alloc(bytes, `${round}.${number} `));
        }
      });
    }
    whole = readFileSync(file());
    const store = await open(directory());
    records = readAll(store);
    await store.close(0);
  });

  /** Either it is found, or it does not matter. */
  async function assertHarmless(what: string): Promise<boolean> {
    if ((await findDamage(file())) !== null) return true;
    const store = await open(directory());
    assert.ok(readAll(store).join() === records.join(), `${what} was not found and did harm`);
    await store.close(0);
    return false;
  }

  it('is found, or does not matter, wherever it is cut off', async () => {
    const cuts = [1, 100, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, 2 * PAGE_BYTES, 3 * PAGE_BYTES];
    for (const part of [0.1, 0.3, 0.5, 0.7, 0.9]) cuts.push(Math.floor(whole.length * part));
    cuts.push(whole.length - 2 * PAGE_BYTES);
    let found = 0;
    for (const length of cuts) {
      truncateSync(file(), length);
      if (await assertHarmless(`the cut at ${length}`)) found++;
      writeFileSync(file(), whole);
    }
    assert.ok(found >= 8, `only ${found} of ${cuts.length} found`);
  }).timeout(60_000);

  it('is found, or does not matter, where single bits are flipped', async () => {
    let found = 0;
    for (let flip = 0; flip < 24; flip++) {
      const damaged = Buffer.from(whole);
      const at = (flip * 104_729 + 8192) % whole.length;
      damaged[at] = damaged[at]! ^ (1 << (flip % 8));
      writeFileSync(file(), damaged);
      if (await assertHarmless(`bit ${flip % 8} of byte ${at}`)) found++;
    }
    assert.ok(found >= 6, `only ${found} of 24 found`);
  }).timeout(60_000);

  it('is found, or does not matter, where the pages that say what counts are flipped', async () => {
    const fields = [0, 4, 24, 72, 80, 112, 120, 121, 128, 129, 135];
    for (const page of [0, PAGE_BYTES]) {
      for (const field of fields) {
        assert.ok(META_FROM + field < META_TO);
        const damaged = Buffer.from(whole);
        const at = page + META_FROM + field;
        damaged[at] = damaged[at]! ^ 1;
        writeFileSync(file(), damaged);
        await assertHarmless(`byte ${at}`);
      }
    }
  }).timeout(60_000);

  it('ends the start with what is wrong and what to do', async () => {
    const CUT_BYTES = 3 * PAGE_BYTES;
    truncateSync(file(), CUT_BYTES);
    await assert.rejects(open(directory()), (error: Error) => {
      assert.equal(error.name, 'DamageError');
      assert.ok(error.message.startsWith(`${file()} cannot be read to its end (${CUT_BYTES} bytes): `));
      assert.match(error.message, /Start it with an empty directory .* --if-damaged start-empty/);
      return true;
    });
    writeFileSync(file(), '');
    await assert.rejects(open(directory()), { name: 'DamageError', message: new RegExp(`^${file()} is empty\\. `) });
    writeFileSync(file(), 'this is not a data file');
    await assert.rejects(open(directory()), { name: 'DamageError', message: /it does not begin like a data file/ });
    rmSync(file());
    await assert.rejects(open(directory()), {
      name: 'DamageError',
      message: /data\.mdb is missing, and this directory/,
    });
  });

  it('is moved aside where that is wanted, and the node begins a new life (C6)', async () => {
    const before = await open(directory());
    await before.close(0);
    for (const aside of ['damaged-1', 'damaged-2']) {
      truncateSync(file(), 5000);
      const store = await open(directory(), { ifDamaged: 'start-empty' });
      assert.notEqual(store.incarnation, before.incarnation);
      assert.deepEqual(readAll(store), []);
      await store.close(0);
      assert.equal(readFileSync(join(directory(), aside, 'data.mdb')).length, 5000);
    }
    assert.deepEqual(readdirSync(directory()).filter((name) => name.startsWith('damaged')).length, 2);
  });

  it('is not what an interrupted first start leaves', async () => {
    rmSync(directory(), { recursive: true });
    const store = await open(directory());
    await store.close(0);
    rmSync(file());
    rmSync(join(directory(), 'lock'));
    writeFileSync(join(directory(), 'data-new.mdb'), whole.subarray(0, 5000));
    const again = await open(directory());
    assert.notEqual(again.incarnation, store.incarnation);
    await again.close(0);
    assert.ok(!existsSync(join(directory(), 'data-new.mdb')));
  });
});
