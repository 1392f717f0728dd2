// The three tables that stand in for a Map where operations come and go: handles that are never used twice, windows of
// consecutive numbers, and keys that churn. Each is held against the Map it replaces.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ChurnMap } from '../../../protocol/churn-map.js';
import { SeqWindow } from '../../../protocol/seq-window.js';
import { SlotTable } from '../../../protocol/slot-table.js';

describe('slot table', () => {
  it('finds what it holds, and nothing under a handle whose slot has another tenant', () => {
    const table = new SlotTable<string>();
    const first = table.add('a');
    assert.equal(table.get(first), 'a');
    assert.equal(table.delete(first), true);
    const second = table.add('b');
    assert.notEqual(second, first);
    assert.deepEqual([table.get(first), table.get(second), table.size], [undefined, 'b', 1]);
    assert.equal(table.delete(first), false);
  });

  it('behaves like a Map that never gives a key twice', () => {
    const steps = fc.array(fc.record({ add: fc.boolean(), pick: fc.nat() }), { maxLength: 200 });
    fc.assert(
      fc.property(steps, (plan) => {
        const table = new SlotTable<number>();
        const model = new Map<number, number>();
        const given = new Set<number>();
        plan.forEach(({ add, pick }, step) => {
          if (add) {
            const handle = table.add(step + 1);
            assert.ok(handle >= 1 && !given.has(handle));
            given.add(handle);
            model.set(handle, step + 1);
          } else {
            const handle = [...given][pick % Math.max(1, given.size)] ?? 0;
            assert.equal(table.delete(handle), model.delete(handle));
          }
        });
        for (const handle of given) assert.equal(table.get(handle), model.get(handle));
        assert.deepEqual(table.values().sort(), [...model.values()].sort());
        assert.equal(table.size, model.size);
      }),
    );
  });
});

describe('window of numbers', () => {
  it('adds at the end, drops at the front, and passes over numbers without a value', () => {
    const window = new SeqWindow<string>(1);
    window.add(4, 'd');
    window.add(6, 'f');
    assert.deepEqual([window.first, window.last, window.size], [4, 6, 3]);
    assert.deepEqual(
      [window.get(3), window.get(4), window.get(5), window.get(6), window.get(7)],
      [undefined, 'd', undefined, 'f', undefined],
    );
    assert.deepEqual([...window], ['d', 'f']);
    assert.throws(() => window.add(6, 'again'), RangeError);
    assert.deepEqual(
      [window.shift(), window.shift(), window.shift(), window.shift()],
      ['d', undefined, 'f', undefined],
    );
    window.add(9, 'i');
    assert.deepEqual([window.first, window.get(9)], [9, 'i']);
  });

  it('keeps its values over many more shifts than it ever holds', () => {
    const window = new SeqWindow<number>(1);
    for (let number = 1; number <= 10_000; number++) {
      window.add(number, number);
      if (number > 5) assert.equal(window.shift(), number - 5);
    }
    assert.deepEqual([...window], [9996, 9997, 9998, 9999, 10_000]);
  });
});

describe('map of keys that churn', () => {
  it('behaves like a Map', () => {
    const keys = fc.constantFrom('', 'a', 'b', 'ab', 'ba', 'key-000001', 'key-000010', 'ÿ', 'x'.repeat(300));
    const many = fc.array(fc.tuple(fc.oneof(keys, fc.string({ maxLength: 4 })), fc.boolean()), { maxLength: 300 });
    fc.assert(
      fc.property(many, (plan) => {
        const map = new ChurnMap<number>();
        const model = new Map<string, number>();
        plan.forEach(([key, add], step) => {
          if (!add) {
            map.delete(key);
            model.delete(key);
          } else if (!model.has(key)) {
            map.add(key, step);
            model.set(key, step);
          }
        });
        for (const [key] of plan) assert.equal(map.get(key), model.get(key));
        assert.equal(map.size, model.size);
      }),
    );
  });
});
