// A leader that is heard and says that it is of no use: when another epoch begins for it, and when none does.

import assert from 'node:assert/strict';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import { type Actor, Bucket, of, openActor, settings } from './coordinator-actor.js';

const BEAT_US = settings.livenessUs / 8;
const BOUND_US = settings.livenessUs;

/** What each replica says of itself at one moment; undefined where it is not heard. */
type Said = Partial<Record<'r0' | 'r1' | 'r2', number>>;

function epochOf(bucket: Bucket): number {
  return bucket.stored.record?.config?.epoch ?? 0;
}

/** All witnesses and these replicas are heard, every beat, for a while. */
function live(actor: Actor, durationUs: number, said: (sinceUs: number) => Said, witnesses = ['w0', 'w1', 'w2']): void {
  const epoch = 1;
  for (let sinceUs = 0; sinceUs < durationUs; sinceUs += BEAT_US) {
    for (const id of witnesses) actor.heartbeat(NodeRole.witness, id, { epoch });
    for (const [id, stalledUs] of Object.entries(said(sinceUs)))
      actor.heartbeat(NodeRole.replica, id, { epoch, stalledUs });
    actor.pass(BEAT_US / 5);
    for (let step = 0; step < 4; step++) actor.pass(BEAT_US / 5);
  }
}

/** The leader has been stalled since the beginning, the others are well. */
const stalled = (sinceUs: number): Said => ({ r0: sinceUs, r1: 0, r2: 0 });

describe('a leader that is heard and says that it is stalled', () => {
  it('is replaced once it has been for the bound, and its log is not asked for with the others', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, BOUND_US, stalled);
    assert.equal(epochOf(bucket), 1, 'too early');
    live(k0, 2 * BEAT_US, (sinceUs) => stalled(BOUND_US + sinceUs));
    assert.equal(epochOf(bucket), 2);
    const asked = new Set(of(k0.log, 'fence').map(({ address }) => address));
    assert.deepEqual([...asked].sort(), ['r1:1', 'r2:1']);
  });

  it('is not while what it says goes down again and again, however slow it is', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 20 * BOUND_US, (sinceUs) => stalled(sinceUs % (BOUND_US - BEAT_US)));
    assert.equal(epochOf(bucket), 1);
  });

  it('is not while too few others are heard, are well, or witnesses are there for another epoch', () => {
    const cases: [Said, string[]][] = [
      [{ r0: 9 * BOUND_US, r1: 0 }, ['w0', 'w1', 'w2']],
      [{ r0: 9 * BOUND_US, r1: 0, r2: 9 * BOUND_US }, ['w0', 'w1', 'w2']],
      [{ r0: 9 * BOUND_US, r1: 0, r2: 0 }, []],
      [{ r0: 0, r1: 9 * BOUND_US, r2: 0 }, ['w0', 'w1', 'w2']],
    ];
    for (const [said, witnesses] of cases) {
      const bucket = new Bucket();
      const k0 = openActor(bucket);
      // What was heard before is no longer live.
      live(k0, 2 * BOUND_US, () => (said.r2 === undefined ? { r0: 0, r1: 0 } : { r0: 0, r1: 0, r2: 0 }), witnesses);
      live(k0, 4 * BOUND_US, () => said, witnesses);
      assert.equal(epochOf(bucket), 1, JSON.stringify([said, witnesses]));
    }
  });

  it('is not for what it said last while the others were halted: it is heard once more first', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    live(k0, 2 * BOUND_US, (sinceUs) => ({ r0: sinceUs }));
    for (const id of ['r1', 'r2']) k0.heartbeat(NodeRole.replica, id, { epoch: 1 });
    assert.equal(epochOf(bucket), 1);
    live(k0, 2 * BOUND_US, () => ({ r0: 0, r1: 0, r2: 0 }));
    assert.equal(epochOf(bucket), 1);
  });

  it('is not for what it says of another epoch', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    for (let beat = 0; beat < 40; beat++) {
      k0.hearReplicas();
      k0.heartbeat(NodeRole.replica, 'r0', { epoch: 0, stalledUs: 9 * BOUND_US });
      for (const id of ['w0', 'w1', 'w2']) k0.heartbeat(NodeRole.witness, id);
      k0.pass(BEAT_US);
    }
    assert.equal(epochOf(bucket), 1);
  });

  it('does not make epochs follow each other fast where no leader is of use', () => {
    const bucket = new Bucket();
    const k0 = openActor(bucket);
    const beganUs: number[] = [];
    const fromUs = k0.nowUs;
    for (let beat = 0; beat < 1200; beat++) {
      const { config, recovery } = bucket.stored.record ?? {};
      const epoch = config?.epoch ?? 0;
      if (epoch > beganUs.length + 1) beganUs.push(k0.nowUs - fromUs);
      for (const id of ['w0', 'w1', 'w2']) k0.heartbeat(NodeRole.witness, id, { epoch });
      // Whoever leads is stalled; who that is in a recovering epoch is open, so another one is said to be.
      const leader = recovery?.isLeaderChosen === false ? 0 : (config?.leader ?? 0);
      for (const id of ['r0', 'r1', 'r2'])
        k0.heartbeat(NodeRole.replica, id, { epoch, stalledUs: id === `r${leader}` ? 9 * BOUND_US : 0 });
      if (recovery?.isLeaderChosen === false) {
        const others = ['r0', 'r1', 'r2'].filter((_, index) => index !== config?.leader);
        for (const id of others) k0.answerFence(id, { lastSlot: 5 });
      }
      k0.pass(BEAT_US);
    }
    const pauses = beganUs.slice(1).map((us, at) => us - (beganUs[at] ?? 0));
    assert.ok(beganUs.length >= 4 && beganUs.length <= 10, `${beganUs.length} epochs in ${1200 * BEAT_US} µs`);
    assert.ok((pauses.at(-1) ?? 0) > 8 * BOUND_US, `pauses ${pauses.join()}`);
  });
});
