// Values: what is written comes back, and any damage is noticed.

import assert from 'node:assert/strict';
import { checksum, VALUE_BYTES_MIN, ValueCodec } from '../../../loadgen/worker/value-codec.js';

describe('ValueCodec', () => {
  for (const valueBytes of [VALUE_BYTES_MIN, 25, 26, 27, 100, 4096]) {
    it(`carries key, session and serial in ${valueBytes} bytes`, () => {
      const codec = new ValueCodec(valueBytes);
      const value = codec.encode(49_999_999, Number.MAX_SAFE_INTEGER, 2 ** 33 + 5);
      assert.equal(value.length, valueBytes);
      assert.equal(codec.decode(value), true);
      assert.deepEqual(codec.decoded, { keyIndex: 49_999_999, session: Number.MAX_SAFE_INTEGER, serial: 2 ** 33 + 5 });
    });
  }

  it('notices every change of one byte', () => {
    const codec = new ValueCodec(101);
    const value = codec.encode(7, 3, 9);
    for (let at = 0; at < value.length; at++) {
      for (const bit of [1, 0x80, 0xff]) {
        value[at] = (value[at] ?? 0) ^ bit;
        assert.equal(codec.decode(value), false, `byte ${at}, bits ${bit}`);
        value[at] = (value[at] ?? 0) ^ bit;
      }
    }
    assert.equal(codec.decode(value), true);
  });

  it('notices another length and bytes that changed places', () => {
    const codec = new ValueCodec(100);
    const value = codec.encode(7, 3, 9);
    assert.equal(codec.decode(value.subarray(0, 99)), false);
    assert.equal(codec.decode(Buffer.concat([value, Buffer.alloc(1)])), false);
    assert.equal(
      codec.decode(
        Buffer.concat([value.subarray(0, 40), value.subarray(60, 80), value.subarray(40, 60), value.subarray(80)]),
      ),
      false,
    );
  });

  it('gives every value memory of its own', () => {
    const codec = new ValueCodec(64);
    const first = codec.encode(1, 1, 1);
    const before = checksum(first);
    codec.encode(2, 2, 2);
    assert.equal(checksum(first), before);
  });
});
