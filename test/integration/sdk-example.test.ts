// The newcomer's example, run as a newcomer runs it: by node, against a real cluster.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';

/** Nearest directory above this file that has a package.json, whichever directory the tests were compiled to. */
function findRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) directory = dirname(directory);
  return directory;
}

describe('examples/hello.mjs', function () {
  this.timeout(60_000);
  let cluster: LocalCluster;
  let directory: string;

  before(async () => {
    cluster = await startLocalCluster();
    directory = mkdtempSync(join(findRoot(), 'dist-example-'));
  });

  after(async () => {
    await cluster?.stop();
    if (directory !== undefined) rmSync(directory, { recursive: true });
  });

  it('says what it did', async () => {
    // The SDK compiled beside this test stands in for the one in dist/.
    const sdk = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), '../../client/index.js')).href;
    const source = readFileSync(join(findRoot(), 'examples/hello.mjs'), 'utf8');
    const example = join(directory, 'hello.mjs');
    writeFileSync(example, source.replace('../dist/client/index.js', sdk));
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [example, cluster.target], {
      timeout: 20_000,
    });
    assert.equal(stderr, '');
    const lines = stdout.trim().split('\n');
    assert.match(lines[0] ?? '', /^strong put: (fast|slow) path, slot \d+$/);
    assert.deepEqual(lines.slice(1), [
      'strong get: hello',
      'weak get: written nearby',
      'weak put: committed',
      'compare-and-set: applied',
      'scan: greeting = hello again',
      'scan: note = written nearby',
      'resumed: written nearby',
    ]);
  });
});
