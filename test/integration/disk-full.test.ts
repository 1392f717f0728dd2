// Real nodes whose disks take nothing any more: they say so, answer nothing that they do not keep, lose nothing, and go on
// when there is room.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from '../../client/index.js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { checkHealth } from './services-fixture.js';

// A file that reaches the limit of its process is refused with an error, once the process does not die of the signal.
const IGNORE_SIGNAL = ['--import', 'data:text/javascript,process.on("SIGXFSZ",()=>undefined)'];
const VALUE_BYTES = 200_000;
const WRITES = 40;
const SETTLE_MS = 500;
/** The store tries again every 250 ms. */
const TWO_ATTEMPTS_MS = 600;

describe('nodes whose disks are full', function () {
  this.timeout(120_000);
  let cluster: LocalCluster;
  let dataDir = '';

  beforeEach(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'curpho-full-'));
    const serviceSettings = { durability: 'disk' } as const;
    cluster = await startLocalCluster({ serviceSettings, dataDir, nodeArgs: IGNORE_SIGNAL });
  });

  afterEach(async () => {
    await cluster.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });

  /** Witnesses too: what they keep is kept, and an operation that is fast waits for no other disk. */
  function nodes() {
    return cluster.services.filter(({ role }) => role === 'replica' || role === 'witness');
  }

  function limitFiles(bytes: number | 'unlimited'): void {
    for (const { pid } of nodes()) {
      assert.equal(spawnSync('prlimit', [`--pid=${pid}`, `--fsize=${bytes}:`]).status, 0);
    }
  }

  /** Waits until all nodes say the same of themselves. */
  async function allSay(wanted: string): Promise<void> {
    const untilMs = performance.now() + 30_000;
    for (;;) {
      const said = await Promise.all(nodes().map(({ address }) => checkHealth(address)));
      if (said.every((status) => status === wanted)) return;
      assert.ok(performance.now() < untilMs, `not all ${wanted}: ${said.join()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  it('C6: are not healthy, acknowledge nothing meanwhile, and serve again what waited', async () => {
    const client = await connect({ target: cluster.target, deadlineMs: 60_000 });
    try {
      const session = await client.session();
      await session.put('before', 'kept');
      await allSay('SERVING');
      const files = readdirSync(dataDir).filter((name) => /^(replica|witness)-/.test(name));
      limitFiles(Math.max(...files.map((name) => statSync(join(dataDir, name, 'data.mdb')).size)));
      let answered = 0;
      const writes = Array.from({ length: WRITES }, async (_, at) => {
        await session.put(`big-${at}`, Buffer.alloc(VALUE_BYTES, at));
        answered++;
      });
      await allSay('NOT_SERVING');
      // What was kept before is on its way to the client.
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const stuckAt = answered;
      assert.ok(stuckAt < WRITES, 'what does not fit is not answered');
      await new Promise((resolve) => setTimeout(resolve, TWO_ATTEMPTS_MS));
      await allSay('NOT_SERVING');
      assert.equal(answered, stuckAt);
      limitFiles('unlimited');
      await Promise.all(writes);
      await allSay('SERVING');
      for (let at = 0; at < WRITES; at++) {
        const { value } = await session.get(`big-${at}`);
        assert.ok(Buffer.alloc(VALUE_BYTES, at).equals(Buffer.from(value ?? [])), `big-${at}`);
      }
    } finally {
      limitFiles('unlimited');
      await client.close({ graceMs: 0 });
    }
  });
});
