// What the review added for leaders: strong reads and the session's own writes (P3), the steps of a view change (P6),
// and replicas that lost their memory (P7).

import assert from 'node:assert/strict';
import type { ClusterConfig, ReplicateResponse } from '../../../protocol/messages.js';
import { ReplicaCore } from '../../../protocol/replica/replica-core.js';
import { type BrokenRules, CLUSTER, outcome, Story, valueRead } from './story.js';
import { beginEpoch, changeView, fence, lead, ledOf, longestLog, openStory } from './view-change.js';

/** A strong read by a client that is told the configuration, however long it takes. */
function readNow(story: Story, client: number, key: string): string | null | undefined {
  story.tell(client);
  const read = story.get(client, key);
  story.settle();
  story.advance(20_000);
  story.settle();
  return valueRead(read);
}

describe('P: strong reads and view changes', () => {
  const readOwn = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r1 r2 w*');
    story.drop('c1', 'r0');
    story.hold('r0', 'c1');
    const read = story.get(1, 'x');
    story.deliver('c1', 'r0 w*');
    story.release();
    story.settle();
    return valueRead(read);
  };

  it('P3: a strong read waits for the session’s own writes at the leader', () => {
    assert.equal(readOwn({}), '1');
    assert.equal(
      readOwn({ replica: { passesBarrier: () => true } }),
      null,
      'without the rule the own write is not seen',
    );
  });

  const uncoveredRead = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'y', '1');
    story.deliver('c1', 'r0 r2');
    story.drop('c1', '*');
    const read = story.get(1, 'x');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    story.crash('r0', 'c1');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2] });
    return [outcome(read), readNow(story, 2, 'y')];
  };

  it('P3: a strong read is not fast while a witness lacks the session’s own writes', () => {
    assert.deepEqual(uncoveredRead({}), ['pending', null]);
    const broken = { session: { faultOfCheck: () => null } };
    assert.deepEqual(uncoveredRead(broken), ['fast', null], 'without the rule the read outlives the write before it');
  });

  it('P3: a confirmed read waits until the session’s uncovered writes are committed', () => {
    const story = openStory();
    story.weakPut(1, 'y', '1');
    story.deliver('c1', 'r0');
    story.drop('*', '*');
    const read = story.get(1, 'x');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    story.deliver('c1', 'r0');
    story.deliver('r0', 'r1 r2');
    story.deliver('r1 r2', 'r0');
    story.settle('r0', 'c1');
    assert.equal(outcome(read), 'pending', 'the round is confirmed, c1#1 is not committed');
    story.settle();
    assert.equal(outcome(read), 'uncovered');
    assert.deepEqual(story.stateOf(0), ['y=1']);
  });

  it('P6: an epoch opens only with an entry of its own on a majority', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.crash('r0', 'c1');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2] });
    story.tell(2);
    const swap = story.swap(2, 'x', null, '2');
    story.deliver('c2', 'r1 w*');
    story.deliver('r1 w*', 'c2');
    assert.deepEqual([outcome(swap), swap.answer?.applied], ['fast', true]);
    story.crash('r1', 'c2');
    story.revive('r0');
    story.drop('*', '*');
    changeView(story, { fence: [0, 2], from: 1 });
    assert.equal(story.config.leader, 2, 'the entry of epoch 2 outweighs the write of epoch 1');
    assert.equal(readNow(story, 3, 'x'), '2');
  });

  it('P6: entries of older epochs are not committed by counting, only with one of the own epoch', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.crash('c1');
    story.drop('*', '*');
    beginEpoch(story);
    fence(story, 1);
    fence(story, 2);
    lead(story, 1, []);
    story.drop('*', '*');
    assert.equal(longestLog(story, [0, 2]), 0);
    lead(story, 0, []);
    story.drop('*', '*');
    const acknowledge = (matchSlot: number) => {
      const frame: ReplicateResponse = {
        clusterId: CLUSTER,
        ...{ incarnation: 101, inquiry: 0, snapshotSlot: 0, snapshotParts: 0 },
        epoch: 3,
        replica: 2,
        ok: true,
        matchSlot,
        round: 0,
        relayed: [],
      };
      story.toReplica(0, { kind: 'replicated', frame });
      return story.replicas[0]?.inspect().commitSlot;
    };
    assert.equal(acknowledge(2), 1, 'slot 2 of epoch 1 is on a majority and yet not committed');
    assert.equal(story.led.length, 0);
    assert.equal(acknowledge(3), 3);
    assert.deepEqual(
      story.led.map(({ openSlot }) => openSlot),
      [3],
    );
  });

  it('P6: a leader whose log has lost its beginning finds out where its followers stand', () => {
    const story = openStory({ logKeptEntries: 2 });
    for (let value = 1; value <= 20; value++) {
      story.put(1, 'x', String(value));
      story.settle();
    }
    story.crash('r0');
    const leader = longestLog(story, [1, 2]);
    lead(story, leader, []);
    // What the leader sent before its stream to the follower was up is lost, and nothing is known of the follower yet.
    story.drop('*', '*');
    story.toReplica(leader, { kind: 'peerUp', replica: leader === 1 ? 2 : 1 });
    assert.equal(ledOf(story).openSlot, 22);
  });

  it('P6: a follower is found where its log ends or differs, in a few questions', () => {
    const story = openStory({ logKeptEntries: 2 });
    story.hold('r0', 'r1 r2');
    for (let value = 1; value <= 50; value++) story.put(1, 'x', String(value));
    story.settle();
    story.release();
    story.deliver('r0', 'r1');
    story.drop('r0', 'r2');
    story.crash('r0');
    assert.equal(longestLog(story, [1, 2]), 1);
    lead(story, 1, []);
    let questions = 0;
    while (story.led.length === 0) {
      assert.ok(++questions <= 4, 'the leader goes back one slot at a time');
      story.deliver('r1', 'r2');
      story.deliver('r2', 'r1');
    }
    assert.equal(story.led[0]?.openSlot, 52);
  });

  it('P6: a replica that does not know its place in the list is not counted as another one', () => {
    const story = new Story({ replicas: 5 });
    beginEpoch(story);
    for (const told of [0, 1, 2, 3]) story.toReplica(told, { kind: 'config', config: story.config });
    story.hold('r1', 'r0 r2 r3');
    lead(story, 1, []);
    story.settle();
    story.toReplica(4, { kind: 'config', config: story.config });
    story.advance(200_000);
    story.settle();
    assert.deepEqual([story.replicas[4]?.inspect().lastSlot, story.replicas[1]?.inspect().commitSlot], [1, 0]);
    story.release();
    assert.equal(ledOf(story).openSlot, 1);
  });

  it('P6: a leader that was passed over does not lead, and a repeated call gets the same answer', () => {
    const story = openStory();
    const { config } = story;
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.revive('r0');
    story.led.length = 0;
    story.toReplica(1, { kind: 'lead', call: 2, request: { config: story.config, replay: [] } });
    story.toReplica(1, { kind: 'lead', call: 3, request: { config, replay: [] } });
    story.toReplica(2, { kind: 'lead', call: 4, request: { config: story.config, replay: [] } });
    assert.deepEqual(
      story.led.map(({ openSlot }) => openSlot),
      [2, 0, 0],
    );
    assert.equal(story.replicas[1]?.inspect().lastSlot, 2);
  });
});

describe('P7: a replica that lost its memory', () => {
  const rebirth = (story: Story, index: number, config: ClusterConfig) => {
    const options = { clusterId: CLUSTER, id: `r${index}`, incarnation: 200 + index, shards: 2, descriptorLimit: 200 };
    story.replicas[index] = new ReplicaCore(options);
    story.toReplica(index, { kind: 'config', config });
  };

  it('P7: is another life, which promises nothing in the name of the one before', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.deliver('r0', 'r1');
    rebirth(story, 1, story.config);
    beginEpoch(story);
    assert.deepEqual(fence(story, 1), { epoch: 0, lastEpoch: 0, lastSlot: 0, lastWrites: [] });
    story.led.length = 0;
    lead(story, 1, []);
    assert.deepEqual([story.led.map(({ openSlot }) => openSlot), story.replicas[1]?.isLeader], [[0], false]);
  });

  it('P7: serves nobody and holds no weak write in the place of the one before', () => {
    const story = openStory();
    const before = story.replicas[1]?.isOpen;
    rebirth(story, 1, story.config);
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r1');
    assert.deepEqual([before, story.replicas[1]?.isOpen, story.replicas[1]?.inspect().held], [true, false, 0]);
  });

  it('P7: confirms no leader and counts in no majority', () => {
    const story = openStory();
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.tell(1);
    const call = story.put(1, 'x', '1');
    story.settle();
    assert.equal(outcome(call), 'fast');
    // r1 forgets that it promised epoch 2, hears of epoch 1 from somebody who is late, and the leader of epoch 1 is back.
    rebirth(story, 1, { ...story.config, epoch: 1, leader: 0, openSlot: 1 });
    story.hold('*', 'r2');
    story.revive('r0');
    story.leaders.set(1, 0);
    const read = story.scan(2, true);
    story.settle();
    story.advance(200_000);
    story.settle();
    assert.deepEqual([story.replicas[0]?.isLeader, outcome(read)], [true, 'pending']);
  });
});
