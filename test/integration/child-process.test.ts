// A child process of a cluster and its log.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChildGuard } from '../../deploy/child-guard.js';
import { GuardedProcess } from '../../deploy/child-process.js';

describe('child process', () => {
  it('shows the end of its log, and nothing once that is gone', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'curpho-child-'));
    const guard = new ChildGuard('');
    const child = new GuardedProcess({
      name: 'child',
      command: process.execPath,
      args: ['--eval', 'console.error("last words")'],
      logPath: join(directory, 'child.log'),
      guard,
      scheduling: 'normal',
      onLine: () => {},
    });
    await child.ended;
    assert.match(child.tail(), /last words/);
    rmSync(directory, { recursive: true });
    assert.equal(child.tail(), '');
    await guard.release();
  });
});
