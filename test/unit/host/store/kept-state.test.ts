// What replicas and witnesses keep, through a real store: what goes in comes out, and steps of a snapshot take effect
// when they should.

import assert from 'node:assert/strict';
import type { LogEntry } from '../../../../protocol/messages.js';
import type { SessionRecord } from '../../../../protocol/replica/dedup.js';
import type { Checkpoint, ReplicaBatch, ReplicaImage } from '../../../../protocol/replica/persistence.js';
import type { Version } from '../../../../protocol/replica/store.js';
import type { WitnessBatch } from '../../../../protocol/witness/persistence.js';
import { KeptReplica } from '../../../../services/replica/kept-state.js';
import { KeptWitness } from '../../../../services/witness/kept-state.js';
import { fail, keep, open, useDirectory } from './stored.js';

const FAR = 2 ** 45 + 1;

function entry(epoch: number, seq: number): LogEntry {
  const mutations = [{ key: Buffer.from(`k${seq}`), value: Buffer.from([0, 255, seq]), deletes: false }];
  const condition = seq % 2 === 0 ? { present: true, value: Buffer.from('before') } : undefined;
  return {
    epoch,
    command: { session: FAR, seq, strong: true, mutations, condition, ackedThrough: 0 },
    expiry: undefined,
  };
}

function batch(fields: Partial<ReplicaBatch>): ReplicaBatch {
  const promises = { epoch: 3, ledEpoch: 2, commitSlot: FAR };
  const nothing = { cutAfter: undefined, entries: [], checkpoint: undefined, asked: undefined };
  return { number: 1, promises, firstSlot: 1, ...nothing, ...fields };
}

function checkpoint(fields: Partial<Checkpoint>): Checkpoint {
  const nothing = { keys: [], sessions: [], expired: undefined, forgottenSlots: undefined };
  return { step: 'move', slot: 0, floor: 0, floorEpoch: 0, ...nothing, ...fields };
}

function version(value: string | null, slot = 1): Version {
  return { value, slot, session: FAR, seq: 7 };
}

/** An image with everything read. */
function readOut(image: ReplicaImage | undefined) {
  if (image === undefined) return undefined;
  const { keys, sessions, entries, ...rest } = image;
  return { ...rest, keys: new Map(keys), sessions: new Map(sessions), slots: [...entries].map((one) => one.epoch) };
}

describe('what a replica keeps', () => {
  const directory = useDirectory();

  async function write(...batches: ReplicaBatch[]): Promise<void> {
    const store = await open(directory());
    const kept = new KeptReplica(store);
    await store.startWriting(fail);
    for (const one of batches) await keep(store, (changes) => kept.write(one, changes));
    await store.close(1000);
  }

  async function read<T>(look: (image: ReplicaImage | undefined) => T): Promise<T> {
    const store = await open(directory());
    const result = look(new KeptReplica(store).readImage());
    await store.close(0);
    return result;
  }

  it('is nothing at first', async () => {
    assert.equal(await read(readOut), undefined);
  });

  it('comes back as it was', async () => {
    const value = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte)).join('');
    const record: SessionRecord = {
      ...{ lastSeq: FAR, lastSlot: 9, ackedThrough: 4 },
      results: new Map([
        [5, { slot: 8, result: { applied: true, present: false, value: Buffer.from(''), version: 0 } }],
        [FAR, { slot: 9, result: { applied: false, present: true, value: Buffer.from([1, 0, 255]), version: FAR } }],
      ]),
    };
    const entries = [entry(1, 1), entry(2, 2), { epoch: 3, command: undefined, expiry: undefined }];
    const state = checkpoint({
      ...{ slot: 2, floor: 1, floorEpoch: 1, expired: [{ first: 3, last: FAR }], forgottenSlots: [0, FAR, 5] },
      keys: [
        [value, version(value, FAR)],
        ['', version('', 2)],
        ['gone', version(null, 3)],
      ],
      sessions: [[FAR, record]],
    });
    await write(batch({ entries }), batch({ number: 2, firstSlot: 4, checkpoint: state }));
    await read((image) => {
      assert.ok(image);
      assert.deepEqual(image.promises, { epoch: 3, ledEpoch: 2, commitSlot: FAR });
      assert.deepEqual([image.slot, image.floor, image.floorEpoch], [2, 1, 1]);
      assert.deepEqual(new Map(image.keys), new Map(state.keys));
      assert.deepEqual(new Map(image.sessions), new Map([[FAR, record]]));
      assert.deepEqual(image.expired, state.expired);
      assert.deepEqual(image.forgottenSlots, state.forgottenSlots);
      const kept = [...image.entries];
      assert.equal(kept.length, 2);
      assert.deepEqual(kept[0]?.command, entries[1]?.command);
      assert.deepEqual(kept[1], entries[2]);
    });
  });

  it('loses what is cut, forgotten or ended, and nothing else', async () => {
    const record: SessionRecord = { lastSeq: 1, lastSlot: 1, ackedThrough: 0, results: new Map() };
    await write(
      batch({ entries: [1, 1, 1, 1].map((epoch, at) => entry(epoch, at + 1)) }),
      batch({
        checkpoint: checkpoint({
          ...{
            slot: 1,
            keys: [
              ['a', version('1')],
              ['b', version('2')],
            ],
          },
          sessions: [
            [1, record],
            [2, record],
          ],
          forgottenSlots: [4],
        }),
      }),
      batch({ cutAfter: 2, firstSlot: 3, entries: [entry(2, 3)] }),
      batch({ checkpoint: checkpoint({ slot: 3, keys: [['a', null]], sessions: [[2, null]] }) }),
    );
    const image = await read(readOut);
    assert.ok(image);
    assert.deepEqual(image.slots, [1, 1, 2]);
    assert.deepEqual([[...image.keys.keys()], [...image.sessions.keys()]], [['b'], [1]]);
    assert.deepEqual(image.forgottenSlots, [4], 'what did not change stays');
  });

  it('C6: a snapshot takes the place of the state with its last piece, not before', async () => {
    const old = checkpoint({ slot: 2, keys: [['old', version('1')]], expired: [{ first: 1, last: 1 }] });
    const aside = (step: Checkpoint['step'], key: string) => checkpoint({ step, keys: [[key, version('2')]] });
    const install = { ...aside('install', 'new3'), slot: 9, floor: 9, floorEpoch: 2, forgottenSlots: [6] };
    const pieces = [
      batch({ entries: [entry(1, 1), entry(1, 2)], checkpoint: old }),
      batch({ checkpoint: aside('begin', 'leftover') }),
      batch({ checkpoint: aside('begin', 'new1') }),
      batch({ checkpoint: aside('build', 'new2') }),
    ];
    await write(...pieces);
    const before = await read(readOut);
    assert.deepEqual([[...(before?.keys.keys() ?? [])], before?.slot, before?.slots], [['old'], 2, [1, 1]]);
    // In the process that goes on, and after the end of it, when `begin` drops what is there.
    await write(batch({ checkpoint: aside('begin', 'new1') }), batch({ checkpoint: aside('build', 'new2') }));
    await write(batch({ checkpoint: install }), batch({ firstSlot: 10, entries: [entry(2, 10)] }));
    const after = await read(readOut);
    assert.ok(after);
    assert.deepEqual([...after.keys.keys()].sort(), ['new1', 'new2', 'new3']);
    assert.deepEqual([after.slot, after.floor, after.floorEpoch, after.slots], [9, 9, 2, [2]]);
    assert.deepEqual([after.expired, after.forgottenSlots], [[], [6]]);
    // The other side is free again for the next one.
    await write(
      batch({ checkpoint: aside('begin', 'x') }),
      batch({ checkpoint: { ...aside('install', 'y'), slot: 12, floor: 12, floorEpoch: 2 } }),
    );
    assert.deepEqual([...((await read(readOut))?.keys.keys() ?? [])].sort(), ['x', 'y']);
  });

  it('is refused where the log has a gap', async () => {
    await write(batch({ firstSlot: 2, entries: [entry(1, 2)] }));
    await assert.rejects(read(readOut), { name: 'DamageError', message: /gap at slot 1/ });
  });
});

describe('what a witness keeps', () => {
  const directory = useDirectory();
  const promises = { epoch: 5, lifeEpoch: 4, isSealed: true, index: 2, leader: 1 };

  function witnessBatch(fields: Partial<WitnessBatch>): WitnessBatch {
    return { number: 1, promises, isFresh: false, added: [], removed: [], sessions: [], asked: undefined, ...fields };
  }

  function kept(arrival: number) {
    const { command } = entry(1, arrival);
    assert.ok(command);
    const write = { command, committedThrough: 3, bound: 7, dependencies: [{ session: 1, seq: 2 }] };
    return { arrival, write };
  }

  async function write(...batches: WitnessBatch[]): Promise<void> {
    const store = await open(directory());
    const format = new KeptWitness(store);
    await store.startWriting(fail);
    for (const one of batches) await keep(store, (changes) => format.write(one, changes));
    await store.close(1000);
  }

  async function read() {
    const store = await open(directory());
    const image = new KeptWitness(store).readImage();
    const result = image && { ...image, entries: [...image.entries], sessions: [...image.sessions] };
    await store.close(0);
    return result;
  }

  it('is nothing at first', async () => {
    assert.equal(await read(), undefined);
  });

  it('comes back as it was, in order of arrival', async () => {
    const session = { session: FAR, committedThrough: FAR };
    await write(
      witnessBatch({ added: [kept(2), kept(1), kept(300)], sessions: [session, { session: 2, committedThrough: 9 }] }),
      witnessBatch({ removed: [1], sessions: [{ session: 2, committedThrough: 0 }] }),
    );
    assert.deepEqual(await read(), {
      promises,
      entries: [kept(2), kept(300)],
      sessions: [session],
      asked: undefined,
    });
  });

  it('F5: knows what the leader asked about last', async () => {
    const asked = { number: 7, sessions: [1, FAR] };
    await write(witnessBatch({ asked: { number: 6, sessions: [2] } }), witnessBatch({ asked }), witnessBatch({}));
    assert.deepEqual((await read())?.asked, asked);
  });

  it('B5: begins anew with what came after', async () => {
    await write(
      witnessBatch({
        added: [kept(1)],
        sessions: [{ session: 1, committedThrough: 1 }],
        asked: { number: 1, sessions: [1] },
      }),
      witnessBatch({ isFresh: true, added: [kept(2)] }),
    );
    const image = await read();
    assert.deepEqual([image?.entries, image?.sessions, image?.asked], [[kept(2)], [], undefined]);
  });
});
