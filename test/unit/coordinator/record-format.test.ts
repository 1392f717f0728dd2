// The record as text: what was written comes back, records of the first version are still read, later ones refused.

import assert from 'node:assert/strict';
import type { CoordinatorRecord } from '../../../protocol/coordinator/types.js';
import { EpochStatus } from '../../../protocol/messages.js';
import { decodeRecord, encodeRecord, RecordFormatError } from '../../../services/coordinator/record-store.js';

const witnesses = [{ id: 'w0', index: 0, address: 'w0:1', incarnation: 7 }];

function createRecord(epoch: number, status: number): CoordinatorRecord {
  const replicas = [{ id: 'r0', index: 0, address: 'r0:1', incarnation: 5 }];
  const shape = { leader: 0, replicas, witnesses, fastQuorum: 1, openSlot: 0, natsUrl: '', version: 1 };
  const config = { clusterId: 'a', epoch, status, ...shape };
  return { clusterId: 'a', sessionFloor: 3, config, recovery: undefined };
}

describe('the record as text', () => {
  it('comes back as it was written', () => {
    const gathering = { clusterId: 'a', sessionFloor: 1, config: undefined, recovery: undefined };
    const recovery = { opened: { epoch: 3, witnesses }, isLeaderChosen: false, preferred: undefined };
    const wanted = { ...recovery, isLeaderChosen: true, preferred: 'r0' };
    const recovering = { ...createRecord(4, EpochStatus.recovering), recovery };
    const { config } = createRecord(4, EpochStatus.recovering);
    const starting = { ...recovering, config: config && { ...config, openSlot: 9 }, recovery: undefined };
    for (const record of [
      gathering,
      createRecord(1, EpochStatus.recovering),
      createRecord(4, EpochStatus.open),
      starting,
      recovering,
      { ...recovering, recovery: wanted },
    ]) {
      assert.deepEqual(decodeRecord(encodeRecord(record)), record);
    }
  });

  it('of version 1 is read', () => {
    const { recovery: _, ...record } = createRecord(1, EpochStatus.open);
    const text = JSON.stringify({ version: 1, ...record });
    assert.deepEqual(decodeRecord(text), createRecord(1, EpochStatus.open));
  });

  it('of version 2 is read', () => {
    const { config, ...rest } = createRecord(4, EpochStatus.recovering);
    const { version: _, ...unversioned } = config ?? {};
    const recovery = { opened: { epoch: 3, witnesses }, isLeaderChosen: true };
    const text = JSON.stringify({ version: 2, ...rest, config: unversioned, recovery });
    const read = decodeRecord(text);
    assert.equal(read.config?.version, 1);
    assert.deepEqual(read.recovery, { ...recovery, preferred: undefined });
  });

  it('of a later version is refused, and so is an epoch of which nobody could tell how to recover it', () => {
    const later = JSON.stringify({ version: 5, ...createRecord(1, EpochStatus.open) });
    assert.throws(() => decodeRecord(later), RecordFormatError);
    assert.throws(() => decodeRecord(encodeRecord(createRecord(2, EpochStatus.recovering))), /to be recovered/);
    assert.throws(() => decodeRecord('{}'), RecordFormatError);
  });
});
