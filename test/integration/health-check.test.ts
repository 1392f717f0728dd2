// The health client of the container image, run as Docker runs it, against the health service that every node has.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Server } from '@grpc/grpc-js';
import { Health } from '../../services/host/health.js';
import { bindServer, createServer } from '../../services/host/server.js';

const PROBE = fileURLToPath(new URL('../../deploy/health-check.js', import.meta.url));

/** Runs the probe to its end. */
async function probe(args: readonly string[], listen = ''): Promise<{ code: unknown; said: string }> {
  const child = spawn(process.execPath, [PROBE, ...args], {
    env: { ...process.env, CURPHO_LISTEN: listen },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, said };
}

describe('deploy/health-check', function () {
  this.timeout(20_000);
  let server: Server;
  let health: Health;
  let port = '';

  before(async () => {
    server = createServer();
    health = new Health(server, 'curpho.v1.Replica');
    port = (await bindServer(server, '127.0.0.1:0')).split(':')[1] ?? '';
  });

  after(() => server?.forceShutdown());

  it('ends with 1 while the service does not serve, with 0 once it does', async () => {
    const early = await probe([`127.0.0.1:${port}`]);
    assert.deepEqual(early, { code: 1, said: `127.0.0.1:${port}: NOT_SERVING\n` });
    health.setServing(true);
    const serving = await probe([`127.0.0.1:${port}`]);
    assert.deepEqual(serving, { code: 0, said: `127.0.0.1:${port}: SERVING\n` });
  });

  it('finds the address in the setting of the service, whatever interface that names', async () => {
    health.setServing(true);
    for (const host of ['0.0.0.0', '[::]', '127.0.0.1']) {
      assert.deepEqual(await probe([], `${host}:${port}`), { code: 0, said: `127.0.0.1:${port}: SERVING\n` }, host);
    }
  });

  it('ends with 1 where nobody listens, with 2 where it was not told whom to ask', async () => {
    // Nothing of ours listens on port 1.
    const absent = await probe(['127.0.0.1:1']);
    assert.equal(absent.code, 1);
    assert.match(absent.said, /UNAVAILABLE|DEADLINE/i);
    assert.equal((await probe([])).code, 2);
  });
});
