// Replicas whose states differ at the same slot: who is told to stop, and that a leader that has to stop does not go on.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { type Actor, Bucket, last, of, openActor, settings } from './coordinator-actor.js';

function say(actor: Actor, nodeId: string, stateSlot: number, stateHash: number) {
  return actor.heartbeat(NodeRole.replica, nodeId, { stateSlot, stateHash });
}

/** What a replica is told at its next heartbeat. */
function stopOf(actor: Actor, nodeId: string): string {
  return last(actor.heartbeat(NodeRole.replica, nodeId), 'heartbeatNoted').response.stop;
}

describe('state audit', () => {
  it('says nothing while states agree, or are of different slots', () => {
    const k0 = openActor(new Bucket());
    for (const id of ['r0', 'r1', 'r2']) say(k0, id, 8, 0xabc);
    say(k0, 'r0', 16, 0x1);
    say(k0, 'r1', 24, 0x2);
    k0.pass(settings.livenessUs);
    assert.deepEqual(of(k0.log, 'stateDiffers'), []);
    for (const id of ['r0', 'r1', 'r2']) assert.equal(stopOf(k0, id), '');
  });

  it('stops the one that has not what most have, naming slot and hashes', () => {
    const k0 = openActor(new Bucket());
    say(k0, 'r0', 8, 0xabc);
    say(k0, 'r1', 8, 0xdef);
    assert.deepEqual(of(k0.log, 'stateDiffers'), [], 'the third is waited for');
    const noted = say(k0, 'r2', 8, 0xabc);
    assert.equal(last(noted, 'stateDiffers').nodeId, 'r1');
    assert.match(stopOf(k0, 'r1'), /r1 at slot 8 .*r0 abc, r1 def, r2 abc/);
    assert.deepEqual([stopOf(k0, 'r0'), stopOf(k0, 'r2')], ['', '']);
    k0.pass(settings.livenessUs);
    assert.equal(of(k0.log, 'stateDiffers').length, 1, 'said once');
  });

  it('of two that differ stops the one that does not lead, once the third is not waited for any longer', () => {
    const k0 = openActor(new Bucket());
    say(k0, 'r1', 8, 0xdef);
    say(k0, 'r0', 8, 0xabc);
    assert.equal(stopOf(k0, 'r1'), '');
    k0.pass(settings.livenessUs);
    assert.match(stopOf(k0, 'r1'), /differs from that of r0/);
    assert.equal(stopOf(k0, 'r0'), '');
  });

  it('a leader that has to stop is suspected, and asked last', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    say(k0, 'r1', 8, 0xabc);
    say(k0, 'r2', 8, 0xabc);
    const noted = say(k0, 'r0', 8, 0xdef);
    assert.notEqual(last(noted, 'heartbeatNoted').response.stop, '');
    assert.equal(bucket.stored.record?.config?.epoch, 2);
    assert.deepEqual(
      of(k0.log, 'fence').map(({ address }) => address),
      ['r1:1', 'r2:1'],
    );
  });

  it('hears also what replicas say to other coordinators, and does not blame the next life', () => {
    const k0 = openActor(new Bucket());
    say(k0, 'r0', 8, 0xabc);
    say(k0, 'r2', 8, 0xabc);
    const node = { role: NodeRole.replica, id: 'r1', address: 'r1:1', incarnation: 591 };
    const said = {
      epoch: 1,
      lostEpoch: 0,
      stalledUs: 0,
      sessionFloor: 0,
      config: undefined,
      openEpoch: 0,
      openVersion: 0,
    };
    k0.run({ kind: 'nodeSeen', clusterId: 'cluster-a', node, report: { ...said, stateSlot: 8, stateHash: 0xdef } });
    assert.deepEqual(of(k0.log, 'stateDiffers'), [], 'a life that is no member counts for nothing');
    say(k0, 'r1', 8, 0xdef);
    assert.equal(last(k0.log, 'stateDiffers').nodeId, 'r1');
  });
});
