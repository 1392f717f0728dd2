// Rules E, and what the review added for sessions (P4, P5, P9): what a session sees of itself and of others, what it
// remembers until it is committed, and how far acknowledgements may be trusted.

import assert from 'node:assert/strict';
import { type BrokenRules, type Call, CLUSTER, outcome, type Story, valueRead } from './story.js';
import { beginEpoch, changeView, openStory, recover, seal } from './view-change.js';

function writeSetOf(story: Story, client: number): number | undefined {
  return story.clients.get(client)?.inspectSession(client)?.writeSet;
}

/** A weak read answered by whoever is asked, with nothing else moving. */
function weakReadFrom(story: Story, client: number, replica: number, key: string): Call {
  const read = story.weakGet(client, key);
  story.deliver(`c${client}`, `r${replica}`);
  story.deliver(`r${replica}`, `c${client}`, 'session');
  return read;
}

describe('E: sessions and weak operations', () => {
  const ackThenCrash = (broken: BrokenRules) => {
    const story = openStory({ broken });
    const call = story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r2');
    story.deliver('r2', 'c1');
    story.crash('r2');
    story.drop('*', '*');
    const kept = writeSetOf(story, 1);
    story.bind(1, 1);
    for (let i = 0; i < 4; i++) {
      story.advance(100_000);
      story.settle();
    }
    return [outcome(call), kept, story.stateOf(0)];
  };

  it('E1: a local acknowledgement does not take a write out of the write set', () => {
    assert.deepEqual(ackThenCrash({}), ['weak', 1, ['x=1']]);
    const broken = { session: { clearedByLocalAck: (seq: number) => seq } };
    assert.deepEqual(ackThenCrash(broken), ['weak', 0, []], 'without the rule the write is lost with its acker');
  });

  it('E1: a strong write stays in the write set after its fast completion, until it is committed', () => {
    const story = openStory();
    const call = story.put(1, 'x', '1');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    assert.deepEqual([outcome(call), writeSetOf(story, 1)], ['fast', 1]);
    story.settle();
    assert.equal(writeSetOf(story, 1), 0);
  });

  it('E2: after gc a session is on the fast path, whether it heard of the commit or not', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.hold('r0', 'c1');
    story.settle();
    story.drop('r0', 'c1');
    story.release();
    assert.deepEqual([story.witnesses[0]?.stats().poolEntries, writeSetOf(story, 1)], [0, 1]);
    const call = story.put(1, 'y', '1');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    assert.equal(outcome(call), 'fast');
  });

  it('E3: with q < m a write carries what its session has read uncommitted; with q = m nothing', () => {
    for (const [witnesses, fastQuorum, expected] of [
      [5, 4, [{ session: 1, seq: 1 }]],
      [3, 3, []],
    ] as const) {
      const story = openStory({ witnesses, fastQuorum });
      story.weakPut(1, 'x', '1');
      story.deliver('c1', 'r0 w*');
      const read = story.get(2, 'x');
      story.deliver('c2', 'r0 w*');
      story.deliver('r0 w*', 'c2');
      assert.deepEqual([outcome(read), valueRead(read)], ['fast', '1']);
      story.weakPut(2, 'z', '1');
      story.deliver('c2', 'w0');
      beginEpoch(story);
      seal(story, 0);
      assert.deepEqual(recover(story, 0).at(-1)?.dependencies, expected);
    }
  });

  it('E4: a weak read shows committed data and the session’s own pending writes, nobody else’s', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r2');
    assert.equal(valueRead(weakReadFrom(story, 2, 2, 'x')), null);
    assert.equal(valueRead(weakReadFrom(story, 1, 2, 'x')), '1');
  });

  it('E5: an own pending write wins over a committed one of another session', () => {
    const story = openStory();
    story.put(2, 'x', 'theirs');
    story.settle();
    story.advance(60_000);
    story.settle();
    story.weakPut(1, 'x', 'mine');
    story.drop('c1', '*');
    assert.equal(valueRead(weakReadFrom(story, 3, 2, 'x')), 'theirs');
    assert.equal(valueRead(weakReadFrom(story, 1, 2, 'x')), 'mine');
  });

  /** r2 is ahead of r1; c1 reads at r2, then at r1. */
  const rebind = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.put(2, 'x', 'new');
    story.hold('r0', 'r1');
    story.settle();
    story.advance(60_000);
    story.settle();
    const first = story.weakGet(1, 'x');
    story.settle();
    story.crash('r2');
    story.bind(1, 1);
    const second = story.weakGet(1, 'x');
    story.settle();
    const early = valueRead(second);
    story.release();
    story.settle();
    return [valueRead(first), early, valueRead(second)];
  };

  it('E6: reads do not go back after the session moved to a replica that lags', () => {
    assert.deepEqual(rebind({}), ['new', undefined, 'new']);
    assert.deepEqual(rebind({ session: { tokenSlotToSend: () => 0 } }), ['new', null, null]);
    const broken = { replica: { mayAnswerWeak: () => true } };
    assert.deepEqual(rebind(broken), ['new', null, null], 'without the rule: new, then nothing');
  });

  it('E6: a replica that waits too long refers the client on', () => {
    const story = openStory();
    story.put(2, 'x', 'new');
    story.hold('r0', 'r1');
    story.settle();
    story.advance(60_000);
    story.settle();
    weakReadFrom(story, 1, 2, 'x');
    story.bind(1, 1);
    const read = story.weakGet(1, 'x');
    story.deliver('c1', 'r1');
    story.toReplica(1, { kind: 'tick' });
    story.nowUs += 200_000;
    story.toReplica(1, { kind: 'tick' });
    story.settle();
    assert.equal(valueRead(read), 'new');
    assert.equal(story.replicas[1]?.stats().referred, 1);
  });

  it('E7: writes that overtake each other are ordered by number, at every node', () => {
    const story = openStory();
    const [first, second] = [story.weakPut(1, 'x', '1'), story.weakPut(1, 'x', '2')];
    story.mail.reverse();
    story.deliver('c1', '*');
    story.settle();
    assert.deepEqual([outcome(first), outcome(second)], ['weak', 'weak']);
    assert.deepEqual([story.stateOf(0), story.replicas[0]?.inspect().lastSlot], [['x=2'], 3]);
    assert.equal(story.witnesses[0]?.stats().parked, 1);
  });

  it('E8: each level is reached by its own evidence, and never lost silently', () => {
    const story = openStory();
    const call = story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r2');
    story.deliver('r2', 'c1');
    assert.deepEqual([outcome(call), call.levels], ['weak', []]);
    story.deliver('c1', 'w0 w1');
    story.deliver('w0 w1', 'c1');
    assert.deepEqual(call.levels, []);
    story.deliver('c1', 'w2');
    story.deliver('w2', 'c1');
    assert.deepEqual(call.levels, ['witnessed']);
    story.settle();
    assert.deepEqual(call.levels, ['witnessed', 'committed']);
  });

  it('E9: whoever acknowledged a weak write relays it after its client has gone', () => {
    const story = openStory();
    const call = story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r2');
    story.deliver('r2', 'c1');
    story.crash('c1');
    story.drop('*', '*');
    assert.equal(outcome(call), 'weak');
    for (let i = 0; i < 4; i++) {
      story.advance(100_000);
      story.settle();
    }
    assert.deepEqual(story.stateOf(0), ['x=1']);
    assert.deepEqual(
      story.replicas.map((core) => core.inspect().held),
      [0, 0, 0],
    );
  });

  it('E9: a write is held until it is committed, not merely in the log', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0 r2');
    story.deliver('r0', 'r2');
    assert.deepEqual([story.replicas[2]?.inspect().lastSlot, story.replicas[2]?.inspect().held], [2, 1]);
  });

  it('E10: weak and strong writes share one log; replicas are equal at equal slot', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.put(2, 'x', '2');
    story.weakPut(3, 'x', '3');
    story.swap(1, 'x', '3', '4');
    story.settle();
    story.advance(60_000);
    story.settle();
    const [r0, ...others] = story.replicas.map((core) => core.inspect());
    for (const { digest, appliedSlot } of others)
      assert.deepEqual([digest, appliedSlot], [r0?.digest, r0?.appliedSlot]);
    assert.deepEqual(story.stateOf(2), ['x=4']);
  });

  it('E11: acknowledgements are hints: lost ones are asked for over the stream, repeated ones do nothing', () => {
    const story = openStory();
    const call = story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r* w*');
    story.settle('r*', 'r*');
    story.drop('r*', 'c1', 'acks');
    story.settle();
    assert.equal(outcome(call), 'pending');
    story.advance(20_000);
    story.settle();
    assert.deepEqual([outcome(call), writeSetOf(story, 1)], ['weak', 0]);
    assert.equal(story.clients.get(1)?.stats().ackQueries, 1);
    const batch = {
      clusterId: CLUSTER,
      epoch: 1,
      replica: 2,
      commitSlot: 2,
      weakAcks: [{ session: 1, seq: 1 }],
      commitNotices: [],
      trace: undefined,
    };
    story.toClient(1, { kind: 'acks', batch });
    assert.deepEqual(call.levels, ['committed']);
  });

  it('E11: an acknowledgement of an older epoch counts for nothing, a commit of any epoch is a fact', () => {
    const story = openStory();
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.tell(1);
    const call = story.weakPut(1, 'x', '1');
    const common = { clusterId: CLUSTER, epoch: 1, replica: 0, commitSlot: 1, trace: undefined };
    story.toClient(1, { kind: 'acks', batch: { ...common, weakAcks: [{ session: 1, seq: 1 }], commitNotices: [] } });
    assert.equal(outcome(call), 'pending');
    const commitNotices = [{ session: 1, through: 1, slot: 3 }];
    story.toClient(1, { kind: 'acks', batch: { ...common, weakAcks: [], commitNotices } });
    assert.deepEqual([outcome(call), call.levels], ['weak', ['committed']]);
  });

  it('E11: each of several weak writes that are committed together is told its own slot', () => {
    const story = openStory();
    const calls = ['1', '2', '3'].map((value) => story.weakPut(1, 'x', value));
    story.deliver('c1', 'r* w*');
    story.drop('r0', 'r*');
    for (let passed = 0; passed < 10; passed++) {
      story.advance(20_000);
      story.settle();
    }
    const slots = calls.map(({ committedSlot }) => committedSlot);
    assert.ok(
      slots.every((slot) => slot !== undefined && slot > 0),
      `slots ${slots}`,
    );
    assert.equal(new Set(slots).size, 3);
  });

  it('E12: beyond the write set writes wait without a number, then they are refused', () => {
    const story = openStory({ writeSetLimit: 1 });
    const calls = Array.from({ length: 10 }, (_, i) => story.weakPut(1, 'x', `${i}`));
    assert.deepEqual(calls.map(({ numbered }) => numbered).indexOf(false), 1);
    assert.deepEqual(calls.map(({ refused }) => refused).indexOf('writeSetFull'), 9);
    story.settle();
    assert.deepEqual(
      calls.slice(0, 9).map(outcome),
      Array.from({ length: 9 }, () => 'weak'),
    );
    assert.deepEqual(story.stateOf(0), ['x=8']);
  });

  it('E13: of weak writes that meet, the last in the log wins everywhere', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.weakPut(2, 'x', '2');
    story.deliver('c2', 'r0');
    story.deliver('c1', 'r0');
    story.settle();
    story.advance(60_000);
    story.settle();
    assert.deepEqual(
      story.replicas.map((_, i) => story.stateOf(i)),
      [['x=1'], ['x=1'], ['x=1']],
    );
  });
});
