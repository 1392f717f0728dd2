// A node in durability `memory` does without what only a disk needs.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Names of the native modules that are loaded once `module` is. */
async function addonsOf(module: string): Promise<string[]> {
  const url = new URL(module, new URL('../../../', import.meta.url)).href;
  const program = `
    await import(${JSON.stringify(url)});
    const { sharedObjects } = process.report.getReport();
    console.log(JSON.stringify(sharedObjects.filter((path) => path.endsWith('.node'))));
  `;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
  return JSON.parse(stdout) as string[];
}

describe('a node without a disk', () => {
  it('does not load the binding of LMDB and its buffer of 16 MiB', async () => {
    for (const role of ['replica', 'witness'])
      assert.deepEqual(await addonsOf(`services/${role}/service.js`), [], role);
  });

  it('would be found to have loaded it', async () => {
    assert.notEqual((await addonsOf('services/host/store/open-store.js')).length, 0);
  });
});
