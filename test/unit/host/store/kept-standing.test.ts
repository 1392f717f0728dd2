// What a node was told of its cluster, and asked by its leader, is found again by its next process.

import assert from 'node:assert/strict';
import type { ClusterConfig } from '../../../../protocol/messages.js';
import { decodeInquiry, encodeInquiry } from '../../../../services/host/store/kept-inquiry.js';
import { keepStanding, readStanding } from '../../../../services/host/store/kept-standing.js';
import { fail, open, readAll, useDirectory } from './stored.js';

const CONFIG: ClusterConfig = {
  ...{ clusterId: 'c', epoch: 3, status: 2, leader: 0, witnesses: [], fastQuorum: 3, openSlot: 9, natsUrl: '' },
  ...{ replicas: [{ id: 'r0', index: 0, address: 'a:1', incarnation: 2 ** 48 - 3 }], version: 2 },
};

describe('what a node keeps of its cluster', () => {
  const directory = useDirectory();

  it('D9: session floor and latest open configuration are found again, beside identity and records', async () => {
    const store = await open(directory());
    assert.deepEqual(readStanding(store), { sessionFloor: 0, lastOpen: undefined });
    store.joinCluster('c');
    let kept = 0;
    keepStanding(store, { sessionFloor: 2 ** 40, lastOpen: undefined }, () => kept++);
    assert.equal(kept, 0, 'told before the store keeps anything');
    await store.startWriting(fail);
    await new Promise<void>((resolve) => {
      keepStanding(store, { sessionFloor: 2 ** 40 + 1, lastOpen: CONFIG }, resolve);
    });
    assert.equal(kept, 1);
    await store.close(1000);
    const again = await open(directory());
    assert.deepEqual(readStanding(again), { sessionFloor: 2 ** 40 + 1, lastOpen: CONFIG });
    assert.deepEqual([again.clusterId, readAll(again)], ['c', []]);
    await again.close(1000);
  });

  it('D9: a floor alone is kept; without a store nothing is, and nobody waits for it', async () => {
    const store = await open(directory());
    await store.startWriting(fail);
    await new Promise<void>((resolve) => keepStanding(store, { sessionFloor: 7, lastOpen: undefined }, resolve));
    await store.close(1000);
    const again = await open(directory());
    assert.deepEqual(readStanding(again), { sessionFloor: 7, lastOpen: undefined });
    await again.close(1000);
    let kept = 0;
    keepStanding(null, { sessionFloor: 7, lastOpen: CONFIG }, () => kept++);
    assert.deepEqual([kept, readStanding(null).sessionFloor], [1, 0]);
  });

  it('F5: what was asked is found again', () => {
    const asked = { epoch: 7, number: 2, sessions: [3, 2 ** 40, 5] };
    assert.deepEqual(decodeInquiry(encodeInquiry(asked)), asked);
    assert.equal(decodeInquiry(undefined), undefined);
  });
});
