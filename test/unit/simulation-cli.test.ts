// The simulator's command line: what it prints and how it exits.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../simulation/main.js', import.meta.url));

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

  for (const args of [['--bogus'], ['--seeds', '0'], ['--seed', 'x'], ['surplus']]) {
    it(`refuses ${args.join(' ')}`, () => {
      const { status, stderr } = simulate(...args);
      assert.equal(status, 2);
      assert.match(stderr, /simulate \[--seeds/);
    });
  }
});
