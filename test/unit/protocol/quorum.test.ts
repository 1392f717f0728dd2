// Quorum sizes against an oracle that looks at every subset of witnesses instead of computing anything.

import assert from 'node:assert/strict';
import { createQuorums, defaultFastQuorum } from '../../../protocol/quorum.js';

function bits(mask: number): number {
  return mask.toString(2).replaceAll('0', '').length;
}

/** Every set of at least `size` of `m` witnesses, as a mask. */
function setsOf(m: number, size: number): number[] {
  return Array.from({ length: 1 << m }, (_, mask) => mask).filter((mask) => bits(mask) >= size);
}

/** Copies of a completed command on the worst set of exactly `k` sealed witnesses, and the most that a rival can have there. */
function worstCase(m: number, q: number, k: number): { copies: number; rival: number } {
  let copies = m;
  let rival = 0;
  for (const accepted of setsOf(m, q)) {
    for (const sealed of setsOf(m, k).filter((mask) => bits(mask) === k)) {
      copies = Math.min(copies, bits(accepted & sealed));
      // A conflicting command can only be where the completed one is not.
      rival = Math.max(rival, bits(sealed & ~accepted));
    }
  }
  return { copies, rival };
}

describe('quorums', () => {
  for (let m = 1; m <= 5; m++) {
    for (let q = Math.floor(m / 2) + 1; q <= m; q++) {
      it(`D2: m=${m} q=${q}: k and t are what the enumeration of all subsets says, and k is the least`, () => {
        const { recovery, copies, unanimous } = createQuorums({ replicas: 3, witnesses: m, fastQuorum: q });
        const isEnough = (k: number) => {
          const worst = worstCase(m, q, k);
          return worst.copies > worst.rival && worst.copies >= 1;
        };
        assert.equal(copies, worstCase(m, q, recovery).copies);
        const least = Array.from({ length: m }, (_, i) => i + 1).find(isEnough);
        assert.equal(recovery, least);
        assert.ok(recovery + q > m, 'a sealed witness is among any later fast quorum');
        assert.equal(unanimous, q === m);
      });
    }
  }

  it('any two majorities of replicas meet', () => {
    for (const replicas of [1, 3, 5, 7]) {
      const { majority } = createQuorums({ replicas, witnesses: 3, fastQuorum: 3 });
      const sets = setsOf(replicas, majority);
      assert.ok(sets.every((a) => sets.every((b) => (a & b) !== 0)));
      const smaller = setsOf(replicas, majority - 1);
      assert.ok(
        smaller.some((a) => smaller.some((b) => (a & b) === 0)),
        'and no smaller number would do',
      );
    }
  });

  it('shapes that cannot work are refused by name', () => {
    const shape = { replicas: 3, witnesses: 3, fastQuorum: 3 };
    for (const replicas of [0, 2, 1.5, -1]) assert.throws(() => createQuorums({ ...shape, replicas }), /replicas/);
    for (const witnesses of [0, 2.5]) assert.throws(() => createQuorums({ ...shape, witnesses }), /witnesses/);
    for (const fastQuorum of [0, 1, 4, 2.5]) assert.throws(() => createQuorums({ ...shape, fastQuorum }), /fastQuorum/);
    assert.throws(() => createQuorums({ replicas: 3, witnesses: 4, fastQuorum: 2 }), /fastQuorum/);
  });

  it('the default fast quorum is all of three, and the least that is recoverable with some to spare beyond', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 7, 8].map(defaultFastQuorum), [1, 2, 3, 3, 4, 6, 6]);
    for (let m = 1; m <= 9; m++) {
      assert.doesNotThrow(() => createQuorums({ replicas: 3, witnesses: m, fastQuorum: defaultFastQuorum(m) }));
    }
  });
});
