// The session guarantees against hand-made histories, each a pattern that must or must not pass.

import assert from 'node:assert/strict';
import { sessionGuarantees } from '../../checkers/session-guarantees.js';
import { Story } from './story.js';

function assertGood(story: Story): void {
  assert.deepEqual(sessionGuarantees(story.history), []);
}

function assertBad(story: Story, detail: RegExp): void {
  const violations = sessionGuarantees(story.history);
  assert.equal(violations.length, 1, JSON.stringify(violations));
  assert.equal(violations[0]?.property, 'session');
  assert.match(violations[0]?.detail ?? '', detail);
}

describe('session guarantees checker', () => {
  it('rejects a read that misses the own write (read-your-writes)', () => {
    assertBad(new Story().weakPut(1, 'x', 'a').weakPut(1, 'x', 'b').weakGet(1, 'x', 'a'), /read-your-writes/);
    assertBad(new Story().weakPut(1, 'x', 'a').get(1, 'x', null), /read-your-writes/);
  });

  it('rejects that an own delete is not seen', () => {
    assertBad(new Story().weakPut(1, 'x', 'a').weakDelete(1, 'x').weakGet(1, 'x', 'a'), /read-your-writes/);
  });

  it('accepts that somebody else has written or deleted since', () => {
    assertGood(new Story().weakPut(1, 'x', 'a').put(2, 'x', 'b').weakGet(1, 'x', 'b'));
    assertGood(new Story().weakPut(1, 'x', 'a').delete(2, 'x').weakGet(1, 'x', null));
  });

  it('accepts that a weak read misses an own compare-and-set in flight', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a')
        .cas(1, 'x', ['a', 'b'], { at: [10, 50] })
        .weakGet(1, 'x', 'a', { at: [11, 12] }),
    );
  });

  it('rejects that a strong read misses an own compare-and-set in flight', () => {
    assertBad(
      new Story()
        .put(1, 'x', 'a')
        .cas(1, 'x', ['a', 'b'], { at: [10, 50] })
        .get(1, 'x', 'a', { at: [11, 12] }),
      /read-your-writes/,
    );
  });

  it('rejects that a read goes back to an older write of the same writer (monotonic reads)', () => {
    assertBad(
      new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', 'b').weakGet(2, 'x', 'a'),
      /monotonic reads/,
    );
  });

  it('accepts that overlapping reads see versions in any order', () => {
    const story = new Story().put(1, 'x', 'a').put(1, 'x', 'b');
    assertGood(story.weakGet(2, 'x', 'b', { at: [10, 20], slot: 2 }).weakGet(2, 'x', 'a', { at: [11, 19], slot: 1 }));
  });

  it('rejects that a later read sees a smaller version slot in the same epoch', () => {
    const story = new Story().put(1, 'x', 'a').put(3, 'x', 'b');
    assertBad(story.weakGet(2, 'x', 'b', { slot: 9 }).weakGet(2, 'x', 'a', { slot: 8 }), /monotonic reads: in epoch 1/);
  });

  it('compares no slots of different epochs', () => {
    const story = new Story().put(1, 'x', 'a').put(3, 'x', 'b');
    assertGood(story.weakGet(2, 'x', 'b', { slot: 9, epoch: 1 }).weakGet(2, 'x', 'a', { slot: 8, epoch: 2 }));
  });

  it('takes an own write without a slot for newer than any version', () => {
    const story = new Story().put(1, 'x', 'a', { slot: 9 }).weakGet(2, 'x', 'a', { slot: 9 }).weakPut(2, 'x', 'b');
    assertGood(story.weakGet(2, 'x', 'b', { slot: 0 }));
  });

  it('rejects that slots of a session do not follow its seqs (monotonic writes)', () => {
    assertBad(
      new Story().put(1, 'x', 'a', { at: [1, 9], slot: 5 }).put(1, 'y', 'b', { at: [1, 9], slot: 4 }),
      /monotonic writes/,
    );
  });

  it('rejects that a write is numbered below one that had returned', () => {
    const { history } = new Story().put(1, 'x', 'a').put(1, 'y', 'b');
    const [first, second] = history;
    assert.ok(first && second);
    const violations = sessionGuarantees([
      { ...first, seq: 2 },
      { ...second, seq: 1 },
    ]);
    assert.match(violations[0]?.detail ?? '', /monotonic writes/);
  });

  it('rejects that a write gets a slot below what its session had read (writes follow reads)', () => {
    assertBad(
      new Story().put(1, 'x', 'a', { slot: 7 }).get(2, 'x', 'a', { slot: 7 }).put(2, 'y', 'b', { slot: 6 }),
      /writes follow reads/,
    );
  });
});
