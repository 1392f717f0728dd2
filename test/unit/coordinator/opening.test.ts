// From an epoch that is led to one that serves: which lives it is opened with, and what is left of it if it never opens.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { EpochStatus } from '../../../protocol/messages.js';
import { Actor, Bucket, last, of, openActor, settings } from './coordinator-actor.js';

/** A coordinator that brought epoch 2 as far as that its witnesses are asked to start. */
function startingActor(bucket: Bucket, overrides = {}): Actor {
  const k0 = openActor(bucket, overrides);
  k0.lose('r0');
  k0.answerFence('r1', { lastSlot: 5 });
  k0.answerFence('r2', { lastSlot: 4 });
  for (const id of ['w0', 'w1', 'w2']) k0.answerSeal(id);
  k0.answerRead('w0');
  k0.answerLead(6);
  return k0;
}

/** A witness came back with nothing. */
function forget(actor: Actor, witnessId: string, incarnation: number): void {
  actor.breakStream(NodeRole.witness, witnessId, lifeOf(actor, witnessId));
  actor.register(NodeRole.witness, witnessId, { incarnation });
}

function lifeOf(actor: Actor, witnessId: string): number {
  const { config } = last(actor.log, 'config');
  return config.witnesses.find(({ id }) => id === witnessId)?.incarnation ?? 0;
}

function livesOf(bucket: Bucket): number[] {
  return bucket.stored.record?.config?.witnesses.map(({ incarnation }) => incarnation) ?? [];
}

describe('opening', () => {
  it('D12: an epoch opens when so many of the lives that it names have started as it can be recovered from', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    const { record } = bucket.stored;
    assert.deepEqual([record?.config?.status, record?.config?.openSlot], [EpochStatus.recovering, 6]);
    assert.equal(record?.recovery, undefined, 'nothing of epoch 1 is left to recover');
    assert.deepEqual(of(k0.pass(settings.livenessUs / 2), 'writeRecord'), []);
    k0.answerStart('w2', 999);
    assert.equal(
      bucket.stored.record?.config?.status,
      EpochStatus.recovering,
      'another life says nothing of the named one',
    );
    k0.answerStart('w1');
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
  });

  it('D12: with five witnesses of which four accept, three have to start', () => {
    const bucket = new Bucket();
    const k0 = new Actor(bucket, { witnesses: 5, fastQuorum: 4 });
    for (const id of ['w3', 'w4']) k0.register(NodeRole.witness, id);
    k0.gather();
    for (const id of ['w3', 'w4']) k0.register(NodeRole.witness, id);
    k0.answerLead(1);
    for (const id of ['w4', 'w0']) k0.answerStart(id);
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering);
    k0.answerStart('w3');
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
  });

  it('D12: lives that end before they start give their places to others, and the epoch opens with those', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    for (const [at, id] of ['w0', 'w1', 'w2'].entries()) forget(k0, id, 900 + at);
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering);
    k0.pass(settings.retryUs);
    const { config } = bucket.stored.record ?? {};
    assert.deepEqual([config?.epoch, config?.version, livesOf(bucket)], [2, 2, [900, 901, 902]]);
    k0.answerStart('w1', 901);
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
    assert.deepEqual(livesOf(bucket), [900, 901, 902]);
  });

  it('D12: a life that started and ended before the epoch opened does not count', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    const { attempt } = last(k0.log, 'start');
    forget(k0, 'w2', 999);
    const { config } = last(k0.log, 'config');
    const [, , { incarnation = 0 } = {}] = config.witnesses;
    k0.run({ kind: 'started', attempt, response: { epoch: 2, incarnation } });
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering);
    k0.answerStart('w0');
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
  });

  it('D12: the list stands while enough of it may still start, and a list just written for a while', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    forget(k0, 'w0', 900);
    forget(k0, 'w1', 901);
    k0.pass(settings.retryUs);
    assert.equal(bucket.stored.record?.config?.version, 1, 'w2 may start');
    forget(k0, 'w2', 902);
    assert.equal(bucket.stored.record?.config?.version, 2);
    forget(k0, 'w0', 910);
    forget(k0, 'w1', 911);
    assert.equal(bucket.stored.record?.config?.version, 2);
    k0.pass(settings.retryUs);
    assert.deepEqual([bucket.stored.record?.config?.version, livesOf(bucket)], [3, [910, 911, 902]]);
  });

  it('D12: what comes after an epoch that never opened has nothing in witnesses to recover', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    k0.answerStart('w0', 999);
    k0.register(NodeRole.replica, 'r0');
    k0.lose('r1');
    const { config, recovery } = bucket.stored.record ?? {};
    assert.deepEqual([config?.epoch, config?.openSlot, recovery?.opened], [3, 0, undefined]);
    const before = of(k0.log, 'seal').length;
    k0.answerFence('r0', { lastEpoch: 2, lastSlot: 6 });
    k0.answerFence('r2', { lastEpoch: 2, lastSlot: 6 });
    assert.deepEqual([of(k0.log, 'seal').length, last(k0.log, 'lead').request.replay], [before, []]);
  });

  it('D12: another coordinator goes on where witnesses are starting', () => {
    const bucket = new Bucket();
    startingActor(bucket);
    const k1 = new Actor(bucket, { name: 'k1' });
    k1.run({ kind: 'tick' });
    k1.hearReplicas({ epoch: 2, openEpoch: 1, openVersion: 1 });
    assert.deepEqual(last(k1.log, 'lead').request.replay, []);
    k1.answerLead(7);
    assert.deepEqual(of(k1.log, 'start'), [], 'not the leader that answered before');
    k1.pass(settings.retryUs);
    k1.open(6);
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
  });

  it('D12: of two that named lives, whoever writes first has named those that the epoch opens with', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    const k1 = new Actor(bucket, { name: 'k1' });
    k1.run({ kind: 'tick' });
    k1.hearReplicas({ epoch: 2, openEpoch: 1, openVersion: 1 });
    k1.answerLead(6);
    for (const [at, id] of ['w0', 'w1', 'w2'].entries()) forget(k0, id, 900 + at);
    k0.pass(settings.retryUs);
    assert.equal(bucket.stored.record?.config?.version, 2);
    k1.answerStart('w1');
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering, 'its write met a conflict');
    assert.deepEqual(livesOf(bucket), [900, 901, 902]);
  });

  it('says how many witnesses an opening waits for', () => {
    const bucket = new Bucket();
    const k0 = startingActor(bucket);
    k0.pass(settings.livenessUs / 2);
    for (const id of ['r0', 'r1', 'r2']) k0.register(NodeRole.replica, id);
    k0.pass(settings.livenessUs / 2 + 1);
    assert.match(last(k0.log, 'waiting').detail, /epoch 2 waits for witnesses to start: 0 of the 1 needed have/);
  });
});
