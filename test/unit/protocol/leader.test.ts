// Rules C and F at the leader and its followers: order, commit, speculation, exactly once, confirmation rounds.

import assert from 'node:assert/strict';
import { write } from './lone-witness.js';
import { type BrokenRules, CLUSTER, outcome, type Story, valueRead } from './story.js';
import { changeView, fence, lead, ledOf, longestLog, open, openStory } from './view-change.js';

/** A strong read by a client that is told the configuration, however long it takes. */
function readNow(story: Story, client: number, key: string): string | null | undefined {
  story.tell(client);
  const read = story.get(client, key);
  story.settle();
  story.advance(20_000);
  story.settle();
  return valueRead(read);
}

function toLeader(story: Story, ...writes: ReturnType<typeof write>[]): ReturnType<Story['toReplica']> {
  const reads = {
    strongReads: [],
    confirmedReads: [],
    weakReads: [],
    ackQueries: [],
    ping: 0,
    trace: undefined,
    upkeep: undefined,
  };
  return story.toReplica(0, {
    kind: 'session',
    frame: { clusterId: CLUSTER, epoch: 1, clientId: 1, writes, ...reads },
  });
}

describe('C: leader and replica', () => {
  const pastHole = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.drop('c1', '*');
    story.put(1, 'y', '1');
    story.deliver('c1', 'r0');
    story.crash('c1');
    story.drop('c1', '*');
    story.settle();
    return [readNow(story, 2, 'y'), readNow(story, 2, 'x')];
  };

  it('C1: a write is not ordered past a hole in its session', () => {
    assert.deepEqual(pastHole({}), [null, null]);
    const broken = { replica: { mayOrder: (seq: number, through: number) => seq > through } };
    assert.deepEqual(pastHole(broken), ['1', null], 'without the rule: y is there, x is not');
  });

  it('C1: the client is told where its hole begins, fills it, and the parked write follows', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.drop('c1', 'r0');
    const call = story.put(1, 'y', '1');
    story.settle();
    assert.equal(call.answer?.applied, true);
    assert.deepEqual(story.stateOf(0), ['x=1', 'y=1']);
  });

  it('C2: nothing is applied before it is committed, however long it takes, and a cut slot is used again', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.crash('c1');
    story.drop('*', '*');
    story.hold('r0', 'r*');
    story.hold('r*', 'r0');
    story.advance(2_000_000);
    assert.deepEqual([story.stateOf(0), story.replicas[0]?.inspect().lastSlot], [[], 2]);
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.revive('r0');
    story.tell(2);
    const call = story.put(2, 'x', '2');
    story.settle();
    assert.equal(outcome(call), 'fast');
    assert.deepEqual([story.stateOf(0), story.stateOf(1)], [[], ['x=2']]);
    story.release();
    story.toReplica(0, { kind: 'config', config: story.config });
    story.advance(200_000);
    story.settle();
    const [r0, r1, r2] = story.replicas.map((core) => core.inspect());
    assert.deepEqual([r0?.digest, r0?.appliedSlot, r0?.isLeader], [r1?.digest, r1?.appliedSlot, false]);
    assert.deepEqual([r2?.digest, story.stateOf(0)], [r1?.digest, ['x=2']]);
  });

  it('C7: speculation ends with the leadership and is never in the applied state', () => {
    const story = openStory({ bound: 0 });
    const call = story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.deliver('r0', 'c1');
    story.crash('c1');
    const during = story.weakGet(2, 'x');
    story.deliver('c2', 'r0');
    story.deliver('r0', 'c2');
    story.drop('*', '*');
    story.crash('r0');
    changeView(story, { fence: [1, 2], from: 0 });
    story.revive('r0');
    fence(story, 0);
    story.toReplica(0, { kind: 'config', config: story.config });
    story.toReplica(1, { kind: 'peerUp', replica: 0 });
    story.settle('r*', 'r*');
    story.tell(2);
    const after = story.weakGet(2, 'x');
    story.deliver('c2', 'r0');
    story.deliver('r0', 'c2');
    assert.equal(outcome(call), 'pending');
    assert.deepEqual([valueRead(during), valueRead(after)], [null, null]);
    assert.equal(story.replicas[0]?.inspect().uncommitted, 0);
  });

  it('C8: speculative results are those of the log order', () => {
    const story = openStory();
    const outputs = toLeader(
      story,
      write('1#1', { x: '1' }),
      write('2#1', { y: '2' }),
      write('1#2', { x: '3' }),
      write('2#2', { x: '4' }),
    );
    const slots = outputs.flatMap((output) => {
      if (output.kind !== 'session') return [];
      return output.frame.writeReplies.map(({ session, seq, slot, ok }) => `${session}#${seq}@${slot}:${ok}`);
    });
    assert.deepEqual(slots, ['1#1@2:true', '2#1@3:true', '1#2@4:true', '2#2@5:false']);
    story.settle();
    assert.deepEqual(story.stateOf(1), ['x=4', 'y=2']);
  });

  it('C8: a speculative result rests on everything that lies before it in the log', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    const swap = story.swap(1, 'x', '1', '2');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    assert.deepEqual([outcome(swap), swap.answer?.applied, story.stateOf(0)], ['fast', true, []]);
  });

  it('C3: what a new leader finds in its log is uncommitted there too', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.deliver('r0', 'r1');
    story.crash('r0', 'c1');
    story.drop('*', '*');
    const leader = longestLog(story, [1, 2]);
    lead(story, leader, []);
    assert.equal(story.replicas[1]?.inspect().uncommitted, 1, 'taken into the overlay');
    open(story, ledOf(story));
    assert.equal(readNow(story, 2, 'x'), '1');
  });
});

describe('F: exactly once', () => {
  const retryAfterOther = (broken: BrokenRules) => {
    const story = openStory({ broken });
    const first = story.put(1, 'x', 'a');
    story.deliver('c1', 'r0');
    story.drop('c1', '*');
    story.settle('r*', 'r*');
    story.drop('r0', 'c1');
    story.put(2, 'x', 'b');
    story.settle();
    story.advance(100_000);
    story.settle();
    return [first.answer?.slot, story.stateOf(0)[0]];
  };

  it('F1: a retry has the id it had and answers from where it was executed', () => {
    assert.deepEqual(retryAfterOther({}), [2, 'x=b']);
    const broken = { replica: { isDuplicate: () => false, mayOrder: () => true } };
    assert.equal(retryAfterOther(broken)[1], 'x=a', 'without the rule it is executed again');
  });

  it('F2: an id in the log and in the replay gets one slot, and its retry in the new epoch none', () => {
    const story = openStory();
    const call = story.put(1, 'x', 'a');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0', 'r1');
    story.crash('r0');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2], from: 1 });
    story.tell(1);
    story.settle();
    assert.deepEqual([call.answer?.slot, story.replicas[1]?.inspect().lastSlot], [2, 3]);
  });

  const twiceInLog = (broken: BrokenRules) => {
    const story = openStory({ broken });
    const entries = [write('1#1', { x: 'a' }), write('2#1', { x: 'b' }), write('1#1', { x: 'a' })].map(
      ({ command }) => {
        return { epoch: 1, command, expiry: undefined };
      },
    );
    const at = {
      prevSlot: 1,
      prevEpoch: 1,
      commitSlot: 4,
      openSlot: 1,
      round: 0,
      storedEverywhere: 0,
      trace: undefined,
      ...{ learner: 0, snapshot: undefined, inquiry: undefined },
    };
    story.toReplica(1, { kind: 'replicate', frame: { clusterId: CLUSTER, epoch: 1, leader: 0, entries, ...at } });
    return [story.stateOf(1)[0], story.replicas[1]?.inspect().appliedSlot];
  };

  it('F2: a command that is in the log twice is executed once', () => {
    assert.deepEqual(twiceInLog({}), ['x=b', 4]);
    assert.deepEqual(twiceInLog({ replica: { isDuplicate: () => false } }), ['x=a', 4], 'without the rule: a, b, a');
  });

  it('F3: a duplicate from below the acknowledged results is stale and changes nothing', () => {
    const story = openStory();
    story.put(1, 'x', 'a');
    const late = story.copy('c1', 'r0');
    story.settle();
    story.put(1, 'y', '1');
    story.settle();
    story.put(2, 'x', 'b');
    story.settle();
    const { lastSlot } = story.replicas[0]!.inspect();
    late();
    story.settle();
    assert.deepEqual([story.stateOf(0), story.replicas[0]?.inspect().lastSlot], [['x=b', 'y=1'], lastSlot]);
    const [reply] = toLeader(story, write('1#1', { x: 'a' }));
    assert.ok(reply?.kind === 'session');
    const [{ committed, stale, result } = { committed: false, stale: false, result: undefined }] =
      reply.frame.writeReplies;
    assert.deepEqual([committed, stale, result], [true, true, undefined]);
  });

  it('F3: until it is acknowledged, a retry gets the original result', () => {
    const story = openStory();
    const swap = story.swap(1, 'x', null, 'a');
    const late = story.copy('c1', 'r0');
    story.deliver('c1', 'r0');
    story.drop('c1', '*');
    story.settle('r*', 'r*');
    story.drop('r0', '*');
    story.put(2, 'x', 'b');
    story.settle();
    late();
    story.settle();
    assert.deepEqual([outcome(swap), swap.answer?.applied, swap.answer?.slot], ['overtaken', true, 2]);
  });

  it('F4: a duplicate in flight joins the first', () => {
    const story = openStory();
    const call = story.put(1, 'x', '1');
    const twin = story.copy('c1', 'r0');
    story.deliver('c1', 'r0');
    twin();
    assert.equal(story.replicas[0]?.inspect().lastSlot, 2);
    assert.equal(story.replicas[0]?.stats().duplicates, 1);
    story.deliver('r0', 'c1');
    story.settle();
    assert.deepEqual([outcome(call), call.answer?.slot], ['fast', 2]);
  });

  it('F4: the same id with another payload is refused, not joined', () => {
    const story = openStory();
    toLeader(story, write('1#1', { x: '1' }));
    const refusals = toLeader(story, write('1#1', { x: '2' })).flatMap((output) => {
      return output.kind === 'session' ? output.frame.refusals : [];
    });
    assert.deepEqual(
      refusals.map(({ code, session, seq }) => [code, session, seq]),
      [[6, 1, 1]],
    );
  });

  const oldRound = (broken: BrokenRules) => {
    const story = openStory({ broken });
    const before = story.scan(2, true);
    story.deliver('c2', 'r0');
    story.deliver('r0', 'r1 r2');
    const acks = story.copy('r1 r2', 'r0');
    story.drop('r1 r2', 'r0');
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.tell(1);
    story.put(1, 'x', '1');
    story.settle();
    story.revive('r0');
    const after = story.scan(3, true);
    story.deliver('c3', 'r0');
    story.hold('r0', 'r*');
    acks();
    story.settle();
    return [before, after].map(({ answer }) => answer?.entries.length);
  };

  it('F6: acknowledgements of a round that began before a read do not confirm it', () => {
    assert.deepEqual(oldRound({}), [0, undefined], 'the earlier read may be answered, the later one not');
    const broken = {
      replica: { isConfirmed: (start: number, confirmed: number) => confirmed >= start && confirmed > 0 },
    };
    assert.deepEqual(oldRound(broken), [0, 0], 'without the rule a read after S x=1 sees nothing');
  });

  it('F7: a numbered write goes on after its caller has gone, one without a number does not', () => {
    const story = openStory({ writeSetLimit: 1 });
    const first = story.put(1, 'x', '1');
    const second = story.put(1, 'y', '1');
    story.drop('c1', '*');
    story.toClient(1, { kind: 'abandon', call: 1 });
    story.toClient(1, { kind: 'abandon', call: 2 });
    story.advance(100_000);
    story.settle();
    assert.deepEqual(
      [first.numbered, first.answer, second.numbered, second.refused],
      [true, undefined, false, 'abandoned'],
    );
    assert.deepEqual(story.stateOf(0), ['x=1']);
    assert.equal(story.clients.get(1)?.inspectSession(1)?.isSettled, true);
  });
});
