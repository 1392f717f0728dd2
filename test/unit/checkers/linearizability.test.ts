// The linearizability checker against hand-made histories, each a pattern that must or must not pass.

import assert from 'node:assert/strict';
import type { HistoryEvent } from '../../checkers/history.js';
import { buildModel } from '../../checkers/history-model.js';
import { checkLinearizability } from '../../checkers/linearizability.js';
import { Story } from './story.js';

function assertGood(story: Story): void {
  assert.deepEqual(checkLinearizability(buildModel(story.history)), { violations: [], exhausted: 0 });
}

/** Asserts that there is one violation and returns the operations it shows. */
function assertBad(story: Story): HistoryEvent[] {
  const { violations } = checkLinearizability(buildModel(story.history));
  assert.equal(violations.length, 1, JSON.stringify(violations));
  assert.equal(violations[0]?.property, 'linearizability');
  return violations[0]?.events ?? [];
}

describe('linearizability checker', () => {
  it('accepts reads that follow writes', () => {
    assertGood(new Story().get(1, 'x', null).put(1, 'x', 'a').get(2, 'x', 'a').put(2, 'x', 'b').get(1, 'x', 'b'));
  });

  it('rejects a read of the old value after a write has returned', () => {
    const events = assertBad(
      new Story().put(1, 'y', 'u').put(1, 'x', 'a').put(1, 'x', 'b').get(2, 'x', 'a').get(2, 'y', 'u'),
    );
    assert.equal(events.length, 3);
  });

  it('rejects absence after a write has returned and no delete', () => {
    assertBad(new Story().put(1, 'x', 'a').get(2, 'x', null));
  });

  it('accepts either value while a write overlaps the read', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a')
        .put(1, 'x', 'b', { at: [10, 30] })
        .get(2, 'x', 'a', { at: [11, 12] })
        .get(3, 'x', 'b', { at: [13, 14] }),
    );
  });

  it('rejects that a value seen by a finished read is gone for the next', () => {
    assertBad(
      new Story()
        .put(1, 'x', 'a')
        .put(1, 'x', 'b', { at: [10, 30] })
        .get(2, 'x', 'b', { at: [11, 12] })
        .get(3, 'x', 'a', { at: [13, 14] }),
    );
  });

  it('rejects A5: reads that go 1, 2, 1 with one write of 1', () => {
    assertBad(new Story().weakPut(1, 'x', '1').get(3, 'x', '1').weakPut(2, 'x', '2').get(3, 'x', '2').get(3, 'x', '1'));
  });

  it('rejects A4: a weak write read before a strong write comes back after it', () => {
    assertBad(new Story().weakPut(1, 'x', '1').get(2, 'x', '1').put(4, 'x', '2').get(2, 'x', '1'));
  });

  it('accepts that a write of unknown outcome is seen long after', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a', { at: [1] })
        .get(2, 'x', null)
        .get(2, 'x', null)
        .get(2, 'x', 'a'),
    );
  });

  it('accepts that a write of unknown outcome never happens', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a')
        .put(2, 'x', 'b', { at: [5] })
        .get(3, 'x', 'a')
        .get(3, 'x', 'a'),
    );
  });

  it('rejects that a write of unknown outcome happens and is undone', () => {
    assertBad(
      new Story()
        .put(1, 'x', 'a')
        .put(2, 'x', 'b', { at: [5] })
        .get(3, 'x', 'b')
        .get(3, 'x', 'a'),
    );
  });

  it('rejects that the value of a failed write is seen', () => {
    const events = assertBad(new Story().put(1, 'x', 'a', { outcome: 'failed' }).get(2, 'x', 'a'));
    assert.equal(events.length, 2);
  });

  it('accepts that a weak write takes effect long after its acknowledgement', () => {
    assertGood(new Story().put(1, 'x', 'a').weakPut(2, 'x', 'b').get(1, 'x', 'a').get(1, 'x', 'a').get(1, 'x', 'b'));
  });

  it('accepts that an acknowledged weak write is still pending at the end', () => {
    assertGood(new Story().put(1, 'x', 'a').weakPut(2, 'x', 'b').get(1, 'x', 'a'));
  });

  it('rejects that a session does not see its own weak write by a strong read', () => {
    assertBad(new Story().put(1, 'x', 'a').weakPut(2, 'x', 'b').get(2, 'x', 'a'));
  });

  it('rejects weak writes of one session that take effect in the other order', () => {
    assertBad(new Story().weakPut(1, 'x', 'a').weakPut(1, 'x', 'b').get(2, 'x', 'b').get(2, 'x', 'a'));
  });

  it('accepts weak writes of two sessions in either order', () => {
    assertGood(new Story().weakPut(1, 'x', 'a').weakPut(2, 'x', 'b').get(3, 'x', 'b').get(3, 'x', 'a'));
  });

  it('ignores weak reads', () => {
    assertGood(new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', 'a').weakGet(2, 'x', null));
  });

  it('accepts a chain of compare-and-sets and one that misses', () => {
    assertGood(
      new Story().cas(1, 'x', [null, 'a']).cas(2, 'x', ['a', 'b']).casMissed(3, 'x', ['a', 'c', 'b']).get(1, 'x', 'b'),
    );
  });

  it('rejects a compare-and-set that missed although only its expected value can have been there', () => {
    assertBad(new Story().put(1, 'x', 'a').casMissed(2, 'x', ['a', 'b', null]));
  });

  it('rejects a compare-and-set that missed and found what it expected', () => {
    assertBad(new Story().put(1, 'x', 'a').casMissed(2, 'x', ['a', 'b', 'a']));
  });

  it('rejects two compare-and-sets that replace one value', () => {
    assertBad(
      new Story()
        .put(1, 'x', 'a')
        .cas(2, 'x', ['a', 'b'], { at: [10, 20] })
        .cas(3, 'x', ['a', 'c'], { at: [10, 20] }),
    );
  });

  it('rejects A10: a compare-and-set matched a value that then was never there', () => {
    assertBad(new Story().weakPut(1, 'x', '1').cas(2, 'x', ['1', '2']).get(3, 'x', null));
  });

  it('accepts that a compare-and-set of unknown outcome is seen to have matched', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a')
        .cas(2, 'x', ['a', 'b'], { at: [5] })
        .get(3, 'x', 'a')
        .get(3, 'x', 'b'),
    );
  });

  it('rejects that a read between a matched compare-and-set and its value goes back', () => {
    assertBad(new Story().put(1, 'x', 'a').cas(2, 'x', ['a', 'b']).get(3, 'x', 'a'));
  });

  it('accepts absence between two deletes that overlap with a write', () => {
    const story = new Story()
      .put(1, 'x', 'a')
      .delete(2, 'x', { at: [10, 40] })
      .get(3, 'x', null, { at: [11, 12] });
    assertGood(
      story
        .put(3, 'x', 'b', { at: [13, 14] })
        .delete(1, 'x', { at: [15, 40] })
        .get(3, 'x', 'b', { at: [16, 17] })
        .get(3, 'x', null, { at: [18, 19] }),
    );
  });

  it('rejects an absence that only one delete could explain twice', () => {
    const story = new Story()
      .put(1, 'x', 'a')
      .delete(2, 'x', { at: [10, 40] })
      .get(3, 'x', null, { at: [11, 12] });
    assertBad(story.put(3, 'x', 'b', { at: [13, 14] }).get(3, 'x', null, { at: [15, 16] }));
  });

  it('accepts that a delete of unknown outcome explains an absence', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a')
        .delete(2, 'x', { at: [5] })
        .get(3, 'x', 'a')
        .get(3, 'x', null)
        .get(3, 'x', null),
    );
  });

  it('rejects that a key is absent again after a delete was overwritten', () => {
    assertBad(new Story().put(1, 'x', 'a').delete(1, 'x').put(1, 'x', 'b').get(2, 'x', null));
  });

  it('checks a scan as a read of each key it returned', () => {
    assertBad(new Story().put(1, 'x', 'a').put(1, 'x', 'b').scan(2, { x: 'a' }));
  });

  it('checks a scan as a read of absence of the keys it left out', () => {
    assertBad(new Story().put(1, 'x', 'a').put(1, 'y', 'b').scan(2, { y: 'b' }));
  });

  it('takes a scan that was cut to say nothing about later keys', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a')
        .put(1, 'y', 'b')
        .scan(2, { x: 'a' }, { more: true })
        .scan(2, { y: 'b' }, { from: 'xa' }),
    );
  });

  it('checks each key of a batch', () => {
    const events = assertBad(
      new Story().put(1, 'x', 'a').batch(1, { x: 'b', y: 'c' }).get(2, 'y', 'c').get(2, 'x', 'a'),
    );
    assert.deepEqual(
      events.map((event) => event.op),
      ['put', 'batch', 'get'],
    );
  });

  it('judges many overlapping operations and floating weak writes quickly', () => {
    const story = new Story();
    for (let round = 0; round < 200; round += 1) {
      const start = round * 100;
      story
        .put(1, 'x', `s${round}`, { at: [start, start + 90] })
        .weakPut(2, 'x', `w${round}`, { at: [start, start + 1] });
      story.get(3, 'x', round % 2 === 0 ? `s${round}` : `w${round}`, { at: [start + 5, start + 89] });
      story.delete(4, 'x', { at: [start + 91, start + 95] }).get(5, 'x', null, { at: [start + 93, start + 99] });
    }
    const started = process.hrtime.bigint();
    assertGood(story);
    assert.ok(process.hrtime.bigint() - started < 5_000_000_000n);
  });
});
