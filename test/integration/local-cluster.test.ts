// A whole cluster as processes: it opens, says where it is in the documented shape, reports a death, and leaves nothing
// behind, however it is stopped.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createConnection, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startLocalCluster } from '../../deploy/local-cluster.js';
import { withCoordinator } from './coordinator-stage.js';

const MAIN = fileURLToPath(new URL('../../deploy/main.js', import.meta.url));

interface ClusterLine {
  clusterId: string;
  target: string;
  natsUrl: string;
  services: { role: string; name: string; address: string; pid: number; leader: boolean }[];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves once none of the processes exists; the test's own time limit bounds it. */
async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(isAlive)) await new Promise((resolve) => setImmediate(resolve));
}

function startMain(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function readOutput(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function firstLine(child: ChildProcess): Promise<ClusterLine> {
  assert.ok(child.stdout);
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return JSON.parse(line);
}

describe('local cluster', function () {
  this.timeout(60_000);

  it('opens, and after stop no process and no file is left', async () => {
    const lines: string[] = [];
    const cluster = await startLocalCluster({ coordinators: 2, onLog: (line) => lines.push(line) });
    const pids = cluster.services.map(({ pid }) => pid);
    assert.ok(pids.every(isAlive));
    assert.equal(cluster.target.split(',').length, 2);
    assert.equal(cluster.services.filter(({ leader }) => leader).length, 1);
    const config = await withCoordinator(cluster.target.split(',')[1] ?? '', (calls) =>
      calls.getConfig(cluster.clusterId),
    );
    assert.deepEqual(
      config?.replicas.map(({ id, address }) => `${id} ${address}`),
      cluster.services.filter(({ role }) => role === 'replica').map(({ name, address }) => `${name} ${address}`),
    );
    await cluster.stop();
    assert.deepEqual(pids.filter(isAlive), []);
    assert.equal(existsSync(cluster.logDir), false);
    assert.match(lines.at(-1) ?? '', /epoch 1 is open, led by r0/);
  });

  it('reports a process that dies, but not one that was killed on purpose', async () => {
    const cluster = await startLocalCluster();
    const pidOf = (name: string): number => cluster.services.find((service) => service.name === name)?.pid ?? 0;
    assert.throws(() => cluster.kill('r9', 'SIGKILL'), /no process is called r9/);
    cluster.kill('w2', 'SIGKILL');
    await untilGone([pidOf('w2')]);
    process.kill(pidOf('w1'), 'SIGKILL');
    const error = await cluster.failed;
    assert.match(error.message, /^w1 ended unexpectedly: signal SIGKILL/);
    // A halted process is ended all the same.
    cluster.kill('r2', 'SIGSTOP');
    await cluster.stop();
    assert.deepEqual(cluster.services.map(({ pid }) => pid).filter(isAlive), []);
  });

  it('starts again in a directory that an earlier cluster left, and leaves it too', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'curpho-test-'));
    try {
      const first = await startLocalCluster({ replicas: 1, witnesses: 1, dataDir });
      await first.stop();
      assert.ok(existsSync(join(dataDir, 'r0.log')));
      const second = await startLocalCluster({ replicas: 1, witnesses: 1, dataDir });
      await second.stop();
      assert.notEqual(second.clusterId, first.clusterId);
    } finally {
      rmSync(dataDir, { recursive: true });
    }
  });

  it('starts processes again where others look for them, and counts only unexpected deaths as failures', async () => {
    const cluster = await startLocalCluster({ replicas: 1, witnesses: 1 });
    try {
      await assert.rejects(cluster.restart('c0'), /c0 cannot be started again while it runs/);
      await assert.rejects(cluster.restart('c7'), RangeError);
      const before = structuredClone(cluster.services);
      for (const name of ['nats', 'c0']) {
        cluster.kill(name, 'SIGKILL');
        await cluster.restart(name);
      }
      const addresses = (services: typeof before): string[] =>
        services.map(({ name, address }) => `${name} ${address}`);
      assert.deepEqual(addresses(cluster.services), addresses(before));
      const moved = cluster.services.filter(({ pid }, index) => pid !== before[index]?.pid).map(({ name }) => name);
      assert.deepEqual(moved, ['c0', 'nats']);
      assert.equal((await withCoordinator(cluster.target, (calls) => calls.getConfig()))?.clusterId, cluster.clusterId);
      assert.ok(existsSync(join(cluster.logDir, 'c0-2.log')));
      process.kill(cluster.services.find(({ name }) => name === 'c0')?.pid ?? 0, 'SIGKILL');
      assert.match((await cluster.failed).message, /^c0 ended unexpectedly: signal SIGKILL/);
    } finally {
      await cluster.stop();
    }
  });

  it('tells everybody the doors in front of the processes, not the addresses that these listen on', async () => {
    const fronts = new Map<string, string>();
    const servers: Server[] = [];
    const front = async (name: string, address: string): Promise<string> => {
      const server = createServer((inbound) => {
        const outbound = createConnection(Number(address.split(':')[1]), '127.0.0.1');
        inbound.pipe(outbound).pipe(inbound);
        for (const socket of [inbound, outbound]) socket.on('error', () => socket.destroy());
      });
      servers.push(server);
      await once(server.listen(0, '127.0.0.1'), 'listening');
      fronts.set(name, `127.0.0.1:${(server.address() as AddressInfo).port}`);
      return fronts.get(name) ?? '';
    };
    const cluster = await startLocalCluster({ replicas: 1, witnesses: 1, front });
    try {
      const config = await withCoordinator(cluster.target, (calls) => calls.getConfig());
      assert.deepEqual(
        [cluster.target, config?.replicas[0]?.address, config?.witnesses[0]?.address, config?.natsUrl],
        [fronts.get('c0'), fronts.get('r0'), fronts.get('w0'), `nats://${fronts.get('nats')}`],
      );
    } finally {
      await cluster.stop();
      for (const server of servers) server.close();
    }
  });

  it('says which setting a service refused, and leaves nothing behind', async () => {
    const starting = startLocalCluster({ serviceSettings: { logLevel: 'loud' } });
    await assert.rejects(starting, /c0 ended unexpectedly: exit code 2[\s\S]*log-level: must be one of/);
  });

  it('prints one JSON line of the documented shape and stops with 0 on SIGTERM', async () => {
    const main = startMain(['--json', '--replicas', '1', '--witnesses', '1']);
    const output = readOutput(main);
    const line = await firstLine(main);
    assert.deepEqual(Object.keys(line), ['clusterId', 'target', 'natsUrl', 'services']);
    assert.match(line.clusterId, /^[0-9a-f]{16}$/);
    assert.match(line.target, /^127\.0\.0\.1:\d+$/);
    assert.match(line.natsUrl, /^nats:\/\/127\.0\.0\.1:\d+$/);
    assert.deepEqual(
      line.services.map(({ role, name, leader }) => `${role} ${name} ${leader}`),
      ['coordinator c0 false', 'replica r0 true', 'witness w0 false', 'nats nats false'],
    );
    for (const service of line.services) {
      assert.deepEqual(Object.keys(service), ['role', 'name', 'address', 'pid', 'leader']);
      assert.ok(isAlive(service.pid));
    }
    main.kill('SIGTERM');
    const { code, stdout } = await output;
    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split('\n').length, 1);
    assert.deepEqual(line.services.map(({ pid }) => pid).filter(isAlive), []);
  });

  it('leaves nothing behind when its parent is killed', async () => {
    const main = startMain(['--json', '--replicas', '1', '--witnesses', '1']);
    const line = await firstLine(main);
    const pids = line.services.map(({ pid }) => pid);
    main.kill('SIGKILL');
    await untilGone(pids);
    assert.deepEqual(pids.filter(isAlive), []);
  });

  it('refuses bad usage with 2 and explains itself with 0', async () => {
    const unknown = await readOutput(startMain(['--replicae', '3']));
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /--replicae/);
    const even = await readOutput(startMain(['--replicas', '2']));
    assert.equal(even.code, 2);
    assert.match(even.stderr, /odd number/);
    const help = await readOutput(startMain(['--help']));
    assert.equal(help.code, 0);
    assert.match(help.stdout, /--descriptor-limit/);
    const noServer = await readOutput(startMain(['--nats-server', '/nowhere/nats-server']));
    assert.equal(noServer.code, 1);
    assert.match(noServer.stderr, /\/nowhere\/nats-server is not a program/);
  });
});
