// F5 and F7: how sessions end, what may not be lost on the way, and how a caller learns what became of a write. Each story
// first says what the rule gives, then, where a rule can be broken alone, what happens without it.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Slab } from '../../../protocol/bytes.js';
import { AskedSessions } from '../../../protocol/inquiry.js';
import { createQuorums } from '../../../protocol/quorum.js';
import { HeldWrites } from '../../../protocol/replica/held-writes.js';
import { Leases } from '../../../protocol/replica/leases.js';
import { Parking } from '../../../protocol/replica/parking.js';
import { replicaRules } from '../../../protocol/replica/rules.js';
import { AppliedState } from '../../../protocol/replica/state.js';
import { SessionSet } from '../../../protocol/session-set.js';
import { write } from './lone-witness.js';
import { type BrokenRules, outcome, type Story, type StoryOptions } from './story.js';
import { changeView, openStory } from './view-change.js';

const LEASE_US = 2_000_000;

function openWithLeases(options: StoryOptions = {}): Story {
  return openStory({ sessionLeaseUs: LEASE_US, ...options });
}

/** Lets a lease run out for everybody who says nothing; a step may not count more than an eighth of it. */
function passLease(story: Story): void {
  for (let step = 0; step < 12; step++) {
    story.advance(LEASE_US / 8);
    story.settle();
  }
}

function sessionsOf(story: Story, replica: number): number[] {
  return story.replicas[replica]?.sessions() ?? [];
}

/** A weak write that everybody but the leader has heard of; then its client falls silent for a lease. */
function witnessedElsewhere(broken: BrokenRules): Story {
  const story = openWithLeases({ broken });
  story.put(1, 'a', '0');
  story.settle();
  story.hold('c1', 'r0');
  const call = story.weakPut(1, 'x', '1');
  story.deliver('c1', 'r1 r2 w*');
  story.settle('r* w*', 'c1');
  assert.deepEqual([outcome(call), call.levels], ['weak', ['witnessed']]);
  story.crash('c1');
  // Nobody brings it to the leader unasked.
  story.hold('r1 r2 w*', 'r0');
  return story;
}

describe('F5: sessions end', () => {
  it('F5: a session that is not heard of for a lease ends, and its record goes everywhere', () => {
    const story = openWithLeases();
    story.put(1, 'x', '1');
    story.settle();
    story.crash('c1');
    passLease(story);
    assert.deepEqual(
      [0, 1, 2].map((replica) => sessionsOf(story, replica)),
      [[], [], []],
    );
    assert.deepEqual(
      [0, 1, 2].map((replica) => story.replicas[replica]?.hasEnded(1)),
      [true, true, true],
    );
    assert.deepEqual(story.stateOf(1), ['x=1'], 'what it wrote stays');
  });

  it('F5: a session that says it is alive goes on, one that is closed ends at once', () => {
    const story = openWithLeases();
    story.put(1, 'x', '1');
    story.put(2, 'y', '1');
    story.settle();
    for (const [id, core] of story.clients) if (id === 2) assert.ok(core.inspectSession(2));
    story.toClient(2, { kind: 'closeSession', session: 2 });
    story.settle();
    story.advance(30_000);
    story.settle();
    assert.deepEqual(sessionsOf(story, 0), [1]);
    assert.equal(story.replicas[0]?.hasEnded(2), true);
    assert.equal(story.put(1, 'x', '2').failed, undefined);
  });

  it('F5: nothing ends before a majority of replicas and enough witnesses have said what they hold', () => {
    for (const silent of ['r1 r2', 'w*']) {
      const story = openWithLeases();
      story.put(1, 'x', '1');
      story.settle();
      story.crash('c1');
      story.hold(silent, 'r0');
      passLease(story);
      assert.deepEqual(sessionsOf(story, 0), [1], `${silent} have not answered`);
      story.release();
      story.settle();
      passLease(story);
      assert.deepEqual(sessionsOf(story, 0), []);
    }
  });

  it('F5, E8: a witnessed write that the leader never saw is found before its session ends', () => {
    const story = witnessedElsewhere({});
    story.settle();
    for (let step = 0; step < 12; step++) story.advance(LEASE_US / 8);
    assert.equal(story.replicas[0]?.hasEnded(1), false);
    story.release();
    passLease(story);
    assert.deepEqual(story.stateOf(0), ['a=0', 'x=1']);
    assert.equal(story.replicas[0]?.hasEnded(1), true);
  });

  it('F5: without the inquiry that write is lost', () => {
    const story = witnessedElsewhere({ replica: { mayEnd: () => true } });
    story.hold('nobody', 'nobody');
    for (let step = 0; step < 12; step++) {
      story.advance(LEASE_US / 8);
      story.deliver('r0', 'r1 r2');
      story.settle('r0', '*');
    }
    story.release();
    passLease(story);
    assert.deepEqual(story.stateOf(0), ['a=0']);
  });

  it('F5: once asked, a holder takes in nothing new of the session until it is asked otherwise', () => {
    const story = openWithLeases();
    story.put(1, 'a', '0');
    story.settle();
    story.hold('c1', 'r0');
    story.hold('r1 r2 w*', 'r0');
    for (let step = 0; step < 12; step++) {
      story.advance(LEASE_US / 8);
      story.settle('r0', 'r* w*');
    }
    const late = story.weakPut(1, 'x', '1');
    story.deliver('c1', 'r1 r2 w*');
    story.settle('r1 r2 w*', 'c1');
    assert.deepEqual([outcome(late), late.levels], ['pending', []], 'neither acknowledged nor accepted');
    story.release();
    for (let step = 0; step < 6; step++) {
      story.advance(200_000);
      story.settle();
    }
    const isThrough = late.levels.includes('committed') || late.failed === 'sessionExpired';
    assert.ok(isThrough, 'and it is not left hanging');
  });

  it('F5: writes of an ended session are refused, whoever brings them, and its client is told what may be lost', () => {
    const story = openWithLeases();
    story.put(1, 'x', '1');
    story.settle();
    story.hold('c1', '*');
    const strong = story.put(1, 'x', '2');
    const weak = story.weakPut(1, 'y', '1');
    const read = story.get(1, 'x');
    passLease(story);
    assert.equal(story.replicas[0]?.hasEnded(1), true);
    story.settle();
    assert.deepEqual(story.expired, [{ session: 1, lost: [2, 3] }]);
    assert.deepEqual([strong.failed, weak.failed, read.failed], new Array(3).fill('sessionExpired'));
    story.release();
    passLease(story);
    assert.deepEqual(story.stateOf(0), ['x=1'], 'E7: what was under way all that time changes nothing');
    assert.equal(story.put(1, 'x', '3').refused, 'sessionExpired');
    assert.deepEqual(
      story.witnesses.map((witness) => witness.stats().poolEntries),
      [0, 0, 0],
    );
    assert.equal(outcome(story.put(2, 'x', '4')), 'pending');
    story.settle();
    assert.deepEqual(story.stateOf(0), ['x=4'], 'other sessions go on');
  });

  const lateDuplicate = (broken: BrokenRules) => {
    const story = openWithLeases({ broken });
    story.swap(1, 'x', null, '1');
    const duplicate = story.copy('c1', 'r0');
    story.settle();
    story.remove(2, 'x');
    story.settle();
    story.crash('c1');
    passLease(story);
    duplicate();
    passLease(story);
    return story.stateOf(0);
  };

  it('F5, F2: a late duplicate of an ended session is not executed again', () => {
    assert.deepEqual(lateDuplicate({}), []);
    assert.deepEqual(lateDuplicate({ replica: { isEnded: () => false } }), ['x=1'], 'without the memory of its id');
  });

  it('F5: a new leader gives every session a lease anew and knows what has ended', () => {
    const story = openWithLeases();
    story.put(1, 'x', '1');
    story.put(2, 'y', '1');
    story.settle();
    story.crash('c1');
    for (let step = 0; step < 6; step++) story.advance(LEASE_US / 8);
    story.settle();
    story.crash('r0');
    changeView(story, { fence: [1, 2] });
    story.settle();
    for (let step = 0; step < 4; step++) story.advance(LEASE_US / 8);
    story.settle();
    assert.ok(sessionsOf(story, 1).includes(1), 'half a lease under each leader is not a lease');
    passLease(story);
    assert.ok(!sessionsOf(story, 1).includes(1));
  });
});

describe('F7: what became of a write', () => {
  it('F7: a write of an open session is waited for, and its result kept for who asks after giving up', () => {
    const story = openStory();
    story.hold('r0 w*', 'c1');
    const call = story.swap(1, 'x', null, '1');
    story.settle();
    story.toClient(1, { kind: 'abandon', call: 1 });
    const asked = story.resolve(1, { session: 1, seq: 1 });
    assert.ok(asked.resolved === undefined);
    story.release();
    story.settle();
    assert.equal(outcome(call), 'pending');
    const first = story.resolve(1, { session: 1, seq: 1 }).resolved;
    assert.deepEqual(asked.resolved, first);
    const again = story.resolve(1, { session: 1, seq: 1 }).resolved;
    assert.ok(again?.status === 'executed' && again.result?.applied === true);
  });

  it('F7, F6: another session’s write is answered for after a round that began later', () => {
    const story = openStory();
    story.put(1, 'x', '1');
    story.settle();
    story.hold('r1 r2', 'r0');
    const asked = story.resolve(2, { session: 1, seq: 1 });
    const other = story.resolve(2, { session: 1, seq: 2 });
    story.settle();
    assert.deepEqual([asked.resolved, other.resolved], [undefined, undefined]);
    story.release();
    story.advance(60_000);
    story.settle();
    assert.equal(asked.resolved?.status, 'executed');
    assert.deepEqual(other.resolved, { status: 'notExecuted', isFinal: false });
  });

  it('F7: to settle is to end the session: the answer is final, and what comes later is refused', () => {
    const story = openWithLeases();
    story.hold('c1', '*');
    story.put(1, 'x', '1');
    const asked = story.resolve(2, { session: 1, seq: 1 }, true);
    for (let step = 0; step < 4; step++) {
      story.settle();
      story.advance(110_000);
    }
    assert.deepEqual(asked.resolved, { status: 'notExecuted', isFinal: true });
    story.release();
    passLease(story);
    assert.deepEqual(story.stateOf(0), []);
    assert.deepEqual(story.expired, [{ session: 1, lost: [1] }]);
    const later = story.resolve(3, { session: 1, seq: 1 });
    story.settle();
    story.advance(60_000);
    story.settle();
    assert.deepEqual(later.resolved, { status: 'sessionEnded' });
  });
});

describe('the parts of an ending', () => {
  it('F8: ended ids are remembered in ranges, however they come', () => {
    const ids = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 60 });
    fc.assert(
      fc.property(ids, (sessions) => {
        const set = new SessionSet();
        for (const session of sessions) set.add(session);
        const model = new Set(sessions);
        for (let id = 1; id <= 41; id++) assert.equal(set.has(id), model.has(id));
        const ranges = set.toRanges();
        ranges.slice(1).forEach(({ first }, at) => assert.ok(first > (ranges[at]?.last ?? 0) + 1));
        const again = SessionSet.fromRanges([...ranges].reverse());
        assert.deepEqual([again.toRanges(), again.hash], [ranges, set.hash]);
      }),
    );
  });

  it('a step counts an eighth of the lease at most, and only silence counts', () => {
    const leases = new Leases(8000, 0);
    leases.begin(1);
    leases.begin(2);
    leases.pass(1_000_000_000);
    assert.deepEqual(leases.findDue(10), [], 'the process did not run');
    for (let nowUs = 1; nowUs <= 8; nowUs++) leases.pass(1_000_000_000 + nowUs * 1000);
    leases.renew(2);
    leases.renew(3);
    assert.deepEqual([leases.findDue(10), leases.size], [[1], 2]);
    leases.close(7);
    assert.deepEqual(leases.findDue(10).includes(7), true, 'a closed one need not be known');
    leases.forget(1);
    leases.pass(1_000_010_000);
    for (let step = 0; step < 3; step++) assert.deepEqual(leases.findDue(10), []);
  });

  it('F5: an answer has all that is held, or no number', () => {
    const asked = new AskedSessions();
    const held = Array.from({ length: 5000 }, (_, at) => write(`1#${at + 1}`, { x: '1' }));
    const heldOf = (session: number, limit: number) => (session === 1 ? held.slice(0, limit) : []);
    asked.onInquiry({ number: 3, sessions: [1, 2] });
    assert.deepEqual([asked.has(1), asked.has(9), asked.isOwed], [true, false, true]);
    const cut = asked.answer(heldOf);
    assert.deepEqual([cut.number, cut.held.length], [0, 4096]);
    held.length = 10;
    asked.onInquiry({ number: 2, sessions: [] });
    assert.equal(asked.has(1), true, 'an older question changes nothing');
    const whole = asked.answer(heldOf);
    assert.deepEqual([whole.number, whole.held.length], [3, 10]);
    held.length = 0;
    held.push(...Array.from({ length: 4 }, (_, at) => write(`1#${at + 1}`, { x: 'v'.repeat(600_000) })));
    assert.deepEqual([asked.answer(heldOf).number, asked.answer(heldOf).held.length], [0, 2], 'no larger than a frame');
    asked.clear();
    assert.equal(asked.has(1), false);
  });

  it('F5: quorums meet every majority and every q witnesses', () => {
    const whole = createQuorums({ replicas: 3, witnesses: 3, fastQuorum: 3 });
    assert.equal(replicaRules.mayEnd({ replicas: 2, witnesses: 1 }, whole), true);
    assert.equal(replicaRules.mayEnd({ replicas: 1, witnesses: 3 }, whole), false);
    assert.equal(replicaRules.mayEnd({ replicas: 3, witnesses: 0 }, whole), false);
    const partial = createQuorums({ replicas: 5, witnesses: 5, fastQuorum: 4 });
    assert.equal(replicaRules.mayEnd({ replicas: 3, witnesses: 2 }, partial), true);
    assert.equal(replicaRules.mayEnd({ replicas: 3, witnesses: 1 }, partial), false);
  });

  it('F5: the end of a session changes the state, equally wherever it is applied, and is found again', () => {
    const apply = () => {
      const state = new AppliedState(2, replicaRules);
      state.apply(1, write('7#1', { x: '1' }).command);
      state.track();
      state.end(2, [7, 9]);
      return state;
    };
    const state = apply();
    assert.equal(state.hash, apply().hash);
    assert.equal(state.apply(3, write('7#2', { x: '2' }).command), null);
    assert.deepEqual([state.dedup.size, state.store.get('x')?.value], [0, '1']);
    assert.deepEqual(state.takeEndings(), [
      { first: 7, last: 7 },
      { first: 9, last: 9 },
    ]);
    assert.equal(state.takeEndings(), undefined);
    const loaded = new AppliedState(1, replicaRules);
    const keys = [['x', state.store.get('x') ?? assert.fail()]] as const;
    loaded.load({ slot: 3, keys, sessions: [], expired: state.ended.toRanges(), forgottenSlots: [0] });
    assert.equal(loaded.hash, state.hash);
    assert.equal(loaded.ended.has(9), true);
  });

  it('held and parked writes are bounded in bytes', () => {
    const big = write('1#2', { x: 'v'.repeat(1000) });
    const held = new HeldWrites({ writes: 100, bytes: 1000 }, new Slab());
    assert.deepEqual([held.hold(big, 0), held.hold(write('1#3', { x: '1' }), 0)], [true, false]);
    held.release(1, 2);
    assert.deepEqual([held.bytes, held.hold(write('1#3', { x: '1' }), 0)], [0, true]);
    const parking = new Parking({ count: 100, bytes: 1000 });
    assert.deepEqual([parking.parkWrite(big, 1), parking.parkWrite(write('1#3', { x: '1' }), 1)], [true, false]);
    parking.dropSession(1);
    assert.deepEqual([parking.parkWrite(write('1#3', { x: '1' }), 1), parking.size], [true, 1]);
  });
});
