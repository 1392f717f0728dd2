// The simulator's command line: what it prints and how it exits.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { CANARIES, runCanary } from '../simulation/canaries.js';

const MAIN = fileURLToPath(new URL('../simulation/main.js', import.meta.url));
const VERIFY = fileURLToPath(new URL('../checkers/main.js', import.meta.url));

function simulate(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

describe('simulate', () => {
  it('sweeps seeds and reports as JSON', () => {
    const { status, stdout } = simulate('--seeds', '3', '--from', '5', '--json');
    const report = JSON.parse(stdout);
    assert.equal(report.seeds, 3);
    assert.equal(report.violations, 0);
    assert.ok(report.operations >= 600);
    assert.ok(report.events.fastWrite > 0);
    assert.ok(report.faults.drop >= 0);
    assert.ok(!('drop' in report.events), 'faults and events are counted apart');
    assert.equal(status, 0);
  });

  it('several workers report what one reports', () => {
    const [one, three] = ['1', '3'].map((workers) => {
      const { status, stdout } = simulate('--seeds', '7', '--from', '40', '--workers', workers, '--json');
      assert.equal(status, 0);
      const { historiesPerMinute, ...report } = JSON.parse(stdout);
      assert.ok(historiesPerMinute > 0);
      return report;
    });
    assert.equal(one.seeds, 7);
    assert.deepEqual(three, one);
  });

  it('writes a history that verify judges', () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'curpho-simulate-'));
    try {
      const file = path.join(directory, 'h.ndjson');
      assert.equal(simulate('--seed', '9', '--history', file).status, 0);
      const sound = spawnSync(process.execPath, [VERIFY, file, '--json'], { encoding: 'utf8' });
      assert.equal(sound.status, 0, sound.stderr);
      assert.ok(JSON.parse(sound.stdout).operations >= 200);
      const canary = CANARIES.find(({ name }) => name.startsWith('A3: witnesses agree'));
      assert.ok(canary !== undefined);
      const { seed } = runCanary(canary);
      const broken = simulate('--seed', `${seed}`, '--canary', canary.name, '--history', file);
      assert.equal(broken.status, 5);
      assert.equal(spawnSync(process.execPath, [VERIFY, file]).status, 5);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('replays a plan of its own, with faults that are not named switched off', () => {
    const plan = { operations: 12, clients: 1, viewChanges: 0, faults: { drop: 0.1 } };
    const { status, stdout } = simulate('--seed', '5', '--plan', JSON.stringify(plan));
    const replayed = JSON.parse(stdout.split('\n', 1)[0] ?? '');
    assert.deepEqual([replayed.operations, replayed.faults.drop, replayed.faults.tail], [12, 0.1, 0]);
    assert.equal(status, 0);
  });

  it('replays one seed with a line for each message', () => {
    const { status, stdout } = simulate('--seed', '5');
    assert.match(stdout, /coordinator: epoch 1 open/);
    assert.match(stdout, /c1→w\d record e1 records\[/);
    assert.match(stdout, /0 violations\n$/);
    assert.equal(status, 0);
  });

  it('explains itself', () => {
    const { status, stdout } = simulate('--help');
    assert.match(stdout, /--canaries/);
    assert.equal(status, 0);
  });

  for (const args of [['--bogus'], ['--seeds', '0'], ['--seed', 'x'], ['surplus'], ['--shrink'], ['--workers', '0']]) {
    it(`refuses ${args.join(' ')}`, () => {
      const { status, stderr } = simulate(...args);
      assert.equal(status, 2);
      assert.match(stderr, /simulate \[--seeds/);
    });
  }

  for (const [plan, complaint] of [
    ['{"speed":1}', /a plan has no speed/],
    ['{"keys":"many"}', /keys must be a number/],
    ['{"faults":{"fire":1}}', /a plan has no fire/],
    ['{', /JSON/],
  ] as const) {
    it(`refuses the plan ${plan}`, () => {
      const { status, stderr } = simulate('--seed', '1', '--plan', plan);
      assert.equal(status, 2);
      assert.match(stderr, complaint);
    });
  }
});
