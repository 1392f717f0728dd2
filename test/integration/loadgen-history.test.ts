// A recorded history of real services, judged by the checkers of the simulator.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../../loadgen/cli.js';
import { WORKER_ENTRY } from '../../loadgen/driver/worker-pool.js';
import { ExitCode } from '../../loadgen/outcome/result.js';
import { checkHistory, parseHistory } from '../checkers/index.js';
import { Sink } from '../unit/loadgen/sink.js';

describe('loadgen --history', () => {
  it('records what the checkers can read and find right', async () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-history-'));
    const file = path.join(directory, 'history.ndjson');
    const load = ['--clients', '2', '--threads', '2', '--pendings', '3', '--requests', '150', '--warmup', '0s'];
    const keys = ['--keys', '40', '--zipf', '0.5', '--write-ratio', '0.4', '--preload'];
    const stdout = new Sink();
    const stderr = new Sink();
    const doors = { stdout, stderr, signal: new AbortController().signal, workerEntry: WORKER_ENTRY };
    try {
      const args = ['run', ...load, ...keys, '--history', file, '--out', path.join(directory, 'out')];
      // Whether a busy machine lets the run be certified is not the question here.
      const exitCode = await runCli(args, doors);
      assert.ok(exitCode === ExitCode.passed || exitCode === ExitCode.notValid, stdout.text + stderr.text);
      const history = parseHistory(readFileSync(file, 'utf8'));
      assert.equal(history.filter(({ op }) => op !== 'batch').length, 600);
      const report = checkHistory(history);
      assert.deepEqual(report.violations, []);
      assert.equal(report.counts.keys, 40);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
