// The workload: exact ratios, the same operations for the same seed, keys that are scattered and all reachable.

import assert from 'node:assert/strict';
import { KeySpace } from '../../../loadgen/worker/key-space.js';
import { Random } from '../../../loadgen/worker/random.js';
import { MixDeck, Workload } from '../../../loadgen/worker/workload.js';
import { Zipf } from '../../../loadgen/worker/zipf.js';

function countClasses(weakRatio: number, writeRatio: number, operations: number): number[] {
  const deck = new MixDeck({ weakRatio, writeRatio }, new Random(5));
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < operations; i++) {
    const index = deck.next();
    counts[index] = (counts[index] ?? 0) + 1;
  }
  return counts;
}

describe('MixDeck', () => {
  it('holds the mix of the study exactly in every thousand operations', () => {
    assert.deepEqual(countClasses(0.5, 0.1, 1000), [450, 50, 450, 50]);
    assert.deepEqual(countClasses(0.5, 0.1, 20_000), [9000, 1000, 9000, 1000]);
  });

  for (const [weakRatio, writeRatio] of [
    [1 / 3, 1 / 7],
    [0.0003, 0.5],
    [0.999, 0.01],
  ] as const) {
    it(`carries fractions of an operation along: weak ${weakRatio}, writes ${writeRatio}`, () => {
      const operations = 3_000_000;
      const [strongReads = 0, strongWrites = 0, weakReads = 0, weakWrites = 0] = countClasses(
        weakRatio,
        writeRatio,
        operations,
      );
      assert.ok(Math.abs(weakReads + weakWrites - operations * weakRatio) <= 1);
      assert.ok(Math.abs(weakWrites - operations * weakRatio * writeRatio) <= 1);
      assert.ok(Math.abs(strongWrites - operations * (1 - weakRatio) * writeRatio) <= 1);
      assert.equal(strongReads + strongWrites + weakReads + weakWrites, operations);
    });
  }

  for (const [weakRatio, writeRatio, only] of [
    [0, 0, 0],
    [0, 1, 1],
    [1, 0, 2],
    [1, 1, 3],
  ] as const) {
    it(`never strays at the extremes: weak ${weakRatio}, writes ${writeRatio}`, () => {
      const counts = countClasses(weakRatio, writeRatio, 5000);
      assert.equal(counts[only], 5000);
    });
  }

  it('shuffles: classes neither alternate nor come in blocks', () => {
    const deck = new MixDeck({ weakRatio: 0.5, writeRatio: 0 }, new Random(5));
    const weak = Array.from({ length: 10_000 }, () => deck.next() >= 2);
    const changes = weak.filter((isWeak, at) => at > 0 && isWeak !== weak[at - 1]).length;
    assert.ok(changes > 4700 && changes < 5300, `${changes} changes between neighbours`);
  });
});

describe('Workload', () => {
  const keys = new KeySpace(1000);
  const zipf = new Zipf(1000, 0.9);
  const operations = (...seedWords: number[]) => {
    const workload = new Workload({ weakRatio: 0.5, writeRatio: 0.1 }, zipf, keys, seedWords);
    return Array.from({ length: 500 }, () => {
      workload.advance();
      return `${workload.classIndex}/${workload.keyIndex}`;
    });
  };

  it('repeats itself for the same seed and for no other', () => {
    assert.deepEqual(operations(1, 0, 0, 1), operations(1, 0, 0, 1));
    assert.notDeepEqual(operations(1, 0, 0, 1), operations(2, 0, 0, 1));
    assert.notDeepEqual(operations(1, 0, 0, 1), operations(1, 1, 0, 1));
    assert.notDeepEqual(operations(1, 0, 0, 1), operations(1, 0, 1, 1));
    assert.notDeepEqual(operations(1), operations(1 + 2 ** 32));
  });
});

describe('KeySpace', () => {
  for (const count of [1, 2, 10, 997, 65_537, 100_000]) {
    it(`gives each of ${count} ranks a key of its own`, () => {
      const keys = new KeySpace(count);
      const seen = new Set(Array.from({ length: count }, (_, rank) => keys.indexOfRank(rank)));
      assert.equal(seen.size, count);
      assert.ok([...seen].every((index) => index >= 0 && index < count));
    });
  }

  it('scatters the hottest ranks over the key range', () => {
    const keys = new KeySpace(1_000_000);
    const tenths = new Set(Array.from({ length: 30 }, (_, rank) => Math.floor(keys.indexOfRank(rank) / 100_000)));
    assert.equal(tenths.size, 10);
  });

  it('spells keys with ten digits, also when two share a place in the cache', () => {
    const keys = new KeySpace(200_000);
    assert.equal(keys.bytesOf(42).toString(), 'key0000000042');
    assert.equal(keys.bytesOf(42 + 65_536).toString(), 'key0000065578');
    assert.equal(keys.bytesOf(42).toString(), 'key0000000042');
  });
});
