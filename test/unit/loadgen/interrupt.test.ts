// How a measurement is told to end.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { hearInterrupts } from '../../../loadgen/interrupt.js';
import { Sink } from './sink.js';

describe('hearInterrupts', () => {
  for (const [first, second] of [
    ['SIGINT', 'SIGINT'],
    ['SIGTERM', 'SIGTERM'],
    ['SIGTERM', 'SIGINT'],
  ] as const) {
    it(`ends the measuring on ${first}, and the process on ${second} after it`, () => {
      const process = new EventEmitter();
      const stderr = new Sink();
      const left: number[] = [];
      const signal = hearInterrupts(process, stderr, (exitCode) => left.push(exitCode));
      assert.equal(signal.aborted, false);
      process.emit(first);
      assert.deepEqual([signal.aborted, left], [true, []]);
      assert.match(stderr.text, /interrupted: stopping; once more to leave at once/);
      process.emit(second);
      assert.deepEqual(left, [130]);
    });
  }
});
