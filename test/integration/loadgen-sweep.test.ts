// What goes wrong after the last window: the result is kept and says so. With real client processes that need no cluster.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Progress } from '../../loadgen/driver/progress.js';
import { runSweep, type SweepDoors } from '../../loadgen/driver/sweep.js';
import { exitCodeOf } from '../../loadgen/outcome/result.js';
import { parsePlan, type RawFlags, RUN_DEFAULTS } from '../../loadgen/plan.js';
import { composeReport } from '../../loadgen/report/content.js';
import { renderTerminal } from '../../loadgen/report/table.js';
import { Sink } from '../unit/loadgen/sink.js';

const QUICK = { clients: '2', threads: '1', duration: '100ms', warmup: '0s', target: '127.0.0.1:1' };

describe('the end of a sweep', () => {
  let out: string;

  beforeEach(() => {
    out = mkdtempSync(path.join(os.tmpdir(), 'curpho-sweep-'));
  });

  afterEach(() => {
    rmSync(out, { recursive: true });
  });

  function sweep(double: string, flags: RawFlags, doors: Partial<SweepDoors> = {}) {
    return runSweep(parsePlan({ ...QUICK, ...flags }, RUN_DEFAULTS), null, {
      progress: new Progress(new Sink(), 0),
      workerEntry: new URL(`../unit/loadgen/doubles/${double}-worker.js`, import.meta.url),
      signal: new AbortController().signal,
      out,
      ...doors,
    });
  }

  const openTraces: SweepDoors['openTraces'] = async () => ({
    otlpUrl: 'http://127.0.0.1:1',
    close: async () => {
      throw new Error('ENOSPC: no space left on device');
    },
  });

  it('keeps a result whose processes fail at the farewell and whose traces meet a full disk', async () => {
    const result = await sweep('spoiling', { traceRatio: '1' }, { openTraces });
    assert.equal(result.points.length, 1);
    assert.deepEqual([result.failures, result.traces, exitCodeOf(result)], [[], null, 0]);
    assert.match(
      result.warnings[0] ?? '',
      /^a load process did not end as it should: .*the connection would not close$/,
    );
    assert.equal(result.warnings.at(-1), 'the traces were not kept: ENOSPC: no space left on device');
    assert.match(renderTerminal(composeReport(result, null)), /warning +the traces were not kept: ENOSPC/);
  });

  it('tells what ended a run rather than what failed after it', async () => {
    await assert.rejects(sweep('unreachable', { traceRatio: '1' }, { openTraces }), { code: 'UNREACHABLE' });
  });

  it('counts the spans that load processes lost beside those that its own collector dropped', async () => {
    const { traces, clientSpans } = await sweep('spoiling', { traceRatio: '1' });
    assert.deepEqual(clientSpans, { exported: 10, dropped: 4 });
    assert.deepEqual(traces, { file: 'traces.jsonl', traces: 0, spans: 0, dropped: 4 });
  });

  it("says how many spans went to the user's collector, and where other losses are told", async () => {
    const result = await sweep('spoiling', { otlp: 'http://127.0.0.1:1' });
    const text = renderTerminal(composeReport(result, null));
    assert.match(text, /to http:\/\/127\.0\.0\.1:1: 10 spans sent and 4 lost by the load processes/);
    assert.match(text, /what services lost is in their own logs/);
  });
});
