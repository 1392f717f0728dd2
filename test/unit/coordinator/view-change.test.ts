// From the loss of a leader to the next open epoch, step by step: what is asked of whom, which answers count, what is
// written, and how other coordinators go on where one ended.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { EpochStatus, type Write } from '../../../protocol/messages.js';
import { Actor, Bucket, incarnationOf, last, of, openActor } from './coordinator-actor.js';

function write(session: number, seq: number): Write {
  const mutations = [{ key: new Uint8Array([1]), value: new Uint8Array([seq]), deletes: false }];
  const command = { session, seq, strong: true, mutations, condition: undefined, ackedThrough: 0 };
  return { command, committedThrough: 0, bound: 0, dependencies: [] };
}

/** Fences r1 and r2, of which r1 gets to lead. */
function fenceOthers(actor: Actor): void {
  actor.answerFence('r1', { lastSlot: 5 });
  actor.answerFence('r2', { lastSlot: 4 });
}

/** Carries a change through from the fences on. */
function finish(actor: Actor): void {
  fenceOthers(actor);
  actor.answerSeal('w0');
  actor.answerRead('w0');
  actor.open(6);
}

describe('view change', () => {
  it('D1: new epoch, fence, leader, seal, read, lead, start, open, in this order', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const begun = k0.lose('r0');
    assert.deepEqual(
      begun.map((output) => ('address' in output ? `${output.kind} ${output.address}` : output.kind)),
      ['writeRecord', 'fence r1:1', 'fence r2:1'],
    );
    assert.equal(bucket.stored.record?.config?.epoch, 2);
    assert.deepEqual(k0.answerFence('r2', { lastSlot: 4 }), []);
    const chosen = k0.answerFence('r1', { lastSlot: 5 });
    assert.deepEqual(
      chosen.map((output) => ('address' in output ? `${output.kind} ${output.address}` : output.kind)),
      ['writeRecord', 'seal w0:1', 'seal w1:1', 'seal w2:1', 'config'],
    );
    assert.equal(last(chosen, 'config').config.leader, 1);
    const read = k0.answerSeal('w1');
    assert.deepEqual(
      read.map((output) => ('address' in output ? `${output.kind} ${output.address}` : output.kind)),
      ['recoveryData w1:1'],
    );
    const pool = [write(9, 1), write(4, 3), write(9, 2)];
    const lead = last(k0.answerRead('w1', pool), 'lead');
    assert.deepEqual([lead.address, lead.request.replay], ['r1:1', pool]);
    assert.equal(lead.request.config?.status, EpochStatus.recovering);
    const led = k0.answerLead(6);
    assert.deepEqual(
      led.map(({ kind }) => kind),
      ['writeRecord', 'config', 'start', 'start', 'start'],
    );
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering);
    assert.equal(last(k0.answerStart('w2'), 'config').config.status, EpochStatus.open);
    const { record } = bucket.stored;
    assert.deepEqual([record?.config?.status, record?.config?.openSlot, record?.recovery], [2, 6, undefined]);
  });

  it('D1: answers of other epochs and other lives fence nothing', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    assert.deepEqual(k0.answerFence('r1', { epoch: 0 }), []);
    assert.deepEqual(of(k0.answerFence('r2'), 'writeRecord'), []);
    const known = k0.pass(250_000);
    assert.ok(of(known, 'fence').some(({ address }) => address === 'r1:1'));
    const ahead = k0.answerFence('r1', { epoch: 7 });
    assert.deepEqual(
      ahead.map(({ kind }) => kind),
      ['readRecord'],
    );
  });

  it('D1: the log with the higher epoch leads, then the one with the higher slot', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    k0.answerFence('r1', { lastEpoch: 1, lastSlot: 90 });
    const chosen = k0.answerFence('r2', { lastEpoch: 2, lastSlot: 7 });
    assert.equal(last(chosen, 'config').config.leader, 2);
  });

  it('asks the replica that led before only when the others do not suffice', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    k0.answerFence('r1', { lastSlot: 5 });
    assert.deepEqual(of(k0.pass(249_999), 'fence'), []);
    assert.deepEqual(
      of(k0.pass(1), 'fence').map(({ address }) => address),
      ['r0:1'],
    );
    assert.equal(last(k0.answerFence('r0', { lastSlot: 9 }), 'config').config.leader, 0);
  });

  it('B6: a witness that restarted is neither a source nor one that holds nothing', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    fenceOthers(k0);
    assert.deepEqual(k0.answerSeal('w0', { incarnation: 999, lifeEpoch: 0 }), []);
    assert.deepEqual(of(k0.pass(10_000), 'lead'), []);
    k0.answerSeal('w1');
    assert.deepEqual(last(k0.answerRead('w1', [write(9, 1)]), 'lead').request.replay, [write(9, 1)]);
  });

  it('a pool that another life hands over is not taken, and another witness is asked', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    fenceOthers(k0);
    k0.answerSeal('w0');
    assert.deepEqual(of(k0.answerRead('w0', [], 999), 'lead'), []);
    k0.answerSeal('w1');
    assert.equal(of(k0.answerRead('w1'), 'lead').length, 1);
  });

  it('a witness that never began the life of the opened epoch holds nothing', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    finish(k0);
    k0.lose('r1');
    k0.pass(250_000);
    k0.register(NodeRole.replica, 'r0');
    k0.register(NodeRole.replica, 'r2');
    k0.answerFence('r0', { lastEpoch: 2, lastSlot: 8 });
    k0.answerFence('r2', { lastEpoch: 2, lastSlot: 8 });
    const lead = last(k0.answerSeal('w2', { lifeEpoch: 1 }), 'lead');
    assert.deepEqual([lead.request.config?.epoch, lead.request.replay], [3, []]);
  });

  it('D9: a witness that lived in a later epoch than the record knows of stops the change', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    fenceOthers(k0);
    const wanted = k0.answerSeal('w0', { lifeEpoch: 5, epoch: 2 });
    assert.deepEqual(
      wanted.map(({ kind }) => kind),
      ['readRecord'],
    );
    assert.deepEqual(of(k0.log, 'recoveryData'), []);
  });

  it('begins another epoch if the chosen leader dies, and still recovers the epoch opened last', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r0');
    fenceOthers(k0);
    k0.register(NodeRole.replica, 'r0');
    k0.lose('r1');
    const { config, recovery } = bucket.stored.record ?? {};
    assert.deepEqual([config?.epoch, recovery?.opened?.epoch, recovery?.isLeaderChosen], [3, 1, false]);
    assert.deepEqual(
      recovery?.opened?.witnesses.map(({ incarnation }) => incarnation),
      ['w0', 'w1', 'w2'].map(incarnationOf),
    );
  });

  it('an epoch nobody leads yet is nobody’s business', () => {
    const k0 = openActor(new Bucket());
    k0.lose('r0');
    const answer = k0.run({ kind: 'getConfig', call: 77, clusterId: 'cluster-a' });
    assert.equal(last(answer, 'currentConfig').config?.epoch, 1);
  });
});

describe('suspicion', () => {
  /** Lets time pass in steps, with heartbeats of some nodes. */
  function live(actor: Actor, durationUs: number, nodes: readonly string[], stepUs = 50_000): void {
    for (let passedUs = 0; passedUs < durationUs; passedUs += stepUs) {
      actor.pass(stepUs);
      for (const id of nodes) actor.heartbeat(id.startsWith('r') ? NodeRole.replica : NodeRole.witness, id);
    }
  }

  it('falls on a leader that is silent for the liveness time', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 1_900_000, ['r1', 'r2']);
    assert.equal(bucket.stored.record?.config?.epoch, 1);
    live(k0, 500_000, ['r1', 'r2']);
    assert.equal(bucket.stored.record?.config?.epoch, 2);
  });

  it('does not fall on anybody for the time in which the coordinator itself slept', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.nowUs += 60_000_000;
    for (const id of ['r1', 'r2']) k0.heartbeat(NodeRole.replica, id);
    live(k0, 1_000_000, ['r1', 'r2']);
    assert.equal(bucket.stored.record?.config?.epoch, 1);
  });

  it('does not change the view for any other member', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r1');
    k0.run({ kind: 'nodeLost', role: NodeRole.witness, nodeId: 'w0', incarnation: incarnationOf('w0') });
    live(k0, 10_000_000, ['r0']);
    assert.equal(bucket.stored.record?.config?.epoch, 1);
  });

  it('ends when the leader is heard again before anything was written', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r1');
    const waiting = k0.lose('r0');
    assert.match(last(waiting, 'waiting').detail, /r0, which leads epoch 1, .* of the 2 other replicas .* only 1 are/);
    assert.equal(last(k0.heartbeat(NodeRole.replica, 'r0'), 'waiting').detail, '');
    live(k0, 1_000_000, ['r0', 'r1', 'r2']);
    assert.equal(bucket.stored.record?.config?.epoch, 1);
  });

  it('falls on a leader that restarted; its new life is not asked for the old one’s log', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r2');
    k0.lose('r0');
    k0.register(NodeRole.replica, 'r0', { incarnation: 5 });
    assert.equal(bucket.stored.record?.config?.epoch, 1, 'r1 alone is no majority');
    k0.heartbeat(NodeRole.replica, 'r2');
    assert.equal(bucket.stored.record?.config?.epoch, 2);
    k0.pass(250_000);
    const fences = of(k0.log, 'fence').map(({ request }) => request.incarnation);
    assert.deepEqual(fences.sort(), ['r0', 'r1', 'r2'].map(incarnationOf));
  });
});

describe('view changes by several coordinators (D7)', () => {
  it('another one goes on where one ended, whatever the step', () => {
    const steps: ((actor: Actor) => void)[] = [
      (actor) => actor.lose('r0'),
      (actor) => actor.answerFence('r1', { lastSlot: 5 }),
      (actor) => actor.answerFence('r2', { lastSlot: 4 }),
      (actor) => actor.answerSeal('w0'),
      (actor) => actor.answerRead('w0', [write(9, 1)]),
    ];
    for (let done = 1; done <= steps.length; done++) {
      const bucket = new Bucket();
      const k0 = openActor(bucket);
      for (const step of steps.slice(0, done)) step(k0);
      const k1 = new Actor(bucket, { name: 'k1' });
      k1.run({ kind: 'tick' });
      k1.hearReplicas({ epoch: 2, openEpoch: 1, openVersion: 1 });
      if (bucket.stored.record?.recovery?.isLeaderChosen === false) fenceOthers(k1);
      k1.answerSeal('w2');
      const lead = last(k1.answerRead('w2', [write(9, 1)]), 'lead');
      assert.deepEqual([lead.address, lead.request.replay.length], ['r1:1', 1], `after ${done} steps`);
      k1.open(6);
      assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
    }
  });

  it('C6: two that fenced different majorities agree on the leader that was written first', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const k1 = new Actor(bucket, { name: 'k1' });
    k0.lose('r0');
    k1.run({ kind: 'tick' });
    k1.hearReplicas({ epoch: 1, openEpoch: 1, openVersion: 1 });
    k1.answerFence('r1', { lastSlot: 5 });
    k0.answerFence('r2', { lastSlot: 4 });
    k1.pass(250_000);
    k1.answerFence('r0', { lastSlot: 9 });
    k0.heartbeat(NodeRole.replica, 'r0');
    k0.answerFence('r1', { lastSlot: 5 });
    assert.equal(bucket.stored.record?.config?.leader, 0);
    for (const actor of [k0, k1]) {
      actor.answerSeal('w0');
      assert.equal(last(actor.answerRead('w0'), 'lead').address, 'r0:1');
    }
  });

  it('D7: an epoch that a later one has replaced is not opened', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r0');
    fenceOthers(k0);
    k0.answerSeal('w0');
    k0.answerRead('w0');
    const k1 = new Actor(bucket, { name: 'k1' });
    k1.run({ kind: 'tick' });
    k1.hearReplicas({ epoch: 2 });
    k1.lose('r1');
    assert.equal(bucket.stored.record?.config?.epoch, 3);
    const late = k0.answerLead(6);
    assert.equal(of(late, 'start').length, 0);
    assert.deepEqual([bucket.stored.record?.config?.epoch, bucket.stored.record?.config?.status], [3, 1]);
  });
});
