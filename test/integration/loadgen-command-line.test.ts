// The load generator as a command, with real client processes over a cluster in a map: what it prints where, what it
// saves, and its exit codes.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { runCli } from '../../loadgen/cli.js';
import { Sink } from '../unit/loadgen/sink.js';

type Double = 'memory' | 'byte-altering' | 'order-swapping' | 'unreachable' | 'dying';

const QUICK = [
  '--clients',
  '1',
  '--threads',
  '2',
  '--duration',
  '200ms',
  '--warmup',
  '100ms',
  '--keys',
  '500',
  '--target',
  '127.0.0.1:1',
];

describe('loadgen command line', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-loadgen-'));
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  async function command(double: Double, args: string[], signal = new AbortController().signal) {
    const stdout = new Sink();
    const stderr = new Sink();
    const workerEntry = new URL(`../unit/loadgen/doubles/${double}-worker.js`, import.meta.url);
    const out = path.join(directory, 'out');
    const exitCode = await runCli([...args, '--out', out], { stdout, stderr, signal, workerEntry });
    return { exitCode, stdout: stdout.text, stderr: stderr.text, out };
  }

  it('runs one point, prints tables and saves result and report', async () => {
    const { exitCode, stdout, out } = await command('memory', ['run', ...QUICK]);
    assert.equal(exitCode, 0, stdout);
    assert.match(stdout, /Throughput and latency by streams/);
    assert.match(stdout, /reads checked, none wrong/);
    for (const file of ['report.html', 'report.md', 'result.json'])
      assert.ok(stdout.includes(path.join(out, file)) && existsSync(path.join(out, file)), file);
    assert.match(readFileSync(path.join(out, 'report.md'), 'utf8'), /^# /);
  });

  it('prints exactly one JSON document with --json', async () => {
    const { exitCode, stdout, out } = await command('memory', [
      'sweep',
      ...QUICK,
      '--threads',
      '1,2',
      '--iterations',
      '2',
      '--json',
    ]);
    assert.equal(exitCode, 0);
    const result = JSON.parse(stdout);
    assert.deepEqual(JSON.parse(readFileSync(path.join(out, 'result.json'), 'utf8')), result);
    const fields = ['schemaVersion', 'plan', 'machine', 'gitCommit', 'order', 'points', 'viewChanges'];
    assert.deepEqual(
      fields.filter((field) => !(field in result)),
      [],
    );
    assert.deepEqual(result.order, [
      { iteration: 1, threads: 1 },
      { iteration: 1, threads: 2 },
      { iteration: 2, threads: 2 },
      { iteration: 2, threads: 1 },
    ]);
    const [first, second] = result.points;
    assert.deepEqual([first.streams, second.streams, second.totalPendings], [1, 2, 20]);
    const pointFields = [
      'clients',
      'threads',
      'streams',
      'opsPerSecond',
      'iterations',
      'steady',
      'weak',
      'strong',
      'classes',
      'fastPathShare',
    ];
    const moreFields = ['slowReasons', 'ackShare', 'errors', 'unknown', 'verified', 'verification', 'selfCheck'];
    assert.deepEqual(
      [...pointFields, ...moreFields].filter((field) => !(field in second)),
      [],
    );
    assert.equal(second.verified, true);
    assert.ok(second.verification.checked > 100);
    assert.equal(
      second.weak.count + second.strong.count,
      second.iterations[0].operations + second.iterations[1].operations,
    );
    assert.deepEqual([second.fastPathShare, second.ackShare], [1, { nats: 1, stream: 0 }]);
  });

  it('keeps to the mix exactly', async () => {
    const { stdout } = await command('memory', [
      'run',
      ...QUICK.filter((word) => !['--duration', '200ms'].includes(word)),
      '--requests',
      '5000',
      '--json',
    ]);
    const { classes, opsPerSecond } = JSON.parse(stdout).points[0];
    const counts = [classes.strongRead, classes.strongWrite, classes.weakRead, classes.weakWrite].map(
      ({ count }) => count,
    );
    assert.deepEqual(counts, [4500, 500, 4500, 500]);
    assert.ok(opsPerSecond > 0);
  });

  it('can be compared after two runs of the same plan', async () => {
    const places = [];
    for (const name of ['one', 'two']) {
      const { out } = await command('memory', ['run', ...QUICK, '--iterations', '3']);
      renameSync(out, path.join(directory, name));
      places.push(path.join(directory, name));
    }
    const stdout = new Sink();
    const doors = { stdout, stderr: new Sink(), signal: new AbortController().signal };
    assert.equal(await runCli(['compare', ...places, '--json'], doors), 0);
    const { differences, points } = JSON.parse(stdout.text);
    assert.deepEqual(differences, []);
    assert.ok(points[0].figures.every(({ interval }: { interval: object | null }) => interval !== null));
  });

  it('finds every key after --preload', async () => {
    const { exitCode, stdout } = await command('memory', ['run', ...QUICK, '--preload', '--json']);
    assert.equal(exitCode, 0);
    assert.equal(JSON.parse(stdout).points[0].foundShare, 1);
  });

  it('writes a history line for every operation', async () => {
    const file = path.join(directory, 'history.ndjson');
    const args = [
      ...QUICK.filter((word) => !['--duration', '200ms'].includes(word)),
      '--requests',
      '300',
      '--warmup',
      '0s',
      '--preload',
      '--history',
      file,
    ];
    const { exitCode } = await command('memory', ['run', ...args]);
    assert.equal(exitCode, 0);
    const [head, ...events] = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(head, { curphoHistory: 1 });
    assert.equal(events.filter(({ op }) => op !== 'batch').length, 600);
    const written = new Set(
      events.flatMap(({ value, writes }) =>
        writes ? writes.map((write: { value: string }) => write.value) : value ? [value] : [],
      ),
    );
    assert.equal(written.size, 500 + events.filter(({ op }) => op === 'put').length, 'values are unique');
    assert.ok(events.filter(({ op }) => op === 'get').every(({ result }) => written.has(result)));
    assert.ok(events.every(({ invokeUs, returnUs }) => returnUs >= invokeUs));
    assert.equal(existsSync(`${file}.client-0`), false);
  });

  it('ends with 5 when one byte of one value is altered', async () => {
    const { exitCode, stdout } = await command('byte-altering', ['run', ...QUICK]);
    assert.equal(exitCode, 5);
    assert.match(stdout, /DATA WRONG: 1 of [\d,]+ reads\n.*checksum is wrong/);
  });

  it('ends with 5 when two versions of one key swap places', async () => {
    const { exitCode, stdout } = await command('order-swapping', ['run', ...QUICK, '--keys', '10', '--duration', '1s']);
    assert.equal(exitCode, 5);
    assert.match(stdout, /DATA WRONG: 1 of [\d,]+ reads\n/);
  });

  it('ends with 1 when the goal is missed, 0 when it is met', async () => {
    assert.equal((await command('memory', ['run', ...QUICK, '--goal', 'opsPerSecond>=1000000000'])).exitCode, 1);
    assert.equal((await command('memory', ['run', ...QUICK, '--goal', 'opsPerSecond>=1,errors<=0'])).exitCode, 0);
  });

  it('ends with 3 when the target cannot be reached, and says which', async () => {
    const { exitCode, stdout, stderr } = await command('unreachable', ['run', ...QUICK]);
    assert.deepEqual([exitCode, stdout], [3, '']);
    assert.match(stderr, /nobody answers at 127\.0\.0\.1:1/);
  });

  it('ends with 4 when a client process dies, and reports what there is', async () => {
    const { exitCode, stdout, out } = await command('dying', ['run', ...QUICK, '--json']);
    assert.equal(exitCode, 4);
    const { failures, points } = JSON.parse(stdout);
    assert.equal(failures.length, 1);
    assert.match(failures[0], /exit code 9/);
    assert.deepEqual(points, []);
    assert.ok(existsSync(path.join(out, 'report.html')));
  });

  for (const [args, complaint] of [
    [['run', '--frobnicate'], /unknown option '--frobnicate'/],
    [['run', '--weak-ratio', '50'], /--weak-ratio: '50' is not a fraction/],
    [['run', '--threads', '2,8'], /--threads/],
    [['dance'], /unknown command 'dance'/],
    [['sweep', '--goal', 'fun>1'], /unknown metric 'fun'/],
    [['sweep', '--baseline', '/nonexistent'], /--baseline: cannot read/],
    [['sweep', '--history', '/nonexistent/file'], /--history: cannot write/],
  ] as const) {
    it(`ends with 2 for ${args.join(' ')}`, async () => {
      const { exitCode, stdout, stderr } = await command('memory', [...args]);
      assert.deepEqual([exitCode, stdout], [2, '']);
      assert.match(stderr, complaint);
    });
  }

  it('prints help with examples and exit codes', async () => {
    const { exitCode, stdout } = await command('memory', ['sweep', '--help']);
    assert.equal(exitCode, 0);
    assert.match(stdout, /Examples:[\s\S]*Exit codes: 0 passed/);
  });

  it('ends with 130 on an interrupt and reports what there is', async () => {
    const interrupt = new AbortController();
    const running = command('memory', ['run', ...QUICK, '--duration', '60s'], interrupt.signal);
    // The output directory is made right before the client processes start.
    while (!existsSync(path.join(directory, 'out'))) await new Promise((resolve) => setImmediate(resolve));
    interrupt.abort();
    const { exitCode } = await running;
    assert.equal(exitCode, 130);
  });
});
