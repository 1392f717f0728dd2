// The exactly-once checker against hand-made histories and final states.

import assert from 'node:assert/strict';
import { exactlyOnce } from '../../checkers/exactly-once.js';
import { bytes, Story } from './story.js';

function finalState(cells: Record<string, string>): Map<string, string> {
  return new Map(Object.entries(cells).map(([key, value]) => [bytes(key), bytes(value)]));
}

function assertGood(story: Story, cells?: Record<string, string>): void {
  assert.deepEqual(exactlyOnce(story.history, cells && finalState(cells)), []);
}

function assertBad(story: Story, detail: RegExp, cells?: Record<string, string>): void {
  const violations = exactlyOnce(story.history, cells && finalState(cells));
  assert.equal(violations.length, 1, JSON.stringify(violations));
  assert.equal(violations[0]?.property, 'exactly-once');
  assert.match(violations[0]?.detail ?? '', detail);
}

describe('exactly-once checker', () => {
  it('accepts the last write of each key as the final state', () => {
    assertGood(new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakPut(2, 'y', 'c').delete(1, 'z'), { x: 'b', y: 'c' });
  });

  it('rejects a final value that a later write had replaced', () => {
    assertBad(new Story().put(1, 'x', 'a').put(2, 'x', 'b'), /certainly came later/, { x: 'a' });
    assertBad(new Story().weakPut(1, 'x', 'a').weakPut(1, 'x', 'b'), /certainly came later/, { x: 'a' });
    assertBad(new Story().put(1, 'x', 'a').cas(2, 'x', ['a', 'b']), /certainly came later/, { x: 'a' });
  });

  it('accepts either of two writes without an order as the final value', () => {
    const story = new Story().weakPut(1, 'x', 'a').weakPut(2, 'x', 'b');
    assertGood(story, { x: 'a' });
    assertGood(story, { x: 'b' });
  });

  it('rejects a final value that only the answers of reads rule out', () => {
    assertBad(
      new Story().weakPut(1, 'x', 'a').weakPut(2, 'x', 'b').get(3, 'x', 'a').get(3, 'x', 'b'),
      /not the last write/,
      { x: 'a' },
    );
  });

  it('rejects that an acknowledged write is missing', () => {
    assertBad(new Story().weakPut(1, 'x', 'a'), /lost/, {});
    assertBad(new Story().put(1, 'x', 'z').delete(1, 'x').put(1, 'x', 'a'), /lost/, {});
  });

  it('rejects that a deleted key is back', () => {
    assertBad(new Story().put(1, 'x', 'a').delete(2, 'x'), /certainly came later/, { x: 'a' });
  });

  it('accepts that a write of unknown outcome is there, or is not', () => {
    const story = new Story().put(1, 'x', 'a').put(2, 'x', 'b', { at: [5] });
    assertGood(story, { x: 'a' });
    assertGood(story, { x: 'b' });
    assertGood(new Story().put(1, 'x', 'a').delete(2, 'x', { at: [5] }), {});
  });

  it('accepts that a weak write is missing behind a write that perhaps never happened', () => {
    const story = new Story()
      .put(1, 'x', 'a', { at: [1] })
      .weakPut(1, 'x', 'b', { at: [2, 3] })
      .weakGet(1, 'x', 'b');
    assertGood(story, {});
    assertGood(story, { x: 'b' });
  });

  it('rejects a final value that a failed operation, or nobody, wrote', () => {
    assertBad(new Story().put(1, 'x', 'a', { outcome: 'failed' }), /failed/, { x: 'a' });
    assertBad(new Story().put(1, 'x', 'a'), /nothing wrote/, { x: 'z' });
  });

  it('rejects that the value of a failed operation is seen', () => {
    assertBad(new Story().put(1, 'x', 'a', { outcome: 'failed' }).weakGet(2, 'x', 'a'), /failed/);
  });

  it('rejects that two compare-and-sets replace the same value', () => {
    assertBad(new Story().put(1, 'x', 'a').cas(2, 'x', ['a', 'b']).cas(3, 'x', ['a', 'c']), /both replaced/);
  });

  it('accepts a chain of compare-and-sets', () => {
    assertGood(
      new Story()
        .cas(1, 'x', [null, 'a'])
        .cas(2, 'x', ['a', 'b'])
        .casMissed(3, 'x', ['a', 'c', 'b'])
        .cas(3, 'x', ['b', 'd']),
      { x: 'd' },
    );
  });

  it('rejects two writes with one id (F8)', () => {
    const { history } = new Story().put(1, 'x', 'a').put(1, 'x', 'b');
    const violations = exactlyOnce(history.map((event) => ({ ...event, seq: 1 })));
    assert.match(violations[0]?.detail ?? '', /the id 1#1/);
  });
});
