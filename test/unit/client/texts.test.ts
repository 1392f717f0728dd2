// Tokens, cursors, trace contexts and options: every text that a caller hands in, and how broken ones are refused.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkConnectOptions } from '../../../client/options.js';
import { encodeScanCursor, parseScanCursor } from '../../../client/scan-cursor.js';
import { encodeSessionToken, parseSessionToken } from '../../../client/session-token.js';
import { KEY_BYTES_LIMIT, NUMBER_LIMIT } from '../../../protocol/limits.js';

describe('session token', () => {
  const number = fc.integer({ min: 0, max: NUMBER_LIMIT });
  const tokens = fc.record({ clusterId: fc.string({ maxLength: 40 }), epoch: number, slot: number });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(tokens, (token) => {
        const wellFormed = { ...token, clusterId: Buffer.from(token.clusterId).toString() };
        assert.deepEqual(parseSessionToken(encodeSessionToken(wellFormed)), wellFormed);
      }),
    );
  });

  it('is refused when a single character differs or is missing', () => {
    const text = encodeSessionToken({ clusterId: 'cluster', epoch: 3, slot: 99 });
    for (let at = 0; at < text.length; at++) {
      const other = text[at] === 'A' ? 'B' : 'A';
      assert.throws(() => parseSessionToken(text.slice(0, at) + other + text.slice(at + 1)), /token:/);
      assert.throws(() => parseSessionToken(text.slice(0, at)), /token:/);
    }
  });
});

describe('scan cursor', () => {
  const keys = fc.uint8Array({ minLength: 1, maxLength: 12 });

  it('names the smallest key after the last one', () => {
    fc.assert(
      fc.property(keys, keys, (last, other) => {
        const cursor = encodeScanCursor(last);
        assert.ok(cursor !== null);
        const isAfter = Buffer.compare(other, last) > 0;
        assert.equal(Buffer.compare(other, Buffer.from(parseScanCursor(cursor))) >= 0, isAfter);
      }),
    );
  });

  it('counts up past a key of full length, and ends after the last key of all', () => {
    const full = Buffer.alloc(KEY_BYTES_LIMIT, 0xff).fill(0x61, 0, 2);
    const cursor = encodeScanCursor(full);
    assert.ok(cursor !== null);
    assert.deepEqual(Buffer.from(parseScanCursor(cursor)), Buffer.from('ab'));
    assert.equal(encodeScanCursor(Buffer.alloc(KEY_BYTES_LIMIT, 0xff)), null);
  });

  it('is refused when it is not one', () => {
    for (const text of ['', '=', 'A', 'a b', Buffer.alloc(KEY_BYTES_LIMIT + 1).toString('base64url')]) {
      assert.throws(() => parseScanCursor(text), /cursor: not a scan cursor/);
    }
  });
});

describe('connect options', () => {
  it('are completed with defaults', () => {
    assert.deepEqual(checkConnectOptions({ target: '127.0.0.1:1, [::1]:2,host:65535' }), {
      targets: ['127.0.0.1:1', '[::1]:2', 'host:65535'],
      clusterId: '',
      deadlineMs: 10_000,
      ackTransport: 'nats',
      ackWaitUs: 20_000,
      aliveEveryUs: 10_000_000,
      writeSetLimit: 1024,
      batchDelayUs: 0,
      boundReplica: null,
      tracing: null,
      timeLineEvery: 0,
    });
  });

  it('are refused with the name of the option', () => {
    for (const target of ['', 'host', 'host:', 'host:0', 'host:65536', 'a:1,,b:2', 'http://a:1']) {
      assert.throws(() => checkConnectOptions({ target }), /^ClientError: target: /);
    }
    assert.throws(() => checkConnectOptions({ target: 'a:1', deadlineMs: Number.NaN }), /deadlineMs/);
    assert.throws(() => checkConnectOptions({ target: 'a:1', ackWaitMs: 0 }), /ackWaitMs/);
    assert.throws(() => checkConnectOptions({ target: 'a:1', writeSetLimit: 1.5 }), /writeSetLimit/);
    assert.throws(() => checkConnectOptions({ target: 'a:1', batchDelayUs: -1 }), /batchDelayUs/);
  });
});
