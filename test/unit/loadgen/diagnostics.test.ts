// What the windows of a point have in common: how figures of one process become one object, who is missing, and what the
// report says of both.

import assert from 'node:assert/strict';
import { parseRunnable } from '../../../loadgen/driver/machine-load.js';
import { type DiagnosedWindow, summarizeDiagnostics } from '../../../loadgen/outcome/diagnostics.js';
import { summarizePoint } from '../../../loadgen/outcome/point.js';
import { composeReport } from '../../../loadgen/report/content.js';
import { renderHtml } from '../../../loadgen/report/page/html.js';
import { sampleClientSnapshot, sampleSnapshot } from '../../support/sample-snapshot.js';
import { samplePhase, sampleResult } from './sample-result.js';

const MISSING = { role: 'witness', nodeId: 'w2', address: '127.0.0.1:9', reason: 'did not answer: UNAVAILABLE' };

function window(iteration: number, changes: Partial<DiagnosedWindow> = {}): DiagnosedWindow {
  const nodes = { snapshots: [sampleSnapshot()], missing: [], machine: null };
  return { iteration, results: [], nodes, ...changes };
}

function nodes(...snapshots: ReturnType<typeof sampleSnapshot>[]): DiagnosedWindow['nodes'] & object {
  return { snapshots, missing: [], machine: null };
}

describe('diagnostics of a point', () => {
  it('adds up what was counted, takes the worst delay, and weighs shares by the length of windows', () => {
    const short = sampleSnapshot();
    const long = sampleSnapshot({
      elapsedUs: 3_000_000,
      epoch: 2,
      eventLoop: { utilization: 0.9, delay: { count: 300, p50Ms: 0.7, p99Ms: 20, maxMs: 80 } },
      garbage: [
        { kind: 'minor', count: 1, totalMs: 4, maxMs: 4 },
        { kind: 'major', count: 1, totalMs: 30, maxMs: 30 },
      ],
      processor: { userUs: 1e6, systemUs: 5e5, runDelayUs: 420_000, voluntarySwitches: 100, involuntarySwitches: 60 },
      residentBytes: 200e6,
      gauges: { uncommitted: { now: 5, mean: 20, max: 30 } },
      counters: { conflicts: 7, late: 1 },
      peaks: { queueLengthMax: 2 },
    });
    const { diagnostics } = summarizeDiagnostics([
      window(1, { nodes: nodes(short) }),
      window(2, { nodes: nodes(long) }),
    ]);
    assert.equal(diagnostics.length, 1);
    const [process] = diagnostics;
    assert.ok(process !== undefined);
    assert.deepEqual([process.windows, process.elapsedMs, process.epoch, process.residentBytes], [2, 4000, 2, 200e6]);
    assert.deepEqual(process.processor, {
      userMs: 1400,
      systemMs: 600,
      share: 0.5,
      runDelayMs: 500,
      runDelayShare: 0.125,
      voluntarySwitches: 1000,
      involuntarySwitches: 100,
    });
    assert.ok(Math.abs(process.eventLoop.utilization - 0.8) < 1e-9);
    assert.deepEqual(
      [process.eventLoop.delayP50Ms, process.eventLoop.delayP99Ms, process.eventLoop.delayMaxMs],
      [0.3, 20, 80],
    );
    assert.deepEqual(process.garbage, {
      minor: { count: 11, totalMs: 16, maxMs: 4 },
      major: { count: 1, totalMs: 30, maxMs: 30 },
    });
    assert.deepEqual([process.traffic.operations, process.traffic.operationsPerFrame], [18_000, 6]);
    assert.deepEqual(process.counters, { conflicts: 12, 'refused.full': 0, late: 1 });
    assert.deepEqual(process.gauges.uncommitted, { now: 5, mean: 18, max: 40 });
    assert.deepEqual(process.peaks, { queueLengthMax: 3 });
  });

  it('has one object for each process, load processes included, and another for another life', () => {
    const { diagnostics } = summarizeDiagnostics([
      window(1, { results: [{ diagnostics: sampleClientSnapshot(0) }, { diagnostics: sampleClientSnapshot(1) }] }),
      window(2, { nodes: nodes(sampleSnapshot({ pid: 999 })), results: [{ diagnostics: sampleClientSnapshot(0) }] }),
    ]);
    assert.deepEqual(
      diagnostics.map(({ nodeId, pid, windows }) => [nodeId, pid, windows]),
      [
        ['r0', 100, 1],
        ['client-0', 200, 2],
        ['client-1', 201, 1],
        ['r0', 999, 1],
      ],
    );
  });

  it('says nothing of waiting for a core, or of the loop, where it was not told of all windows', () => {
    const silent = sampleSnapshot({
      eventLoop: { utilization: 0.5 },
      processor: { userUs: 1, systemUs: 1, voluntarySwitches: 0, involuntarySwitches: 0 },
    });
    const { diagnostics } = summarizeDiagnostics([
      window(1, { nodes: nodes(silent) }),
      window(2, { nodes: nodes(sampleSnapshot({ processor: silent.processor, eventLoop: silent.eventLoop })) }),
    ]);
    assert.deepEqual([diagnostics[0]?.processor.runDelayMs, diagnostics[0]?.processor.runDelayShare], [null, null]);
    assert.deepEqual([diagnostics[0]?.eventLoop.delayP50Ms, diagnostics[0]?.eventLoop.delayMaxMs], [null, null]);
  });

  it('names who is missing, in which window and why, load processes of older versions too', () => {
    const { diagnostics, diagnosticsMissing } = summarizeDiagnostics([
      window(1, { nodes: { snapshots: [], missing: [MISSING], machine: null } }),
      window(2, { nodes: nodes(), results: [{ diagnostics: undefined }] }),
    ]);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(diagnosticsMissing, [
      { ...MISSING, iteration: 1 },
      {
        role: 'client',
        nodeId: 'client-0',
        address: '',
        reason: 'its result holds no diagnostics',
        iteration: 2,
      },
    ]);
  });

  it('weighs the machine by looks, and has nothing to say of one that tells nothing', () => {
    const load = (runnableMean: number, runnableMax: number, samples: number) => ({
      nodes: { snapshots: [], missing: [], machine: { cores: 2, runnableMean, runnableMax, samples } },
    });
    assert.deepEqual(summarizeDiagnostics([window(1, load(2, 9, 30)), window(2, load(6, 7, 10))]).machineLoad, {
      cores: 2,
      runnableMean: 3,
      runnableMax: 9,
      samples: 40,
    });
    assert.equal(summarizeDiagnostics([window(1)]).machineLoad, null);
  });

  it('is a table for each point, in which who is missing has a row', () => {
    const machine = { cores: 2, runnableMean: 3.06, runnableMax: 9, samples: 10 };
    const windows = [1, 2].map((iteration) => ({
      iteration,
      results: [samplePhase([[], [], [1500]])],
      nodes: {
        snapshots: [sampleSnapshot(), sampleSnapshot({ role: 'witness', nodeId: 'w0' })],
        missing: iteration === 1 ? [MISSING, { ...MISSING, nodeId: 'w0' }] : [MISSING],
        machine,
      },
    }));
    const point = summarizePoint({ clients: 1, threads: 4, pendings: 10 }, windows, []);
    const result = sampleResult([point]);
    const { tables, facts } = composeReport(result, null);
    const table = tables.find(({ title }) => title === 'Processes at 4 streams');
    assert.deepEqual(
      table?.rows.map(([name]) => name),
      ['r0', 'w0 (missing in 1 of 2 windows)', 'client-0', 'w2 (missing)'],
    );
    assert.deepEqual(table?.rows[0]?.slice(1), [
      '50 %',
      '50 %',
      '4.00 ms',
      '8.0 %',
      '24.00 ms',
      '158 MiB',
      '4,400',
      '6.0',
    ]);
    assert.ok(table?.rows.every((row) => row.length === table.heads.length));
    assert.deepEqual(
      facts.filter(([name]) => name === 'runnable' || name === 'missing').map(([, text]) => text),
      [
        'threads at 4 streams: 3.1, most 9, on 2 cores',
        'w2 at 4 streams, iteration 1: did not answer: UNAVAILABLE',
        'w0 at 4 streams, iteration 1: did not answer: UNAVAILABLE',
        'w2 at 4 streams, iteration 2: did not answer: UNAVAILABLE',
      ],
    );
    const page = renderHtml(result, null);
    assert.equal(page.match(/Processes at 4 streams<\/h3>/g)?.length, 1);
    assert.match(page, /Core wait/);
  });
});

describe('runnable threads', () => {
  for (const [text, runnable] of [
    ['9.64 5.94 4.73 9/258 28208\n', 8],
    ['0.00 0.00 0.00 0/80 1', 0],
    ['9.64 5.94 4.73', null],
    ['', null],
  ] as const) {
    it(`${JSON.stringify(text)} has ${runnable} besides the one that looks`, () => {
      assert.equal(parseRunnable(text), runnable);
    });
  }
});
