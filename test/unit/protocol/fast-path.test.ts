// Rules A: what a client may call complete after one round trip. Each schedule is played on the rules as they are, and,
// where the guard can be taken out, once more without it: then the forbidden outcome appears.

import assert from 'node:assert/strict';
import { EpochStatus, RecordStatus } from '../../../protocol/messages.js';
import { type BrokenRules, CLUSTER, outcome, type Story, type StoryOptions, valueRead } from './story.js';
import { changeView, lead, longestLog, openStory } from './view-change.js';

const FIVE: StoryOptions = { witnesses: 5, fastQuorum: 4 };

/** L is gone: r1 leads what it has and what w0 holds; clients that live are told. */
function failOver(story: Story, from = 0): void {
  story.crash('r0');
  story.drop('*', '*');
  changeView(story, { fence: [1, 2], from });
}

/** A strong read by a client that has just been told the configuration, however long it takes. */
function readAfter(story: Story, client: number, key: string): string | null | undefined {
  story.tell(client);
  story.drop(`c${client}`, '*');
  const read = story.get(client, key);
  story.settle();
  story.advance(20_000);
  story.settle();
  return valueRead(read);
}

describe('A: fast path', () => {
  it('A: a strong write and a strong read take one round trip when nothing stands in the way', () => {
    const story = openStory();
    const write = story.put(1, 'x', '1');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    assert.equal(outcome(write), 'fast');
    const read = story.get(2, 'x');
    story.deliver('c2', 'r0 w*');
    story.deliver('r0 w*', 'c2');
    assert.equal(outcome(read), 'fast');
    assert.equal(valueRead(read), '1');
  });

  it('A1: accepts of two epochs do not add up', () => {
    const story = openStory(FIVE);
    const write = story.put(1, 'x', '1');
    story.deliver('c1', 'r0 w0 w1');
    story.deliver('r0 w0 w1', 'c1', 'session');
    story.deliver('w0 w1', 'c1');
    story.crash('r0', 'w0', 'w1');
    story.drop('r0 c1', '*');
    changeView(story, { fence: [1, 2], seal: [2, 3, 4], start: [2, 3, 4] });
    story.tell(1);
    story.drop('c1', 'r* w4');
    story.deliver('c1', 'w2 w3');
    story.deliver('w2 w3', 'c1');
    assert.equal(outcome(write), 'pending', 'two accepts of epoch 1 and two of epoch 2 are no four');
    assert.equal(readAfter(story, 2, 'x'), null, 'nobody else knows of it');
    story.tell(1);
    story.advance(1_000_000);
    story.settle();
    assert.equal(outcome(write), 'epochChange');
  });

  it('A1: an accept of epoch 1 that arrives in epoch 2 is none', () => {
    const story = openStory();
    const write = story.put(1, 'x', '1');
    story.deliver('c1', 'w1 w2');
    const late = story.copy('w1 w2', 'c1');
    story.crash('r0');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2], from: 0 });
    story.tell(1);
    story.deliver('c1', 'r1 w0');
    story.deliver('r1 w0', 'c1');
    late();
    assert.equal(outcome(write), 'pending');
    story.deliver('c1', 'w1 w2');
    story.deliver('w1 w2', 'c1');
    assert.equal(outcome(write), 'fast');
  });

  it('A1: another life of a witness is not the witness', () => {
    const story = openStory();
    const write = story.put(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.deliver('r0', 'c1', 'session');
    const recordReplies = [{ session: 1, seq: 1, status: RecordStatus.accepted, watermark: 1 }];
    const accept = (incarnation: number) => {
      for (const witness of [0, 1, 2]) {
        const from = { clusterId: CLUSTER, epoch: 1, witness, incarnation: incarnation + witness, trace: undefined };
        story.toClient(1, { kind: 'record', frame: { ...from, recordReplies, checkReplies: [], refusals: [] } });
      }
      return outcome(write);
    };
    assert.deepEqual([accept(900), accept(100)], ['pending', 'fast']);
  });

  const quorumShort = (broken: BrokenRules) => {
    const story = openStory({ broken });
    const write = story.put(1, 'x', '1');
    story.deliver('c1', 'r0 w0 w1');
    story.deliver('r0 w0 w1', 'c1');
    story.crash('c1');
    failOver(story, 2);
    return [outcome(write), readAfter(story, 2, 'x')];
  };

  it('A1: one accept short of the quorum is not enough', () => {
    assert.deepEqual(quorumShort({}), ['pending', null]);
    const broken = { session: { isFastWrite: () => true } };
    assert.deepEqual(quorumShort(broken), ['fast', null], 'without the rule a completed write is lost');
  });

  /** One write reaches L alone; is its value read? */
  const readOfSpeculation = (strong: boolean, broken: BrokenRules) => {
    const story = openStory({ broken });
    if (strong) story.put(1, 'x', '1');
    else story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0');
    story.crash('c1');
    story.drop('c1 r0', '*');
    const read = story.get(2, 'x');
    story.deliver('c2', 'r0 w*');
    story.deliver('r0 w*', 'c2');
    failOver(story);
    return [outcome(read), valueRead(read), readAfter(story, 3, 'x')];
  };

  for (const [rule, strong] of [
    ['A2', true],
    ['A3', false],
  ] as const) {
    it(`${rule}: a ${strong ? 'strong' : 'weak'} write that only the leader has is not read fast`, () => {
      assert.deepEqual(readOfSpeculation(strong, {}), ['pending', undefined, null]);
      const broken = { session: { faultOfCheck: () => null } };
      assert.deepEqual(readOfSpeculation(strong, broken), ['fast', '1', null], 'without the rule: 1, then nothing');
    });
  }

  /** L orders the weak write before the compare-and-set; w1 hears of them the other way round. */
  const swapOverWeak = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0 w0');
    const swap = story.swap(2, 'x', '1', '2');
    story.deliver('c2', 'r0 w*');
    story.deliver('r0 w*', 'c2');
    story.deliver('c1', 'w1 w2');
    story.crash('c1', 'c2');
    failOver(story, 1);
    return [outcome(swap), swap.answer?.applied, readAfter(story, 3, 'x')];
  };

  it('A4: a strong write over another session’s pending weak write is not fast', () => {
    assert.deepEqual(swapOverWeak({}), ['pending', undefined, '1']);
    const broken = { replica: { conflicts: () => false }, witness: { conflicts: () => false } };
    assert.deepEqual(swapOverWeak(broken), ['fast', true, '1'], 'without the rule: set to 2, yet 1');
  });

  it('A4: one conflicting witness, or the leader alone, rules the fast path out', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'w0');
    const atWitness = story.put(2, 'x', '2');
    story.deliver('c2', 'r0 w*');
    story.deliver('r0 w*', 'c2');
    story.settle();
    assert.equal(outcome(atWitness), 'witnessConflict');

    const other = openStory();
    other.weakPut(1, 'x', '1');
    other.deliver('c1', 'r0');
    const atLeader = other.put(2, 'x', '2');
    other.deliver('c2', 'r0 w*');
    other.deliver('r0 w*', 'c2');
    assert.equal(outcome(atLeader), 'pending');
    other.drop('c1', 'w*');
    other.settle();
    assert.equal(outcome(atLeader), 'leaderConflict');
  });

  it('A5: with q = m two pending weak writes may be read in turn, and replay keeps their order', () => {
    const story = openStory();
    const reads = [];
    for (const client of [1, 2]) {
      story.weakPut(client, 'x', `${client}`);
      story.deliver(`c${client}`, 'r0 w*');
      const read = story.get(3, 'x');
      story.deliver('c3', 'r0 w*');
      story.deliver('r0 w*', 'c3');
      reads.push(outcome(read), valueRead(read));
    }
    failOver(story, 2);
    assert.deepEqual([...reads, readAfter(story, 3, 'x')], ['fast', '1', 'fast', '2', '2']);
  });

  const twoPending = (broken: BrokenRules) => {
    const story = openStory({ ...FIVE, broken });
    const reads = [];
    for (const client of [1, 2]) {
      story.weakPut(client, 'x', `${client}`);
      story.deliver(`c${client}`, 'r0 w*');
      const read = story.get(3, 'x');
      story.deliver('c3', 'r0 w*');
      story.deliver('r0 w*', 'c3');
      reads.push(outcome(read));
    }
    story.crash('c1', 'c2', 'r0');
    story.drop('*', '*');
    changeView(story, { fence: [1, 2], reorder: (replay) => replay.reverse() });
    return [...reads, readAfter(story, 3, 'x')];
  };

  it('A5: with q < m a read over two pending weak writes is not fast', () => {
    assert.deepEqual(twoPending({}).slice(0, 2), ['fast', 'pending']);
    const broken = { session: { leaderForbidsFast: () => false, faultOfCheck: () => null } };
    assert.deepEqual(twoPending(broken), ['fast', 'fast', '1'], 'without the rule: 1, 2, 1 with one write of 1');
  });

  const uncovered = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r* w0 w2');
    story.drop('c1', 'w1');
    const write = story.put(1, 'y', '1');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    story.crash('c1');
    failOver(story, 1);
    return [outcome(write), readAfter(story, 2, 'y')];
  };

  it('A6: a witness that lacks the session’s earlier write does not accept the later one', () => {
    assert.deepEqual(uncovered({}), ['pending', null]);
    const broken = { witness: { followsOn: (seq: number, watermark: number) => seq > watermark } };
    assert.deepEqual(uncovered(broken), ['fast', null], 'without the rule the completed write is lost');
  });

  it('A6: [f2] a strong write is fast only if earlier writes of its session are on all witnesses', () => {
    const story = openStory(FIVE);
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0 w0 w1 w2 w3');
    story.deliver('w0 w1 w2 w3', 'c1');
    const write = story.put(1, 'y', '1');
    story.hold('c1', 'w4');
    story.deliver('c1', 'r0 w0 w1 w2 w3');
    story.deliver('r0 w0 w1 w2 w3', 'c1');
    assert.equal(outcome(write), 'pending', 'four accepts, but #1 is on four of five');
    story.deliver('c1', 'w4');
    story.deliver('w4', 'c1');
    assert.equal(outcome(write), 'fast');
  });

  const speculatedAnswer = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0');
    const swap = story.swap(2, 'x', '1', '2');
    story.deliver('c2', 'r0');
    story.deliver('r0', 'c2', 'session');
    story.crash('c1');
    failOver(story);
    story.hold('c2', 'w*');
    story.tell(2);
    story.settle();
    return [outcome(swap), swap.answer?.applied, valueRead(swap)];
  };

  it('A7: the slow path answers what the committed execution found, not what was speculated', () => {
    assert.deepEqual(speculatedAnswer({}), ['epochChange', false, null], 'the 1 it would have met was lost');
    const broken: BrokenRules = {
      replica: { conflicts: () => false },
      session: { isFinal: ({ committed, result }) => committed || result !== undefined },
    };
    assert.deepEqual(
      speculatedAnswer(broken),
      ['overtaken', true, null],
      'without the rules: set to 2, which never was',
    );
  });

  it('A7: a result belongs to its operation: replies that change places do not cross', () => {
    const story = openStory();
    story.put(1, 'x', 'of x');
    story.put(1, 'y', 'of y');
    story.settle();
    const [readX, readY] = [story.get(2, 'x'), story.get(2, 'y')];
    story.deliver('c2', 'r0 w*');
    story.mail.reverse();
    story.settle();
    assert.deepEqual([valueRead(readX), valueRead(readY)], ['of x', 'of y']);
  });

  const staleLeader = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.hold('r0', 'r*');
    story.hold('r*', 'r0');
    // The old leader does not hear of the new epoch either.
    const [r0] = story.replicas;
    assert.ok(r0 !== undefined);
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.revive('r0');
    story.tell(1);
    const write = story.put(1, 'x', '1');
    story.settle();
    assert.equal(outcome(write), 'fast');
    const read = story.get(2, 'x');
    story.settle();
    assert.deepEqual([r0.isLeader, r0.epoch, story.wanted], [true, 1, ['c2:2']]);
    return [outcome(read), valueRead(read)];
  };

  it('A8: a leader that is cut off cannot answer a strong read alone', () => {
    assert.deepEqual(staleLeader({}), ['pending', undefined]);
    assert.deepEqual(staleLeader({ session: { isFastRead: () => true } }), ['fast', null], 'without the rule: stale');
  });

  it('A8: the confirmed read of a leader that is cut off is not answered either', () => {
    const story = openStory();
    story.hold('r0', 'r*');
    const read = story.get(2, 'x');
    story.deliver('c2', 'r0');
    story.deliver('r0', 'c2');
    story.advance(20_000);
    story.settle();
    assert.deepEqual([story.clients.get(2)?.stats().confirmedReads, outcome(read)], [1, 'pending']);
    story.release();
    story.settle();
    assert.equal(outcome(read), 'witnessLate');
  });

  it('A9: a leader whose epoch is not open refuses what is strong, also from those who are told too early', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.settle();
    story.crash('r0');
    const leader = longestLog(story, [1, 2]);
    lead(story, leader, []);
    story.config = { ...story.config, status: EpochStatus.open };
    story.tell(2);
    const read = story.get(2, 'x');
    const write = story.put(2, 'x', '2');
    story.deliver('c2', `r${leader}`);
    const answers = story.copy(`r${leader}`, 'c2');
    story.drop('*', 'c2');
    assert.equal(story.replicas[leader]?.inspect().uncommitted, 0, 'nothing is ordered');
    answers();
    assert.deepEqual([outcome(read), outcome(write)], ['pending', 'pending']);
  });

  it('A9: nothing strong is answered before the epoch is open', () => {
    const story = openStory();
    const write = story.put(1, 'x', '1');
    story.settle();
    assert.equal(outcome(write), 'fast');
    story.crash('r0');
    changeView(story, { fence: [1, 2], start: [] });
    story.tell(2);
    const read = story.get(2, 'x');
    story.settle();
    assert.equal(valueRead(read), undefined, 'witnesses of no life refuse, the leader waits for them');
    story.advance(20_000);
    story.settle();
    assert.equal(valueRead(read), '1');
  });
});

describe('A10: compare-and-set reads and writes', () => {
  const foreignValue = (broken: BrokenRules) => {
    const story = openStory({ broken });
    story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r0');
    const swap = story.swap(2, 'x', '1', '2');
    story.deliver('c2', 'r0 w*');
    story.deliver('r0 w*', 'c2');
    const read = story.get(3, 'x');
    story.deliver('c3', 'r0 w*');
    story.deliver('r0 w*', 'c3');
    story.crash('c1', 'c2');
    failOver(story);
    return [outcome(swap), valueRead(read), readAfter(story, 3, 'x')];
  };

  it('A10: a compare-and-set that met a foreign pending write gets no speculative result', () => {
    assert.equal(foreignValue({})[0], 'pending');
    const broken = { replica: { conflicts: () => false } };
    assert.deepEqual(foreignValue(broken), ['fast', '2', null], 'without the rule: true, yet never set');
  });

  it('A10: a fast strong read does not show the value of such a compare-and-set', () => {
    assert.deepEqual(foreignValue({}), ['pending', undefined, null]);
    const broken = { replica: { mayShowSpeculation: () => true } };
    assert.deepEqual(foreignValue(broken), ['pending', '2', null], 'without the rule: 2, which never was');
  });

  it('A10: over the session’s own pending write a compare-and-set is fast, and so is reading it', () => {
    const story = openStory();
    story.weakPut(1, 'x', '1');
    const swap = story.swap(1, 'x', '1', '2');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    const read = story.get(3, 'x');
    story.deliver('c3', 'r0 w*');
    story.deliver('r0 w*', 'c3');
    assert.deepEqual(
      [outcome(swap), swap.answer?.applied, outcome(read), valueRead(read)],
      ['fast', true, 'fast', '2'],
    );
    failOver(story, 1);
    assert.equal(readAfter(story, 3, 'x'), '2');
  });
});
