// The command line of `npm run cluster -- transfer`: what it asks for, and what it refuses.

import assert from 'node:assert/strict';
import { parseClusterFlags, UsageError } from '../../../deploy/cluster-flags.js';

describe('transfer on the command line', () => {
  it('names coordinators and the replica that should lead', () => {
    const command = parseClusterFlags(['transfer', '--target', '127.0.0.1:1,127.0.0.1:2', '--to', 'r1', '--json']);
    const options = { targets: ['127.0.0.1:1', '127.0.0.1:2'], to: 'r1', timeoutMs: 30_000 };
    assert.deepEqual(command, { kind: 'transfer', json: true, options });
  });

  it('refuses what cannot be meant, naming the flag', () => {
    const refusals: [string[], RegExp][] = [
      [['--to', 'r1'], /--target must be host:port/],
      [['--target', 'nowhere', '--to', 'r1'], /--target must be host:port/],
      [['--target', '127.0.0.1:1'], /--to must name a replica/],
      [['--target', '127.0.0.1:1', '--to', 'r1', '--timeout', '0'], /--timeout must be a whole number from 1 to 600/],
      [['--target', '127.0.0.1:1', '--to', 'r1', '--replicas', '3'], /--replicas/],
    ];
    for (const [flags, problem] of refusals) {
      assert.throws(
        () => parseClusterFlags(['transfer', ...flags]),
        (error: unknown) => error instanceof UsageError && problem.test(error.message),
      );
    }
  });
});
