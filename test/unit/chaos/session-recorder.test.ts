// What a session did reaches the history in the order in which it was asked, and reads come after the right write.

import assert from 'node:assert/strict';
import { type OpenEvent, SessionRecorder } from '../../chaos/session-recorder.js';
import type { HistoryEvent } from '../../checkers/history.js';

describe('session recorder', () => {
  let written: HistoryEvent[];
  let recorder: SessionRecorder;

  beforeEach(() => {
    written = [];
    recorder = new SessionRecorder(7, (event) => written.push(event));
  });

  function begin(op: 'put' | 'get', at: number): OpenEvent {
    return recorder.begin({ op, consistency: 'weak', key: 'aw==', invokeUs: at });
  }

  function number(open: OpenEvent, seq: number): void {
    open.isNumbered = true;
    open.event.seq = seq;
    recorder.finish(open);
  }

  it('a read waits until it is known which write was asked before it', () => {
    const [write, read] = [begin('put', 1), begin('get', 2)];
    recorder.finish(read);
    assert.deepEqual(written, []);
    assert.equal(recorder.waiting, 2);
    number(write, 3);
    assert.deepEqual(
      written.map(({ op, seq, session }) => [op, seq, session]),
      [
        ['put', 3, 7],
        ['get', 3, 7],
      ],
    );
    assert.equal(recorder.waiting, 0);
  });

  it('a write that was never numbered is no write that a read comes after', () => {
    const [first, refused, read] = [begin('put', 1), begin('put', 2), begin('get', 3)];
    number(first, 1);
    recorder.finish(refused);
    recorder.finish(read);
    assert.deepEqual(
      written.map(({ seq }) => seq),
      [1, 1, 1],
    );
  });
});
