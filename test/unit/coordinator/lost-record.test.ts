// The bucket is put back to an older snapshot while no coordinator runs: what nodes know keeps epochs and session ids from
// going out twice (D9, F8).

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import type { ClusterConfig } from '../../../protocol/messages.js';
import { Actor, Bucket, last, of, openActor } from './coordinator-actor.js';

/** A bucket as it was in epoch 1, and the configuration of epoch 2 that it lost. */
function putBack(): { bucket: Bucket; lost: ClusterConfig } {
  const bucket = new Bucket();
  const k0 = openActor(bucket);
  const older = structuredClone(bucket.stored);
  k0.lose('r0');
  k0.answerFence('r1', { lastSlot: 5 });
  k0.answerFence('r2', { lastSlot: 4 });
  k0.answerSeal('w0');
  k0.answerRead('w0');
  k0.open(6);
  const lost = structuredClone(bucket.stored.record?.config);
  assert.ok(lost);
  bucket.stored = older;
  return { bucket, lost };
}

/** A coordinator that has read its record and heard nobody. */
function start(bucket: Bucket): Actor {
  const actor = new Actor(bucket, { name: 'k1' });
  actor.run({ kind: 'tick' });
  return actor;
}

describe('a record that was put back while no coordinator ran', () => {
  it('D9: no epoch begins before a majority of the replicas was heard', () => {
    const { bucket } = putBack();
    const k1 = start(bucket);
    k1.lose('r0');
    assert.equal(bucket.stored.record?.config?.epoch, 1);
    k1.heartbeat(NodeRole.replica, 'r1', { epoch: 1, openEpoch: 1, openVersion: 1 });
    assert.equal(bucket.stored.record?.config?.epoch, 1);
    k1.heartbeat(NodeRole.replica, 'r2', { epoch: 1, openEpoch: 1, openVersion: 1 });
    assert.equal(bucket.stored.record?.config?.epoch, 2);
  });

  it('D9: an epoch that a node speaks of is not reissued, and people are told', () => {
    const { bucket } = putBack();
    const k1 = start(bucket);
    k1.lose('r0');
    k1.heartbeat(NodeRole.replica, 'r1', { epoch: 2 });
    k1.heartbeat(NodeRole.replica, 'r2', { epoch: 1 });
    k1.pass(500_000);
    assert.equal(bucket.stored.record?.config?.epoch, 1);
    assert.match(last(k1.log, 'waiting').detail, /nodes speak of epoch 2, the record only of epoch 1/);
  });

  it('D9: takes from nodes what the record lost, once a majority of its replicas is heard', () => {
    const { bucket, lost } = putBack();
    const k1 = start(bucket);
    const open = { openEpoch: 2, openVersion: 1 };
    k1.heartbeat(NodeRole.replica, 'r1', { epoch: 2, config: lost, ...open });
    assert.equal(bucket.stored.record?.config?.epoch, 1, 'r1 alone is no majority');
    k1.heartbeat(NodeRole.replica, 'r2', { epoch: 2, ...open });
    assert.deepEqual(bucket.stored.record?.config, lost);
    assert.deepEqual(last(k1.log, 'config').config, lost);
  });

  it('D9: does not take an older configuration for the lost one while a node speaks of a later epoch', () => {
    const { bucket, lost } = putBack();
    const k1 = start(bucket);
    const open = { openEpoch: 2, openVersion: 1 };
    k1.heartbeat(NodeRole.replica, 'r1', { epoch: 2, config: lost, ...open });
    k1.heartbeat(NodeRole.replica, 'r0', { epoch: 3, ...open });
    k1.heartbeat(NodeRole.replica, 'r2', { epoch: 2, ...open });
    assert.equal(bucket.stored.record?.config?.epoch, 1, 'whether epoch 3 served is not known');
  });

  it('D9: put back within an epoch, it is neither led by another replica nor opened with other witnesses', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r0');
    const nobodyLeads = structuredClone(bucket.stored);
    k0.answerFence('r1', { lastSlot: 5 });
    k0.answerFence('r2', { lastSlot: 4 });
    k0.answerSeal('w0');
    k0.answerRead('w0');
    k0.open(6);
    const lost = bucket.stored.record?.config;
    bucket.stored = nobodyLeads;
    const k1 = start(bucket);
    const open = { epoch: 2, openEpoch: 2, openVersion: 1 };
    k1.heartbeat(NodeRole.replica, 'r2', open);
    k1.heartbeat(NodeRole.replica, 'r0', { epoch: 1 });
    k1.answerFence('r2', { lastSlot: 9 });
    k1.pass(250_000);
    k1.answerFence('r0', { lastSlot: 9 });
    assert.equal(bucket.stored.record?.recovery?.isLeaderChosen, false);
    k1.heartbeat(NodeRole.replica, 'r2', { ...open, config: lost });
    assert.deepEqual(bucket.stored.record?.config, lost);
  });

  it('D9: nodes that had an epoch are not gathered anew by a coordinator that finds an empty bucket', () => {
    const bucket = new Bucket();
    const k1 = start(bucket);
    k1.heartbeat(NodeRole.replica, 'r0');
    for (const id of ['r0', 'r1', 'r2']) k1.register(NodeRole.replica, id);
    k1.heartbeat(NodeRole.replica, 'r1', { epoch: 4 });
    for (const id of ['w0', 'w1', 'w2']) k1.register(NodeRole.witness, id);
    assert.equal(bucket.stored.record?.config, undefined);
  });

  it('F8: ids go out once a majority of the replicas was told that they are taken', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.openSessions(10_000);
    const floor = bucket.stored.record?.sessionFloor ?? 0;
    const more = k0.openSessions(5);
    assert.deepEqual(of(more, 'sessionsOpened'), []);
    const told = bucket.stored.record?.sessionFloor ?? 0;
    assert.ok(told > floor);
    const noted = k0.heartbeat(NodeRole.replica, 'r0', { sessionFloor: told });
    assert.equal(last(noted, 'heartbeatNoted').response.sessionFloor, told);
    assert.deepEqual(of(noted, 'sessionsOpened'), []);
    const issued = last(k0.heartbeat(NodeRole.replica, 'r2', { sessionFloor: told }), 'sessionsOpened');
    assert.deepEqual(issued.response, { firstSession: floor, count: 5 });
  });

  it('F8: ids that went out before are reserved above, whatever the record says', () => {
    const { bucket } = putBack();
    const k1 = start(bucket);
    assert.deepEqual(of(k1.openSessions(3), 'writeRecord'), [], 'nobody was heard yet');
    k1.heartbeat(NodeRole.replica, 'r0', { sessionFloor: 30_001 });
    k1.heartbeat(NodeRole.replica, 'r1', { sessionFloor: 20_001 });
    assert.equal(bucket.stored.record?.sessionFloor, 40_001);
    k1.hearReplicas();
    assert.equal(last(k1.log, 'sessionsOpened').response.firstSession, 30_001);
  });
});
