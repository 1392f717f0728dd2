// The key index against a plain sorted array: the same keys in the same order after any mix of changes, also across
// block splits and joins, which small random sets alone would never reach.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { KeyIndex } from '../../protocol/key-index.js';

function keysOf(index: KeyIndex, start = '', end = ''): string[] {
  const keys: string[] = [];
  index.forEach(start, end, (key) => {
    keys.push(key);
    return true;
  });
  return keys;
}

function expectedRange(keys: Iterable<string>, start: string, end: string): string[] {
  return [...keys]
    .filter((key) => key >= start && (end === '' || key < end))
    .sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** A shuffle of 0 to count-1: a full walk of the residues, because the step is prime to the count. */
function scattered(count: number, step: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * step) % count);
}

const fixed = (n: number) => n.toString().padStart(8, '0');
/** Short keys over few bytes, so that duplicates, prefixes and both ends of the byte range are common. */
const key = fc
  .array(fc.constantFrom(0, 1, 127, 128, 254, 255), { minLength: 1, maxLength: 4 })
  .map((bytes) => String.fromCharCode(...bytes));

describe('key index', () => {
  it('is empty at first, and a range of it is empty', () => {
    const index = new KeyIndex();
    assert.equal(index.size, 0);
    assert.deepEqual(keysOf(index), []);
    index.delete('absent');
    assert.equal(index.size, 0);
  });

  it('orders by bytes, not by text', () => {
    const index = new KeyIndex();
    const bytes = ['\xff', '\x00', 'a', '\x80', 'a\x00', 'A', '\x7f'];
    for (const each of bytes) index.add(each);
    const inByteOrder = bytes.map((each) => Buffer.from(each, 'latin1')).sort(Buffer.compare);
    assert.deepEqual(
      keysOf(index),
      inByteOrder.map((each) => each.toString('latin1')),
    );
  });

  it('takes the start in, leaves the end out, and stops when told', () => {
    const index = new KeyIndex();
    for (const each of ['b', 'd', 'f', 'h']) index.add(each);
    assert.deepEqual(keysOf(index, 'd', 'h'), ['d', 'f']);
    assert.deepEqual(keysOf(index, 'a', 'b'), []);
    assert.deepEqual(keysOf(index, 'i', ''), []);
    assert.deepEqual(keysOf(index, 'f', 'd'), []);
    const seen: string[] = [];
    index.forEach('', '', (each) => seen.push(each) < 2);
    assert.deepEqual(seen, ['b', 'd']);
  });

  it('answers like a sorted array after any changes', () => {
    const change = fc.record({ key, adds: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 200 }), key, key, (changes, start, end) => {
        const index = new KeyIndex();
        const model = new Set<string>();
        for (const each of changes) {
          if (each.adds) {
            index.add(each.key);
            model.add(each.key);
          } else {
            index.delete(each.key);
            model.delete(each.key);
          }
          assert.equal(index.has(each.key), model.has(each.key));
        }
        assert.equal(index.size, model.size);
        assert.deepEqual(keysOf(index), expectedRange(model, '', ''));
        assert.deepEqual(keysOf(index, start, end), expectedRange(model, start, end));
      }),
    );
  });

  it('stays right while blocks split and join', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1, 7, 1009, 4999),
        fc.constantFrom(1, 3, 2003, 4999),
        fc.integer({ min: 0, max: 5000 }),
        (insertStep, deleteStep, deletions) => {
          const count = 5000;
          const index = new KeyIndex();
          for (const n of scattered(count, insertStep)) index.add(fixed(n));
          const gone = scattered(count, deleteStep).slice(0, deletions);
          for (const n of gone) index.delete(fixed(n));
          const left = new Set(scattered(count, 1).map(fixed));
          for (const n of gone) left.delete(fixed(n));
          assert.equal(index.size, left.size);
          assert.deepEqual(keysOf(index), expectedRange(left, '', ''));
          assert.deepEqual(keysOf(index, fixed(1234), fixed(1834)), expectedRange(left, fixed(1234), fixed(1834)));
          for (const n of gone) index.add(fixed(n));
          assert.equal(index.size, count);
          assert.deepEqual(keysOf(index), scattered(count, 1).map(fixed));
        },
      ),
      { numRuns: 30 },
    );
  });

  it('forgets everything when cleared', () => {
    const index = new KeyIndex();
    for (const n of scattered(2000, 7)) index.add(fixed(n));
    index.clear();
    assert.equal(index.size, 0);
    assert.deepEqual(keysOf(index), []);
    index.add('a');
    assert.deepEqual(keysOf(index), ['a']);
  });
});
