// What becomes of writes that only witnesses hold when the leader is lost: in which order they come back (P1, P2), through
// which checks (D5), when they are safe (B7, D6), and that their clients know them again (D11).

import assert from 'node:assert/strict';
import { type BrokenRules, CLUSTER, outcome, type Story, toBytes, valueRead } from './story.js';
import { beginEpoch, changeView, fence, lead, open, openStory, recover, seal } from './view-change.js';

/** A strong read by a client that is told the configuration, however long it takes. */
function readNow(story: Story, client: number, key: string): string | null | undefined {
  story.tell(client);
  story.drop(`c${client}`, '*');
  const read = story.get(client, key);
  story.settle();
  story.advance(20_000);
  story.settle();
  return valueRead(read);
}

/** What a client sends goes to L and all witnesses and comes back; followers hear nothing. */
function pass(story: Story, client: number): void {
  story.deliver(`c${client}`, 'r0 w*');
  story.deliver('r0 w*', `c${client}`);
}

describe('writes that witnesses alone hold', () => {
  const swapThenDelete = (reorder: boolean) => {
    const story = openStory();
    const swap = story.swap(1, 'x', null, '1');
    pass(story, 1);
    const read = story.get(2, 'x');
    pass(story, 2);
    story.submit(2, { kind: 'delete', strong: false, key: toBytes('x') });
    pass(story, 2);
    assert.deepEqual([outcome(swap), swap.answer?.applied, valueRead(read)], ['fast', true, '1']);
    story.crash('r0', 'c1', 'c2');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2], ...(reorder ? { reorder: (replay) => replay.reverse() } : {}) });
    return readNow(story, 3, 'x');
  };

  it('P1: a compare-and-set is replayed where the witness got it, with the outcome that it had', () => {
    assert.equal(swapThenDelete(false), null, 'deleted by one who had read 1');
    assert.equal(swapThenDelete(true), '1', 'in another order it matches after the deletion');
  });

  const writesInTurn = (reorder: boolean) => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    pass(story, 1);
    for (const client of [1, 2]) {
      const read = story.get(client, 'y');
      pass(story, client);
      assert.equal(outcome(read), 'fast');
    }
    story.weakPut(2, 'x', '2');
    pass(story, 2);
    story.crash('r0', 'c1', 'c2');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2], ...(reorder ? { reorder: (replay) => replay.reverse() } : {}) });
    return readNow(story, 3, 'x');
  };

  it('P2: weak writes that strong reads of another key put in order come back in that order', () => {
    assert.equal(writesInTurn(false), '2');
    assert.equal(writesInTurn(true), '1', 'nothing but arrival says which came first');
  });

  it('D5: a replayed write does not do away with an earlier one, whatever it acknowledges', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    pass(story, 1);
    story.put(1, 'y', '2');
    pass(story, 1);
    story.crash('r0');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2], reorder: (replay) => replay.reverse() });
    story.settle();
    assert.deepEqual(story.stateOf(1), ['x=1'], '#2 came first and acknowledges #1: it waits, #1 is executed');
    story.tell(1);
    story.settle();
    assert.deepEqual(story.stateOf(1).sort(), ['x=1', 'y=2'], 'its client sends #2 again');
  });

  const openedTooEarly = (broken: BrokenRules) => {
    const story = openStory({ replicas: 5, broken });
    const write = story.put(1, 'x', '1');
    pass(story, 1);
    assert.equal(outcome(write), 'fast');
    story.crash('r0', 'c1');
    story.drop('*', '*');
    beginEpoch(story);
    for (const replica of [1, 2, 3, 4]) fence(story, replica);
    for (const witness of [0, 1, 2]) seal(story, witness);
    lead(story, 1, recover(story, 0));
    story.drop('r1', '*');
    const [led] = story.led;
    if (led !== undefined) open(story, led);
    story.crash('r1');
    story.drop('*', '*');
    changeView(story, { fence: [2, 3, 4] });
    return [led !== undefined, readNow(story, 2, 'x')];
  };

  it('D6: an epoch is not reported before what was recovered is on a majority', () => {
    assert.deepEqual(openedTooEarly({}), [false, '1']);
    const broken = { replica: { mayReportLed: () => true } };
    assert.deepEqual(openedTooEarly(broken), [true, null], 'without the rule the witnesses are emptied too early');
  });

  const collectedTooEarly = (isHasty: boolean) => {
    const story = openStory();
    const write = story.put(1, 'x', '1');
    pass(story, 1);
    assert.equal(outcome(write), 'fast');
    story.crash('c1');
    story.hold('r0', 'r*');
    for (let ticks = 0; ticks < 5; ticks++) {
      story.advance(10_000);
      story.settle();
    }
    if (isHasty) {
      const committed = [{ session: 1, committedThrough: 1 }];
      const frame = { clusterId: CLUSTER, epoch: 1, leader: 0, committed, inquiry: undefined, expired: [] };
      for (const witness of [0, 1, 2]) story.toWitness(witness, { kind: 'collect', frame });
    }
    story.crash('r0');
    story.release();
    story.drop('*', '*');
    changeView(story, { fence: [1, 2] });
    return readNow(story, 2, 'x');
  };

  it('B7: what the leader alone has stored is not collected', () => {
    assert.equal(collectedTooEarly(false), '1');
    assert.equal(collectedTooEarly(true), null, 'collected before it is on a majority, a completed write is lost');
  });

  it('D11: an epoch’s end changes no id: what was executed before it is not executed again', () => {
    const story = openStory();
    story.hold('r*', 'c1');
    const swap = story.swap(1, 'x', null, '1');
    story.drop('c1', 'w*');
    story.settle();
    assert.deepEqual([outcome(swap), story.stateOf(1)], ['pending', ['x=1']], 'executed, and nobody told c1');
    story.crash('r0');
    story.drop('*', '*');
    story.release();
    changeView(story, { fence: [1, 2] });
    story.tell(1);
    story.settle();
    assert.deepEqual([swap.answer?.applied, swap.answer?.seq, story.stateOf(1)], [true, 1, ['x=1']]);
  });
});
