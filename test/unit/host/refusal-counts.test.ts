// How often a node refused, by reason.

import assert from 'node:assert/strict';
import { RefusalCode } from '../../../protocol/messages.js';
import { RefusalCounts } from '../../../services/host/refusal-counts.js';
import { refusalKinds } from '../../../services/host/stat-kinds.js';
import { OperationCounts, sumTraffic } from '../../../services/host/traffic.js';

describe('refusal counts', () => {
  it('names every reason, those without a refusal too, and each has a kind', () => {
    const counts = new RefusalCounts();
    assert.deepEqual(Object.keys(counts.stats()).sort(), Object.keys(refusalKinds).sort());
    assert.ok(Object.values(counts.stats()).every((count) => count === 0));
  });

  it('counts by reason, unknown ones as others', () => {
    const counts = new RefusalCounts();
    counts.add([]);
    counts.add([{ code: RefusalCode.full }, { code: RefusalCode.epoch }, { code: RefusalCode.full }]);
    counts.add([{ code: 99 }]);
    const stats = counts.stats();
    assert.deepEqual([stats['refused.full'], stats['refused.epoch'], stats['refused.other']], [2, 1, 1]);
  });
});

describe('traffic of a node', () => {
  it('adds up streams, and leaves frames without operations out of the share of each', () => {
    const counts = new OperationCounts();
    for (const operations of [3, 0, 5]) counts.addFrame(operations);
    const carried = { framesIn: 1, framesOut: 2, bytesIn: 3, bytesOut: 4 };
    assert.deepEqual(sumTraffic([carried, carried], counts), {
      framesIn: 2,
      framesOut: 4,
      bytesIn: 6,
      bytesOut: 8,
      operationFrames: 2,
      operations: 8,
    });
  });
});
