// Services as processes: the ready line, exit codes, draining.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { streamMethods } from '../../proto/codec.js';
import { eventually, RawStream } from './services-fixture.js';

interface Running {
  child: ChildProcess;
  stdout: string;
  stderr: string;
}

describe('service programs', () => {
  const started: ChildProcess[] = [];

  const run = (role: string, ...argv: string[]): Running => {
    const program = fileURLToPath(new URL(`../../services/${role}/main.js`, import.meta.url));
    const child = spawn(process.execPath, [program, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    started.push(child);
    const running: Running = { child, stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => {
      running.stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      running.stderr += chunk.toString();
    });
    return running;
  };

  const ended = async ({ child }: Running): Promise<number | null> => {
    if (child.exitCode === null) await once(child, 'close');
    return child.exitCode;
  };

  const ready = async (running: Running): Promise<{ role: string; name: string; address: string; pid: number }> => {
    await eventually('the ready line', () => running.stdout.endsWith('\n'));
    return JSON.parse(running.stdout);
  };

  afterEach(() => {
    for (const child of started.splice(0)) child.kill('SIGKILL');
  });

  for (const [role, path] of [
    ['replica', streamMethods.session.path],
    ['witness', streamMethods.record.path],
  ] as const) {
    it(`${role}: says that it is ready, drains on SIGTERM and ends with 0`, async () => {
      const running = run(role, '--cluster-id', 'c', '--node-id', 'n0');
      const line = await ready(running);
      assert.deepEqual({ ...line, address: '' }, { role, name: 'n0', address: '', pid: running.child.pid });
      const stream = new RawStream(line.address, path, { 'curpho-client': '1', 'curpho-connection': '1' });
      await eventually('the stream', () => stream.isUp);
      running.child.kill('SIGTERM');
      assert.match((await stream.ended()).details, /shutting down/);
      stream.close();
      assert.equal(await ended(running), 0);
      const logged = running.stderr
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text));
      assert.equal(logged[0].config['cluster-id'], 'c');
      assert.equal(logged[0].role, role);
    });

    it(`${role}: ends with 2 on a bad setting, with 0 on --help`, async () => {
      const bad = run(role, '--shards', 'many');
      assert.equal(await ended(bad), 2);
      assert.match(bad.stderr, /shards: must be an integer from 1 to 65536, not "many" \(from --shards\)/);
      const help = run(role, '--help');
      assert.equal(await ended(help), 0);
      assert.match(help.stdout, /--shards <value>/);
    });
  }

  it('ends with 2 if its address is taken', async () => {
    const { address } = await ready(run('witness', '--cluster-id', 'c'));
    const second = run('witness', '--cluster-id', 'c', '--listen', address);
    assert.equal(await ended(second), 2);
    assert.match(second.stderr, new RegExp(`listen: cannot listen on ${address}`));
  });

  for (const role of ['replica', 'witness']) {
    it(`${role}: ends with 74 if what it kept is damaged, and says which file and what to do (C6)`, async () => {
      const directory = mkdtempSync(join(tmpdir(), 'curpho-program-'));
      try {
        const settings = ['--cluster-id', 'c', '--node-id', 'n0', '--durability', 'disk', '--data-dir', directory];
        const first = run(role, ...settings);
        await ready(first);
        first.child.kill('SIGTERM');
        assert.equal(await ended(first), 0);
        const file = join(directory, 'data.mdb');
        truncateSync(file, 5000);
        const second = run(role, ...settings);
        assert.equal(await ended(second), 74);
        assert.ok(second.stderr.includes(`curpho-${role}: ${file} `), second.stderr);
        assert.match(second.stderr, /Start it with an empty directory .* --if-damaged start-empty/);
        assert.equal(second.stdout, '', 'it never said that it was ready');
        const third = run(role, ...settings, '--if-damaged', 'start-empty');
        await ready(third);
      } finally {
        for (const child of started) child.kill('SIGKILL');
        await Promise.all(started.map((child) => child.exitCode ?? child.signalCode ?? once(child, 'close')));
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }

  it('refuses an address for spans that is none, before it serves', async () => {
    for (const role of ['replica', 'witness']) {
      const running = run(role, '--cluster-id', 'c', '--node-id', 'n0', '--otlp-url', 'ftp://host');
      assert.equal(await ended(running), 2);
      assert.match(running.stderr, /otlp-url: must be http:\/\/host:port/);
      assert.equal(running.stdout, '');
    }
  });
});
