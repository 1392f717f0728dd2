// The limits of what brings a replica up to date: parts of snapshots, and whom a leader is asked to admit.

import assert from 'node:assert/strict';
import { checkAdmission, checkSnapshotPart } from '../../../proto/frame-checks.js';
import type { SnapshotPart } from '../../../protocol/messages.js';

const key = {
  ...{ key: new Uint8Array([1]), value: new Uint8Array([2]), deleted: false },
  ...{ slot: 3, session: 4, seq: 5 },
};
const part: SnapshotPart = {
  ...{ slot: 9, slotEpoch: 1, number: 0, isLast: true, keys: [key] },
  ...{ sessions: [{ session: 4, lastSeq: 5, lastSlot: 3, ackedThrough: 0, results: [] }] },
  ...{ expired: [{ first: 1, last: 2 }], forgottenSlots: [0, 7] },
};
const member = { id: 'r3', index: 2, address: '127.0.0.1:7000', incarnation: 900 };
const admission = { clusterId: 'a', epoch: 1, version: 1, member };

describe('limits of snapshots and admissions', () => {
  it('takes what a leader sends', () => {
    checkSnapshotPart(part, 'snapshot');
    checkSnapshotPart(undefined, 'snapshot');
    checkAdmission(admission);
  });

  const wrong: [string, Partial<SnapshotPart>][] = [
    ['slot', { slot: 0 }],
    ['keys.key', { keys: [{ ...key, key: new Uint8Array(0) }] }],
    ['keys.value bytes', { keys: [{ ...key, value: new Uint8Array((1 << 20) + 1) }] }],
    ['keys.slot', { keys: [{ ...key, slot: 0 }] }],
    ['keys.session', { keys: [{ ...key, session: 0 }] }],
    ['items', { keys: new Array(8193).fill(key) }],
    ['sessions.session', { sessions: [{ session: 0, lastSeq: 0, lastSlot: 0, ackedThrough: 0, results: [] }] }],
    ['expired.last', { expired: [{ first: 5, last: 4 }] }],
    ['forgotten_slots', { forgottenSlots: new Array(65_537).fill(0) }],
  ];
  for (const [field, change] of wrong) {
    it(`refuses a part with a wrong ${field}`, () => {
      assert.throws(() => checkSnapshotPart({ ...part, ...change }, 'snapshot'), { field: `snapshot.${field}` });
    });
  }

  it('refuses an admission of nobody, of no life, or to nowhere', () => {
    for (const [field, change] of [
      ['AdmitRequest.member', undefined],
      ['AdmitRequest.member.incarnation', { ...member, incarnation: 0 }],
      ['AdmitRequest.member.address', { ...member, address: 'nowhere' }],
    ] as const) {
      assert.throws(() => checkAdmission({ ...admission, member: change }), { field });
    }
  });
});
