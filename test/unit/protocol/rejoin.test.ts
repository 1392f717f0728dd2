// Replicas that lost their memory, are new, or lag behind the log: brought up to date by the leader, counting nowhere
// until the list of replicas names them. Each story shows what a system without the rule loses.

import assert from 'node:assert/strict';
import type { ReplicaMember, SnapshotPart } from '../../../protocol/messages.js';
import { type ReplicaRules, replicaRules } from '../../../protocol/replica/rules.js';
import { AppliedState } from '../../../protocol/replica/state.js';
import { LoneReplica } from './lone-replica.js';
import { outcome, type Story, type StoryOptions, toBytes, valueRead } from './story.js';
import { changeView, openStory } from './view-change.js';

const LEASE_US = 2_000_000;

/** A coordinator asks the leader for a life that is to take a place. */
function admit(story: Story, member: ReplicaMember, version = story.config.version): void {
  const { clusterId, epoch, leader } = story.config;
  story.toReplica(leader, { kind: 'admit', call: 1, request: { clusterId, epoch, version, member } });
}

/** The record names the member from now on. */
function exchange(story: Story, member: ReplicaMember): void {
  const replicas = story.config.replicas.map((present) => (present.index === member.index ? member : present));
  story.config = { ...story.config, replicas, version: story.config.version + 1 };
}

function tellReplicas(story: Story): void {
  story.replicas.forEach((_, replica) => story.toReplica(replica, { kind: 'config', config: story.config }));
}

function member(replica: number, index: number, incarnation: number): ReplicaMember {
  return { id: `r${replica}`, index, address: '', incarnation };
}

/** An open story with something in it, and what a life is called that begins in it. */
function begin(options: StoryOptions = {}): Story {
  const story = openStory(options);
  for (const value of ['1', '2', '3']) {
    story.put(1, `k${value}`, value);
    story.settle();
  }
  return story;
}

function broken(replica: Partial<ReplicaRules>): StoryOptions {
  return { broken: { replica } };
}

/** The leader alone has a write on its log, apart from whom it may send to. */
function putHeldFrom(story: Story, ...held: string[]): ReturnType<Story['put']> {
  for (const name of held) story.hold('r0', name);
  story.hold('w*', 'c*');
  const call = story.put(1, 'x', 'late');
  story.settle();
  return call;
}

describe('P7: a life that is to join', () => {
  it('P7: a replica that lost its memory gets the log, counts once the list names it, and is a full member then', () => {
    const story = begin();
    story.startReplica(2, 900);
    const joining = member(2, 2, 900);
    admit(story, joining);
    story.advance(60_000);
    story.settle();
    assert.deepEqual(story.admitted, [{ epoch: 1, matchSlot: 4 }]);
    exchange(story, joining);
    tellReplicas(story);
    story.tell(1, 2, 3);
    story.advance(60_000);
    story.settle();
    assert.deepEqual(story.stateOf(2), ['k1=1', 'k2=2', 'k3=3']);
    // With r1 gone it is the majority, and with r0 gone it leads.
    story.crash('r1');
    const after = story.put(1, 'x', 'after');
    story.settle();
    assert.equal(story.replicas[0]?.inspect().commitSlot, 5);
    assert.notEqual(after.answer, undefined);
  });

  it('P7: it counts in no majority before the list names it', () => {
    const commitOf = (rules: Partial<ReplicaRules>): number | undefined => {
      const story = begin(broken(rules));
      story.startReplica(3, 900);
      admit(story, member(3, 2, 900));
      story.advance(60_000);
      story.settle();
      putHeldFrom(story, 'r1', 'r2');
      return story.replicas[0]?.inspect().commitSlot;
    };
    assert.equal(commitOf({}), 4);
    const early: Partial<ReplicaRules> = {
      reachedAtPlace: (named, joining) => Math.max(named, ...joining.map(({ reached }) => reached)),
    };
    assert.equal(commitOf(early), 5, 'a leader that counted it would commit what no member has');
  });

  it('D10: once it may be named a place counts by both its lives, so that a majority holds under either list', () => {
    const lostAfter = (rules: Partial<ReplicaRules>): string[] => {
      const story = begin(broken(rules));
      story.startReplica(3, 900);
      const joining = member(3, 2, 900);
      admit(story, joining);
      story.advance(60_000);
      story.settle();
      // The record names r3, the leader has not heard of it. Leader and former member alone get what follows.
      putHeldFrom(story, 'r1', 'r3');
      const isCommitted = story.replicas[0]?.inspect().commitSlot === 5;
      exchange(story, joining);
      story.crash('r0', 'r2');
      story.release();
      for (const witness of ['w*']) story.hold(witness, '*');
      story.toReplica(3, { kind: 'config', config: story.config });
      const fenced = [1, 3].map((replica) => story.replicas[replica]?.inspect().lastSlot);
      return isCommitted ? fenced.map((slot) => `committed 5, there is ${slot}`) : [];
    };
    assert.deepEqual(lostAfter({}), [], 'nothing was committed that the new list could lose');
    assert.deepEqual(lostAfter({ reachedAtPlace: (named) => named }), [
      'committed 5, there is 4',
      'committed 5, there is 4',
    ]);
  });

  it('P7: a life that was prepared for one place may take another, and counts are right under either list', () => {
    const story = begin();
    story.startReplica(3, 900);
    for (const index of [2, 1]) {
      admit(story, member(3, index, 900));
      story.advance(60_000);
      story.settle();
    }
    assert.deepEqual(
      story.admitted.map(({ matchSlot }) => matchSlot),
      [4, 4],
      'the member of the first place came back, that of the second is gone',
    );
    putHeldFrom(story, 'r3');
    assert.equal(story.replicas[0]?.inspect().commitSlot, 4, 'the next list may have r3 in place of r1 or of r2');
  });

  it('P7: the coordinator is not told before it has all that was counted without it', () => {
    const told = (rules: Partial<ReplicaRules>): number => {
      const story = begin(broken(rules));
      story.startReplica(3, 900);
      story.hold('r0', 'r3');
      admit(story, member(3, 2, 900));
      story.settle();
      return story.admitted.length;
    };
    assert.equal(told({}), 0);
    assert.equal(told({ mayJoin: () => true }), 1);
  });

  it('P7: an answer of the former life of a place does not count for the present one', () => {
    const commitOf = (rules: Partial<ReplicaRules>): number | undefined => {
      const story = begin(broken(rules));
      story.startReplica(3, 900);
      const joining = member(3, 2, 900);
      admit(story, joining);
      story.advance(60_000);
      story.settle();
      story.hold('r2', 'r0');
      putHeldFrom(story, 'r1', 'r3');
      exchange(story, joining);
      story.toReplica(0, { kind: 'config', config: story.config });
      story.deliver('r2', 'r0', 'replicated');
      return story.replicas[0]?.inspect().commitSlot;
    };
    assert.equal(commitOf({}), 4);
    const anyLife: Partial<ReplicaRules> = { isOfLife: (frame, life) => frame.replica === life.index };
    assert.equal(commitOf(anyLife), 5);
  });

  it('P7, F5: what a former life has said of the sessions that are to end does not count for the present one', () => {
    /** r2 has answered, or is about to; then its place is exchanged, and the new life and r1 take in one more write. */
    const keptWith = (rules: Partial<ReplicaRules>, isAnswerLate: boolean): string[] => {
      const story = begin({ ...broken(rules), sessionLeaseUs: LEASE_US, bound: 1 });
      story.startReplica(3, 900);
      const joining = member(3, 2, 900);
      admit(story, joining);
      story.advance(60_000);
      story.settle();
      story.hold('c1', 'r0 w*');
      story.hold('r0', 'r1 w*');
      for (let step = 0; step < 12; step++) {
        story.advance(LEASE_US / 8);
        story.deliver('r0', 'r2');
        if (!isAnswerLate) story.settle('r2', '*');
      }
      story.hold('r2', 'r0');
      exchange(story, joining);
      tellReplicas(story);
      story.tell(1);
      story.hold('r3', 'r0');
      const call = story.weakPut(1, 'x', 'kept');
      // The first acknowledgement is lost, and no witness is there: all replicas are asked.
      story.settle('c1', 'r1 r3');
      story.drop('r1 r3', 'c1');
      for (const witness of [0, 1, 2]) story.toClient(1, { kind: 'witnessDown', witness });
      for (let step = 0; step < 20; step++) {
        story.advance(30_000);
        story.settle('c1', 'r1 r3');
        story.settle('r1 r3', 'c1');
      }
      assert.deepEqual(call.levels, ['witnessed'], 'a majority holds it');
      story.crash('c1');
      // The witnesses answer, which have nothing of it.
      if (isAnswerLate) story.deliver('r2', 'r0', 'replicated');
      story.release();
      story.hold('r0', 'r1 r3');
      story.hold('r1 r3', 'r0');
      for (let step = 0; step < 12; step++) {
        story.advance(30_000);
        story.settle('r0 w*', 'r0 w*');
      }
      // Its end would have to wait for r1 and r3 to be committed; that it is in the log is enough.
      if ((story.replicas[0]?.inspect().lastSlot ?? 0) > 4) return [];
      story.release();
      for (let step = 0; step < 24; step++) {
        story.advance(LEASE_US / 8);
        story.settle();
      }
      return story.stateOf(0).filter((entry) => entry.startsWith('x'));
    };
    assert.deepEqual(keptWith({}, false), ['x=kept']);
    assert.deepEqual(keptWith({}, true), ['x=kept']);
    const anyLife: Partial<ReplicaRules> = { isOfLife: (frame, life) => frame.replica === life.index };
    assert.deepEqual(keptWith(anyLife, true), [], 'an answer of any life');
  });

  it('D10: the leader answers for no list but its own, so that an answer does not outlive the joint count', () => {
    const story = begin();
    story.startReplica(3, 900);
    admit(story, member(3, 2, 900), 2);
    story.advance(60_000);
    story.settle();
    assert.deepEqual(story.admitted, [{ epoch: 1, matchSlot: 0 }]);
  });

  it('P7: the member that was left out acknowledges nothing any more', () => {
    const story = begin();
    story.startReplica(3, 900);
    const joining = member(3, 2, 900);
    admit(story, joining);
    story.advance(60_000);
    story.settle();
    const left = story.config;
    exchange(story, joining);
    tellReplicas(story);
    const write = story.weakPut(1, 'y', '1');
    const frames = story.mail.filter(({ to }) => to === 'r2');
    assert.deepEqual(frames, [], 'frames for the place go to its new member');
    story.toReplica(2, { kind: 'config', config: left });
    story.drop('*', '*');
    assert.equal(write.answer, undefined);
    assert.equal(story.replicas[2]?.isOpen, false, 'an older list does not bring it back');
  });

  it('P7: a level that counted the former life is not counted for the new one', () => {
    const story = begin({ bound: 1 });
    story.hold('w*', 'c*');
    story.hold('r0', '*');
    const write = story.weakPut(1, 'y', '1');
    story.deliver('c1', 'r1');
    story.settle('r1', 'c1');
    assert.deepEqual([outcome(write), write.levels], ['weak', []]);
    // r1, which held it, is exchanged; then r2 holds it: one of three.
    exchange(story, member(3, 1, 900));
    story.tell(1);
    story.deliver('c1', 'r2');
    const ack = { clusterId: story.config.clusterId, epoch: 1, replica: 2, commitSlot: 0, commitNotices: [] };
    story.toClient(1, { kind: 'acks', batch: { ...ack, weakAcks: [{ session: 1, seq: 4 }], trace: undefined } });
    assert.deepEqual(write.levels, []);
  });
});

describe('E8: processes that held writes', () => {
  it('E8: a level that counted a process that ended since is not reached, though its life goes on', () => {
    const levels = (hears: boolean) => {
      const story = begin({ bound: 1 });
      story.hold('w*', 'c*');
      story.hold('r0', '*');
      const write = story.weakPut(1, 'y', '1');
      story.deliver('c1', 'r1');
      story.settle('r1', 'c1');
      if (hears) story.toClient(1, { kind: 'replicaDown', replica: 1 });
      const ack = { clusterId: story.config.clusterId, epoch: 1, replica: 2, commitSlot: 0, commitNotices: [] };
      story.toClient(1, { kind: 'acks', batch: { ...ack, weakAcks: [{ session: 1, seq: 4 }], trace: undefined } });
      return write.levels;
    };
    assert.deepEqual(levels(true), []);
    assert.deepEqual(levels(false), ['witnessed'], 'both still hold it');
  });
});

describe('P7: snapshots', () => {
  it('P7: nobody is sent one by a leader that has the whole log, however late an answer says no', () => {
    const leader = new LoneReplica();
    for (const epoch of [1, 2]) {
      leader.fence(epoch);
      leader.lead(epoch);
      leader.keepAll();
    }
    leader.turn({ kind: 'peerUp', replica: 1 });
    for (let again = 0; again < 3; again++) leader.deny(2, 0);
    leader.acknowledge(2, 0);
    const frames = leader.said.flatMap((output) => (output.kind === 'replicate' ? [output.frame] : []));
    const last = frames.at(-1);
    assert.deepEqual([last?.prevSlot, last?.entries.length], [0, 2]);
    assert.ok(frames.every(({ snapshot }) => snapshot === undefined));
  });

  const SHORT: StoryOptions = { logKeptEntries: 1, logEntriesLimit: 4, snapshotPartBytes: 60 };

  /** r2 missed more than the log still has. */
  function beginBehind(rules: Partial<ReplicaRules> = {}): Story {
    const story = openStory({ ...SHORT, ...broken(rules) });
    story.crash('r2');
    for (let i = 1; i <= 12; i++) {
      story.put(1, `k${i}`, `${i}`);
      story.settle();
    }
    story.remove(1, 'k3');
    story.settle();
    story.revive('r2');
    return story;
  }

  /** Lets r0 and r2 talk until r2 has everything; `meddle` sees every frame first. */
  function catchUp(story: Story, meddle: (story: Story) => void = () => undefined): void {
    for (let round = 0; round < 60 && story.replicas[2]?.inspect().appliedSlot !== 14; round++) {
      story.advance(60_000);
      meddle(story);
      story.settle();
    }
  }

  function stateAfter(story: Story): string[] {
    const [leader, , behind] = story.replicas.map((core) => core.inspect());
    assert.deepEqual(
      { ...behind, isLeader: true, uncommitted: 0 },
      { ...leader, uncommitted: 0 },
      'leader and follower hold the same',
    );
    return story.stateOf(2);
  }

  it('P7: a member that lags behind the beginning of the log is given the state', () => {
    const story = beginBehind();
    catchUp(story);
    assert.equal(stateAfter(story).length, 11);
  });

  it('P7: parts that are lost, repeated or overtaken change nothing', () => {
    const story = beginBehind();
    let count = 0;
    catchUp(story, () => {
      if (story.mail.some(({ from, to }) => from === 'r0' && to === 'r2')) {
        const repeat = story.copy('r0', 'r2');
        if (++count % 3 === 0) story.drop('r0', 'r2');
        repeat();
        repeat();
      }
      const late = story.mail.splice(0).reverse();
      story.mail.push(...late);
    });
    assert.equal(stateAfter(story).length, 11);
  });

  it('P7: a part that is missing is not passed over', () => {
    const sizes = (rules: Partial<ReplicaRules>): number => {
      const story = beginBehind(rules);
      const isPart = ({ from, to, kind }: Story['mail'][number]) =>
        from === 'r0' && to === 'r2' && kind === 'replicate';
      let isDropped = false;
      for (let round = 0; round < 400 && story.replicas[2]?.inspect().appliedSlot !== 14; round++) {
        const parts = story.mail.filter(isPart);
        // Several at once can only be parts: nothing else is sent on before it is answered.
        if (!isDropped && parts.length > 1) {
          story.mail.splice(story.mail.findIndex(isPart), 1);
          isDropped = true;
        }
        const next = story.mail.shift();
        if (next === undefined) story.advance(60_000);
        else next.deliver();
      }
      return isDropped ? story.stateOf(2).length : 0;
    };
    assert.equal(sizes({}), 11);
    const passedOver = sizes({ isNextPart: (number, received) => number >= received });
    assert.ok(passedOver < 11, `${passedOver} keys of 11 have arrived`);
  });

  it('P7: what changes while parts are on their way is not in them', () => {
    const frozen = new AppliedState(2, replicaRules);
    let slot = 0;
    const apply = (seq: number, ackedThrough: number): void => {
      const mutations = [{ key: toBytes('k'), value: toBytes(`${seq}`), deletes: false }];
      const command = { session: 1, seq, strong: true, mutations, condition: undefined, ackedThrough };
      frozen.apply(++slot, command);
    };
    for (let seq = 1; seq <= 6; seq++) apply(seq, 0);
    const { shards, sessions } = frozen.freeze();
    const [[, record] = [0, undefined]] = sessions;
    const results = record?.results.keys();
    assert.equal(results?.next().value, 1);
    apply(7, 5);
    assert.deepEqual([...(results ?? [])], [2, 3, 4, 5, 6], 'the reader was in the middle of the results');
    const values = shards.flatMap(({ versions }) => [...versions.values()].map(({ value }) => value));
    assert.deepEqual(values, ['6']);
    assert.equal(frozen.store.get('k')?.value, '7');
  });

  it('P7: a snapshot takes nothing from a log that goes on from its slot', () => {
    const story = begin();
    story.hold('r0', 'r1');
    story.hold('w*', 'c*');
    story.put(1, 'x', 'late');
    story.settle();
    const before = story.replicas[2]?.inspect();
    assert.equal(before?.lastSlot, 5, 'r2 has acknowledged what is committed with its word');
    const part: SnapshotPart = {
      ...{ slot: 4, slotEpoch: 1, number: 0, isLast: true },
      ...{ keys: [], sessions: [], expired: [], forgottenSlots: [] },
    };
    const { clusterId, epoch } = story.config;
    const position = {
      prevSlot: 0,
      prevEpoch: 0,
      entries: [],
      commitSlot: 4,
      openSlot: 1,
      round: 0,
      storedEverywhere: 0,
    };
    const frame = {
      clusterId,
      epoch,
      leader: 0,
      ...position,
      trace: undefined,
      learner: 0,
      snapshot: part,
      inquiry: undefined,
    };
    story.toReplica(2, { kind: 'replicate', frame });
    assert.equal(story.replicas[2]?.inspect().lastSlot, 5);
    story.release();
    story.crash('r0');
    changeView(story, { fence: [1, 2], from: 0 });
    story.tell(1);
    story.settle();
    const read = story.get(2, 'x');
    story.tell(2);
    story.settle();
    assert.equal(valueRead(read), 'late');
  });
});
