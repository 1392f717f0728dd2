// The wheel against the obvious implementation: what is due rings once, and nothing else does.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { DeadlineWheel, type Timed } from '../../../client/deadline-wheel.js';

function createTimed(deadlineMs: number, rung: number[], id: number): Timed {
  const onDeadline = (): void => {
    rung.push(id);
  };
  return { deadlineMs, wheelPrevious: null, wheelNext: null, wheelSlot: -1, onDeadline };
}

describe('deadline wheel', () => {
  it('rings each deadline once, on the first turn at or after it, and none that was removed', () => {
    const steps = fc.array(
      fc.record({
        afterMs: fc.double({ min: -10, max: 40_000, noNaN: true }),
        remove: fc.boolean(),
        turnMs: fc.double({ min: 0, max: 9_000, noNaN: true }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, (plan) => {
        let nowMs = 1_000;
        const wheel = new DeadlineWheel(nowMs);
        const rung: number[] = [];
        const live = new Map<number, Timed>();
        const expected: number[] = [];
        plan.forEach(({ afterMs, remove, turnMs }, id) => {
          const timed = createTimed(nowMs + afterMs, rung, id);
          wheel.add(timed);
          if (remove) wheel.remove(timed);
          else live.set(id, timed);
          nowMs += turnMs;
          wheel.turn(nowMs);
          for (const [at, candidate] of live) {
            if (candidate.deadlineMs > nowMs) continue;
            live.delete(at);
            expected.push(at);
          }
          assert.deepEqual([...rung].sort(), [...expected].sort());
        });
      }),
    );
  });

  it('takes removing twice, and removing after ringing', () => {
    const wheel = new DeadlineWheel(0);
    const rung: number[] = [];
    const timed = createTimed(1, rung, 1);
    wheel.add(timed);
    wheel.turn(2);
    wheel.remove(timed);
    wheel.remove(timed);
    wheel.turn(100_000);
    assert.deepEqual(rung, [1]);
  });
});
