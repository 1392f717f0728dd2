// Which replica a client binds to, given measured distances.

import assert from 'node:assert/strict';
import { chooseBound } from '../../../client/transport/bound-choice.js';
import { BoundReplica } from '../../../client/transport/bound-replica.js';
import { eventually } from '../../integration/services-fixture.js';

const candidates = (...distances: (number | null)[]) => distances.map((distanceMs, index) => ({ index, distanceMs }));

describe('bound choice', () => {
  it('takes the closest', () => {
    assert.equal(chooseBound(candidates(5, 1, 3), null, 1), 1);
  });

  it('spreads clients over replicas within 0.2 ms of the closest', () => {
    const counts = [0, 0, 0, 0];
    for (let clientId = 1; clientId <= 3000; clientId++) {
      const index = chooseBound(candidates(1, 1.1, 1.15, 1.4), null, clientId * 4 + 1) ?? 3;
      counts[index] = (counts[index] ?? 0) + 1;
    }
    assert.equal(counts[3], 0);
    for (const count of counts.slice(0, 3)) assert.ok(count > 800, `uneven: ${counts}`);
  });

  it('stays for a gain below 20 % or 0.2 ms, and leaves for more', () => {
    assert.equal(chooseBound(candidates(10, 8.1), 0, 1), 0);
    assert.equal(chooseBound(candidates(0.3, 0.15), 0, 1), 0);
    assert.equal(chooseBound(candidates(10, 7.9), 0, 1), 1);
  });

  it('leaves one that is gone, even for one that was not measured, and has no choice without candidates', () => {
    assert.equal(chooseBound([{ index: 2, distanceMs: null }], 0, 1), 2);
    assert.equal(chooseBound([], 0, 1), null);
  });
});

describe('bound replica', () => {
  interface Bench {
    bound: BoundReplica;
    bindings: number[];
    /** What was sent and is not answered. */
    pings: readonly unknown[];
    /** Lets every outstanding ping return after its replica's distance; where that is NaN, never. */
    answer(distancesMs: readonly number[]): void;
  }

  const open: BoundReplica[] = [];

  function createBench(pinned: number | null = null, pingIntervalMs = 3000): Bench {
    let nowMs = 0;
    const bindings: number[] = [];
    const pings: { replica: number; ping: number; sentMs: number }[] = [];
    const bound = new BoundReplica({
      clientId: 1,
      pinned,
      pingIntervalMs,
      clock: () => nowMs,
      sendPing: (replica, ping) => pings.push({ replica, ping, sentMs: nowMs }),
      onBind: (replica) => bindings.push(replica),
    });
    open.push(bound);
    bound.setMembers([0, 1, 2]);
    const answer = (distancesMs: readonly number[]): void => {
      for (const { replica, ping, sentMs } of pings.splice(0)) {
        if (Number.isNaN(distancesMs[replica])) continue;
        nowMs = sentMs + (distancesMs[replica] ?? 0);
        bound.onPong(replica, ping);
      }
    };
    return { bound, bindings, answer, pings };
  }

  afterEach(() => {
    for (const bound of open.splice(0)) bound.close();
  });

  it('binds to the closest after three round trips to each, then rebinds when it goes away', async () => {
    const { bound, bindings, answer } = createBench();
    for (const index of [0, 1, 2]) bound.onUp(index);
    for (let round = 0; round < 3; round++) answer([5, 9, 1]);
    await bound.ready;
    assert.deepEqual(bindings, [2]);
    bound.onDown(2);
    assert.deepEqual(bindings, [2, 0]);
    assert.equal(bound.index, 0);
  });

  it('does not wait for ever for a replica that is away', async () => {
    const { bound, bindings, answer } = createBench();
    bound.onUp(1);
    for (let round = 0; round < 3; round++) answer([0, 4, 0]);
    await bound.ready;
    assert.deepEqual(bindings, [1]);
  });

  it('leaves a replica that does not answer although its stream is open, and none while nobody answers', async () => {
    const { bound, bindings, answer, pings } = createBench(null, 5);
    for (const index of [0, 1, 2]) bound.onUp(index);
    for (let round = 0; round < 3; round++) answer([5, 9, 1]);
    await bound.ready;
    await eventually('three pings to each', () => pings.length >= 9);
    assert.deepEqual(bindings, [2], 'it is this process that hears nobody');
    await eventually('another binding', () => {
      answer([5, 9, Number.NaN]);
      return bound.index !== 2;
    });
    assert.deepEqual(bindings, [2, 0]);
    const silent = pings.length;
    await eventually('nobody is heard', () => pings.length >= silent + 9);
    bound.onDown(0);
    assert.equal(bindings.length, 3, 'one that was not heard is better than one that is gone');
  });

  it('stays with the replica that was asked for', async () => {
    const { bound, bindings, answer } = createBench(1);
    for (const index of [0, 1, 2]) bound.onUp(index);
    for (let round = 0; round < 3; round++) answer([1, 50, 1]);
    await bound.ready;
    bound.onDown(1);
    assert.deepEqual(bindings, [1]);
  });
});
