// The parts of the simulator on their own: virtual time, chance, the wire's copy, the network.

import assert from 'node:assert/strict';
import { Census } from '../simulation/census.js';
import { Network } from '../simulation/network.js';
import { createPlan, type FaultPlan, NO_FAULTS } from '../simulation/plan.js';
import { SeededRandom } from '../simulation/random.js';
import { Timeline } from '../simulation/timeline.js';
import { copyFrame } from '../simulation/wire-copy.js';

describe('virtual time', () => {
  it('runs events by time, and at equal times in the order of scheduling', () => {
    const timeline = new Timeline();
    const random = new SeededRandom(5);
    const expected: { atUs: number; order: number }[] = [];
    const seen: { atUs: number; order: number }[] = [];
    for (let order = 0; order < 500; order++) {
      const atUs = random.below(50);
      expected.push({ atUs, order });
      timeline.after(atUs, () => seen.push({ atUs: timeline.nowUs, order }));
    }
    while (timeline.step());
    expected.sort((one, other) => one.atUs - other.atUs || one.order - other.order);
    assert.deepEqual(seen, expected);
  });

  it('an event may schedule another one for the same moment', () => {
    const timeline = new Timeline();
    const seen: string[] = [];
    timeline.after(3, () => {
      seen.push('first');
      timeline.after(0, () => seen.push('second'));
    });
    while (timeline.step());
    assert.deepEqual(seen, ['first', 'second']);
    assert.equal(timeline.nowUs, 3);
  });
});

describe('seeded chance', () => {
  it('gives the same numbers for the same seed and others for another seed or stream', () => {
    const draw = (seed: number, stream = 0): number[] => {
      const random = new SeededRandom(seed, stream);
      return Array.from({ length: 20 }, () => random.below(1_000_000));
    };
    assert.deepEqual(draw(9), draw(9));
    assert.notDeepEqual(draw(9), draw(10));
    assert.notDeepEqual(draw(9), draw(9, 1));
    assert.notDeepEqual(draw(1), draw(1 + 2 ** 40));
  });

  it('stays in bounds and reaches them', () => {
    const random = new SeededRandom(3);
    const drawn = new Set(Array.from({ length: 300 }, () => random.between(2, 5)));
    assert.deepEqual([...drawn].sort(), [2, 3, 4, 5]);
    const weighted = new Set(Array.from({ length: 100 }, () => random.weighted([0, 1, 0, 3])));
    assert.deepEqual([...weighted].sort(), [1, 3]);
  });

  it('plans of one seed are equal, and overrides win', () => {
    assert.deepEqual(createPlan(4), createPlan(4));
    assert.equal(createPlan(4, { keys: 99 }).keys, 99);
  });
});

describe('the copy that the wire makes', () => {
  it('is equal, independent of the original, and frozen', () => {
    const original = { list: [{ bytes: new Uint8Array([1, 2]), absent: undefined }], number: 1 };
    const copy = copyFrame(original);
    assert.deepEqual(copy, original);
    original.list[0]?.bytes.set([9]);
    original.number = 2;
    assert.deepEqual(copy, { list: [{ bytes: new Uint8Array([1, 2]), absent: undefined }], number: 1 });
    assert.throws(() => copy.list.push({ bytes: new Uint8Array(0), absent: undefined }), TypeError);
    assert.throws(() => {
      copy.number = 3;
    }, TypeError);
  });
});

/** A network with these faults, and the numbers that frames sent one per microsecond arrived in. */
function exercise(faults: Partial<FaultPlan>, meddle: (network: Network, sent: number) => void = () => {}) {
  const timeline = new Timeline();
  const census = new Census();
  const random = new SeededRandom(1);
  const options = { timeline, census, random, latencyUs: 100, latencySpreadUs: 10, bus: 'lossy' as const };
  const network = new Network({ ...options, faults: { ...NO_FAULTS, ...faults } });
  const arrived: number[] = [];
  for (let sent = 0; sent < 200; sent++) {
    timeline.after(sent, () => {
      meddle(network, sent);
      network.send('a', 'b', () => arrived.push(sent));
    });
  }
  while (timeline.step());
  return { arrived, census };
}

describe('the simulated network', () => {
  const inOrder = Array.from({ length: 200 }, (_, index) => index);

  it('without faults delivers everything once and in order', () => {
    assert.deepEqual(exercise({}).arrived, inOrder);
  });

  it('keeps the order of a stream however long single frames take, unless it may reorder', () => {
    assert.deepEqual(exercise({ tail: 0.5, tailUs: 5000 }).arrived, inOrder);
    const { arrived, census } = exercise({ tail: 0.5, tailUs: 5000, reorders: true });
    assert.notDeepEqual(arrived, inOrder);
    assert.deepEqual(
      [...arrived].sort((one, other) => one - other),
      inOrder,
    );
    assert.ok((census.counts.get('reorder') ?? 0) > 0);
  });

  it('loses and repeats as often as it counts', () => {
    const { arrived, census } = exercise({ drop: 0.2, duplicate: 0.2 });
    const dropped = census.counts.get('drop') ?? 0;
    const repeated = census.counts.get('duplicate') ?? 0;
    assert.ok(dropped > 10 && repeated > 10);
    assert.equal(arrived.length, 200 - dropped + repeated);
  });

  it('a broken stream loses what is under way, except for late remains', () => {
    const { arrived, census } = exercise({}, (network, sent) => {
      if (sent === 100) network.breakStreams('a', 'b');
      if (sent === 150) network.restoreStreams('a', 'b');
    });
    const remains = census.counts.get('lateRemains') ?? 0;
    assert.ok(remains > 0 && remains < 100);
    assert.equal(arrived.length, 50 + remains);
  });

  it('a healed network holds and loses nothing', () => {
    const { arrived } = exercise({ drop: 0.9, duplicate: 0.9 }, (network, sent) => {
      if (sent === 0) network.heal();
    });
    assert.deepEqual(arrived, inOrder);
  });
});
