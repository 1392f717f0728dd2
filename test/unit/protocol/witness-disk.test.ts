// Durability of a witness: what is kept when, what waits for it, and what a process that begins anew goes on with.

import assert from 'node:assert/strict';
import type { WitnessInput, WitnessOutput } from '../../../protocol/core.js';
import type { SessionWatermark } from '../../../protocol/messages.js';
import type { WitnessImage } from '../../../protocol/witness/persistence.js';
import { type WitnessRules, witnessRules } from '../../../protocol/witness/rules.js';
import { WitnessCore, type WitnessOptions } from '../../../protocol/witness/witness-core.js';
import { frame, KeptWitness, sealed } from './kept-witness.js';
import { createStart, idOf, write } from './lone-witness.js';
import { CLUSTER } from './story.js';

function started(epoch: number, committed: SessionWatermark[] = []): WitnessInput {
  return { kind: 'start', call: 1, request: createStart(epoch, committed) };
}

const HASTY: Partial<WitnessOptions> = { rules: { ...witnessRules, mayLeave: () => true } };

function except(kind: WitnessOutput['kind']): Partial<WitnessOptions> {
  const mayLeave: WitnessRules['mayLeave'] = (answer, isKept) =>
    answer.kind === kind || witnessRules.mayLeave(answer, isKept);
  return { rules: { ...witnessRules, mayLeave } };
}

describe('C: a witness that keeps its memory', () => {
  const acceptedAndLost = (options: Partial<WitnessOptions>) => {
    const witness = new KeptWitness(options);
    witness.record(1, write('1#1', { x: '1' }));
    const answered = witness.answers();
    witness.restart();
    witness.check(1, 1, 'x');
    return [answered, witness.answers()];
  };

  it('C6: a record is answered once it is kept', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    assert.deepEqual(witness.answers(), []);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1']);
    witness.restart();
    witness.check(1, 1, 'x');
    assert.deepEqual(witness.answers(), ['c1 check 1#1 @1']);
  });

  it('C6: what was not answered may be gone, what was answered may not', () => {
    assert.deepEqual(acceptedAndLost({}), [[], ['c1 check  @0']]);
    assert.deepEqual(
      acceptedAndLost(HASTY),
      [['c1 1#1 accepted:1'], ['c1 check  @0']],
      'without the rule an accept is lost',
    );
  });

  const shownAndLost = (options: Partial<WitnessOptions>) => {
    const witness = new KeptWitness(options);
    witness.record(1, write('1#1', { x: '1' }));
    witness.answers();
    witness.check(2, 2, 'x');
    return witness;
  };

  it('C6: a check waits for what it shows, and for no batch of its own', () => {
    const witness = shownAndLost({});
    assert.deepEqual(witness.answers(), [], 'a fast read would count 1#1 as held');
    assert.equal(witness.underWay.length, 1);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1', 'c2 check 1#1 @0']);
    assert.deepEqual(shownAndLost(HASTY).answers(), ['c2 check 1#1 @0'], 'without the rule it is shown too early');
  });

  const shownWhileBehind = (broken: Partial<WitnessRules>): string[][] => {
    const witness = new KeptWitness({ rules: { ...witnessRules, ...broken } });
    const shown: string[][] = [];
    const look = (nonce: number, session: number, key: string): void => {
      witness.check(nonce, session, key);
      shown.push(witness.answers());
    };
    witness.record(1, write('1#1', { x: '1' }));
    look(2, 2, 'y');
    look(2, 2, 'x');
    look(1, 1, 'y');
    witness.keep(1);
    shown.push(witness.answers());
    witness.record(1, write('1#2', { z: '1' }));
    look(2, 2, 'x');
    look(1, 1, 'x');
    return shown;
  };

  it('C6: a check that shows only what is kept waits for nothing', () => {
    const kept = ['c1 1#1 accepted:1', 'c2 check 1#1 @0', 'c1 check  @1'];
    assert.deepEqual(shownWhileBehind({}), [['c2 check  @0'], [], [], kept, ['c2 check 1#1 @0'], []]);
    assert.deepEqual(
      shownWhileBehind({ mayShow: () => true }).map((answers) => answers.join()),
      ['c2 check  @0', 'c2 check 1#1 @0', 'c1 check  @1', 'c1 1#1 accepted:1', 'c2 check 1#1 @0', 'c1 check 1#1 @2'],
      'without the rule a write is shown that may be lost',
    );
  });

  it('C6: a check waits for the life and the epoch that it is answered in', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.keepAll();
    witness.answers();
    witness.start(3);
    witness.answers();
    witness.check(2, 2, 'y', 3);
    assert.deepEqual(witness.answers(), [], 'a process that began anew would be in the epoch before');
    witness.keepAll();
    assert.deepEqual(witness.answers().slice(-1), ['c2 check  @0']);
  });

  it('C6: answers wait behind the batch that was the newest, not behind later ones', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.check(2, 2, 'x');
    witness.record(1, write('1#2', { y: '1' }));
    witness.keep(1);
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1', 'c2 check 1#1 @0']);
    witness.keep(1);
    assert.deepEqual(witness.answers(), ['c1 1#2 accepted:2']);
  });

  it('C6: rejections wait too, because what they rest on may go', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.record(2, write('2#1', { x: '2' }), write('2#3', { y: '2' }));
    assert.deepEqual([witness.answers(), witness.underWay.length], [[], 1]);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1', 'c2 2#1 conflict:0', 'c2 2#3 parked:0']);
  });

  it('C6: collections are kept too, but nobody waits for them', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.keepAll();
    witness.answers();
    witness.collect(1, 1);
    assert.deepEqual(
      witness.underWay.map(({ batch }) => [batch.removed, batch.sessions]),
      [[[1], [{ session: 1, committedThrough: 1 }]]],
    );
    witness.check(2, 2, 'x');
    assert.deepEqual(witness.answers(), ['c2 check  @0']);
    witness.restart();
    witness.check(2, 1, 'x');
    assert.deepEqual(witness.answers(), ['c2 check 1#1 @1'], 'a collection that got lost');
    witness.tickAfter(300_000);
    assert.deepEqual(witness.answers(), ['stale 1#1'], 'and is asked for again');
  });

  it('F5: what is held of a session is said once it is kept that the leader asked, and nothing more comes in after', () => {
    const taken = (broken: Partial<WitnessRules>): string[] => {
      const witness = new KeptWitness({ rules: { ...witnessRules, ...broken } });
      witness.record(1, write('1#1', { x: '1' }, { weak: true }));
      witness.keepAll();
      witness.answers();
      witness.inquire(1, 1);
      const atOnce = witness.answers();
      if (atOnce.length === 0) {
        witness.keepAll();
        assert.deepEqual(witness.answers(), ['holds (1) 1#1']);
      }
      witness.restart();
      witness.record(1, write('1#2', { x: '2' }, { weak: true }), write('2#1', { y: '1' }, { weak: true }));
      witness.keepAll();
      return [...atOnce, ...witness.answers()];
    };
    assert.deepEqual(taken({}), ['c1 1#2 full:1', 'c1 2#1 accepted:1']);
    const isBroken = taken({ mayAnswerInquiry: () => true });
    assert.deepEqual(isBroken, ['holds (1) 1#1', 'c1 1#2 accepted:2', 'c1 2#1 accepted:1'], 'kept and dropped');
  });

  it('F5: a session that goes on is let in again when it is kept that the leader asks no more', () => {
    const witness = new KeptWitness();
    witness.inquire(1, 1);
    witness.keepAll();
    witness.inquire(2);
    assert.deepEqual(witness.answers(), ['holds (1) ']);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['holds (2) ']);
    witness.restart();
    witness.record(1, write('1#1', { x: '1' }, { weak: true }));
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1']);
  });

  it('C6: an entry that came and went within a turn is in no batch', () => {
    const witness = new KeptWitness();
    witness.turn(frame(1, [write('1#1', { x: '1' }), write('1#2', { y: '1' }, { committedThrough: 1 })]));
    const [first] = witness.underWay;
    assert.ok(first !== undefined);
    assert.deepEqual(
      first.batch.added.map(({ arrival, write: added }) => [arrival, idOf(added)]),
      [[2, '1#2']],
    );
    assert.deepEqual(first.batch.removed, []);
    witness.keepAll();
    witness.restart();
    witness.check(1, 1, 'y');
    assert.deepEqual(witness.answers().at(-1), 'c1 check 1#2 @2');
  });

  it('C6: answers to a client that is gone are forgotten, those to others are not', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.check(2, 2, 'x');
    witness.check(3, 3, 'x');
    witness.turn({ kind: 'clientGone', client: 2 });
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1', 'c3 check 1#1 @0']);
  });

  it('C6: in durability memory nothing is persisted and nothing waits', () => {
    const witness = new KeptWitness({ durability: 'memory' });
    witness.record(1, write('1#1', { x: '1' }));
    witness.seal(2);
    witness.recover(2);
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1', 'sealed e2 life 1', 'recovered 1#1']);
    assert.deepEqual([witness.underWay, witness.core.stats().batchesUnderWay], [[], 0]);
  });
});

describe('B: the life of a witness that keeps its memory', () => {
  const sealedAndLost = (options: Partial<WitnessOptions>) => {
    const witness = new KeptWitness(options);
    witness.seal(2);
    const answered = witness.answers();
    witness.restart();
    witness.record(1, write('1#1', { x: '1' }));
    witness.keepAll();
    return [answered, witness.answers()];
  };

  it('B5: a seal is answered once it is kept', () => {
    assert.deepEqual(sealedAndLost({}), [[], ['c1 1#1 accepted:1']], 'nobody was told, nothing was promised');
    assert.deepEqual(
      sealedAndLost(except('sealed')),
      [['sealed e2 life 1'], ['c1 1#1 accepted:1']],
      'without the rule a sealed life records',
    );
  });

  it('B5: a sealed life stays sealed through its end', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.seal(2);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c1 1#1 accepted:1', 'sealed e2 life 1']);
    witness.restart();
    assert.deepEqual([witness.core.epoch, witness.core.isRecording], [2, false]);
    witness.record(1, write('1#2', { y: '1' }));
    witness.recover(2);
    witness.recover(1);
    assert.deepEqual(witness.answers(), [
      'c1 refused: witness is sealed in epoch 2, not 1',
      'recovered 1#1',
      'callRefused',
    ]);
  });

  it('B5: a repeated seal waits for the first one', () => {
    const witness = new KeptWitness();
    witness.seal(2);
    witness.seal(2);
    assert.deepEqual([witness.answers(), witness.underWay.length], [[], 1]);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['sealed e2 life 1', 'sealed e2 life 1']);
  });

  it('B5: a pool is not handed over before its seal is kept', () => {
    const witness = new KeptWitness();
    witness.seal(2);
    witness.recover(2);
    assert.deepEqual(witness.answers(), []);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['sealed e2 life 1', 'recovered ']);
  });

  it('B6: a witness that lost nothing goes on in the same epoch at once', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }), write('1#2', { y: '1' }), write('1#4', { z: '1' }));
    witness.record(2, write('2#3', { v: '2' }, { committedThrough: 2 }));
    witness.keepAll();
    witness.answers();
    witness.restart();
    assert.equal(witness.core.isRecording, true);
    assert.equal(witness.core.stats().poolParked, 0, 'what was parked comes again');
    witness.record(3, write('3#1', { y: '3' }), write('1#3', { w: '1' }), write('2#2', { v: '1' }));
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['c3 3#1 conflict:0', 'c3 1#3 accepted:3', 'c3 2#2 committed:3']);
  });

  it('B6: arrival goes on counting, so that a pool is replayed in one order over all its processes', () => {
    const witness = new KeptWitness();
    witness.record(1, write('9#1', { a: '1' }));
    witness.record(1, write('1#1', { b: '1' }));
    witness.keepAll();
    witness.restart();
    witness.record(1, write('5#1', { c: '1' }));
    witness.keepAll();
    witness.restart();
    witness.seal(2);
    witness.keepAll();
    witness.answers();
    witness.recover(2);
    assert.deepEqual(witness.answers(), ['recovered 9#1 1#1 5#1']);
  });

  it('B9: what is restored has no hole; a store that lies is found out', () => {
    const promises = { epoch: 1, lifeEpoch: 1, isSealed: false, index: 0, leader: 0 };
    const restore = (arrivals: number[], sessions: WitnessImage['sessions'] = []) => {
      const entries = arrivals.map((arrival, index) => ({ arrival, write: write(`1#${index + 1}`, { x: '1' }) }));
      return new WitnessCore({
        ...{ clusterId: CLUSTER, id: 'w0', incarnation: 7, shards: 1, durability: 'disk' },
        image: { promises, entries, sessions, asked: undefined },
      });
    };
    assert.equal(restore([1, 4]).stats().poolEntries, 2);
    assert.throws(() => restore([4, 4]), /write 1#2, arrival 4, was found after arrival 4/);
    assert.throws(() => restore([1], [{ session: 1, committedThrough: 1 }]), /committed through 1/);
  });

  it('P6: a start is answered once the new life is kept, and before that nothing of it is', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.seal(2);
    witness.keepAll();
    witness.answers();
    witness.turn(started(2, [{ session: 1, committedThrough: 1 }]), frame(1, [write('1#2', { y: '1' })], 2));
    assert.deepEqual(witness.answers(), []);
    witness.restart();
    assert.deepEqual([witness.core.isRecording, witness.core.stats().poolEntries], [false, 1], 'still the old life');
    witness.turn(started(2, [{ session: 1, committedThrough: 1 }]), frame(1, [write('1#2', { y: '1' })], 2));
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['started e2', 'c1 1#2 accepted:2']);
    witness.restart();
    witness.start(2);
    witness.seal(3);
    witness.keepAll();
    witness.recover(3);
    assert.deepEqual(witness.answers(), ['started e2', 'sealed e3 life 2', 'recovered 1#2']);
  });

  it('P6: what the old life still had to keep is not part of the new one', () => {
    const witness = new KeptWitness();
    witness.turn(frame(1, [write('1#1', { x: '1' })]), sealed(2), started(2));
    const [first] = witness.underWay;
    assert.deepEqual([first?.batch.isFresh, first?.batch.added], [true, []]);
    witness.keepAll();
    witness.restart();
    assert.deepEqual([witness.core.isRecording, witness.core.stats().poolEntries], [true, 0]);
  });

  it('a full disk that is asked again and again is given nothing more to keep, and no more answers wait', () => {
    const witness = new KeptWitness();
    for (let again = 0; again < 100; again++) witness.seal(2);
    for (let again = 0; again < 20_000; again++) witness.check(1, 1, 'x');
    assert.equal(witness.underWay.length, 1);
    witness.keepAll();
    const answers = witness.answers();
    assert.equal(answers.filter((text) => text === 'sealed e2 life 1').length, 5);
    assert.equal(answers.length, 5 + 16_384);
  });

  it('B12: an end is answered once it is kept', () => {
    const witness = new KeptWitness();
    witness.record(1, write('1#1', { x: '1' }));
    witness.keepAll();
    witness.answers();
    witness.turn({ kind: 'end', call: 1, request: { clusterId: CLUSTER, epoch: 2 } });
    assert.deepEqual(witness.answers(), []);
    witness.keepAll();
    assert.deepEqual(witness.answers(), ['ended e2']);
    witness.restart();
    assert.deepEqual([witness.core.isRecording, witness.core.stats().poolEntries], [false, 0]);
  });
});
