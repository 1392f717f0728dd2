// The first epoch from gathering to serving, told step by step, with coordinators that end, return and compete.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { EpochStatus } from '../../../protocol/messages.js';
import { Actor, Bucket, incarnationOf, last, of } from './coordinator-actor.js';

describe('coordinator bootstrap', () => {
  it('writes its cluster id before it answers anybody', () => {
    const c0 = new Actor(new Bucket());
    const early = c0.step({ kind: 'getConfig', call: 1, clusterId: '' });
    assert.equal(last(early, 'callRefused').refusal, 'notReady');
    c0.run({ kind: 'recordRead', stored: { revision: 0, record: null } });
    const answer = c0.run({ kind: 'getConfig', call: 2, clusterId: 'cluster-a' });
    assert.deepEqual(answer, [{ kind: 'currentConfig', call: 2, config: undefined }]);
  });

  it('D1: gathers, writes the epoch, has it led, starts witnesses, opens it, in this order', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    const gathered = c0.gather();
    assert.deepEqual(
      gathered.map(({ kind }) => kind),
      ['nodeSeen', 'registered', 'writeRecord', 'config', 'lead'],
    );
    const recovering = last(gathered, 'config').config;
    assert.equal(recovering.status, EpochStatus.recovering);
    assert.deepEqual(
      recovering.replicas.map(({ id, index }) => `${id}@${index}`),
      ['r0@0', 'r1@1', 'r2@2'],
    );
    assert.equal(last(gathered, 'lead').address, 'r0:1');

    const led = c0.answerLead(1);
    assert.deepEqual(
      led.map(({ kind }) => kind),
      ['writeRecord', 'config', 'start', 'start', 'start'],
    );
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering);
    assert.equal(bucket.stored.record?.config?.openSlot, 1);
    assert.deepEqual(last(led, 'start').request.committed, [{ session: 7, committedThrough: 3 }]);

    assert.deepEqual(
      c0.answerStart('w2').map(({ kind }) => kind),
      ['writeRecord', 'config'],
    );
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.open);
    for (const id of ['w0', 'w1']) assert.deepEqual(c0.answerStart(id), []);
    assert.deepEqual(c0.pass(10_000_000), []);
  });

  it('gathers only nodes that are still heard', () => {
    const c0 = new Actor(new Bucket());
    c0.run({ kind: 'tick' });
    c0.register(NodeRole.replica, 'r0');
    c0.nowUs += 3_000_000;
    for (const id of ['r1', 'r2']) c0.register(NodeRole.replica, id);
    for (const id of ['w0', 'w1', 'w2']) c0.register(NodeRole.witness, id);
    assert.equal(of(c0.log, 'config').length, 0);
    const heard = c0.heartbeat(NodeRole.replica, 'r0', { epoch: 0 });
    assert.equal(last(heard, 'config').config.replicas.length, 3);
  });

  it('asks the leader and a witness again after a pause, for ever', () => {
    const c0 = new Actor(new Bucket());
    const first = last(c0.gather(), 'lead');
    assert.deepEqual(c0.run({ kind: 'attemptFailed', attempt: first.attempt }), []);
    assert.deepEqual(c0.pass(249_999), []);
    const second = last(c0.pass(1), 'lead');
    assert.deepEqual(second.request, first.request);
    assert.deepEqual(c0.run({ kind: 'led', attempt: first.attempt, response: { openSlot: 9, committed: [] } }), []);

    c0.answerLead();
    const start = last(c0.log, 'start');
    c0.run({ kind: 'attemptFailed', attempt: start.attempt });
    assert.equal(last(c0.pass(250_000), 'start').request.witnessId, start.request.witnessId);
  });

  it('B6: starts the life of a witness that restarted before the epoch opened, and takes no other for it', () => {
    const c0 = new Actor(new Bucket());
    c0.gather();
    c0.nowUs += 3_000_000;
    c0.register(NodeRole.witness, 'w1', { incarnation: 999 });
    const led = c0.answerLead();
    assert.equal(last(led, 'config').config.witnesses[1]?.incarnation, 999);
    assert.deepEqual(c0.answerStart('w1'), []);
    assert.equal(last(c0.pass(250_000), 'start').request.witnessId, 'w1');
  });
});

describe('coordinator restarts (D7)', () => {
  it('goes on from a record without members', () => {
    const bucket = new Bucket();
    new Actor(bucket).run({ kind: 'tick' });
    const c1 = new Actor(bucket, { clusterIdProposal: 'cluster-b' });
    assert.equal(last(c1.gather(), 'config').config.clusterId, 'cluster-a');
  });

  it('goes on from a recovering epoch without any registration', () => {
    const bucket = new Bucket();
    new Actor(bucket).gather();
    const c1 = new Actor(bucket, { clusterIdProposal: 'cluster-b' });
    const wanted = c1.run({ kind: 'tick' });
    assert.equal(last(wanted, 'config').config.status, EpochStatus.recovering);
    assert.equal(last(wanted, 'lead').address, 'r0:1');
    assert.equal(last(c1.open(), 'config').config.status, EpochStatus.open);
  });

  it('goes on from an open epoch whose witnesses may not have been started', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    c0.gather();
    c0.open();
    const c1 = new Actor(bucket);
    const wanted = c1.run({ kind: 'tick' });
    assert.equal(last(wanted, 'config').config.status, EpochStatus.open);
    assert.deepEqual(last(wanted, 'lead').request, last(c0.log, 'lead').request);
    const led = c1.answerLead();
    assert.deepEqual(
      led.map(({ kind }) => kind),
      ['start', 'start', 'start'],
    );
    assert.deepEqual(last(led, 'start').request.committed, last(c0.log, 'start').request.committed);
  });

  it('does not ask another life of the leader to lead the epoch', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    c0.gather();
    c0.answerLead(1);
    const c1 = new Actor(bucket);
    const first = last(c1.run({ kind: 'tick' }), 'lead');
    c1.nowUs += 3_000_000;
    c1.register(NodeRole.replica, 'r0', { incarnation: 5 });
    c1.run({ kind: 'attemptFailed', attempt: first.attempt });
    assert.deepEqual(c1.pass(10_000_000), []);
  });

  it('does not start witnesses for a leader that opened at another slot', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    c0.gather();
    c0.answerLead(1);
    const c1 = new Actor(bucket);
    c1.run({ kind: 'tick' });
    assert.deepEqual(c1.answerLead(2), []);
    assert.equal(last(c1.pass(250_000), 'lead').address, 'r0:1');
  });

  it('treats a write whose fate is unknown as done or not done, whichever the bucket says', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    const lead = last(c0.gather(), 'lead');
    const response = { openSlot: 1, committed: [] };
    const write = last(c0.step({ kind: 'led', attempt: lead.attempt, response }), 'writeRecord');
    bucket.compareAndSet(write.expectedRevision, write.record);
    const wanted = c0.run({ kind: 'recordConflict' });
    assert.deepEqual(
      wanted.map(({ kind }) => kind),
      ['readRecord', 'config', 'start', 'start', 'start'],
    );
  });
});

describe('competing coordinators (D7)', () => {
  it('agree on the members that were written first', () => {
    const bucket = new Bucket();
    const [c0, c1] = [new Actor(bucket), new Actor(bucket, { clusterIdProposal: 'cluster-b' })];
    c0.run({ kind: 'tick' });
    c1.run({ kind: 'tick' });
    for (const id of ['a0', 'a1', 'a2']) c1.register(NodeRole.replica, id);
    for (const id of ['w0', 'w1']) c1.register(NodeRole.witness, id);
    c0.gather();
    const wanted = c1.register(NodeRole.witness, 'w2');
    assert.equal(of(wanted, 'writeRecord').length, 1);
    assert.deepEqual(last(wanted, 'config').config, last(c0.log, 'config').config);
  });

  it('have an epoch’s witnesses start once; both do so with the same requests', () => {
    const bucket = new Bucket();
    const [c0, c1] = [new Actor(bucket), new Actor(bucket)];
    c0.gather();
    c1.run({ kind: 'tick' });
    c0.answerLead();
    const { revision } = bucket.stored;
    const wanted = c1.answerLead();
    assert.equal(bucket.stored.revision, revision);
    assert.deepEqual(
      wanted.map(({ kind }) => kind),
      ['writeRecord', 'readRecord', 'config', 'start', 'start', 'start'],
    );
    assert.deepEqual(last(c1.log, 'start').request, last(c0.log, 'start').request);
  });

  it('gather nodes that registered with different ones of them', () => {
    const bucket = new Bucket();
    const [c0, c1] = [new Actor(bucket), new Actor(bucket)];
    c0.run({ kind: 'tick' });
    c1.run({ kind: 'tick' });
    for (const id of ['r0', 'r1', 'r2']) c0.register(NodeRole.replica, id);
    for (const id of ['w0', 'w1', 'w2']) c1.register(NodeRole.witness, id);
    assert.equal(of(c1.log, 'config').length, 0);
    for (const seen of of(c0.log, 'nodeSeen')) c1.run(seen);
    assert.equal(last(c1.log, 'config').config.replicas[2]?.incarnation, incarnationOf('r2'));
  });

  it('D1: do not open an epoch that a later one has replaced', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    c0.gather();
    const { record, revision } = bucket.stored;
    assert.ok(record?.config);
    bucket.compareAndSet(revision, { ...record, config: { ...record.config, epoch: 2, leader: 1 } });
    const wanted = c0.answerLead();
    assert.equal(bucket.stored.record?.config?.epoch, 2);
    assert.equal(bucket.stored.record?.config?.status, EpochStatus.recovering);
    assert.equal(of(wanted, 'start').length, 0);
    assert.equal(last(wanted, 'lead').address, 'r1:1');
  });
});

describe('a record that goes back (D9)', () => {
  it('is written again as it was known', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    c0.gather();
    const older = structuredClone(bucket.stored);
    c0.answerLead();
    c0.openSessions(1);
    const before = structuredClone(bucket.stored.record);
    bucket.stored = older;
    c0.run({ kind: 'recordRead', stored: older });
    assert.deepEqual(bucket.stored.record, before);
  });

  it('halts a coordinator whose bucket became another cluster’s', () => {
    const bucket = new Bucket();
    const c0 = new Actor(bucket);
    c0.gather();
    const stranger = { clusterId: 'cluster-b', sessionFloor: 1, config: undefined, recovery: undefined };
    const wanted = c0.run({ kind: 'recordRead', stored: { revision: 1, record: stranger } });
    assert.match(last(wanted, 'halt').detail, /cluster-b.*cluster-a/);
    assert.deepEqual(c0.pass(1_000_000), []);
  });
});
