// An ablation on real clusters, with windows far too short to learn anything from: two levels, all repetitions, one
// document. And one that is interrupted.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { AblationResult, Effect } from '../../loadgen/ablate/ablation-result.js';
import { METRIC_NAMES } from '../../loadgen/ablate/figures.js';
import { runCli } from '../../loadgen/cli.js';
import { Sink } from '../unit/loadgen/sink.js';

const TINY = ['--threads', '2', '--duration', '300ms', '--warmup', '300ms', '--keys', '2000'];

describe('loadgen ablate', function () {
  this.timeout(180_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-ablate-test-'));
  });

  after(() => {
    rmSync(directory, { recursive: true });
  });

  async function ablate(signal: AbortSignal, stderr: Sink, ...args: string[]) {
    const stdout = new Sink();
    const exitCode = await runCli(['ablate', ...TINY, ...args], { stdout, stderr, signal });
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  }

  /** An interval lies around its change; it excludes no change exactly where a difference is called. */
  function assertEffect({ ratio, difference, low, high, verdict }: Effect): void {
    const change = ratio ?? difference;
    const none = ratio === null ? 0 : 1;
    assert.ok(change !== null && low !== null && high !== null, `${change} ${low} ${high}`);
    assert.ok(low <= change && change <= high, `${low} ${change} ${high}`);
    assert.equal(verdict, low > none || high < none ? 'difference' : 'alike');
  }

  it('measures two levels of a setting of the services in three repetitions, and prints effects with intervals', async () => {
    const out = path.join(directory, 'whole');
    const args = ['--factors', 'shards', '--levels', 'shards=64,512', '--json', '--out', out];
    const { exitCode, stdout, stderr } = await ablate(new AbortController().signal, new Sink(), ...args);
    // A machine that is busy with other tests may well spoil a run; that has to show, and nothing else may.
    const document: AblationResult = JSON.parse(stdout);
    const [factor] = document.factors;
    const runs = factor?.levels.flatMap((level) => level.runs) ?? [];
    assert.equal(exitCode, runs.some(({ doubts }) => doubts.length > 0) ? 4 : 0, stderr);
    assert.deepEqual([factor?.name, factor?.baseline, document.failures], ['shards', '64', []]);
    assert.deepEqual(
      document.order.map(({ level, repetition }) => `${repetition}:${level}`),
      ['1:64', '1:512', '2:512', '2:64', '3:64', '3:512'],
    );
    for (const run of runs) {
      for (const name of METRIC_NAMES) assert.ok((run.figures?.[name] ?? 0) > 0, `${run.level} ${name}`);
    }
    const { effect } = factor?.levels[1] ?? assert.fail('no level');
    for (const name of METRIC_NAMES) assertEffect(effect[name]);
    assert.equal(readFileSync(path.join(out, 'ablation.json'), 'utf8'), stdout);
    for (const file of ['report.html', 'report.md', 'pictures/ablation-shards.png']) {
      assert.ok(existsSync(path.join(out, file)), file);
    }
    assert.match(stderr, /result {3}.*ablation\.json\n$/);
  });

  it('reports what was complete when it is interrupted', async () => {
    const interrupt = new AbortController();
    // The second run says on stderr that it is under way; that is the moment.
    const stderr = new (class extends Sink {
      override _write(chunk: Buffer, encoding: string, done: () => void): void {
        super._write(chunk, encoding, done);
        if (this.text.includes('1 of 6 runs')) interrupt.abort();
      }
    })();
    const out = path.join(directory, 'interrupted');
    const args = ['--factors', 'ack-transport', '--duration', '6s', '--out', out];
    const { exitCode, stdout } = await ablate(interrupt.signal, stderr, ...args);
    assert.equal(exitCode, 130, stderr.text);
    assert.match(stdout, /INTERRUPTED {2}these are the runs that were complete/);
    assert.match(stdout, /ack-transport stream against nats: undecided: an interval needs 3 pairs, 3 more repetitions/);
    const saved: AblationResult = JSON.parse(readFileSync(path.join(out, 'ablation.json'), 'utf8'));
    assert.equal(saved.interrupted, true);
    assert.deepEqual(
      saved.order.map(({ level }) => level),
      ['nats'],
    );
  });
});
