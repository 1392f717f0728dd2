// The checker of one total order (level H3) against hand-made histories, each a pattern that must or must not pass.

import assert from 'node:assert/strict';
import { buildModel } from '../../checkers/history-model.js';
import { checkHybridOrder } from '../../checkers/hybrid-order.js';
import { checkLinearizability } from '../../checkers/linearizability.js';
import { runMachine } from './little-machine.js';
import { Story } from './story.js';

function assertGood(story: Story): void {
  assert.deepEqual(checkHybridOrder(buildModel(story.history)), { violations: [], exhausted: 0 });
}

function assertBad(story: Story): void {
  const { violations } = checkHybridOrder(buildModel(story.history));
  assert.equal(violations.length, 1);
  assert.equal(violations[0]?.property, 'hybrid');
}

/** A history in which each key by itself is in order. */
function assertOnlyTogetherBad(story: Story): void {
  assert.deepEqual(checkLinearizability(buildModel(story.history)).violations, []);
  assertBad(story);
}

describe('hybrid order checker', () => {
  it('accepts strong operations in real time', () => {
    assertGood(new Story().put(1, 'x', 'a').put(2, 'y', 'b').get(1, 'y', 'b').get(2, 'x', 'a'));
  });

  it('rejects two readers that see two weak writes in opposite orders', () => {
    const story = new Story().weakPut(1, 'x', 'a', { at: [1, 2] }).weakPut(2, 'y', 'b', { at: [1, 2] });
    story.get(3, 'x', 'a', { at: [10, 11] }).get(3, 'y', null, { at: [12, 13] });
    assertBad(story.get(4, 'y', 'b', { at: [10, 11] }).get(4, 'x', null, { at: [12, 13] }));
  });

  it('rejects P2: strong order between two weak writes is lost', () => {
    const story = new Story().weakPut(0, 'x', '1').get(0, 'y', null).get(1, 'y', null).weakPut(1, 'x', '2');
    assertBad(story.get(2, 'x', '2').get(2, 'x', '1'));
    const quiet = new Story().weakPut(0, 'x', '1').get(0, 'y', null).get(1, 'y', null).weakPut(1, 'x', '2');
    assertBad(quiet.get(1, 'x', '1').get(1, 'x', '1'));
  });

  it('rejects P3: a session order is not kept by what others see', () => {
    assertOnlyTogetherBad(new Story().weakPut(0, 'y', 'a').get(0, 'x', null).get(1, 'y', null));
  });

  it('rejects C1: a later write of a session is seen and an earlier one is not', () => {
    assertOnlyTogetherBad(new Story().weakPut(1, 'x', '1').put(1, 'y', '1').get(2, 'y', '1').get(2, 'x', null));
  });

  it('accepts that a weak write floats behind strong operations of others', () => {
    assertGood(new Story().weakPut(1, 'x', 'a').get(2, 'x', null).put(2, 'x', 'b').get(3, 'x', 'b').get(3, 'x', 'a'));
  });

  it('ignores weak reads', () => {
    assertGood(new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', 'a').weakGet(2, 'x', null));
  });

  it('accepts a write of unknown outcome that is seen later, or never', () => {
    assertGood(
      new Story()
        .put(1, 'x', 'a', { at: [1] })
        .get(2, 'x', null)
        .get(3, 'x', 'a'),
    );
    assertGood(
      new Story()
        .delete(1, 'x', { at: [1] })
        .put(2, 'x', 'a')
        .get(2, 'x', 'a')
        .get(2, 'x', null),
    );
  });

  it('rejects a batch that is seen in halves', () => {
    assertOnlyTogetherBad(
      new Story()
        .batch(1, { x: 'a', y: 'a' }, { at: [1, 50] })
        .get(2, 'x', 'a', { at: [10, 11] })
        .get(2, 'y', null, { at: [12, 13] }),
    );
  });

  it('rejects a strong scan that mixes two states', () => {
    const story = new Story().put(1, 'x', 'a', { at: [1, 2] }).put(1, 'y', 'b', { at: [3, 4] });
    assertOnlyTogetherBad(
      story
        .put(1, 'x', 'c', { at: [10, 50] })
        .put(1, 'y', 'd', { at: [11, 50] })
        .scan(2, { x: 'a', y: 'd' }, { at: [12, 50] }),
    );
  });

  it('counts a search that it gave up, and reports nothing', () => {
    const { history } = runMachine({
      seed: 3,
      operations: 3000,
      sessions: 9,
      keys: 9,
      pendings: 7,
      forget: 'freshness',
    });
    assert.deepEqual(checkHybridOrder(buildModel(history), 0), { violations: [], exhausted: 1 });
  });
});
