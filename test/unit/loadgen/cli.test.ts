// The command line over saved results, and its help: what is printed where, and the exit codes. Nothing is measured.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../../../loadgen/cli.js';
import type { RunResult } from '../../../loadgen/outcome/result.js';
import { SCHEMA_VERSION } from '../../../loadgen/plan.js';
import { comparedPoint } from './compared-point.js';
import { sampleResult } from './sample-result.js';
import { Sink } from './sink.js';

async function command(...args: string[]) {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const exitCode = await runCli(args, { stdout, stderr, signal: new AbortController().signal });
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

describe('command line', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-cli-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  function save(name: string, document: object): string {
    const place = path.join(directory, name);
    mkdirSync(place);
    writeFileSync(path.join(place, 'result.json'), JSON.stringify(document));
    return place;
  }

  function saveThroughputs(name: string, opsPerSecond: number[], changes: Partial<RunResult> = {}): string {
    return save(
      name,
      sampleResult([comparedPoint(2, { opsPerSecond })], {
        schemaVersion: SCHEMA_VERSION,
        startedAt: name,
        ...changes,
      }),
    );
  }

  describe('compare', () => {
    it('prints a table and a verdict', async () => {
      const before = saveThroughputs('before', [100, 101, 102]);
      const after = saveThroughputs('after', [200, 201, 202]);
      const { exitCode, stdout, stderr } = await command('compare', before, path.join(after, 'result.json'));
      assert.deepEqual([exitCode, stderr], [0, '']);
      assert.match(stdout, /4 streams: better: throughput \+99 %/);
      assert.match(stdout, /overall {2}better at every stream count compared/);
    });

    it('prints exactly one JSON document with --json', async () => {
      const before = saveThroughputs('before', [100, 101, 102]);
      const after = saveThroughputs('after', [200, 201]);
      const { exitCode, stdout } = await command('compare', before, after, '--json');
      const document = JSON.parse(stdout);
      assert.equal(exitCode, 0);
      assert.deepEqual([document.schemaVersion, document.verdict], [2, 'undecided']);
      assert.deepEqual([document.before.place, document.after.startedAt], [before, 'after']);
      assert.equal(document.points[0].figures[0].interval, null);
      assert.match(document.points[0].sentence, /each side needs 3/);
    });

    it('refuses unlike runs and names every difference with both values', async () => {
      const { plan } = sampleResult([]);
      const before = saveThroughputs('before', [100, 101, 102]);
      const after = saveThroughputs('after', [100, 101, 102], { plan: { ...plan, pendings: 5, zipf: 0 } });
      const { exitCode, stdout, stderr } = await command('compare', before, after);
      assert.deepEqual([exitCode, stdout], [2, '']);
      assert.match(
        stderr,
        /measured different things\n {2}pendings: 10 before, 5 after\n {2}zipf: 0\.9 before, 0 after\n$/,
      );
    });

    it('refuses runs without a stream count in common', async () => {
      const before = saveThroughputs('before', [100, 101, 102]);
      const after = save(
        'after',
        sampleResult([comparedPoint(3, { opsPerSecond: [1] })], { schemaVersion: SCHEMA_VERSION }),
      );
      const { exitCode, stderr } = await command('compare', before, after);
      assert.equal(exitCode, 2);
      assert.match(stderr, /no stream count was measured by both: before 4, after 6/);
    });

    it('refuses what is no result of this version', async () => {
      const good = saveThroughputs('good', [100]);
      const old = save('old', { schemaVersion: 2, points: [] });
      const future = save('future', { schemaVersion: SCHEMA_VERSION + 1, points: [] });
      for (const [place, complaint] of [
        [old, new RegExp(`compare: .*old.*schema version 3 or ${SCHEMA_VERSION}`)],
        [future, new RegExp(`compare: .*future.*schema version 3 or ${SCHEMA_VERSION}`)],
        [path.join(directory, 'nowhere'), /compare: cannot read .*nowhere/],
      ] as const) {
        const { exitCode, stdout, stderr } = await command('compare', good, place);
        assert.deepEqual([exitCode, stdout], [2, '']);
        assert.match(stderr, complaint);
      }
    });
  });

  for (const [args, complaint] of [
    [['compare', 'one'], /missing required argument 'after'/],
    [['report'], /missing required argument 'directory'/],
    [['report', '/nonexistent'], /report: cannot read \/nonexistent/],
    [['calibrate', '--duration', '10s'], /--duration: '10s' is not a duration from 50ms to 1\.4s/],
    [['calibrate', '--scheduling', 'fast'], /--scheduling: 'fast' is not one of batch, normal/],
    [['run', '--rate', 'fast'], /--rate: 'fast' is not a rate/],
    [['run', '--arrivals', 'constant'], /--arrivals .*needs --rate/],
    [['run', '--rate', '100/s', '--pendings', '5'], /--pendings .*--rate/],
    [['run', '--workers', 'a:1', '--clients', '2'], /--clients .*--workers/],
    [['run', '--workers', 'nobody'], /--workers: 'nobody' is not host:port/],
    [['run', '--otlp', 'ftp://host'], /--otlp: must be http:\/\/host:port/],
    [['run', '--workers', 'a:1', '--trace-ratio', '0.1'], /--trace-ratio needs --otlp/],
    [['run', '--trace-ratio', '2'], /--trace-ratio: '2' is not a fraction/],
    [[], /Usage: loadgen/],
  ] as const) {
    it(`ends with 2 for ${args.join(' ') || 'no command'}`, async () => {
      const { exitCode, stdout, stderr } = await command(...args);
      assert.deepEqual([exitCode, stdout], [2, '']);
      assert.match(stderr, complaint);
    });
  }

  for (const [name, words] of [
    ['run', ['Open loop:', '--rate 2000/s', '--workers load-a:7500', '--otlp http://', 'worker-main.js']],
    ['sweep', ['Windows:', 'list of sessions per process', '--goal']],
    ['study', ['Attribution, probes and tracing:', '0.0002 without', 'npm start']],
    ['report', ['result.json', '--baseline']],
    ['compare', ['fewer than 3 iterations', '--json']],
    ['calibrate', ['--scheduling normal', 'Takes less than 20 s']],
  ] as const) {
    it(`explains ${name} with examples and exit codes`, async () => {
      const { exitCode, stdout } = await command(name, '--help');
      assert.equal(exitCode, 0);
      for (const word of ['Examples:', 'Exit codes: 0 passed', ...words])
        assert.ok(stdout.includes(word), `${word} in\n${stdout}`);
      assert.ok(
        stdout.split('\n').every((line) => line.length <= 120),
        'lines fit',
      );
    });
  }

  it('lists all commands', async () => {
    const { stdout } = await command('--help');
    for (const name of ['run', 'sweep', 'study', 'report', 'compare', 'calibrate'])
      assert.match(stdout, new RegExp(`^ {2}${name}\\b`, 'm'));
  });
});
