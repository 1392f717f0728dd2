// Members that come back with what they kept, at another address: the record says where they are, whatever else goes on,
// and nothing else changes.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import type { ClusterConfig } from '../../../protocol/messages.js';
import { Actor, Bucket, incarnationOf, last, of, openActor } from './coordinator-actor.js';

function recorded(bucket: Bucket): ClusterConfig {
  const { record } = bucket.stored;
  assert.ok(record?.config);
  return record.config;
}

function addresses(config: ClusterConfig): string[] {
  return [...config.replicas, ...config.witnesses].map(({ address }) => address);
}

describe('members that moved', () => {
  it('D10: the same life at another address is written at once, in the same epoch as the next version', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const before = recorded(bucket);
    k0.register(NodeRole.replica, 'r1', { address: 'r1:2' });
    k0.register(NodeRole.witness, 'w2', { address: 'w2:2' });
    const { config } = last(k0.log, 'config');
    assert.deepEqual(config, recorded(bucket));
    assert.deepEqual([config.epoch, config.version, config.status], [before.epoch, before.version + 2, before.status]);
    assert.deepEqual(addresses(config), ['r0:1', 'r1:2', 'r2:1', 'w0:1', 'w1:1', 'w2:2']);
    const lives = ({ replicas, witnesses }: ClusterConfig) => [...replicas, ...witnesses].map((m) => m.incarnation);
    assert.deepEqual(lives(config), lives(before));
  });

  it('D10: the same address, another life or a stranger changes no list', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const before = recorded(bucket);
    k0.register(NodeRole.replica, 'r1');
    k0.register(NodeRole.replica, 'r7', { address: 'r7:2' });
    k0.register(NodeRole.witness, 'r1', { address: 'r1:2' });
    k0.lose('r2');
    k0.register(NodeRole.replica, 'r2', { incarnation: 900, address: 'r2:2' });
    assert.deepEqual(recorded(bucket), before);
  });

  it('D9: nothing is written into a record that may have been put back', () => {
    const bucket = new Bucket();
    openActor(bucket);
    const k1 = new Actor(bucket, { name: 'k1' });
    k1.run({ kind: 'tick' });
    k1.register(NodeRole.replica, 'r1', { address: 'r1:2' });
    assert.equal(recorded(bucket).version, 1, 'no majority of the replicas was heard');
    k1.heartbeat(NodeRole.replica, 'r1', { openEpoch: 1, openVersion: 2 });
    k1.heartbeat(NodeRole.replica, 'r2', { openEpoch: 1, openVersion: 1 });
    assert.equal(recorded(bucket).version, 1, 'another list of version 2 was known');
    const config = { ...recorded(bucket), version: 2 };
    k1.heartbeat(NodeRole.replica, 'r1', { openEpoch: 1, openVersion: 2, config });
    assert.deepEqual([recorded(bucket).version, recorded(bucket).replicas[1]?.address], [3, 'r1:2']);
  });

  it('D7: in an epoch that is being recovered, the calls go to where members are now', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.lose('r0');
    assert.equal(recorded(bucket).epoch, 2);
    for (const id of ['r1', 'r2']) k0.register(NodeRole.replica, id, { address: `${id}:2` });
    for (const id of ['w0', 'w1', 'w2']) k0.register(NodeRole.witness, id, { address: `${id}:2` });
    const { record } = bucket.stored;
    assert.deepEqual(addresses(recorded(bucket)), ['r0:1', 'r1:2', 'r2:2', 'w0:2', 'w1:2', 'w2:2']);
    assert.deepEqual(
      record?.recovery?.opened?.witnesses.map(({ address }) => address),
      ['w0:2', 'w1:2', 'w2:2'],
    );
    const toFormer = of(k0.log, 'fence');
    for (const { attempt } of toFormer) k0.run({ kind: 'attemptFailed', attempt });
    k0.pass(300_000);
    const fences = of(k0.log, 'fence').slice(toFormer.length);
    assert.deepEqual(
      fences.map(({ address }) => address).filter((address) => address !== 'r0:1'),
      ['r1:2', 'r2:2'],
    );
    for (const { attempt, request, address } of fences) {
      const response = { epoch: request.epoch, lastEpoch: 1, lastSlot: address === 'r1:2' ? 5 : 4, lastWrites: [] };
      k0.run({ kind: 'fenced', attempt, response });
    }
    const [seal] = of(k0.log, 'seal');
    assert.ok(seal);
    assert.equal(seal.address, 'w0:2');
    const sealed = { epoch: 2, incarnation: incarnationOf('w0'), lifeEpoch: 1, entries: 0 };
    k0.run({ kind: 'sealed', attempt: seal.attempt, response: sealed });
    const read = last(k0.log, 'recoveryData');
    const pool = { incarnation: incarnationOf('w0'), entries: [] };
    k0.run({ kind: 'recovered', attempt: read.attempt, response: pool });
    assert.equal(last(k0.log, 'lead').address, 'r1:2');
    k0.answerLead(6);
    assert.deepEqual(addresses(recorded(bucket)), ['r0:1', 'r1:2', 'r2:2', 'w0:2', 'w1:2', 'w2:2']);
  });

  it('D10: everybody who moved while the bucket was away is written at once', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const nodes = ['r0', 'r1', 'r2', 'w0', 'w1', 'w2'];
    const said = { epoch: 0, sessionFloor: 0, openEpoch: 0, openVersion: 0 };
    const writes = nodes.flatMap((nodeId, at) => {
      const role = at < 3 ? NodeRole.replica : NodeRole.witness;
      const life = { clusterId: 'cluster-a', role, nodeId, incarnation: incarnationOf(nodeId), address: `${nodeId}:2` };
      return of(k0.step({ kind: 'register', call: 100 + at, request: { ...life, ...said } }), 'writeRecord');
    });
    assert.equal(writes.length, 1, 'one write is under way at a time');
    k0.run({ kind: 'recordConflict' });
    assert.deepEqual(
      addresses(recorded(bucket)),
      nodes.map((id) => `${id}:2`),
    );
    assert.equal(recorded(bucket).version, 2);
  });

  it('D10: an address that the record got meanwhile is not undone by a coordinator that knew the former one', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const k1 = openActorBeside(bucket);
    k0.register(NodeRole.replica, 'r1', { address: 'r1:2' });
    k1.run({ kind: 'recordRead', stored: structuredClone(bucket.stored) });
    k1.heartbeat(NodeRole.replica, 'r1');
    k1.pass(250_000);
    assert.equal(recorded(bucket).replicas[1]?.address, 'r1:2');
    assert.equal(last(k1.log, 'nodeSeen').node.address, 'r1:2', 'what it passes on is what the record says');
  });
});

/** Another coordinator, which hears the same replicas. */
function openActorBeside(bucket: Bucket): Actor {
  const actor = new Actor(bucket, { name: 'k1' });
  actor.run({ kind: 'tick' });
  actor.hearReplicas();
  return actor;
}
