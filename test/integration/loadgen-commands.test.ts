// The load generator's commands one after another, as a user would give them, on real clusters: a run at a given rate,
// a run from load workers started by hand, a report made again, and the two results held against each other.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseReadyLine } from '../../deploy/service-process.js';
import { runCli } from '../../loadgen/cli.js';
import { Sink } from '../unit/loadgen/sink.js';

const WORKER_MAIN = fileURLToPath(new URL('../../loadgen/worker-main.js', import.meta.url));
const SMALL = ['--threads', '2', '--warmup', '500ms', '--keys', '2000'];

describe('loadgen commands', () => {
  let directory: string;
  const workers: ChildProcess[] = [];

  before(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-commands-'));
  });

  after(async () => {
    for (const worker of workers) {
      if (worker.exitCode !== null || worker.signalCode !== null) continue;
      worker.kill('SIGTERM');
      await once(worker, 'exit');
    }
    rmSync(directory, { recursive: true });
  });

  async function command(...args: string[]) {
    const [stdout, stderr] = [new Sink(), new Sink()];
    const exitCode = await runCli(args, { stdout, stderr, signal: new AbortController().signal });
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  }

  const place = (name: string) => path.join(directory, name);
  const readSaved = (name: string) => JSON.parse(readFileSync(path.join(place(name), 'result.json'), 'utf8'));
  /** A machine that is busy with other tests may well spoil a measurement; that has to show, and nothing else may. */
  const exitCodeOn = (point: { selfCheck: { valid: boolean } }) => (point.selfCheck.valid ? 0 : 4);

  /** Starts a load worker as its help says; resolves with where it serves. */
  async function startWorker(): Promise<string> {
    const worker = spawn(process.execPath, [WORKER_MAIN], { stdio: ['ignore', 'pipe', 'inherit'] });
    workers.push(worker);
    assert.ok(worker.stdout !== null);
    const [line]: string[] = await once(createInterface({ input: worker.stdout }), 'line');
    const address = parseReadyLine(line ?? '');
    assert.ok(address !== null, line);
    return address;
  }

  it('measures at a given rate and tells what became of the arrivals', async () => {
    const args = ['run', '--rate', '2000/s', '--duration', '2s', '--json', ...SMALL];
    const { exitCode, stdout, stderr } = await command(...args, '--out', place('rate'));
    const result = JSON.parse(stdout);
    const [point] = result.points;
    assert.equal(exitCode, exitCodeOn(point), stderr);
    assert.deepEqual([result.plan.rate, result.plan.arrivals], [2000, 'poisson']);
    const { intended, sent, dropped, inFlightMax, waitingMax, overloaded } = point.openLoop;
    // 4,000 on average; eight times the standard deviation of a Poisson process either way.
    assert.ok(Math.abs(intended - 4000) < 8 * Math.sqrt(4000), `${intended} intended`);
    assert.ok(sent <= intended && sent + dropped <= intended && sent > 0, `${sent} sent`);
    assert.ok(inFlightMax > 0 && waitingMax >= 0 && typeof overloaded === 'boolean');
    assert.deepEqual([point.verified, result.failures], [true, []]);
    assert.match(stderr, /report {3}.*report\.html\n.*report\.md\nresult {3}.*result\.json\n/);
  });

  it('makes a saved report again', async () => {
    const page = path.join(place('rate'), 'report.html');
    rmSync(page);
    const { exitCode, stdout } = await command('report', place('rate'));
    assert.equal(exitCode, 0);
    assert.match(stdout, /Throughput and latency by streams/);
    assert.ok(stdout.includes(page));
    assert.match(readFileSync(page, 'utf8'), /^<!doctype html>/i);
  });

  it('measures from load workers started by hand and leaves them running', async () => {
    const addresses = await Promise.all([startWorker(), startWorker()]);
    const args = ['run', '--workers', addresses.join(','), '--duration', '1s', ...SMALL];
    const { exitCode, stderr } = await command(...args, '--out', place('workers'));
    const { plan, points, workers: members } = readSaved('workers');
    assert.equal(exitCode, exitCodeOn(points[0]), stderr);
    assert.deepEqual([plan.clients, plan.workers], [2, addresses]);
    assert.deepEqual(
      members.map(({ address, pid, isLocal }: { address: string; pid: number; isLocal: boolean }) => [
        address,
        pid,
        isLocal,
      ]),
      addresses.map((address, at) => [address, workers[at]?.pid, false]),
    );
    assert.ok(workers.every(({ exitCode: code, signalCode }) => code === null && signalCode === null));
    assert.ok(existsSync(path.join(place('workers'), 'report.html')));
  });

  it('names a load worker that cannot be reached', async () => {
    const [worker] = workers;
    assert.ok(worker !== undefined);
    const [{ address }] = readSaved('workers').workers;
    worker.kill('SIGTERM');
    await once(worker, 'exit');
    const args = ['run', '--workers', address, '--target', '127.0.0.1:1', ...SMALL];
    const { exitCode, stderr } = await command(...args, '--out', place('nobody'));
    assert.equal(exitCode, 3, stderr);
    assert.ok(stderr.includes(address), stderr);
  });

  it('holds a saved result against a baseline, and says what is not alike', async () => {
    const { exitCode, stdout } = await command('report', place('rate'), '--baseline', place('workers'));
    assert.equal(exitCode, 0);
    assert.match(stdout, /plan\.rate is 2000, was null/);
  });

  it('refuses to compare an open with a closed loop, and names what differs', async () => {
    const { exitCode, stdout, stderr } = await command('compare', place('rate'), place('workers'));
    assert.deepEqual([exitCode, stdout], [2, '']);
    assert.match(stderr, /\n {2}pendings: not used before, 10 after\n {2}rate: 2000 before, null after\n/);
    assert.match(stderr, /\n {2}workers: client processes of its own before, remote workers after\n/);
  });

  it('compares a result with itself, and says so', async () => {
    const { exitCode, stdout } = await command('compare', place('rate'), path.join(place('rate'), 'result.json'));
    assert.equal(exitCode, 0);
    assert.match(stdout, /one and the same run/);
    assert.match(stdout, /no verdict: no interval can be given with 1 and 1 iterations/);
  });
});
