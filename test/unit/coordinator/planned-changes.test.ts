// Changes of the view while the leader is well: for the sake of a witness, or because an operator wants another leader.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { EpochStatus } from '../../../protocol/messages.js';
import { type Actor, Bucket, incarnationOf, last, of, openActor, settings } from './coordinator-actor.js';

const ALL = ['r0', 'r1', 'r2', 'w0', 'w1', 'w2'];

/** Lets time pass in steps, with heartbeats of some nodes. */
function live(actor: Actor, durationUs: number, nodes: readonly string[]): void {
  for (let passedUs = 0; passedUs < durationUs; passedUs += 50_000) {
    actor.pass(50_000);
    for (const id of nodes) actor.heartbeat(id.startsWith('r') ? NodeRole.replica : NodeRole.witness, id);
  }
}

function epochOf(bucket: Bucket): number {
  return bucket.stored.record?.config?.epoch ?? 0;
}

/** A witness's process ended and another life of its name registered. */
function restart(actor: Actor, witnessId: string, incarnation: number) {
  actor.run({ kind: 'nodeLost', role: NodeRole.witness, nodeId: witnessId, incarnation: incarnationOf(witnessId) });
  return actor.register(NodeRole.witness, witnessId, { incarnation });
}

/** Answers everything that a planned change asks: all fenced, r0 leads again. */
function finish(actor: Actor, openSlot: number, opened = 1): void {
  for (const id of ['r0', 'r1', 'r2']) actor.answerFence(id, { lastEpoch: opened, lastSlot: openSlot - 1 });
  actor.answerSeal('w1', { lifeEpoch: opened });
  actor.answerRead('w1');
  actor.open(openSlot);
}

describe('witness replacement', () => {
  it('D8: takes another life of a witness in at once, in an epoch of its own that the leader leads again', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const begun = restart(k0, 'w2', 999);
    assert.deepEqual(
      of(begun, 'fence').map(({ address }) => address),
      ['r0:1', 'r1:1', 'r2:1'],
    );
    assert.equal(bucket.stored.record?.recovery?.preferred, 'r0');
    assert.equal(bucket.stored.record?.config?.witnesses[2]?.incarnation, incarnationOf('w2'), 'not before it opens');
    finish(k0, 6);
    const { config } = bucket.stored.record ?? {};
    assert.deepEqual([config?.epoch, config?.status, config?.leader], [2, EpochStatus.open, 0]);
    assert.deepEqual([config?.witnesses[2]?.id, config?.witnesses[2]?.incarnation], ['w2', 999]);
  });

  it('D8: puts a spare in the place of a witness that is silent for the liveness time', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.register(NodeRole.witness, 'w3');
    const others = ['r0', 'r1', 'r2', 'w1', 'w2', 'w3'];
    live(k0, settings.livenessUs - 100_000, others);
    assert.equal(epochOf(bucket), 1);
    live(k0, 300_000, others);
    assert.equal(epochOf(bucket), 2);
    finish(k0, 6);
    const place = bucket.stored.record?.config?.witnesses[0];
    assert.deepEqual(place, { id: 'w3', index: 0, address: 'w3:1', incarnation: incarnationOf('w3') });
    live(k0, 30_000_000, [...others, 'w0']);
    assert.equal(epochOf(bucket), 2, 'the one that comes back is the spare now');
  });

  it('begins nothing that would improve nothing, or that could not be finished', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 5_000_000, ['r0', 'r1', 'r2', 'w0', 'w1']);
    assert.equal(epochOf(bucket), 1, 'nobody is there to take the place');
    live(k0, 3_000_000, ['r0', 'w0', 'w1']);
    k0.register(NodeRole.witness, 'w3');
    live(k0, 5_000_000, ['r0', 'w0', 'w1', 'w3']);
    assert.equal(epochOf(bucket), 1, 'one replica is no majority to fence');

    const other = new Bucket();
    const k1 = openActor(other);
    for (const id of ['w3', 'w4', 'w5']) k1.register(NodeRole.witness, id);
    live(k1, 5_000_000, ['r0', 'r1', 'r2', 'w3', 'w4', 'w5']);
    assert.equal(epochOf(other), 1, 'none is left from which the present epoch could be recovered');
  });

  it('does not take silence for absence when the coordinator itself slept', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.nowUs += 60_000_000;
    k0.register(NodeRole.witness, 'w3');
    for (const id of ['r0', 'r1', 'r2']) k0.heartbeat(NodeRole.replica, id);
    k0.heartbeat(NodeRole.witness, 'w0');
    assert.equal(epochOf(bucket), 1);
    live(k0, 1_000_000, [...ALL, 'w3']);
    assert.equal(epochOf(bucket), 1);
  });

  it('a witness that comes and goes costs ever fewer epochs', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const beganUs: number[] = [];
    let incarnation = 5000;
    for (let passedUs = 0; passedUs < 120_000_000; passedUs += 500_000) {
      live(k0, 500_000, ['r0', 'r1', 'r2', 'w0', 'w1']);
      const present = bucket.stored.record?.config;
      if (present?.status === EpochStatus.open && present.witnesses[2]?.incarnation === incarnation) incarnation++;
      k0.run({ kind: 'nodeLost', role: NodeRole.witness, nodeId: 'w2', incarnation: incarnation - 1 });
      k0.register(NodeRole.witness, 'w2', { incarnation });
      const { config } = bucket.stored.record ?? {};
      if (config === undefined || config.status === EpochStatus.open) continue;
      beganUs.push(k0.nowUs);
      finish(k0, 5 + config.epoch, config.epoch - 1);
    }
    assert.ok(beganUs.length >= 4 && beganUs.length <= 8, `${beganUs.length} epochs in two minutes`);
    const pauses = beganUs.slice(1).map((atUs, index) => atUs - (beganUs[index] ?? 0));
    assert.ok((pauses.at(-1) ?? 0) >= 16 * settings.livenessUs, `pauses of ${pauses.join(', ')} us`);
  });

  it('two coordinators begin one epoch for one witness', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const k1 = openActor(bucket, { name: 'k1' });
    k1.hearReplicas();
    restart(k0, 'w2', 999);
    restart(k1, 'w2', 999);
    assert.equal(epochOf(bucket), 2);
  });
});

describe('leader transfer', () => {
  function ask(actor: Actor, replicaId: string, call = 900) {
    return actor.run({ kind: 'transferLeader', call, request: { clusterId: 'cluster-a', replicaId } });
  }

  it('D1: goes the way of every view change, the present leader fenced first', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const begun = ask(k0, 'r2');
    assert.deepEqual(
      of(begun, 'fence').map(({ address }) => address),
      ['r0:1'],
    );
    assert.deepEqual([epochOf(bucket), bucket.stored.record?.recovery?.preferred], [2, 'r2']);
    const others = of(k0.answerFence('r0', { lastSlot: 9 }), 'fence').map(({ address }) => address);
    assert.deepEqual(others, ['r1:1', 'r2:1']);
    assert.equal(last(k0.log, 'leaderTransferred').response.epoch, 2);
    k0.answerFence('r1', { lastSlot: 8 });
    assert.equal(bucket.stored.record?.recovery?.isLeaderChosen, false, 'r2 is waited for');
    assert.equal(last(k0.answerFence('r2', { lastSlot: 8 }), 'config').config.leader, 2);
    const seals = of(k0.log, 'seal').map(({ address }) => address);
    assert.deepEqual(seals, ['w0:1', 'w1:1', 'w2:1']);
  });

  it('D1: the one that is wanted does not lead with a log shorter than what a majority has', () => {
    const k0 = openActor(new Bucket());
    ask(k0, 'r2');
    k0.answerFence('r0', { lastSlot: 9 });
    k0.answerFence('r1', { lastSlot: 9 });
    assert.equal(last(k0.answerFence('r2', { lastSlot: 8 }), 'config').config.leader, 0);
  });

  it('gives up on one that does not answer in time', () => {
    const k0 = openActor(new Bucket());
    ask(k0, 'r2');
    k0.answerFence('r0', { lastSlot: 9 });
    k0.answerFence('r1', { lastSlot: 8 });
    assert.deepEqual(of(k0.pass(499_999), 'config'), []);
    assert.equal(last(k0.pass(1), 'config').config.leader, 0);
  });

  it('another coordinator goes on with it', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const k1 = openActor(bucket, { name: 'k1' });
    ask(k0, 'r2');
    k1.run({ kind: 'recordRead', stored: structuredClone(bucket.stored) });
    k1.hearReplicas({ epoch: 2, openEpoch: 1, openVersion: 1 });
    k1.answerFence('r0', { lastSlot: 9 });
    k1.answerFence('r1', { lastSlot: 8 });
    assert.equal(last(k1.answerFence('r2', { lastSlot: 8 }), 'config').config.leader, 2);
  });

  it('is answered at once if that replica leads, and refused with the reason if it cannot', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    assert.equal(last(ask(k0, 'r0'), 'leaderTransferred').response.epoch, 1);
    const stranger = last(ask(k0, 'r7'), 'callRefused');
    assert.deepEqual([stranger.refusal, stranger.detail], ['notLeadable', 'r7 is not among the replicas r0, r1, r2']);
    k0.lose('r2');
    const gone = last(ask(k0, 'r2'), 'callRefused');
    assert.deepEqual([gone.refusal, gone.detail], ['notLeadable', 'r2 is not heard in the life that is a member']);
    assert.equal(epochOf(bucket), 1);
    ask(k0, 'r1');
    const early = last(ask(k0, 'r1', 901), 'callRefused');
    assert.deepEqual([early.call, early.refusal, early.detail], [901, 'notReady', 'epoch 2 is not open yet']);
  });
});

describe('a leader that was started anew (C4)', () => {
  it('is suspected as soon as it says that it does not lead, and asked along with the others', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.heartbeat(NodeRole.replica, 'r1', { lostEpoch: 1 });
    assert.equal(epochOf(bucket), 1, 'it does not lead');
    const begun = k0.heartbeat(NodeRole.replica, 'r0', { lostEpoch: 1 });
    assert.deepEqual(
      of(begun, 'fence').map(({ address }) => address),
      ['r0:1', 'r1:1', 'r2:1'],
    );
  });

  it('counts in the majority that the next epoch needs: its log is there', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r1');
    k0.heartbeat(NodeRole.replica, 'r0', { lostEpoch: 1 });
    assert.equal(epochOf(bucket), 2);
  });

  it('is suspected while the epoch that names it recovers, also by its answer to the call to lead', () => {
    for (const isHeartbeat of [true, false]) {
      const bucket = new Bucket();
      const k0 = openActor(bucket);
      k0.lose('r0');
      k0.answerFence('r1', { lastSlot: 5 });
      k0.answerFence('r2', { lastSlot: 4 });
      k0.answerSeal('w0');
      k0.answerRead('w0');
      k0.heartbeat(NodeRole.replica, 'r0');
      if (isHeartbeat) k0.heartbeat(NodeRole.replica, 'r1', { epoch: 2, lostEpoch: 2 });
      else k0.answerLead(0);
      assert.equal(epochOf(bucket), 3, isHeartbeat ? 'heartbeat' : 'answer');
    }
  });

  it('a coordinator that starts while all is well changes nothing', () => {
    const bucket = new Bucket();
    openActor(bucket);
    const before = structuredClone(bucket.stored);
    const k1 = openActor(bucket, { name: 'k1' });
    live(k1, 10_000_000, ALL);
    assert.deepEqual(bucket.stored, before);
  });
});
