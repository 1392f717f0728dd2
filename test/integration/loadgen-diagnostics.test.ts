// The load generator asks every process of a real cluster, and its own, how they fared: each is in the result, and one that
// is away is named.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { ClusterDiagnostics } from '../../loadgen/driver/cluster-diagnostics.js';
import { Progress } from '../../loadgen/driver/progress.js';
import { runSweep } from '../../loadgen/driver/sweep.js';
import { WORKER_ENTRY } from '../../loadgen/driver/worker-pool.js';
import { readResult } from '../../loadgen/outcome/read-result.js';
import type { RunResult } from '../../loadgen/outcome/result.js';
import { parsePlan, SWEEP_DEFAULTS } from '../../loadgen/plan.js';
import { composeReport } from '../../loadgen/report/content.js';
import { renderTerminal } from '../../loadgen/report/table.js';
import { Sink } from '../unit/loadgen/sink.js';

const NAMES = ['client-0', 'client-1', 'coordinator', 'r0', 'r1', 'r2', 'w0', 'w1', 'w2'];
const FLAGS = { clients: '2', threads: '1,2', iterations: '2', duration: '300ms', warmup: '0s', keys: '500' };

describe('loadgen and the diagnostics of a cluster', () => {
  let cluster: LocalCluster;
  let out: string;

  before(async () => {
    cluster = await startLocalCluster();
  });

  after(() => cluster.stop());

  beforeEach(() => {
    out = mkdtempSync(path.join(os.tmpdir(), 'curpho-diagnostics-'));
  });

  afterEach(() => rmSync(out, { recursive: true }));

  /** A sweep of a cluster that it did not start: all it knows of it is the coordinator. */
  function sweep(): Promise<RunResult> {
    return runSweep(parsePlan({ ...FLAGS, target: cluster.target }, SWEEP_DEFAULTS), null, {
      progress: new Progress(new Sink(), 0),
      workerEntry: WORKER_ENTRY,
      signal: new AbortController().signal,
      out,
    });
  }

  it('has one object for each process in every point, of its windows and of nothing else', async () => {
    const result = await sweep();
    assert.equal(result.points.length, 2);
    for (const point of result.points) {
      assert.deepEqual(point.diagnosticsMissing, []);
      const names = point.diagnostics.map(({ role, nodeId }) => (role === 'coordinator' ? role : nodeId)).sort();
      assert.deepEqual(names, NAMES);
      for (const { nodeId, windows, elapsedMs, processor, eventLoop, residentBytes } of point.diagnostics) {
        assert.equal(windows, 2, nodeId);
        assert.ok(elapsedMs > 0 && residentBytes > 0, nodeId);
        assert.ok(processor.share > 0 && eventLoop.utilization > 0 && eventLoop.delayP99Ms !== null, nodeId);
      }
      const process = (name: string) => {
        const found = point.diagnostics.find(({ nodeId }) => nodeId === name);
        assert.ok(found !== undefined, name);
        return found;
      };
      const replicas = ['r0', 'r1', 'r2'].map(process);
      const leader = replicas.find(({ counters }) => Number(counters.proposals) > 0);
      assert.ok(leader !== undefined && Number(leader.counters.linkFramesOut) > 0);
      assert.ok(leader.traffic.operations >= leader.traffic.operationFrames && leader.traffic.operationFrames > 0);
      assert.ok(Number(leader.gauges.descriptorLimit?.now) >= Number(leader.gauges.uncommitted?.max));
      assert.equal(leader.epoch, process('w0').epoch);
      assert.ok(Number(process('w0').counters.records) > 0 && Number(process('w0').gauges.poolEntries?.max) >= 0);
      assert.ok(process('client-0').traffic.framesOut > 0 && Number(process('client-0').counters.fast) > 0);
      assert.ok(Number(process('client-0').gauges.inFlight?.max) > 0);
    }
    writeFileSync(path.join(out, 'result.json'), JSON.stringify(result));
    assert.deepEqual(readResult(out), JSON.parse(readFileSync(path.join(out, 'result.json'), 'utf8')));
    assert.match(renderTerminal(composeReport(result, null)), /Processes at 4 streams/);
  });

  it('names a witness that is gone, and tells of all others', async () => {
    cluster.kill('w2', 'SIGKILL');
    const { points } = await sweep();
    for (const { diagnostics, diagnosticsMissing } of points) {
      assert.ok(!diagnostics.some(({ nodeId }) => nodeId === 'w2'));
      assert.equal(diagnostics.length, NAMES.length - 1);
      assert.deepEqual(
        diagnosticsMissing.map(({ role, nodeId, iteration }) => [role, nodeId, iteration]),
        [
          ['witness', 'w2', 1],
          ['witness', 'w2', 2],
        ],
      );
      assert.match(diagnosticsMissing[0]?.reason ?? '', /^did not begin to count: UNAVAILABLE/);
    }
  });

  it('does not take figures for those of a window in which somebody else had a process begin anew', async () => {
    const [mine, other] = [new ClusterDiagnostics(cluster.target), new ClusterDiagnostics(cluster.target)];
    try {
      await Promise.all([mine.find(), other.find()]);
      await mine.reset();
      await other.reset();
      const { snapshots, missing } = await mine.collect();
      assert.deepEqual(snapshots, []);
      assert.ok(missing.some(({ nodeId, reason }) => nodeId === 'r0' && /somebody else reset it/.test(reason)));
      assert.equal((await other.collect()).snapshots.length, 6);
    } finally {
      mine.close();
      other.close();
    }
  });

  it('names a process that does not answer in time, and waits no longer', async () => {
    const diagnostics = new ClusterDiagnostics(cluster.target, 200);
    try {
      await diagnostics.find();
      await diagnostics.reset();
      cluster.kill('w1', 'SIGSTOP');
      const { snapshots, missing } = await diagnostics.collect();
      assert.ok(snapshots.some(({ nodeId }) => nodeId === 'w0'));
      assert.match(missing.find(({ nodeId }) => nodeId === 'w1')?.reason ?? '', /^did not answer: DEADLINE_EXCEEDED/);
    } finally {
      cluster.kill('w1', 'SIGCONT');
      diagnostics.close();
    }
  });

  it('names the cluster where nobody can say who belongs to it', async () => {
    const diagnostics = new ClusterDiagnostics('127.0.0.1:1', 500);
    await diagnostics.find();
    await diagnostics.reset();
    const { snapshots, missing } = await diagnostics.collect();
    diagnostics.close();
    assert.deepEqual(snapshots, []);
    assert.deepEqual(
      missing.map(({ role, address }) => [role, address]),
      [
        ['cluster', '127.0.0.1:1'],
        ['coordinator', '127.0.0.1:1'],
      ],
    );
    assert.match(missing[0]?.reason ?? '', /^its members could not be learnt: /);
  });
});
