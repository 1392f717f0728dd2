// The command line of the checkers: what it prints and how it exits.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HistoryEvent } from '../../checkers/history.js';
import { formatHistory } from '../../checkers/read-history.js';
import { HistoryMaker } from '../../support/history-maker.js';
import { bytes, Story } from './story.js';

const MAIN = fileURLToPath(new URL('../../checkers/main.js', import.meta.url));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('verify', () => {
  let directory = '';
  before(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-verify-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  function fileOf(text: string): string {
    const file = path.join(directory, 'history.ndjson');
    writeFileSync(file, text);
    return file;
  }

  const history = [
    ...new HistoryMaker({
      ...{ seed: 3, operations: 500, sessions: 5, keys: 10, pendings: 3 },
      ...{ writeRatio: 0.5, deleteRatio: 0.1, casRatio: 0.2, valueBytes: 0 },
    }).events(),
  ];

  it('exits with 0 where all holds', () => {
    const { status, stdout } = run(fileOf(formatHistory(history)));
    assert.match(stdout, /^500 operations of 5 sessions on 10 keys/);
    assert.match(stdout, /linearizability {2}ok/);
    assert.equal(status, 0);
  });

  it('exits with 5 where one value is altered, and names its line', () => {
    const at = history.findLastIndex(({ op, result }) => op === 'get' && typeof result === 'string');
    const altered = history.with(at, { ...(history[at] as HistoryEvent), result: bytes('altered') });
    const { status, stdout } = run(fileOf(formatHistory(altered)), '--json');
    const report = JSON.parse(stdout);
    const causal = report.verdicts.find(({ property }: { property: string }) => property === 'causal');
    assert.equal(causal.verdict, 'violated');
    assert.equal(causal.violations[0].operations[0].line, at + 2);
    assert.equal(status, 5);
  });

  it('exits with 4 where slots mislead and a search would take too long', () => {
    const plan = { seed: 3, operations: 30_000, sessions: 9, keys: 10, pendings: 3 };
    const maker = new HistoryMaker({ ...plan, writeRatio: 0.5, deleteRatio: 0, casRatio: 0, valueBytes: 0 });
    const misled = [...maker.events()].map((event) => ({ ...event, slot: event.slot === 0 ? 0 : 30_000 - event.slot }));
    const { status, stdout } = run(fileOf(formatHistory(misled)), '--property', 'hybrid');
    assert.match(stdout, /hybrid {11}not decided: the slots do not give an order/);
    assert.equal(status, 4);
  }).timeout(20_000);

  it('judges only what was asked for', () => {
    const stale = new Story().put(1, 'x', 'a').put(1, 'x', 'b').get(2, 'x', 'a').history;
    const file = fileOf(formatHistory(stale));
    assert.equal(run(file, '--property', 'linearizability').status, 5);
    const { status, stdout } = run(file, '--property', 'causal,session');
    assert.doesNotMatch(stdout, /linearizability/);
    assert.equal(status, 0);
  });

  it('exits with 2 where the file is no history', () => {
    const { status, stderr } = run(fileOf(`${formatHistory(history)}{"session":`));
    assert.match(stderr, /history\.ndjson: line 502: is truncated/);
    assert.equal(status, 2);
    assert.equal(run(path.join(directory, 'missing')).status, 2);
  });

  for (const args of [[], ['a', 'b'], ['a', '--bogus'], ['a', '--property', 'freshness']]) {
    it(`refuses ${args.join(' ') || 'nothing'}`, () => assert.equal(run(...args).status, 2));
  }

  it('explains itself', () => {
    const { status, stdout } = run('--help');
    assert.match(stdout, /Examples/);
    assert.equal(status, 0);
  });
});
