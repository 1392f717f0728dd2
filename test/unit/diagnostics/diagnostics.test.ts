// A process's view of itself: what is told before the first reset, what after, and that a reset begins anew.

import assert from 'node:assert/strict';
import { constants, performance } from 'node:perf_hooks';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { Diagnostics } from '../../../diagnostics/diagnostics.js';
import { GarbageWatch } from '../../../diagnostics/garbage-watch.js';
import { parseSchedstat } from '../../../diagnostics/processor-watch.js';
import { DiagnosticsSnapshot } from '../../../proto/gen/curpho/v1/diagnostics.js';

/** Keeps the processor, and with it the event loop, busy for so long. */
function burn(ms: number): void {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
}

/** Makes garbage until the observer has seen some of it go. */
async function collectSome(diagnostics: Diagnostics): Promise<DiagnosticsSnapshot> {
  for (;;) {
    const kept: number[][] = [];
    for (let i = 0; i < 20_000; i++) kept.push([i, i, i, i]);
    await nextTurn();
    const snapshot = diagnostics.snapshot();
    if (snapshot.garbage.length > 0) return snapshot;
  }
}

describe('diagnostics of a process', () => {
  let diagnostics: Diagnostics;
  let epoch: number;

  beforeEach(() => {
    epoch = 3;
    diagnostics = new Diagnostics(() => ({ role: 'witness', nodeId: 'w1', epoch }));
  });

  afterEach(() => diagnostics.close());

  it('watches nothing that costs before the first reset', async () => {
    burn(20);
    await delay(30);
    const { resets, garbage, eventLoop, processor, residentBytes } = diagnostics.snapshot();
    assert.deepEqual([resets, garbage, eventLoop?.delay], [0, [], undefined]);
    assert.ok(Number(processor?.userUs) > 0 && residentBytes > 0, 'what is counted anyway is told');
  });

  it('says who it is at the time of the snapshot', () => {
    epoch = 4;
    const { role, nodeId, pid, epoch: told } = diagnostics.snapshot();
    assert.deepEqual([role, nodeId, pid, told], ['witness', 'w1', process.pid, 4]);
  });

  it('tells a loop that was blocked, and forgets it at the next reset', async () => {
    diagnostics.reset();
    await delay(30);
    burn(60);
    await delay(30);
    const blocked = diagnostics.snapshot();
    assert.ok(Number(blocked.eventLoop?.delay?.maxMs) > 40, JSON.stringify(blocked.eventLoop));
    assert.ok(Number(blocked.processor?.userUs) > 0 && blocked.elapsedUs >= 60_000);
    assert.equal(diagnostics.reset(), 2);
    const anew = diagnostics.snapshot();
    assert.deepEqual([anew.resets, anew.eventLoop?.delay?.count], [2, 0]);
    assert.ok(anew.elapsedUs < blocked.elapsedUs);
  });

  it('counts collections of garbage by kind', async () => {
    diagnostics.reset();
    const { garbage } = await collectSome(diagnostics);
    const [pauses] = garbage;
    assert.ok(pauses !== undefined && ['minor', 'major', 'incremental', 'weakCallbacks'].includes(pauses.kind));
    assert.ok(pauses.count > 0 && pauses.totalMs >= pauses.maxMs && pauses.maxMs > 0);
  });

  it('looks at gauges by itself once it was reset', async () => {
    let looks = 0;
    const traffic = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, operationFrames: 0, operations: 0 };
    diagnostics.observe({ stats: () => ({ size: ++looks }), kinds: { size: 'gauge' }, traffic: () => traffic });
    diagnostics.reset();
    const after = looks;
    while (looks < after + 2) await delay(10);
    assert.ok(Number(diagnostics.snapshot().gauges.size?.mean) > after);
  });

  it('survives the wire', () => {
    diagnostics.reset();
    const snapshot = diagnostics.snapshot();
    assert.deepEqual(DiagnosticsSnapshot.decode(DiagnosticsSnapshot.encode(snapshot).finish()), snapshot);
  });
});

describe('pauses for garbage collection', () => {
  it('adds up each kind, and both young collectors as one', () => {
    const watch = new GarbageWatch();
    watch.add(constants.NODE_PERFORMANCE_GC_MINOR, 1, 2);
    watch.add(2, 1, 5);
    watch.add(constants.NODE_PERFORMANCE_GC_MAJOR, 1, 7);
    watch.add(64, 1, 1);
    assert.deepEqual(watch.read(), [
      { kind: 'minor', count: 2, totalMs: 7, maxMs: 5 },
      { kind: 'major', count: 1, totalMs: 7, maxMs: 7 },
      { kind: 'kind 64', count: 1, totalMs: 1, maxMs: 1 },
    ]);
  });

  it('leaves out a pause from before the reset that is told of after it', () => {
    const watch = new GarbageWatch();
    const beforeMs = performance.now();
    watch.reset();
    watch.add(constants.NODE_PERFORMANCE_GC_MAJOR, beforeMs - 1, 50);
    const late = watch.read();
    watch.close();
    assert.deepEqual(
      late.filter(({ kind }) => kind === 'major'),
      [],
    );
  });
});

describe('time spent waiting for a core', () => {
  for (const [text, waitedUs] of [
    ['831196 13366580 1\n', 13_367],
    ['831196 0 1', 0],
    ['0 0 0\n', null],
    ['', null],
    ['831196 13366580', null],
    ['se.exec_start : 1', null],
  ] as const) {
    it(`${JSON.stringify(text)} is ${waitedUs}`, () => assert.equal(parseSchedstat(text), waitedUs));
  }
});
