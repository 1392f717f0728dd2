// Waiting times between attempts.

import assert from 'node:assert/strict';
import { Backoff } from '../../../services/host/backoff.js';

describe('backoff', () => {
  it('doubles up to its last value and starts over after a success', () => {
    const backoff = new Backoff(25, 150);
    assert.deepEqual(
      [backoff.take(), backoff.take(), backoff.take(), backoff.take(), backoff.take()],
      [25, 50, 100, 150, 150],
    );
    backoff.reset();
    assert.equal(backoff.take(), 25);
  });
});
