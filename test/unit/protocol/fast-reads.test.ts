// What supports a fast strong read beyond the schedules of fast-path.test.ts: pending writes that the leader knows (R2),
// coverage from earlier answers (R5), and the fence with fewer accepts than witnesses (A8).

import assert from 'node:assert/strict';
import { type BrokenRules, outcome, valueRead } from './story.js';
import { changeView, openStory } from './view-change.js';

describe('fast strong reads', () => {
  const strangerPending = (reachesLeader: boolean, broken: BrokenRules = {}) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', reachesLeader ? 'r0 w0' : 'w0');
    story.drop('c1', '*');
    story.weakPut(2, 'x', '2');
    story.deliver('c2', 'r0 w*');
    const read = story.get(3, 'x');
    story.deliver('c3', 'r0 w*');
    story.deliver('r0 w*', 'c3');
    return [outcome(read), valueRead(read)];
  };

  it('R2: pending writes before the one that was read are no obstacle, if the leader knows them', () => {
    assert.deepEqual(strangerPending(true), ['fast', '2']);
    assert.deepEqual(strangerPending(false), ['pending', undefined]);
    const broken = { session: { faultOfCheck: () => null } };
    assert.deepEqual(strangerPending(false, broken), ['fast', '2'], 'without the rule');
  });

  it('R5: a witness covers the session’s writes by any answer of this epoch, also a later one than the check’s', () => {
    const story = openStory();
    story.weakPut(1, 'y', '1');
    story.deliver('c1', 'r*');
    const record = story.copy('c1', 'w*');
    story.drop('c1', 'w*');
    const read = story.get(1, 'x');
    story.deliver('c1', 'r0 w*');
    record();
    story.mail.reverse();
    story.deliver('w*', 'c1');
    assert.equal(outcome(read), 'pending', 'the leader has not answered yet');
    story.deliver('r0', 'c1', 'session');
    assert.equal(outcome(read), 'fast', 'checked before the write came, covered since');
  });

  /** L and half of the witnesses do not hear of the new epoch. */
  const halfFenced = (broken: BrokenRules) => {
    const story = openStory({ witnesses: 5, fastQuorum: 4, broken });
    story.hold('r0', 'r*');
    story.hold('r*', 'r0');
    story.crash('r0', 'w3', 'w4');
    changeView(story, { fence: [1, 2], seal: [0, 1, 2], start: [0, 1, 2] });
    story.revive('r0');
    story.revive('w3');
    story.revive('w4');
    story.tell(1);
    const write = story.put(1, 'x', '1');
    story.settle();
    story.advance(30_000);
    story.settle();
    assert.equal(outcome(write), 'overtaken', 'three of five accept, the majority of replicas commits');
    const read = story.get(2, 'x');
    story.settle();
    return [outcome(read), valueRead(read)];
  };

  it('A8: [f2] the witnesses that were not sealed are too few to support a read of the old leader', () => {
    assert.deepEqual(halfFenced({}), ['pending', undefined]);
    const broken = { session: { isFastRead: (supporting: number) => supporting >= 2 } };
    assert.deepEqual(halfFenced(broken), ['fast', null], 'without the rule the read misses a committed write');
  });
});
