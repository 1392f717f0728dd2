// Rules B: what a witness keeps, refuses and forgets. Most need one core only; the others are short stories.

import assert from 'node:assert/strict';
import { RefusalCode } from '../../../protocol/messages.js';
import { witnessRules } from '../../../protocol/witness/rules.js';
import { LoneWitness, write } from './lone-witness.js';
import { CLUSTER, outcome, valueRead } from './story.js';
import { beginEpoch, changeView, fence, lead, ledOf, openStory, recover, seal } from './view-change.js';

describe('B: witness', () => {
  it('B1: a rejected record leaves no trace', () => {
    const witness = new LoneWitness();
    assert.equal(witness.record(write('1#1', { x: '1', y: '1' })), 'accepted:1');
    assert.equal(witness.record(write('2#1', { x: '2' })), 'conflict:0');
    assert.deepEqual(witness.check(2, 'x'), { pending: ['1#1'], watermark: 0 });
    witness.seal(2);
    assert.deepEqual(witness.recover(2), ['1#1']);
  });

  it('B1: without the rule the conflicting record is kept', () => {
    const witness = new LoneWitness({ rules: { ...witnessRules, conflicts: () => false } });
    witness.recordAll([write('1#1', { x: '1' }), write('2#1', { x: '2' })]);
    assert.deepEqual(witness.check(2, 'x').pending, ['1#1', '2#1']);
  });

  it('B2: all pending writes of a key are kept, in arrival order, and gc of one leaves the others', () => {
    const witness = new LoneWitness();
    witness.recordAll([
      write('1#1', { x: 'a' }),
      write('2#1', { x: 'b' }, { weak: true }),
      write('3#1', { x: 'c' }, { weak: true }),
    ]);
    assert.deepEqual(witness.check(9, 'x').pending, ['1#1', '2#1', '3#1']);
    witness.collect(2, 1);
    assert.deepEqual(witness.check(9, 'x').pending, ['1#1', '3#1']);
    assert.equal(witness.record(write('4#1', { x: 'd' })), 'conflict:0', 'still blocked by 1#1 and 3#1');
    witness.collect(1, 1);
    witness.collect(3, 1);
    assert.equal(witness.record(write('4#1', { x: 'd' })), 'accepted:1');
  });

  it('B3: a record that comes again is accepted again and kept once', () => {
    const witness = new LoneWitness();
    assert.equal(witness.record(write('1#1', { x: '1' })), 'accepted:1');
    assert.equal(witness.record(write('1#1', { x: '1' }, { committedThrough: 0 })), 'accepted:1');
    assert.deepEqual(witness.check(1, 'x').pending, ['1#1']);
    witness.collect(1, 1);
    assert.deepEqual(witness.check(1, 'x').pending, []);
  });

  it('B3: the same id with another payload is an error', () => {
    const witness = new LoneWitness();
    witness.record(write('1#1', { x: '1' }));
    assert.equal(witness.record(write('1#1', { x: '2' })), 'idReused:1');
    assert.equal(witness.record(write('1#1', { x: '1' }, { weak: true })), 'idReused:1');
    assert.equal(witness.core.stats().poolEntries, 1);
  });

  it('B3: dependencies, watermarks and traces are no payload', () => {
    const witness = new LoneWitness();
    witness.record(write('1#1', { x: '1' }));
    const again = write('1#1', { x: '1' });
    again.command.ackedThrough = 5;
    const resent = { ...again, dependencies: [{ session: 3, seq: 3 }], bound: 2 };
    assert.equal(witness.record(resent), 'accepted:1');
  });

  it('B4: strong reads are not stored, so a reader that died blocks nobody', () => {
    const story = openStory();
    story.get(1, 'x');
    story.deliver('c1', 'w*');
    story.crash('c1');
    story.drop('*', '*');
    const read = story.get(2, 'x');
    const put = story.put(3, 'x', '1');
    story.deliver('c2', 'r0 w*');
    story.deliver('c3', 'r0 w*');
    story.deliver('r0 w*', 'c2 c3');
    assert.deepEqual([outcome(read), outcome(put)], ['fast', 'fast']);
  });

  it('B5: a sealed witness never records again in that life', () => {
    const witness = new LoneWitness();
    witness.record(write('1#1', { x: '1' }));
    witness.seal(2);
    assert.equal(witness.record(write('1#2', { y: '1' })), 'refused');
    assert.equal(witness.record(write('1#2', { y: '1' }), 2), 'refused');
    assert.deepEqual(witness.recover(2), ['1#1']);
  });

  it('B6: a witness that lost its memory is another identity', () => {
    const empty = new LoneWitness({ incarnation: 8 });
    assert.equal(empty.core.isRecording, false);
    const [refused] = empty.start(1);
    assert.ok(refused?.kind === 'callRefused');
    assert.equal(refused.code, RefusalCode.invalid);
    assert.equal(empty.record(write('1#1', { x: '1' })), 'refused');
  });

  it('B8: a record that comes after its commit is neither stored nor an accept', () => {
    const witness = new LoneWitness();
    witness.collect(1, 1);
    assert.equal(witness.record(write('1#1', { x: '1' })), 'committed:1');
    assert.equal(witness.record(write('2#1', { x: '2' })), 'accepted:1', 'the key is not blocked');
    const broken = new LoneWitness({ rules: { ...witnessRules, isCommitted: () => false, followsOn: () => true } });
    broken.collect(1, 1);
    broken.record(write('1#1', { x: '1' }));
    assert.deepEqual(broken.check(1, 'x').pending, ['1#1'], 'without the rule the key stays blocked');
  });

  it('B8: a late record does not complete its write twice and does not come back in replay', () => {
    const story = openStory();
    const call = story.put(1, 'x', 'a');
    story.hold('c1', 'w2');
    story.settle();
    assert.equal(outcome(call), 'overtaken');
    story.put(2, 'x', 'b');
    story.settle();
    story.release();
    story.settle();
    story.crash('r0');
    beginEpoch(story);
    seal(story, 2);
    assert.deepEqual(recover(story, 2), []);
  });

  const gap = (followsOn?: (seq: number, watermark: number) => boolean) => {
    const story = openStory(followsOn === undefined ? {} : { broken: { witness: { followsOn } } });
    story.weakPut(1, 'x', 'new');
    story.deliver('c1', 'r0 w1 w2');
    story.drop('c1', '*');
    story.weakPut(1, 'y', 'new');
    story.deliver('c1', 'r0 w*');
    story.crash('c1', 'r0');
    story.drop('*', '*');
    beginEpoch(story);
    seal(story, 0);
    return recover(story, 0).map(({ command }) => `${command?.session}#${command?.seq}`);
  };

  it('B9: a pool holds no write without the session’s earlier ones', () => {
    assert.deepEqual(gap(), []);
    assert.deepEqual(
      gap((seq, watermark) => seq > watermark),
      ['1#2'],
      'without the rule: y new, x old',
    );
  });

  it('B9: the gap test takes what the record says is committed', () => {
    const witness = new LoneWitness();
    assert.equal(witness.record(write('1#5', { x: '1' }, { committedThrough: 4 })), 'accepted:5');
    assert.equal(witness.record(write('1#7', { x: '1' }, { committedThrough: 4 })), 'parked:5');
  });

  it('R6: a collection names how far a session is committed, and takes that prefix and nothing else', () => {
    const witness = new LoneWitness();
    for (const id of ['1#1', '2#1', '1#2', '1#3'])
      assert.equal(witness.record(write(id, { [`k${id}`]: 'v' })), `accepted:${id.at(-1)}`);
    witness.collect(1, 2);
    assert.deepEqual([witness.check(1, 'k1#1').pending, witness.check(1, 'k1#2').pending], [[], []]);
    witness.collect(1, 1);
    witness.seal(2);
    assert.deepEqual(witness.recover(2), ['2#1', '1#3'], 'an older watermark takes nothing back');
  });

  it('B10: a full pool rejects and never evicts', () => {
    const witness = new LoneWitness({ poolLimit: 2 });
    witness.recordAll([write('1#1', { a: '1' }), write('1#2', { b: '1' })]);
    assert.equal(witness.record(write('1#3', { c: '1' })), 'full:2');
    assert.equal(witness.record(write('2#1', { d: '1' })), 'full:0');
    assert.equal(witness.record(write('1#1', { a: '1' })), 'accepted:2', 'what is there stays');
    witness.collect(1, 1);
    assert.equal(witness.record(write('1#3', { c: '1' })), 'accepted:3');
    witness.seal(2);
    assert.deepEqual(witness.recover(2), ['1#2', '1#3']);
  });

  it('B10: bytes count as well, and are given back', () => {
    const witness = new LoneWitness({ poolBytesLimit: 100 });
    assert.equal(witness.record(write('1#1', { a: 'v'.repeat(60) })), 'accepted:1');
    assert.equal(witness.record(write('1#2', { b: '1' })), 'full:1');
    witness.collect(1, 1);
    assert.equal(witness.core.stats().poolBytes, 0);
    assert.equal(witness.record(write('1#2', { b: '1' })), 'accepted:2');
  });

  it('B10: beyond the room for parked records a gap is a gap', () => {
    const witness = new LoneWitness({ parkedLimit: 1 });
    assert.equal(witness.record(write('1#3', { a: '1' })), 'parked:0');
    assert.equal(witness.record(write('1#2', { b: '1' })), 'gap:0');
    assert.equal(witness.record(write('2#1', { b: '1' })), 'accepted:1');
    assert.equal(witness.core.stats().poolParked, 1);
  });

  it('B10: what outlives collections is reported, again and again, until it is collected', () => {
    const witness = new LoneWitness({ staleAfterUs: 1000 });
    witness.recordAll([write('1#1', { a: '1' }), write('1#2', { b: '1' })]);
    witness.tickAfter(500);
    assert.deepEqual(witness.reported, []);
    witness.tickAfter(500);
    assert.deepEqual(witness.reported, ['1#1', '1#2']);
    witness.collect(1, 1);
    witness.tickAfter(1000);
    assert.deepEqual(witness.reported, ['1#1', '1#2', '1#2']);
    witness.collect(1, 2);
    witness.tickAfter(1000);
    assert.equal(witness.reported.length, 3);
  });

  it('B10: a report has as much as fits in a frame; the rest comes with the next', () => {
    const witness = new LoneWitness({ staleAfterUs: 1000 });
    const ids = ['1#1', '1#2', '1#3', '1#4', '1#5'];
    witness.recordAll(ids.map((id) => write(id, { [id]: 'v'.repeat(400_000) })));
    witness.tickAfter(1000);
    assert.deepEqual(witness.reported, ['1#1', '1#2', '1#3']);
    witness.tickAfter(250);
    assert.deepEqual(witness.reported, ids);
  });

  it('B10: dependencies take room like keys and values', () => {
    const dependencies = Array.from({ length: 1000 }, (_, at) => ({ session: 9, seq: at + 1 }));
    const witness = new LoneWitness({ poolBytesLimit: 10_000 });
    assert.equal(witness.record({ ...write('1#1', { a: '1' }), dependencies }), 'accepted:1');
    assert.equal(witness.record(write('1#2', { b: '1' })), 'full:1');
    witness.collect(1, 1);
    assert.equal(witness.core.stats().poolBytes, 0);
  });

  it('B10: the write of a client that reached one witness and died leaves through the leader', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.deliver('c1', 'w1');
    story.crash('c1');
    story.drop('*', '*');
    const blocked = story.put(2, 'x', '2');
    story.settle();
    assert.equal(outcome(blocked), 'witnessConflict');
    story.advance(300_000);
    story.settle();
    assert.equal(story.witnesses[1]?.stats().poolEntries, 0);
    const free = story.put(3, 'x', '3');
    story.settle();
    assert.equal(outcome(free), 'fast');
  });

  it('B11: insert, reject and gc of several keys are all or nothing', () => {
    const witness = new LoneWitness();
    assert.equal(witness.record(write('1#1', { x: '1', y: '1' })), 'accepted:1');
    assert.equal(witness.record(write('2#1', { z: '2', y: '2' })), 'conflict:0');
    assert.equal(witness.record(write('3#1', { z: '3' })), 'accepted:1', 'z is not held by what was rejected');
    witness.collect(1, 1);
    assert.deepEqual([witness.check(9, 'x').pending, witness.check(9, 'y').pending], [[], []]);
    const twice = write('1#2', { k: 'first' });
    twice.command.mutations.push({ ...twice.command.mutations[0]!, deletes: true });
    witness.record(twice);
    assert.deepEqual(witness.check(9, 'k').pending, ['1#2'], 'one entry, though the key is there twice');
    witness.collect(1, 2);
    assert.deepEqual(witness.check(9, 'k').pending, []);
  });

  it('B12: only the leader of the epoch that is recorded may collect', () => {
    const witness = new LoneWitness();
    witness.record(write('1#1', { x: '1' }));
    witness.collect(1, 1, { epoch: 2 });
    witness.collect(1, 1, { leader: 1 });
    witness.collect(1, 1, { clusterId: 'another' });
    assert.deepEqual(witness.check(1, 'x').pending, ['1#1']);
    witness.seal(2);
    witness.start(2, [], { leader: 1 });
    witness.record(write('1#1', { x: '1' }), 2);
    witness.collect(1, 1, { epoch: 1, leader: 0 });
    witness.seal(3);
    assert.deepEqual(witness.recover(3), ['1#1'], 'the leader that was replaced deletes nothing');
  });

  it('B12: records and seals of another cluster or epoch change nothing', () => {
    const witness = new LoneWitness();
    assert.equal(witness.record(write('1#1', { x: '1' }), 2), 'refused');
    const frame = {
      clusterId: 'another',
      epoch: 1,
      clientId: 1,
      records: [write('1#1', { x: '1' })],
      checks: [],
      trace: undefined,
    };
    assert.deepEqual(witness.step({ kind: 'record', frame }), []);
    witness.step({ kind: 'seal', call: 1, request: { clusterId: 'another', epoch: 9 } });
    assert.deepEqual([witness.core.epoch, witness.core.isRecording, witness.core.stats().poolEntries], [1, true, 0]);
    witness.seal(1);
    assert.equal(witness.core.isRecording, true, 'an old seal is late');
    assert.equal(witness.recover(1), null, 'a pool in use is not handed out');
  });

  it('B12: a start for another life, another witness or another cluster is refused', () => {
    const witness = new LoneWitness();
    const list = (id: string, incarnation: number) => [{ id, index: 0, address: '', incarnation }];
    for (const change of [{ witnesses: list('w0', 8) }, { witnesses: list('w9', 7) }, { clusterId: 'another' }]) {
      const [answer] = witness.start(2, [], change);
      assert.equal(answer?.kind, 'callRefused');
    }
    assert.equal(witness.core.epoch, 1);
    const end = witness.step({ kind: 'end', call: 1, request: { clusterId: CLUSTER, epoch: 1 } });
    assert.deepEqual([end[0]?.kind, witness.core.isRecording], ['ended', true], 'nor does an old end end anything');
  });
});

describe('P: lives of a witness', () => {
  it('P6: a repeated or older start changes nothing', () => {
    const story = openStory();
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    const { config } = story;
    story.tell(1);
    const call = story.put(1, 'x', '1');
    story.deliver('c1', 'r1 w*');
    story.deliver('r1 w*', 'c1');
    assert.equal(outcome(call), 'fast');
    for (const epoch of [2, 1]) {
      const request = { config: { ...config, epoch }, witnessId: 'w0', committed: [] };
      story.toWitness(0, { kind: 'start', call: 2, request });
    }
    story.crash('r1', 'c1');
    story.revive('r0');
    story.drop('*', '*');
    changeView(story, { fence: [0, 2], from: 0 });
    story.tell(2);
    const read = story.get(2, 'x');
    story.settle();
    assert.equal(valueRead(read), '1');
  });

  it('P6: seal raises the epoch of a witness in whatever life it is', () => {
    const witness = new LoneWitness();
    witness.record(write('1#1', { x: '1' }));
    witness.seal(2);
    const [again] = witness.seal(4);
    assert.ok(again?.kind === 'sealed');
    assert.deepEqual([again.response.epoch, again.response.lifeEpoch, again.response.entries], [4, 1, 1]);
    assert.equal(witness.recover(2), null);
    assert.deepEqual(witness.recover(4), ['1#1']);
    witness.start(3);
    assert.equal(witness.core.isRecording, false, 'an epoch that was passed over does not start');
  });

  it('P8: a record after a gap waits, and is judged when the watermark reaches it', () => {
    const witness = new LoneWitness();
    assert.deepEqual(witness.recordAll([write('1#3', { c: '1' }), write('1#2', { b: '1' })]), [
      '1#3 parked:0',
      '1#2 parked:0',
    ]);
    assert.deepEqual(witness.recordAll([write('1#1', { a: '1' })]), [
      '1#1 accepted:1',
      '1#2 accepted:2',
      '1#3 accepted:3',
    ]);
    assert.equal(witness.core.stats().poolParked, 0);
  });

  it('P8: after one conflict the session’s later records wait for the commit and are accepted then', () => {
    const witness = new LoneWitness();
    witness.record(write('2#1', { x: '2' }));
    assert.deepEqual(
      witness.recordAll([write('1#1', { x: '1' }), write('1#2', { y: '1' }), write('1#3', { z: '1' })]),
      ['1#1 conflict:0', '1#2 parked:0', '1#3 parked:0'],
    );
    const [answer] = witness.collect(1, 1);
    assert.ok(answer?.kind === 'record');
    assert.deepEqual(
      answer.frame.recordReplies.map(({ seq, watermark }) => [seq, watermark]),
      [
        [2, 2],
        [3, 3],
      ],
    );
  });

  const movesOnReject = (broken: boolean) => {
    const watermarkAfterReject = (seq: number, watermark: number) => Math.max(seq, watermark);
    const witness = new LoneWitness(broken ? { rules: { ...witnessRules, watermarkAfterReject } } : {});
    witness.recordAll([write('2#1', { x: '2' }), write('1#1', { x: '1' }), write('1#2', { y: '1' })]);
    witness.seal(2);
    return witness.recover(2);
  };

  it('P8: the watermark stands still when a record is rejected', () => {
    assert.deepEqual(movesOnReject(false), ['2#1']);
    assert.deepEqual(movesOnReject(true), ['2#1', '1#2'], 'without the rule 1#2 is there without 1#1');
  });

  it('P8: new lives begin with the committed watermarks of the new leader', () => {
    const witness = new LoneWitness();
    witness.seal(2);
    witness.start(2, [{ session: 1, committedThrough: 4 }]);
    assert.equal(witness.record(write('1#5', { x: '1' }), 2), 'accepted:5');
    assert.equal(witness.record(write('1#4', { y: '1' }), 2), 'committed:5');
  });

  it('P9: a weak record is accepted whatever others have pending, if its session has no gap', () => {
    const witness = new LoneWitness();
    witness.record(write('1#1', { x: '1' }));
    assert.equal(witness.record(write('2#1', { x: '2' }, { weak: true })), 'accepted:1');
    assert.equal(witness.record(write('3#2', { x: '3' }, { weak: true })), 'parked:0');
    assert.equal(witness.record(write('2#2', { x: '2' })), 'conflict:1');
  });

  it('D1: what arrives between seal and lead is not recorded', () => {
    const story = openStory();
    beginEpoch(story);
    fence(story, 1);
    fence(story, 2);
    seal(story, 0);
    const replay = recover(story, 0);
    const call = story.put(1, 'x', '1');
    story.deliver('c1', 'r0 w*');
    story.deliver('r0 w*', 'c1');
    lead(story, 1, replay);
    assert.ok(ledOf(story).openSlot > 1);
    assert.equal(outcome(call), 'pending');
  });
});
