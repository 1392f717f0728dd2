// P4, P5 and P9 at the client: what is laid over a weak answer, when an answer is too old, what a token means in another
// epoch, and that cleared is not the same as answered.

import assert from 'node:assert/strict';
import type { SessionToken } from '../../../protocol/core.js';
import type { WeakRead } from '../../../protocol/messages.js';
import type { AppliedPosition } from '../../../protocol/replica/rules.js';
import { type BrokenRules, CLUSTER, outcome, type Story, valueRead } from './story.js';
import { beginEpoch, changeView, lead, ledOf, longestLog, open, openStory, recover, seal } from './view-change.js';

function tokenOf(story: Story, client: number): SessionToken | undefined {
  return story.clients.get(client)?.inspectSession(client)?.token;
}

describe('P4: weak reads', () => {
  it('P4: an own write is not laid over a newer value that was committed after it', () => {
    const story = openStory();
    story.hold('r0', 'c1');
    story.weakPut(1, 'x', 'mine');
    story.settle();
    story.drop('r0', 'c1');
    story.release();
    story.put(2, 'x', 'theirs');
    story.settle();
    story.advance(10_000);
    story.settle();
    assert.equal(story.clients.get(1)?.inspectSession(1)?.writeSet, 1, 'the notice was lost');
    story.bind(1, 0);
    story.drop('c1', '*');
    const read = story.weakGet(1, 'x');
    story.deliver('c1', 'r0');
    story.deliver('r0', 'c1');
    assert.equal(valueRead(read), 'theirs');
  });

  /** c1's write commits on r0 and r1; r2, which c1 reads from, lags. */
  const lagging = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.hold('r0', 'r2');
    story.settle();
    const read = story.weakGet(1, 'x');
    story.settle();
    return valueRead(read);
  };

  it('P4: a replica that has not applied what the write set dropped does not answer', () => {
    assert.equal(lagging({}), undefined);
    const broken = { replica: { mayAnswerWeak: () => true }, session: { isAnswerTooOld: () => false } };
    assert.equal(lagging(broken), null, 'without the rule the own write has vanished');
  });

  /** The commit notice overtakes the answer. */
  const overtaken = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    const read = story.weakGet(1, 'x');
    story.hold('r2', 'c1');
    story.settle();
    story.release();
    story.advance(60_000);
    story.settle();
    return valueRead(read);
  };

  it('P4: an answer that the write set was cleared past meanwhile is asked for again', () => {
    assert.equal(overtaken({}), '1');
    assert.equal(overtaken({ session: { isAnswerTooOld: () => false } }), null, 'without the rule: nothing');
  });

  it('P4: writes issued after the read are not laid over its answer', () => {
    const story = openStory();
    const read = story.scan(1, false);
    story.deliver('c1', 'r2');
    story.weakPut(2, 'y', 'new');
    story.deliver('c2', 'r0 w*');
    const seen = story.get(1, 'y');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    story.weakPut(1, 'x', 'after y');
    assert.equal(valueRead(seen), 'new');
    story.deliver('r2', 'c1');
    assert.deepEqual(read.answer?.entries, [], 'x new with y old would be a cycle');
  });

  it('P4: own puts and deletes are laid over a scan, in order and within its limits', () => {
    const story = openStory();
    for (const key of ['a', 'c', 'e']) story.put(2, key, 'old');
    story.settle();
    story.advance(60_000);
    story.settle();
    story.hold('c1', 'r0');
    story.weakPut(1, 'b', 'mine');
    story.weakPut(1, 'c', 'mine');
    story.submit(1, { kind: 'delete', strong: false, key: new TextEncoder().encode('e') });
    story.settle();
    const read = story.scan(1, false);
    story.settle();
    const entries = read.answer?.entries.map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`);
    assert.deepEqual(entries, ['a=old', 'b=mine', 'c=mine']);
  });

  it('P4: a compare-and-set is laid over only once it is known to have matched', () => {
    const story = openStory();
    const swap = story.swap(1, 'x', null, '1');
    story.deliver('c1', 'w*');
    const before = story.weakGet(1, 'x');
    story.deliver('c1', 'r2');
    story.deliver('r2', 'c1');
    story.deliver('c1', 'r0');
    story.deliver('r0 w*', 'c1');
    const after = story.weakGet(1, 'x');
    story.deliver('c1', 'r2');
    story.deliver('r2', 'c1');
    assert.deepEqual([valueRead(before), outcome(swap), valueRead(after)], [null, 'fast', '1']);
  });

  it('P4: a deleted key has the version of its deletion, so the read after it cannot go back', () => {
    const story = openStory({ bound: 1 });
    story.put(2, 'x', '1');
    story.settle();
    story.advance(60_000);
    story.settle();
    story.remove(2, 'x');
    story.hold('r0', 'r2');
    story.settle();
    story.advance(60_000);
    story.settle();
    const first = story.weakGet(1, 'x');
    story.settle();
    assert.deepEqual([valueRead(first), first.answer?.slot], [null, 3]);
    story.bind(1, 2);
    const second = story.weakGet(1, 'x');
    story.settle();
    assert.deepEqual([story.stateOf(2), valueRead(second)], [['x=1'], undefined], 'r2 still has it and waits');
    story.release();
    story.settle();
    assert.deepEqual([valueRead(second), second.answer?.slot], [null, 3]);
  });
});

describe('P5: tokens and epochs', () => {
  /** c3 read x=1 at slot 2 of epoch 1; in epoch 2 slot 2 is something else, and r2 has applied no further. */
  const halfReplayed = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0 w*');
    const seen = story.get(3, 'x');
    story.deliver('c3', 'r0 w*');
    story.deliver('r0 w*', 'c3');
    assert.deepEqual([valueRead(seen), tokenOf(story, 3)?.slot], ['1', 2]);
    story.weakPut(2, 'y', '1');
    story.deliver('c2', 'r0 w*');
    story.crash('r0', 'c1', 'c2');
    story.drop('*', '*');
    story.revive('r0');
    story.hold('r*', 'r2');
    const leader = longestLog(story, [1, 2]);
    seal(story, 0);
    const replay = recover(story, 0).reverse();
    lead(story, leader, replay);
    open(story, ledOf(story));
    const entries = replay.slice(0, 1).map(({ command }) => ({ epoch: 2, command, expiry: undefined }));
    const at = {
      prevSlot: 1,
      prevEpoch: 1,
      commitSlot: 2,
      openSlot: 4,
      round: 0,
      storedEverywhere: 0,
      trace: undefined,
      ...{ learner: 0, snapshot: undefined, inquiry: undefined },
    };
    story.toReplica(2, { kind: 'replicate', frame: { clusterId: CLUSTER, epoch: 2, leader: 1, entries, ...at } });
    assert.deepEqual(story.stateOf(2), ['y=1']);
    story.tell(3);
    const read = story.weakGet(3, 'x');
    story.deliver('c3', 'r2');
    const early = story.mail.some(({ from, to }) => from === 'r2' && to === 'c3');
    story.settle('r2', 'c3');
    story.release();
    story.advance(150_000);
    story.settle();
    return [early, valueRead(read)];
  };

  it('P5: in a new epoch a replica answers only from its open slot on', () => {
    assert.deepEqual(halfReplayed({}), [false, '1']);
    const mayAnswerWeak = (read: WeakRead, { appliedSlot }: AppliedPosition) => appliedSlot >= read.tokenSlot;
    assert.deepEqual(halfReplayed({ replica: { mayAnswerWeak } }), [true, null], 'without the rule: 1, then nothing');
  });

  it('P5: a replica that does not know that its epoch is open does not answer, whatever the one before was', () => {
    const story = openStory();
    const leader = longestLog(story, [1, 2]);
    lead(story, leader, []);
    const led = ledOf(story);
    story.crash('r2');
    open(story, led);
    story.revive('r2');
    story.hold('r1', 'r2');
    story.tell(3);
    const read = story.weakGet(3, 'x');
    story.settle();
    assert.equal(outcome(read), 'pending');
    story.toReplica(2, { kind: 'config', config: story.config });
    story.release();
    story.settle();
    story.advance(60_000);
    story.settle();
    assert.equal(outcome(read), 'weak');
  });

  it('P5: a token of an older epoch is satisfied by the open slot alone', () => {
    const story = openStory();
    for (let i = 0; i < 5; i++) {
      story.weakPut(1, 'x', `${i}`);
      story.deliver('c1', 'r0 w*');
      const read = story.get(3, 'x');
      story.deliver('c3', 'r0 w*');
      story.deliver('r0 w*', 'c3');
      assert.equal(outcome(read), 'fast');
    }
    assert.deepEqual(tokenOf(story, 3), { clusterId: CLUSTER, epoch: 1, slot: 6 });
    story.crash('r0');
    story.drop('*', '*');
    beginEpoch(story);
    for (const witness of [0, 1, 2]) seal(story, witness);
    lead(story, 1, []);
    open(story, ledOf(story));
    story.tell(3);
    const read = story.weakGet(3, 'x');
    story.settle();
    assert.deepEqual([outcome(read), read.answer?.epoch], ['weak', 2], 'slot 6 does not exist in epoch 2');
  });

  it('P5: a token of a later epoch waits until the replica has got there', () => {
    const story = openStory();
    story.crash('r2');
    changeView(story, { fence: [0, 1] });
    story.tell(1);
    story.put(1, 'x', '1');
    story.settle();
    const token = { clusterId: CLUSTER, epoch: 2, slot: 3 };
    story.revive('r2');
    story.hold('r*', 'r2');
    story.toClient(3, { kind: 'openSession', session: 30, token });
    assert.deepEqual(story.wanted, ['c3:2'], 'the client learns that it is behind');
    const read = story.submit(3, { kind: 'get', strong: false, key: new TextEncoder().encode('x') }, 30);
    story.settle();
    assert.equal(valueRead(read), undefined, 'r2 is in epoch 1 and cannot know');
    story.release();
    story.toReplica(2, { kind: 'config', config: story.config });
    story.tell(3);
    story.advance(150_000);
    story.settle();
    assert.equal(valueRead(read), '1');
  });

  it('P5: a token that is handed on covers the session’s own commits, though their notice was lost', () => {
    const story = openStory();
    story.hold('c1', 'w*');
    const call = story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.settle('r*', 'r*');
    story.drop('r0', 'c1', 'acks');
    story.settle();
    assert.deepEqual([outcome(call), story.clients.get(1)?.inspectSession(1)?.isSettled], ['overtaken', false]);
    // The write is sent again, and the answer to a duplicate says where the commits end.
    story.advance(100_000);
    story.settle();
    assert.equal(story.clients.get(1)?.inspectSession(1)?.isSettled, true);
    assert.deepEqual(tokenOf(story, 1), { clusterId: CLUSTER, epoch: 1, slot: 2 });
  });
});

describe('P5: own commits', () => {
  it('P5: neither does a late answer about an earlier write hide where the last commit lies', () => {
    const story = openStory();
    const calls = [story.put(1, 'x', '1'), story.put(1, 'y', '1')];
    story.hold('r0', 'c1');
    story.drop('c1', 'w*');
    story.settle();
    story.drop('r0', 'c1');
    story.release();
    story.advance(100_000);
    story.settle();
    assert.deepEqual([tokenOf(story, 1)?.slot, story.clients.get(1)?.inspectSession(1)?.writeSet], [3, 0]);
    story.advance(100_000);
    story.settle();
    assert.deepEqual(
      calls.map(({ answer }) => answer?.slot),
      [2, 3],
    );
  });
});

describe('P9: sessions', () => {
  it('P9: a strong write that was cleared is asked for until its result comes', () => {
    const story = openStory();
    const call = story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.drop('c1', '*');
    story.settle('r*', 'r*');
    story.drop('r0', 'c1', 'session');
    story.settle();
    assert.deepEqual([outcome(call), story.clients.get(1)?.inspectSession(1)?.writeSet], ['pending', 0]);
    story.advance(100_000);
    story.settle();
    assert.deepEqual([outcome(call), call.answer?.slot], ['overtaken', 2]);
  });

  it('P9: results that have not arrived are not acknowledged', () => {
    const story = openStory();
    const swap = story.swap(1, 'x', null, '1');
    story.deliver('c1', 'r0');
    story.drop('c1', '*');
    story.settle('r*', 'r*');
    story.drop('r0', 'c1', 'session');
    story.settle();
    story.put(1, 'y', '1');
    story.settle();
    assert.equal(outcome(swap), 'pending');
    story.advance(100_000);
    story.settle();
    assert.deepEqual([swap.answer?.applied, swap.answer?.slot], [true, 2]);
  });

  it('P9: entering an epoch keeps ids and payloads and sends everything again, in order', () => {
    const story = openStory();
    const calls = [story.weakPut(1, 'x', '1'), story.put(1, 'x', '2'), story.weakPut(1, 'x', '3')];
    story.drop('*', '*');
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.tell(1);
    story.settle();
    assert.deepEqual(calls.map(outcome), ['weak', 'fast', 'weak']);
    assert.deepEqual([story.stateOf(1), story.replicas[1]?.inspect().lastSlot], [['x=3'], 5]);
  });

  it('P9: nothing is sent before the epoch is open', () => {
    const story = openStory();
    beginEpoch(story);
    story.tell(1, 2);
    const call = story.put(1, 'x', '1');
    const read = story.weakGet(2, 'x');
    story.advance(1_000_000);
    assert.deepEqual([call.numbered, story.mail.filter(({ from }) => from.startsWith('c')).length], [true, 0]);
    lead(story, 1, []);
    open(story, ledOf(story));
    story.tell(1, 2);
    story.settle();
    assert.deepEqual([call.answer?.epoch, valueRead(read)], [2, null]);
  });
});
