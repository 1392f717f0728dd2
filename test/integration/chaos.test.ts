// The chaos command on real processes: a short run passes and leaves nothing behind; a run whose history, or whose final
// state, was altered does not pass; bad usage and a cluster that cannot start have exit codes of their own.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runChaosCommand } from '../chaos/chaos-command.js';
import type { ChaosVerdict } from '../chaos/judge.js';
import type { HistoryEvent } from '../checkers/history.js';
import { HISTORY_VERSION } from '../checkers/read-history.js';

interface Finished {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(args: readonly string[], signal = new AbortController().signal): Promise<Finished> {
  const finished: Finished = { code: 0, stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string): void => {
      finished[name] += text;
    },
  });
  finished.code = await runChaosCommand(args, { stdout: sink('stdout'), stderr: sink('stderr'), signal });
  return finished;
}

function readLines(file: string): HistoryEvent[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n').slice(1);
  return lines.map((line) => JSON.parse(line));
}

function writeLines(file: string, events: readonly HistoryEvent[]): void {
  const lines = [{ curphoHistory: HISTORY_VERSION }, ...events].map((line) => JSON.stringify(line));
  writeFileSync(file, `${lines.join('\n')}\n`);
}

describe('chaos', function () {
  this.timeout(120_000);
  let out: string;

  before(() => {
    out = mkdtempSync(path.join(tmpdir(), 'curpho-chaos-test-'));
  });

  after(() => rmSync(out, { recursive: true, force: true }));

  it('three faults under load: nothing is lost, and what is said of each fault is complete', async () => {
    const kinds = 'pause-leader,partition-follower,kill-coordinator';
    const load = ['--duration', '18s', '--rate', '300', '--keys', '16', '--seed', '2'];
    const { code, stdout, stderr } = await run([...load, '--faults', kinds, '--count', '3', '--out', out, '--json']);
    assert.equal(code, 0, stderr);
    const verdict: ChaosVerdict = JSON.parse(stdout);
    const { lost, duplicated, violations, faults, operations } = verdict;
    assert.deepEqual({ lost, duplicated, violations }, { lost: 0, duplicated: 0, violations: 0 });
    assert.ok(operations > 2000, `only ${operations} operations`);
    assert.deepEqual(faults.map(({ kind }) => kind).sort(), kinds.split(',').sort());
    assert.ok(faults.every(({ target, recoveredS }) => target !== '' && recoveredS !== null));
    const paused = faults.find(({ kind }) => kind === 'pause-leader');
    assert.ok((paused?.unavailableStrongS ?? 0) > 0.4, `nobody missed the leader: ${paused?.unavailableStrongS}`);
  });

  it('a read that was altered, and a write that is gone, end in 5', async () => {
    assert.ok(existsSync(path.join(out, 'run.json')), 'there is a run to judge');
    const file = path.join(out, 'history.ndjson');
    const events = readLines(file);
    const altered = events.findLastIndex(
      ({ op, consistency, result }) => op === 'get' && consistency === 'strong' && typeof result === 'string',
    );
    const older = events.find(
      ({ op, key, value, consistency }) =>
        op === 'put' && consistency === 'strong' && key === events[altered]?.key && value !== events[altered]?.result,
    );
    writeLines(
      file,
      events.map((event, index) => (index === altered ? { ...event, result: older?.value ?? null } : event)),
    );
    const stale = await run(['--judge', out]);
    assert.equal(stale.code, 5, stale.stdout);
    assert.match(stale.stdout, /linearizability +violated/);
    writeLines(file, events);
    const finalFile = path.join(out, 'final-state.json');
    const entries: [string, string][] = JSON.parse(readFileSync(finalFile, 'utf8'));
    writeFileSync(finalFile, JSON.stringify(entries.slice(0, -1)));
    const lost = await run(['--judge', out, '--json']);
    assert.equal(lost.code, 5);
    const verdict: ChaosVerdict = JSON.parse(lost.stdout);
    assert.equal(verdict.verdicts['final-state'], 'violated');
    assert.ok(verdict.lost > 0);
    writeFileSync(finalFile, JSON.stringify(entries));
    assert.equal((await run(['--judge', out])).code, 0);
  });

  it('a run that is interrupted ends in 130, whatever it was doing', async () => {
    const interrupt = new AbortController();
    const running = run(['--duration', '600s', '--rate', '50', '--out', path.join(out, 'cut-short')], interrupt.signal);
    interrupt.abort();
    assert.equal((await running).code, 130);
  });

  it('refuses bad usage with 2 and explains itself with 0', async () => {
    for (const [args, about] of [
      [['--faults', 'flood'], /--faults: 'flood' is none of/],
      [['--duration', '1s'], /--duration: '1s' is not a duration/],
      [['--durability', 'paper'], /--durability/],
      [['--judge', path.join(out, 'nowhere')], /holds no run\.json/],
      [['--replicas', '3'], /--replicas/],
    ] as const) {
      const { code, stderr } = await run(args);
      assert.equal(code, 2);
      assert.match(stderr, about);
    }
    const help = await run(['--help']);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Exit codes: 0 passed, 2 bad usage, 3 the cluster did not start/);
  });
});
