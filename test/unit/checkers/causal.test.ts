// The causal checker against hand-made histories, each a pattern that must or must not pass.

import assert from 'node:assert/strict';
import { causal } from '../../checkers/causal.js';
import { Story } from './story.js';

function assertGood(story: Story): void {
  assert.deepEqual(causal(story.history), []);
}

function assertBad(story: Story, detail: RegExp): void {
  const violations = causal(story.history);
  assert.equal(violations.length, 1, JSON.stringify(violations));
  assert.match(violations[0]?.detail ?? '', detail);
}

describe('causal checker', () => {
  it('accepts weak reads that lag behind', () => {
    assertGood(
      new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', null).weakGet(2, 'x', 'a').weakGet(2, 'x', 'b'),
    );
  });

  it('rejects a value that nothing wrote', () => {
    assertBad(new Story().put(1, 'x', 'a').weakGet(2, 'x', 'z'), /nothing wrote/);
  });

  it('rejects a value that only a failed operation wrote', () => {
    assertBad(new Story().put(1, 'x', 'a', { outcome: 'failed' }).weakGet(2, 'x', 'a'), /failed/);
  });

  it('accepts a value whose writer has an unknown outcome', () => {
    assertGood(new Story().weakPut(1, 'x', 'a', { at: [1] }).weakGet(2, 'x', 'a'));
  });

  it('rejects a value that is written after it was read', () => {
    assertBad(new Story().weakGet(2, 'x', 'a').weakPut(1, 'x', 'a'), /before it was written/);
  });

  it('rejects a cycle of reads-from and session order', () => {
    const story = new Story().cas(1, 'x', ['b', 'a'], { at: [1, 20] }).cas(2, 'x', ['a', 'b'], { at: [1, 20] });
    assertBad(story, /cycle/);
  });

  it('rejects that a session misses its own weak write', () => {
    assertBad(
      new Story().put(1, 'x', 'a').weakGet(2, 'x', 'a').weakPut(2, 'x', 'b').weakGet(2, 'x', 'a'),
      /had overwritten/,
    );
    assertBad(new Story().weakPut(1, 'x', 'a').weakGet(1, 'x', null), /absent/);
  });

  it('rejects that a read goes back behind an earlier read', () => {
    assertBad(
      new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', 'b').weakGet(2, 'x', 'a'),
      /had overwritten/,
    );
  });

  it('rejects that monotonic reads fail across keys', () => {
    const story = new Story().put(1, 'x', 'old').put(1, 'x', 'new').put(1, 'y', 'new');
    assertBad(story.weakGet(2, 'y', 'new').weakGet(2, 'x', 'old'), /had overwritten/);
  });

  it('rejects E4: a write is seen without what its writer had read', () => {
    const story = new Story().weakPut(1, 'x', '1').weakGet(2, 'x', '1').put(2, 'y', '1');
    assertBad(story.weakGet(3, 'y', '1').weakGet(3, 'x', null), /absent/);
  });

  it('accepts that two sessions see independent writes at different times', () => {
    const story = new Story().weakPut(1, 'x', '1').weakPut(2, 'y', '1');
    assertGood(story.weakGet(3, 'x', '1').weakGet(3, 'y', null).weakGet(4, 'x', null).weakGet(4, 'x', '1'));
  });

  it('rejects that a session sees the write of a key go there and back', () => {
    const story = new Story().weakPut(1, 'x', '1').weakPut(2, 'x', '2');
    assertBad(story.weakGet(3, 'x', '1').weakGet(3, 'x', '2').weakGet(3, 'x', '1'), /disagree/);
  });

  it('rejects that two sessions see two writes of a key in different orders', () => {
    const story = new Story().weakPut(1, 'x', '1').weakPut(2, 'x', '2');
    assertBad(story.weakGet(3, 'x', '1').weakGet(4, 'x', '2').weakGet(3, 'x', '2').weakGet(4, 'x', '1'), /disagree/);
  });

  it('accepts that a session sees its own write over newer ones until they meet', () => {
    const story = new Story().put(1, 'x', '1').weakPut(2, 'x', '2').weakGet(2, 'x', '2').put(1, 'x', '3');
    assertGood(story.weakGet(2, 'x', '2').weakGet(3, 'x', '3').weakGet(2, 'x', '3'));
  });

  it('asks nothing of two reads that overlap', () => {
    const story = new Story().put(1, 'x', 'a').put(1, 'x', 'b');
    assertGood(story.weakGet(2, 'x', 'b', { at: [10, 30] }).weakGet(2, 'x', 'a', { at: [11, 29] }));
  });

  it('asks a read to see the puts in flight when it was issued', () => {
    const story = new Story().weakPut(1, 'x', 'a', { at: [1, 50] }).weakGet(1, 'x', null, { at: [2, 10] });
    assertBad(story, /absent/);
  });

  it('asks no weak read to see a compare-and-set in flight', () => {
    assertGood(new Story().cas(1, 'x', [null, 'a'], { at: [1, 50] }).weakGet(1, 'x', null, { at: [2, 10] }));
    assertGood(
      new Story()
        .cas(1, 'x', [null, 'a'], { at: [1, 50] })
        .weakPut(1, 'y', 'b', { at: [2, 3] })
        .weakGet(1, 'x', null, { at: [4, 10] }),
    );
  });

  it('asks a strong read to see a compare-and-set in flight', () => {
    assertBad(new Story().cas(1, 'x', [null, 'a'], { at: [1, 50] }).get(1, 'x', null, { at: [2, 10] }), /absent/);
  });

  it('asks a weak read to see a compare-and-set that has returned', () => {
    assertBad(new Story().cas(1, 'x', [null, 'a']).weakGet(1, 'x', null), /absent/);
  });

  it('asks a weak read for nothing that only a compare-and-set in flight had seen', () => {
    const story = new Story()
      .put(2, 'x', 'a', { at: [1, 2] })
      .cas(1, 'x', ['a', 'b'], { at: [3, 50] })
      .weakPut(1, 'y', 'c', { at: [4, 5] });
    assertGood(story.weakGet(1, 'x', null, { at: [6, 7] }).weakGet(1, 'y', 'c', { at: [6, 7] }));
  });

  it('takes a weak read of an own write to say nothing about what a compare-and-set in flight had seen', () => {
    const story = new Story()
      .put(2, 'z', 'n', { at: [1, 2] })
      .put(2, 'x', 'a', { at: [3, 4] })
      .cas(1, 'x', ['a', 'b'], { at: [5, 50] });
    assertGood(
      story
        .weakPut(1, 'y', 'c', { at: [6, 7] })
        .weakGet(1, 'y', 'c', { at: [8, 9] })
        .weakGet(1, 'z', null, { at: [10, 11] }),
    );
  });

  it('asks a weak read to see a compare-and-set in flight that its session has read', () => {
    const swap = (): Story =>
      new Story().cas(1, 'x', [null, 'a'], { at: [1, 50] }).weakGet(1, 'x', 'a', { at: [2, 3] });
    assertBad(swap().weakGet(1, 'x', null, { at: [4, 5] }), /absent/);
    assertGood(swap().weakGet(1, 'x', 'a', { at: [4, 5] }));
    assertGood(swap().weakGet(1, 'x', null, { at: [3, 5] }));
  });

  it('asks a weak read to see a compare-and-set in flight that led to something its session has read', () => {
    const story = (read: [number, number], write: [number, number]): Story =>
      new Story()
        .cas(1, 'x', [null, 'a'], { at: [1, 50] })
        .weakGet(2, 'x', 'a', { at: read })
        .weakPut(2, 'y', 'b', { at: write })
        .weakGet(1, 'y', 'b', { at: [8, 9] });
    assertBad(story([2, 3], [4, 5]).weakGet(1, 'x', null, { at: [10, 11] }), /absent/);
    assertGood(story([2, 3], [4, 5]).weakGet(1, 'x', 'a', { at: [10, 11] }));
    // The other session read it only after what it wrote: that write says nothing about it.
    assertGood(story([4, 5], [2, 3]).weakGet(1, 'x', null, { at: [10, 11] }));
  });

  it('asks a weak read to see a compare-and-set in flight on which a later one was built that showed itself', () => {
    const story = (seen: string | null): Story =>
      new Story()
        .cas(1, 'x', [null, 'a'], { at: [1, 50] })
        .cas(1, 'x', ['a', 'b'], { at: [2, 50] })
        .weakGet(1, 'x', 'b', { at: [3, 4] })
        .weakGet(1, 'x', seen, { at: [5, 6] });
    assertBad(story('a'), /had overwritten/);
    assertBad(story(null), /absent/);
    assertGood(story('b'));
  });

  it('accepts absence that a concurrent delete explains', () => {
    assertGood(new Story().weakPut(1, 'x', 'a').weakDelete(2, 'x').weakGet(1, 'x', null));
  });

  it('accepts absence that a delete of unknown outcome explains', () => {
    assertGood(
      new Story()
        .weakPut(1, 'x', 'a')
        .delete(2, 'x', { at: [5] })
        .weakGet(1, 'x', null),
    );
  });

  it('rejects absence whose only delete was overwritten in the past of the read', () => {
    assertBad(
      new Story().put(1, 'x', 'a').delete(1, 'x').put(1, 'x', 'b').weakGet(2, 'x', 'b').weakGet(2, 'x', null),
      /absent/,
    );
  });

  it('rejects a value that a delete in the past of the read had removed', () => {
    assertBad(new Story().put(1, 'x', 'a').delete(1, 'x').weakGet(1, 'x', 'a'), /had overwritten/);
  });

  it('checks each key of a weak scan, also those it left out', () => {
    const story = (): Story => new Story().put(1, 'x', 'a').put(1, 'x', 'b').put(1, 'y', 'c').weakGet(2, 'y', 'c');
    assertGood(story().scan(2, { x: 'b', y: 'c' }, { weak: true }));
    assertBad(story().scan(2, { x: 'a', y: 'c' }, { weak: true }), /had overwritten/);
    assertBad(story().scan(2, { y: 'c' }, { weak: true }), /absent/);
    assertGood(story().scan(2, { x: 'b' }, { weak: true, more: true }));
  });

  it('obliges nobody to see a write of unknown outcome that nobody saw', () => {
    assertGood(new Story().weakPut(1, 'x', 'a', { at: [1] }).weakGet(1, 'x', null));
  });
});
