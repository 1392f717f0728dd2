// Who is to take the place of a replica that is gone, what the leader is asked, and when the record says so.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { type Actor, Bucket, incarnationOf, last, of, openActor } from './coordinator-actor.js';

/** Everybody but `silent` is heard for a while. */
function hear(actor: Actor, durationUs: number, ...silent: string[]): void {
  for (let passedUs = 0; passedUs < durationUs; passedUs += 250_000) {
    actor.pass(250_000);
    for (const id of ['r0', 'r1', 'r2', 'r3'].filter((name) => !silent.includes(name))) {
      actor.heartbeat(NodeRole.replica, id);
    }
    for (const id of ['w0', 'w1', 'w2']) actor.heartbeat(NodeRole.witness, id);
  }
}

function answerAdmit(actor: Actor, answer: { epoch?: number; matchSlot?: number } = {}) {
  const { attempt } = last(actor.log, 'admit');
  return actor.run({ kind: 'admitted', attempt, response: { epoch: 1, matchSlot: 9, ...answer } });
}

describe('admission', () => {
  it('P7: another life of a member is brought up to date first and written into the list then', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r2');
    k0.register(NodeRole.replica, 'r2', { incarnation: 900, address: 'elsewhere:1' });
    const { address, request } = last(k0.log, 'admit');
    const member = { id: 'r2', index: 2, address: 'elsewhere:1', incarnation: 900 };
    assert.equal(address, 'r0:1');
    assert.deepEqual(request, { clusterId: 'cluster-a', epoch: 1, version: 1, member });
    assert.equal(bucket.stored.record?.config?.version, 1, 'nothing is written before the leader has answered');
    const done = answerAdmit(k0);
    const { config } = last(done, 'config');
    assert.deepEqual([config.epoch, config.version, config.replicas[2]], [1, 2, member]);
    assert.deepEqual(bucket.stored.record?.config, config);
  });

  it('P7: a leader that has not brought it up to date, or leads another epoch, is asked again', () => {
    for (const answer of [{ matchSlot: 0 }, { epoch: 2 }]) {
      const bucket = new Bucket();
      const k0 = openActor(bucket);
      k0.lose('r2');
      k0.register(NodeRole.replica, 'r2', { incarnation: 900 });
      answerAdmit(k0, answer);
      assert.equal(bucket.stored.record?.config?.version, 1);
      hear(k0, 500_000, 'r2', 'r3');
      assert.ok(of(k0.log, 'admit').length > 1, 'asked again');
    }
  });

  it('D10: a member that is gone for long is replaced by a spare, not sooner and never while it is heard', () => {
    const k0 = openActor(new Bucket(), { replaceAfterUs: 10_000_000 });
    k0.register(NodeRole.replica, 'r3');
    hear(k0, 11_000_000);
    assert.deepEqual(of(k0.log, 'admit'), []);
    hear(k0, 9_000_000, 'r1');
    assert.deepEqual(of(k0.log, 'admit'), []);
    hear(k0, 5_000_000, 'r1');
    const { request } = last(k0.log, 'admit');
    assert.deepEqual(request.member, { id: 'r3', index: 1, address: 'r3:1', incarnation: incarnationOf('r3') });
  });

  it('D10: an answer for a list that has changed meanwhile is worth nothing', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r2');
    k0.register(NodeRole.replica, 'r2', { incarnation: 900 });
    const { attempt } = last(k0.log, 'admit');
    const { record } = bucket.stored;
    assert.ok(record?.config);
    // Another coordinator wrote another list.
    const other = { ...record, config: { ...record.config, version: 2 } };
    const revision = bucket.compareAndSet(bucket.stored.revision, other);
    assert.ok(revision);
    k0.run({ kind: 'recordRead', stored: structuredClone(bucket.stored) });
    k0.run({ kind: 'admitted', attempt, response: { epoch: 1, matchSlot: 9 } });
    assert.equal(bucket.stored.record?.config?.replicas[2]?.incarnation, incarnationOf('r2'));
    assert.equal(last(k0.log, 'admit').request.version, 2, 'it is asked for anew');
  });
});
