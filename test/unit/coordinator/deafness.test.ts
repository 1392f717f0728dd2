// A coordinator that could not hear takes nobody for lost for it, and one that could still notices every loss in time.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { Actor, Bucket, openActor, STREAM_GRACE_US, settings } from './coordinator-actor.js';

const ALL = ['r0', 'r1', 'r2', 'w0', 'w1', 'w2'];

function roleOf(id: string): number {
  return id.startsWith('r') ? NodeRole.replica : NodeRole.witness;
}

/** Lets time pass in steps, with heartbeats of some nodes. */
function live(actor: Actor, durationUs: number, nodes: readonly string[], stepUs = 50_000): void {
  for (let passedUs = 0; passedUs < durationUs; passedUs += stepUs) {
    actor.pass(stepUs);
    for (const id of nodes) actor.heartbeat(roleOf(id), id);
  }
}

function epochOf(bucket: Bucket): number | undefined {
  return bucket.stored.record?.config?.epoch;
}

describe('a coordinator that is deaf', () => {
  it('for some time heard nobody: the leader has the whole liveness time to be heard again', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 1_000_000, ['r1', 'r2']);
    live(k0, 1_500_000, []);
    live(k0, 1_900_000, ['r1', 'r2']);
    assert.equal(epochOf(bucket), 1);
    live(k0, 500_000, ['r1', 'r2']);
    assert.equal(epochOf(bucket), 2);
  });

  it('was halted: streams that are found broken afterwards say nothing of the leader', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 1_000_000, ALL);
    k0.nowUs += 4_300_000;
    for (const id of ['r1', 'r2']) k0.heartbeat(NodeRole.replica, id);
    k0.lose('r0');
    live(k0, 1_500_000, ['r1', 'r2']);
    assert.equal(epochOf(bucket), 1);
    live(k0, 700_000, ['r1', 'r2']);
    assert.equal(epochOf(bucket), 2, 'its silence does');
  });

  it('was halted long ago: a stream that breaks counts again', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.nowUs += 4_300_000;
    live(k0, 600_000, ALL);
    k0.lose('r0');
    assert.equal(epochOf(bucket), 2);
  });

  it('does not hear what others hear: silence begins anew, but a stream that breaks counts', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    for (let passedUs = 0; passedUs < 5_000_000; passedUs += 250_000) {
      live(k0, 250_000, ['r1', 'r2']);
      k0.run({ kind: 'cutOff' });
    }
    live(k0, 1_900_000, ['r1', 'r2']);
    assert.equal(epochOf(bucket), 1);
    k0.run({ kind: 'cutOff' });
    k0.lose('r0');
    assert.equal(epochOf(bucket), 2);
  });

  it('lost the streams of half the nodes at once: only silence tells who is gone', () => {
    for (const order of [ALL, ['r0', 'w0', 'r1'], ['w2', 'r2', 'r0']]) {
      const bucket = new Bucket();
      const k0 = openActor(bucket);
      for (const id of order) k0.breakStream(roleOf(id), id);
      live(k0, 1_900_000, ['r1', 'r2']);
      assert.equal(epochOf(bucket), 1, order.join(' '));
      live(k0, 500_000, ['r1', 'r2']);
      assert.equal(epochOf(bucket), 2, order.join(' '));
    }
  });

  it('does not replace a witness for what it did not hear', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.register(NodeRole.witness, 'w3');
    live(k0, 1_000_000, [...ALL, 'w3']);
    live(k0, 2_500_000, []);
    live(k0, 1_900_000, ['r0', 'r1', 'r2', 'w1', 'w2', 'w3']);
    assert.equal(epochOf(bucket), 1);
  });

  it('does not replace a replica for what it did not hear', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket, { replaceAfterUs: 3_000_000 });
    k0.register(NodeRole.replica, 'r3');
    live(k0, 6_000_000, []);
    live(k0, 2_000_000, ['r0', 'r1', 'r3']);
    assert.deepEqual(
      k0.log.filter(({ kind }) => kind === 'admit'),
      [],
    );
    live(k0, 2_000_000, ['r0', 'r1', 'r3']);
    assert.equal(k0.log.filter(({ kind }) => kind === 'admit').length > 0, true);
  });
});

describe('a stream that breaks', () => {
  it('of the leader begins an epoch at once, also with another node of its machine', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.breakStream(NodeRole.witness, 'w0');
    k0.breakStream(NodeRole.replica, 'r0');
    live(k0, STREAM_GRACE_US, ['r1', 'r2', 'w1', 'w2']);
    assert.equal(epochOf(bucket), 2);
  });

  it('begins none if the leader is heard on another way', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    k0.breakStream(NodeRole.replica, 'r0');
    k0.pass(STREAM_GRACE_US - 1);
    k0.heartbeat(NodeRole.replica, 'r0');
    live(k0, settings.livenessUs, ALL);
    assert.equal(epochOf(bucket), 1);
  });
});

describe('coordinator and leader lost together', () => {
  it('the other coordinator notices, though the nodes come to it one after the other', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 500_000, ALL);
    const k1 = new Actor(bucket, { name: 'k1' });
    k1.nowUs = k0.nowUs;
    k1.run({ kind: 'tick' });
    live(k1, 500_000, ALL);
    live(k1, 1_200_000, []);
    live(k1, 300_000, ['r1']);
    live(k1, 2_200_000, ['r1', 'r2', 'w0', 'w1', 'w2']);
    assert.equal(epochOf(bucket), 2);
  });
});
