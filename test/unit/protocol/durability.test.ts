// What a replica with a disk promises: nothing is said before it is kept, what is kept is found again whole, and whoever
// led an epoch in an earlier process leads it no more.

import assert from 'node:assert/strict';
import type { ReplicaOutput } from '../../../protocol/core.js';
import { AskedSessions } from '../../../protocol/inquiry.js';
import type { LogEntry } from '../../../protocol/messages.js';
import { Journal, type StatePiece } from '../../../protocol/replica/journal.js';
import { ReplicaLog } from '../../../protocol/replica/log.js';
import type { ReplicaRules } from '../../../protocol/replica/rules.js';
import { replicaRules } from '../../../protocol/replica/rules.js';
import { AppliedState } from '../../../protocol/replica/state.js';
import { ReplicaDisk } from '../../simulation/replica-disk.js';
import { LoneReplica, type OutputOf, rangesOf } from './lone-replica.js';
import { write } from './lone-witness.js';
import { CLUSTER, toBytes } from './story.js';

const entry = (epoch: number, id?: string, mutations: Record<string, string> = { x: '1' }): LogEntry => {
  return { epoch, command: id === undefined ? undefined : write(id, mutations).command, expiry: undefined };
};

/** A replica that follows r1 in epoch 1 and keeps that it does. */
function follower(broken: Partial<ReplicaRules> = {}, checkpointEntries = 1000): LoneReplica {
  const replica = new LoneReplica({ broken, checkpointEntries });
  replica.configure(1, 1);
  replica.keepAll();
  return replica;
}

/** A replica that leads epoch 1 and keeps that it does; r1 has nothing yet. */
function leader(broken: Partial<ReplicaRules> = {}): LoneReplica {
  const replica = new LoneReplica({ broken });
  replica.lead(1);
  replica.keepAll();
  return replica;
}

describe('C6: kept before it is said', () => {
  it('C6: a follower has what its disk has, and says so when it does', () => {
    const matches = (broken: Partial<ReplicaRules>) => {
      const replica = follower(broken);
      replica.follow(1, [0, 0], [entry(1), entry(1, '1#1')]);
      const atOnce = replica.matched();
      replica.keepAll();
      return [atOnce, replica.matched()];
    };
    assert.deepEqual(matches({}), [0, 2]);
    assert.deepEqual(matches({ acknowledgedSlot: (verified) => verified }), [2, undefined], 'said before it is kept');
  });

  it('C6: of several batches under way each counts when it is kept, in their order', () => {
    const replica = follower();
    for (let slot = 1; slot <= 3; slot++) replica.follow(1, [slot - 1, slot === 1 ? 0 : 1], [entry(1)]);
    assert.deepEqual([rangesOf(replica.waiting), replica.matched()], [['1-1', '2-2', '3-3'], 0]);
    replica.keep(2);
    assert.equal(replica.matched(), 2);
  });

  it('C6: a fence that is asked again joins the batch under way; a full disk is given nothing more to keep', () => {
    const replica = follower();
    for (let again = 0; again < 100; again++) assert.equal(replica.fence(2), undefined);
    assert.equal(replica.waiting.length, 1);
    replica.keepAll();
    const answers = replica.take('fenced');
    assert.ok(answers.length > 0 && answers.length <= 16, `${answers.length} answers waited`);
    assert.equal(answers.at(-1)?.response.epoch, 2);
    assert.deepEqual(replica.fence(2), [2, 0], 'kept already: answered at once');
    assert.equal(replica.waiting.length, 0);
  });

  const askedAndRestarted = (broken: Partial<ReplicaRules>) => {
    const replica = follower(broken);
    replica.ask(1, { number: 4, sessions: [7] });
    const inquiries = () => replica.take('replicated').map(({ frame }) => frame.inquiry);
    const atOnce = inquiries();
    if (!atOnce.includes(4)) replica.keepAll();
    const later = inquiries();
    replica.restart();
    replica.configure(1, 1);
    return { replica, atOnce, later };
  };

  it('F5: what a follower was asked about is known to its next process, and its answer counts only then', () => {
    const { replica, atOnce, later } = askedAndRestarted({});
    assert.deepEqual([atOnce, later], [[0], [4]]);
    assert.deepEqual([replica.send('7#1'), replica.send('8#1')], ['refused', 'acknowledged']);
    const broken = askedAndRestarted({ mayAnswerInquiry: () => true });
    assert.deepEqual(broken.atOnce, [4], 'said before it is kept');
    assert.equal(broken.replica.send('7#1'), 'acknowledged', 'without the rule the end does not meet 7#1');
  });

  it('F5: in the next epoch the question means nothing', () => {
    const { replica } = askedAndRestarted({});
    replica.configure(2, 1);
    assert.equal(replica.send('7#1', 2), 'acknowledged');
    replica.keepAll();
    replica.restart();
    replica.configure(2, 1);
    assert.equal(replica.send('7#1', 2), 'acknowledged');
  });

  it('C6: what was cut does not count, whichever batch keeps it', () => {
    const replica = follower();
    replica.follow(1, [0, 0], [entry(1), entry(1), entry(1)]);
    replica.configure(2, 1);
    replica.follow(2, [1, 1], [entry(2)]);
    const [old, cut] = replica.waiting;
    assert.deepEqual([old?.batch.entries.length, cut?.batch.promises.epoch], [3, 2]);
    replica.keepAll();
    assert.equal(replica.matched(), 2);
    replica.restart();
    assert.deepEqual(replica.fence(2), [2, 2], 'the cut entries are not found again');
  });

  it('C6: entries that were cut are not acknowledged, be their batch kept before or after', () => {
    for (const isKeptBefore of [true, false]) {
      const replica = follower();
      replica.follow(1, [0, 0], [entry(1), entry(1), entry(1)]);
      if (isKeptBefore) replica.keepAll();
      replica.configure(2, 1);
      if (isKeptBefore) replica.keepAll();
      replica.take('replicated');
      replica.follow(2, [1, 1], [entry(2), entry(2)]);
      if (!isKeptBefore) replica.keep(2);
      assert.equal(replica.matched(), 1, 'slots 2 and 3 on the disk are those of epoch 1');
      replica.keepAll();
      assert.equal(replica.matched(), 3);
    }
  });

  it('C6: the leader counts itself only for what it keeps', () => {
    const opened = (broken: Partial<ReplicaRules>) => {
      const replica = leader(broken);
      replica.configure(1, 0, 1);
      replica.acknowledge(1, 1);
      replica.keepAll();
      const frame = { clusterId: CLUSTER, epoch: 1, clientId: 1, writes: [write('1#1', { x: '1' })] };
      const reads = { strongReads: [], confirmedReads: [], weakReads: [], ackQueries: [], ping: 0 };
      replica.turn({ kind: 'session', frame: { ...frame, ...reads, trace: undefined, upkeep: undefined } });
      replica.acknowledge(1, 2);
      const before = replica.core.inspect().commitSlot;
      replica.keepAll();
      replica.turn({ kind: 'tick' });
      return [before, replica.core.inspect().commitSlot];
    };
    assert.deepEqual(opened({}), [1, 2]);
    assert.deepEqual(opened({ acknowledgedSlot: (verified) => verified }), [2, 2], 'its log is not on its disk');
  });

  it('C6: a fence is answered when the epoch and the log that it tells of are kept', () => {
    const fenced = (broken: Partial<ReplicaRules>) => {
      const replica = follower(broken);
      replica.follow(1, [0, 0], [entry(1)]);
      replica.waiting.length = 0;
      const atOnce = replica.fence(2);
      replica.restart();
      return [atOnce, replica.core.epoch];
    };
    assert.deepEqual(fenced({}), [undefined, 1]);
    assert.deepEqual(fenced({ mayAnswerFence: () => true }), [[2, 1], 1], 'the promise is broken by a restart');
    const replica = follower();
    replica.follow(1, [0, 0], [entry(1)]);
    assert.equal(replica.fence(2), undefined);
    replica.keepAll();
    assert.deepEqual(replica.fenced(), [2, 1]);
    replica.restart();
    assert.equal(replica.core.epoch, 2);
    replica.follow(1, [1, 1], [entry(1)]);
    assert.equal(replica.take('replicated').length, 0, 'the old epoch is followed no more');
  });

  it('C6: a follower answers nothing in an epoch that it does not keep', () => {
    const answers = (broken: Partial<ReplicaRules>) => {
      const replica = follower(broken);
      replica.follow(1, [0, 0], [entry(1)]);
      replica.keepAll();
      replica.take('replicated');
      replica.configure(2, 1);
      replica.follow(2, [1, 1], []);
      const before = replica.matched();
      replica.keepAll();
      return [before, replica.matched()];
    };
    assert.deepEqual(answers({}), [undefined, 1]);
    assert.deepEqual(answers({ maySpeak: () => true }), [1, undefined]);
  });

  it('entries stay in the log until they are handed over, though all others have them and they are committed', () => {
    const replica = follower();
    for (let slot = 1; slot <= 60; slot++)
      replica.follow(1, [slot - 1, slot === 1 ? 0 : 1], [entry(1, `1#${slot}`)], slot, slot);
    assert.ok(replica.waiting.length <= 32, 'batches under way are bounded');
    replica.keepAll();
    replica.restart();
    assert.equal(replica.core.inspect().lastSlot, 60);
  });

  it('E9, E8: a write that is only held is not confirmed by a replica that would forget it', () => {
    const replica = follower();
    replica.configure(1, 1, 1);
    const { command } = write('1#1', { x: '1' }, { weak: true });
    const frame = { clusterId: CLUSTER, epoch: 1, clientId: 1, ping: 0, trace: undefined, upkeep: undefined };
    const reads = { strongReads: [], confirmedReads: [], weakReads: [] };
    const ask = (bound: number) => {
      const writes = [{ command: { ...command, session: bound + 1 }, committedThrough: 0, bound, dependencies: [] }];
      replica.turn({ kind: 'session', frame: { ...frame, ...reads, writes, ackQueries: [] } });
      replica.take('session');
      const ackQueries = [{ session: bound + 1, seq: 1 }];
      replica.turn({ kind: 'session', frame: { ...frame, ...reads, writes: [], ackQueries } });
      return replica.take('session').flatMap((output) => output.frame.weakAcks).length;
    };
    assert.deepEqual([ask(0), ask(1)], [1, 0]);
  });
});

describe('a follower whose disk does not keep up', () => {
  it('is sent what it was sent before less and less often, and at once when it keeps more', () => {
    const replica = leader();
    replica.configure(1, 0, 1);
    replica.acknowledge(1, 1);
    replica.keepAll();
    const writes = Array.from({ length: 10 }, (_, i) => write(`1#${i + 1}`, { x: `${i}` }));
    const frame = { clusterId: CLUSTER, epoch: 1, clientId: 1, writes, trace: undefined, upkeep: undefined };
    const reads = { strongReads: [], confirmedReads: [], weakReads: [], ackQueries: [], ping: 0 };
    replica.turn({ kind: 'session', frame: { ...frame, ...reads } });
    replica.keepAll();
    /** Entries that r1 is sent within a time, if its disk has kept so much. */
    const sentWithin = (us: number, kept: number): number => {
      let sent = 0;
      for (const untilUs = replica.nowUs + us; replica.nowUs < untilUs; ) {
        replica.turn({ kind: 'tick' });
        const frames = replica.take('replicate').filter(({ to }) => to.includes(1));
        for (const { frame: request } of frames) sent += request.entries.length;
        if (frames.length > 0) replica.acknowledge(1, kept);
      }
      return sent;
    };
    assert.ok(sentWithin(200_000, 1) >= 20, 'what was sent once may be lost');
    const later = sentWithin(8_000_000, 1);
    assert.ok(later <= 100, `${later} entries in eight seconds`);
    assert.ok(later >= 40, 'given up');
    assert.ok(sentWithin(250_000, 6) >= 5, 'it goes on');
  });
});

describe('C4: a leader that was started anew', () => {
  it('C4: leads no epoch again that it began to lead, says so, and leads a later one', () => {
    const ledAgain = (broken: Partial<ReplicaRules>) => {
      const replica = leader(broken);
      replica.restart();
      assert.equal(replica.core.lostEpoch, 1);
      const answer = replica.lead(1);
      return [answer, replica.core.isLeader];
    };
    assert.deepEqual(ledAgain({}), [0, false]);
    assert.deepEqual(ledAgain({ mayLead: () => true }), [undefined, true], 'a second log for one epoch');
    const replica = leader();
    replica.restart();
    replica.lead(2);
    assert.deepEqual([replica.core.isLeader, replica.core.lostEpoch], [true, 0]);
  });

  it('C4: nothing leaves it in an epoch before it keeps that it leads it', () => {
    const spoken = (broken: Partial<ReplicaRules>) => {
      const replica = new LoneReplica({ broken });
      replica.lead(1);
      replica.turn({ kind: 'tick' });
      const before = replica.take('replicate').length + replica.take('collect').length;
      replica.keepAll();
      return [before > 0, replica.take('replicate').length > 0];
    };
    assert.deepEqual(spoken({}), [false, true]);
    assert.deepEqual(spoken({ maySpeak: () => true })[0], true, 'others have entries of an epoch it knows nothing of');
  });

  it('C4: one that never kept that it leads may lead, since nobody has heard of it', () => {
    const replica = new LoneReplica();
    replica.fence(1);
    replica.keepAll();
    replica.lead(1);
    replica.restart();
    replica.lead(1);
    assert.deepEqual([replica.core.lostEpoch, replica.core.isLeader], [0, true]);
  });
});

describe('C5: what is kept is whole', () => {
  /** Forty commands on few keys in three sessions, some deleting, some the same write again. */
  const commands = (from: number, count: number): LogEntry[] =>
    Array.from({ length: count }, (_, i) => {
      const at = from + i;
      const made = entry(1, `${(at % 3) + 1}#${Math.floor(at / 3) + 1}`, { [`k${at % 5}`]: `v${at}` });
      if (made.command !== undefined && at % 7 === 0)
        made.command.mutations = [{ key: toBytes(`k${at % 5}`), value: toBytes(''), deletes: true }];
      return made;
    });

  it('C5: keys, sessions and slot are found again as they were, whichever batch was the last', () => {
    const replica = follower({}, 4);
    let fresh = 0;
    for (let round = 0; round < 10; round++) {
      replica.follow(1, [round * 4, round === 0 ? 0 : 1], commands(round * 4, 4), round * 4);
      for (const { batch } of replica.waiting) if (batch.checkpoint !== undefined) fresh++;
      replica.keepAll();
      const { commitSlot, digest, lastSlot } = replica.core.inspect();
      const { hash } = replica.core.stateHash;
      replica.restart();
      const found = replica.core.inspect();
      assert.ok(found.commitSlot <= commitSlot && found.appliedSlot === found.commitSlot);
      assert.equal(found.lastSlot, lastSlot);
      assert.equal(replica.core.stateHash.hash, hash);
      replica.configure(1, 1);
      replica.follow(1, [lastSlot, 1], [], commitSlot);
      assert.deepEqual([replica.core.inspect().commitSlot, replica.core.inspect().digest], [commitSlot, digest]);
      replica.keepAll();
    }
    assert.ok(fresh >= 5, `${fresh} checkpoints`);
  });

  it('C5, F2: a command that is part of the kept state is not executed again', () => {
    const again = (disk: ReplicaDisk) => {
      const replica = new LoneReplica({ checkpointEntries: 1 });
      Object.assign(replica, { disk });
      replica.configure(1, 1);
      replica.keepAll();
      replica.follow(1, [0, 0], [entry(1, '1#1', { x: 'a' }), entry(1, '2#1', { x: 'b' })], 2);
      replica.keepAll();
      replica.turn({ kind: 'tick' });
      replica.keepAll();
      replica.restart();
      return replica.core.committedThrough(1);
    };
    assert.equal(again(new ReplicaDisk()), 1);
    assert.equal(
      again(new ReplicaDisk(true)),
      0,
      'the keys are kept and the session is not: its write would run twice',
    );
  });

  it('C5: no checkpoint leaves a gap to the log, however much is new at once', () => {
    const source = {
      ...{ log: new ReplicaLog(2), state: new AppliedState(1, replicaRules), epoch: 1, ledEpoch: 0, commitSlot: 0 },
      asked: new AskedSessions(),
      options: { checkpointEntries: 10, checkpointBytes: 1 << 30 },
    };
    const journal = new Journal(source);
    for (let slot = 1; slot <= 40_000; slot++) {
      source.log.append(entry(1));
      source.state.apply(slot, undefined);
    }
    source.commitSlot = 40_000;
    const outputs: OutputOf<'persist'>[] = [];
    journal.onTurnEnd(outputs);
    const disk = new ReplicaDisk();
    for (const { batch } of outputs) {
      disk.keep(batch);
      assert.ok(batch.promises.commitSlot < batch.firstSlot + batch.entries.length);
    }
    assert.deepEqual([outputs.length, disk.image()?.slot], [4, 40_000]);
  });

  it('durability memory keeps nothing and asks for nothing', () => {
    const log = new ReplicaLog(2);
    const state = new AppliedState(1, replicaRules);
    state.apply(1, write('1#1', { x: '1' }).command);
    log.append(entry(1, '1#1'));
    assert.deepEqual([state.store.takeChanges().keys, state.dedup.takeChanges()], [[], []]);
  });

  it('the hash of the state is the same for any number of shards, and when it is made anew from what was kept', () => {
    const apply = (state: AppliedState) => {
      commands(0, 1024).forEach(({ command }, i) => state.apply(i + 1, command));
      return state;
    };
    const one = apply(new AppliedState(1, replicaRules));
    const many = apply(new AppliedState(16, replicaRules));
    assert.deepEqual(one.stateHash, many.stateHash);
    assert.deepEqual(one.stateHash, { slot: 1024, hash: one.hash });
    const loaded = new AppliedState(4, replicaRules);
    const keys: [string, NonNullable<ReturnType<typeof one.store.get>>][] = [];
    one.store.forEach((key, version) => keys.push([key, version]));
    loaded.load({ slot: 1024, keys, sessions: [...one.dedup], expired: [], forgottenSlots: [0] });
    assert.deepEqual(loaded.stateHash, one.stateHash);
    const [key, version] = keys[0] ?? assert.fail('no key');
    loaded.store.write(key, { ...version, value: 'other' });
    assert.notEqual(loaded.hash, one.hash);
  });
});

describe('a state that replaces the kept one', () => {
  const piece = (key: string, slot: number): StatePiece => {
    const keys = [[key, { value: key, slot, session: 1, seq: 1 }]] as const;
    return { keys: [...keys], sessions: [], expired: undefined, forgottenSlots: undefined };
  };

  it('C6: a fence that comes between two pieces is answered when its epoch is kept, not when the piece is', () => {
    const log = new ReplicaLog(2);
    const options = { checkpointEntries: 1000, checkpointBytes: 1 << 20 };
    const state = new AppliedState(1, replicaRules);
    const source = { log, state, epoch: 1, ledEpoch: 0, commitSlot: 0, options, asked: new AskedSessions() };
    const journal = new Journal(source);
    source.log.append(entry(1));
    const outputs: ReplicaOutput[] = [];
    journal.onTurnEnd(outputs);
    journal.beginAside();
    journal.buildAside(piece('a', 7));
    source.epoch = 2;
    const response = { epoch: 2, lastEpoch: 1, lastSlot: 1, lastWrites: [] };
    journal.answerWhenKept({ kind: 'fenced', call: 1, response }, outputs);
    const disk = new ReplicaDisk();
    const answers: ReplicaOutput[] = [];
    const batches = outputs.map((output) => (output.kind === 'persist' ? output.batch : assert.fail(output.kind)));
    for (const batch of batches) {
      if (answers.length > 0) break;
      disk.keep(batch);
      journal.onKept(batch.number, answers);
    }
    assert.equal(answers[0]?.kind, 'fenced');
    assert.equal(disk.image()?.promises.epoch, 2, 'the answer leaves before the promise is kept');
  });

  it('is found only when its last piece is kept; before, the old one is, with its log', () => {
    const source = {
      ...{ log: new ReplicaLog(2), state: new AppliedState(1, replicaRules), epoch: 1, ledEpoch: 0, commitSlot: 0 },
      asked: new AskedSessions(),
      options: { checkpointEntries: 1000, checkpointBytes: 1000 },
    };
    const journal = new Journal(source);
    for (let slot = 1; slot <= 3; slot++) source.log.append(entry(1));
    const outputs: OutputOf<'persist'>[] = [];
    journal.onTurnEnd(outputs);
    journal.beginAside();
    journal.buildAside(piece('a', 7));
    journal.noteCut(0);
    source.log.reset(9, 1);
    source.log.append(entry(1));
    source.commitSlot = 9;
    source.state = new AppliedState(1, replicaRules);
    source.state.load({ slot: 9, keys: [], sessions: [], expired: [], forgottenSlots: [] });
    journal.install({ floor: 9, floorEpoch: 1 }, piece('b', 9));
    journal.onTurnEnd(outputs);
    assert.deepEqual(
      outputs.map(({ batch }) => batch.checkpoint?.step),
      [undefined, 'begin', 'build', 'install'],
    );
    const disk = new ReplicaDisk();
    for (const { batch } of outputs.slice(0, 3)) {
      disk.keep(batch);
      journal.onKept(batch.number, []);
      assert.ok(journal.durableSlot <= 3);
    }
    assert.equal(journal.durableSlot, 0, 'the old log is on its way out');
    const last = outputs[3] ?? assert.fail('no batch');
    disk.keep(last.batch);
    journal.onKept(last.batch.number, []);
    assert.equal(journal.durableSlot, 10);
    const image = disk.image() ?? assert.fail('nothing kept');
    assert.deepEqual([[...image.keys].map(([key]) => key), image.slot, image.floor], [['a', 'b'], 9, 9]);
    assert.deepEqual([[...image.entries].length, image.promises.commitSlot], [1, 9]);
    const torn = new ReplicaDisk();
    for (const { batch } of outputs.slice(0, 3)) torn.keep(batch);
    const old = torn.image() ?? assert.fail('nothing kept');
    assert.deepEqual([[...old.keys], old.slot, [...old.entries].length, old.promises.commitSlot], [[], 0, 3, 0]);
  });
});
