// The parts that hold things: log, store, dedup table, overlay, and the bytes in them.

import assert from 'node:assert/strict';
import { bytesToText, equalBytes, NO_BYTES, Slab, shardOf, textToBytes } from '../../../protocol/bytes.js';
import type { Command } from '../../../protocol/messages.js';
import { DedupTable } from '../../../protocol/replica/dedup.js';
import { APPLIED, decideResult, keysOf } from '../../../protocol/replica/execute.js';
import { ReplicaLog } from '../../../protocol/replica/log.js';
import { Overlay, type Pending } from '../../../protocol/replica/overlay.js';
import { Store } from '../../../protocol/replica/store.js';
import { write } from './lone-witness.js';
import { toBytes } from './story.js';

function command(id: string, change: Partial<Command> = {}): Command {
  return { ...write(id, { x: '1' }).command, ...change };
}

describe('bytes', () => {
  it('text is a faithful resting form: every byte, any length, in the order of bytes', () => {
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const long = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31) % 256);
    for (const bytes of [NO_BYTES, all, long, long.subarray(0, 4096), long.subarray(0, 4097)]) {
      assert.equal(bytesToText(bytes).length, bytes.length);
      assert.deepEqual(textToBytes(bytesToText(bytes)), new Uint8Array(bytes));
    }
    assert.ok(bytesToText(Uint8Array.of(0x7f)) < bytesToText(Uint8Array.of(0x80)));
    assert.ok(bytesToText(Uint8Array.of(1)) < bytesToText(Uint8Array.of(1, 0)));
  });

  it('what is cut from a slab shares nothing with the frame it came from, nor with its neighbours', () => {
    const frame = Uint8Array.of(1, 2, 3, 4);
    const slab = new Slab();
    const copy = slab.copy(frame.subarray(1, 3));
    const neighbour = slab.toBytes('ab');
    frame.fill(0);
    neighbour.fill(9);
    assert.deepEqual([...copy], [2, 3]);
    assert.notEqual(copy.buffer, frame.buffer);
    const large = slab.copy(new Uint8Array(1 << 20));
    assert.equal(large.buffer.byteLength, 1 << 20, 'a large value does not use up a chunk');
    for (let i = 0; i < 100_000; i++) assert.equal(bytesToText(slab.toBytes(`value ${i}`)), `value ${i}`);
    assert.ok(equalBytes(copy, Uint8Array.of(2, 3)) && !equalBytes(copy, Uint8Array.of(2)) && !equalBytes(copy, frame));
  });

  it('shards are in range and all of them are used', () => {
    const used = new Set(Array.from({ length: 1000 }, (_, i) => shardOf(`key${i}`, 7)));
    assert.deepEqual([...used].sort(), [0, 1, 2, 3, 4, 5, 6]);
  });
});

describe('log', () => {
  const filled = (count: number) => {
    const log = new ReplicaLog(1024);
    for (let i = 1; i <= count; i++)
      log.append({ epoch: Math.ceil(i / 1000), command: command(`1#${i}`), expiry: undefined });
    return log;
  };

  it('slots begin with 1, slot 0 has epoch 0, and an empty log ends there', () => {
    const log = new ReplicaLog(1024);
    assert.deepEqual([log.lastSlot, log.lastEpoch, log.epochAt(0), log.epochAt(1)], [0, 0, 0, undefined]);
    assert.equal(log.append({ epoch: 3, command: undefined, expiry: undefined }), 1);
    assert.deepEqual([log.lastSlot, log.lastEpoch, log.epochAt(1), log.bytes], [1, 3, 3, 0]);
  });

  it('dropThrough keeps entries for stragglers, the epoch at its floor, and nothing below', () => {
    const log = filled(4000);
    const { bytes } = log;
    log.dropThrough(2000);
    assert.deepEqual([log.floor, log.length], [0, 4000], 'not worth it yet');
    log.dropThrough(3024);
    assert.deepEqual([log.floor, log.length, log.lastSlot], [2000, 2000, 4000]);
    assert.deepEqual([log.epochAt(2000), log.epochAt(1999), log.epochAt(2001)], [2, undefined, 3]);
    assert.deepEqual([log.at(2000), log.at(2001)?.command?.seq], [undefined, 2001]);
    assert.equal(log.bytes, bytes / 2);
    assert.equal(log.append({ epoch: 5, command: undefined, expiry: undefined }), 4001);
    assert.equal(log.lastEpoch, 5);
  });

  it('truncateAfter cuts the tail and gives its bytes back', () => {
    const log = filled(10);
    const { bytes } = log;
    log.truncateAfter(4);
    assert.deepEqual([log.lastSlot, log.epochAt(5), log.bytes], [4, undefined, (bytes / 10) * 4]);
    log.truncateAfter(9);
    assert.equal(log.lastSlot, 4);
    assert.equal(log.append({ epoch: 2, command: undefined, expiry: undefined }), 5);
  });

  it('slice obeys both limits, gives at least one entry, and none past the end or below the floor', () => {
    const log = filled(4000);
    assert.deepEqual(
      log.slice(11, { entries: 3, bytes: 1 << 20 }).map((entry) => entry.command?.seq),
      [11, 12, 13],
    );
    assert.equal(log.slice(11, { entries: 3, bytes: 1 }).length, 1);
    assert.equal(log.slice(3999, { entries: 9, bytes: 1 << 20 }).length, 2);
    assert.equal(log.slice(4001, { entries: 9, bytes: 1 << 20 }).length, 0);
    log.dropThrough(4000);
    assert.equal(log.slice(log.floor, { entries: 9, bytes: 1 << 20 }).length, 0);
  });
});

describe('store', () => {
  const set = (store: Store, key: string, value: string | null, slot: number) => {
    store.write(key, { value, slot, session: 1, seq: slot });
  };

  it('P4: a deletion keeps its slot, and a key that never was has version 0', () => {
    const store = new Store(4);
    set(store, 'x', '1', 1);
    set(store, 'x', null, 2);
    assert.deepEqual([store.get('x')?.value, store.get('x')?.slot, store.size], [null, 2, 0]);
    assert.deepEqual([store.get('y'), store.absentSlot('y')], [undefined, 0]);
  });

  it('P4: forgotten deletions leave a slot behind that is not below any of theirs', () => {
    const store = new Store(1);
    for (let i = 1; i <= 1025; i++) set(store, `k${i}`, null, i);
    assert.deepEqual([store.get('k512'), store.get('k513')?.slot, store.absentSlot('k1')], [undefined, 513, 512]);
  });

  it('a key that was set again is not forgotten, one that was deleted again is young', () => {
    const store = new Store(1);
    for (let i = 1; i <= 1024; i++) set(store, `k${i}`, null, i);
    set(store, 'k1', 'alive', 2001);
    set(store, 'k2', null, 2002);
    for (let i = 3; i < 6; i++) set(store, `new${i}`, null, 2000 + i);
    assert.deepEqual([store.get('k1')?.value, store.get('k2')?.slot, store.get('k3')], ['alive', 2002, undefined]);
    assert.ok(store.absentSlot('k3') >= 3 && store.absentSlot('k3') < 2001);
  });

  it('a scan walks keys in byte order between its bounds and says where a limit cut it', () => {
    const store = new Store(8);
    for (const [i, key] of ['b', 'a', 'd', 'c', '\xff'].entries()) set(store, key, `v${key}`, i + 1);
    set(store, 'c', null, 9);
    const scan = (start: string, end: string, limit = 10, byteLimit = 1 << 20) => {
      const { entries, more } = store.scan({ start, end, limit, byteLimit });
      return [entries.map(({ key }) => bytesToText(key)).join(''), more];
    };
    assert.deepEqual(scan('', ''), ['abd\xff', false]);
    assert.deepEqual(scan('b', 'd'), ['b', false]);
    assert.deepEqual(scan('', '', 2), ['ab', true]);
    assert.deepEqual(scan('', '', 4), ['abd\xff', false]);
    assert.deepEqual(scan('', '', 10, 1), ['a', true], 'one entry at least');
    assert.deepEqual(scan('e', '\xff'), ['', false]);
  });
});

describe('dedup table', () => {
  it('F3: keeps results of strong writes above what the client has acknowledged', () => {
    const table = new DedupTable();
    const kept = () => [...(table.get(1)?.results.keys() ?? [])];
    for (let seq = 1; seq <= 4; seq++) table.note(command(`1#${seq}`, { strong: seq !== 2 }), 10 + seq, APPLIED);
    assert.deepEqual([table.lastSeq(1), table.get(1)?.lastSlot, kept()], [4, 14, [1, 3, 4]]);
    table.note(command('1#5', { ackedThrough: 3 }), 15, APPLIED);
    assert.deepEqual(kept(), [4, 5]);
    table.note(command('1#6', { ackedThrough: 1 }), 16, APPLIED);
    assert.deepEqual(
      [table.get(1)?.ackedThrough, kept()],
      [3, [4, 5, 6]],
      'an older acknowledgement takes nothing back',
    );
    table.note(command('1#7', { ackedThrough: 99 }), 17, APPLIED);
    assert.deepEqual([table.get(1)?.ackedThrough, kept()], [6, [7]], 'nobody has seen the result of #7 yet');
    assert.deepEqual([table.lastSeq(2), table.get(2), table.size], [0, undefined, 1]);
  });
});

describe('overlay and execution', () => {
  const pending = (id: string, values: (string | null)[], keys: string[], slot: number, applied = true): Pending => {
    const result = { ...APPLIED, applied };
    return { slot, command: command(id), keys, values, ok: true, result, client: 0 };
  };

  it('C7: shows the newest uncommitted change of a key and forgets it when it is committed', () => {
    const overlay = new Overlay();
    overlay.add(pending('1#1', ['a', 'b'], ['x', 'y'], 5));
    overlay.add(pending('2#1', ['c'], ['x'], 6));
    overlay.add(pending('3#1', ['never'], ['x'], 7, false));
    assert.deepEqual(
      [overlay.lookup('x')?.value, overlay.lookup('x')?.slot],
      ['c', 6],
      'what did not match changed nothing',
    );
    assert.deepEqual(
      overlay.idsOn('x').map(({ session }) => session),
      [1, 2, 3],
    );
    assert.throws(() => overlay.remove(6), /below it/);
    assert.equal(overlay.remove(5)?.command.session, 1);
    assert.deepEqual([overlay.lookup('x')?.value, overlay.lookup('y'), overlay.on('y')], ['c', undefined, undefined]);
    assert.equal(overlay.remove(6)?.command.session, 2);
    assert.deepEqual([overlay.lookup('x'), overlay.size], [undefined, 1]);
    assert.equal(overlay.remove(5), undefined);
  });

  it('a key that one batch writes twice has its last value, and a deletion is a value', () => {
    const overlay = new Overlay();
    overlay.add(pending('1#1', ['a', null], ['x', 'x'], 5));
    assert.deepEqual([overlay.lookup('x')?.value, overlay.idsOn('x').length], [null, 1]);
    overlay.remove(5);
    assert.equal(overlay.on('x'), undefined);
  });

  it('A10: a compare-and-set says whether it matched, and what it found if not', () => {
    const table: [expected: string | null, found: string | null | undefined, applied: boolean, present: boolean][] = [
      ['a', 'a', true, false],
      ['a', 'b', false, true],
      ['a', null, false, false],
      ['a', undefined, false, false],
      [null, undefined, true, false],
      [null, null, true, false],
      [null, 'b', false, true],
      ['', '', true, false],
      ['', null, false, false],
    ];
    for (const [expected, found, applied, present] of table) {
      const condition = { present: expected !== null, value: toBytes(expected ?? '') };
      const swap = command('1#1', { condition });
      const lookup = () => (found === undefined ? undefined : { value: found, slot: 7 });
      const result = decideResult(swap, keysOf(swap), { lookup, absentSlot: () => 3 });
      const version = found === undefined ? 3 : 7;
      const value = toBytes(present ? (found ?? '') : '');
      assert.deepEqual(result, { applied, present, value, version }, `expected ${expected}, found ${found}`);
    }
  });
});
