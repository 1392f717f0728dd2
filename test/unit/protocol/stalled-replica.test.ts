// For how long a replica says that it has been of no use to the others: as a leader that too few answer, and with a disk
// that refuses what is to be kept.

import assert from 'node:assert/strict';
import { LoneReplica } from './lone-replica.js';

const STEP_US = 10_000;

/** Ticks for a while; `each` happens in every one. */
function pass(replica: LoneReplica, durationUs: number, each: () => void = () => undefined): void {
  for (let passedUs = 0; passedUs < durationUs; passedUs += STEP_US) {
    replica.turn({ kind: 'tick' });
    replica.keepAll();
    each();
  }
}

function openLeader(replicas = 3): LoneReplica {
  const replica = new LoneReplica({ replicas });
  replica.lead(1);
  replica.keepAll();
  replica.acknowledge(1, 1);
  return replica;
}

describe('a replica that is of no use to the others', () => {
  it('a leader says for how long fewer than a majority have answered it, also where nobody wants anything', () => {
    const leader = openLeader();
    assert.ok(leader.core.stalledUs <= 2 * STEP_US);
    pass(leader, 500_000);
    const stalledUs = leader.core.stalledUs;
    assert.ok(stalledUs >= 500_000 && stalledUs < 550_000, `${stalledUs}`);
    leader.acknowledge(1, 1);
    assert.ok(leader.core.stalledUs <= STEP_US);
  });

  it('an idle leader asks to be answered', () => {
    const leader = openLeader();
    leader.take('replicate');
    pass(leader, 200_000);
    assert.ok(leader.take('replicate').length >= 3);
  });

  it('any answer is progress, however slow and however little it says', () => {
    const leader = openLeader();
    let longestUs = 0;
    for (let answer = 0; answer < 30; answer++) {
      pass(leader, 400_000);
      longestUs = Math.max(longestUs, leader.core.stalledUs);
      leader.acknowledge(1, 1);
    }
    assert.ok(longestUs < 450_000, `${longestUs}`);
  });

  it('one follower of four is no majority', () => {
    const leader = openLeader(5);
    pass(leader, 400_000, () => leader.acknowledge(1, 1));
    assert.ok(leader.core.stalledUs >= 400_000);
  });

  it('a halt of its process counts no more than a step', () => {
    const leader = openLeader();
    leader.nowUs += 30_000_000;
    leader.turn({ kind: 'tick' });
    assert.ok(leader.core.stalledUs <= 150_000, `${leader.core.stalledUs}`);
  });

  it('a leader that may not speak yet waits for no answers', () => {
    const leader = new LoneReplica();
    leader.lead(1);
    for (let step = 0; step < 100; step++) leader.turn({ kind: 'tick' });
    assert.equal(leader.core.stalledUs, 0);
  });

  it('neither does one that does not lead any more', () => {
    const leader = openLeader();
    pass(leader, 500_000);
    leader.configure(2, 1);
    assert.equal(leader.core.stalledUs, 0);
  });

  it('a disk that refuses counts in either role until something is kept; one that is slow does not', () => {
    const follower = new LoneReplica();
    follower.configure(1, 1);
    follower.follow(1, [0, 0], [{ epoch: 1, command: undefined, expiry: undefined }]);
    const wait = (): void => {
      for (let step = 0; step < 50; step++) follower.turn({ kind: 'tick' });
    };
    wait();
    assert.equal(follower.core.stalledUs, 0, 'it is slow');
    follower.turn({ kind: 'persistRefused' });
    wait();
    assert.ok(follower.core.stalledUs >= 500_000);
    follower.keepAll();
    assert.equal(follower.core.stalledUs, 0);
  });
});
