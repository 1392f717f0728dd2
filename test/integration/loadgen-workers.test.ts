// Load processes as they are used: real ones, children and remote ones alike, driven through the pool against a real
// local cluster; and what becomes of a run when one of them, or the driver, goes away in the middle.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { WORKER_ENTRY, WorkerError, type WorkerMember, WorkerPool } from '../../loadgen/driver/worker-pool.js';
import {
  type CancelRequest,
  type CancelResponse,
  LoadWorkerService,
  type PhaseResult,
  type PlanRequest,
  type PlanResponse,
  type ReadClockResponse,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { wallUs } from '../../tracing/wall-clock.js';
import { samplePlan } from '../unit/loadgen/worker-samples.js';
import { checkHealth, eventually } from './services-fixture.js';

const DRIVER = fileURLToPath(new URL('./loadgen-driver.js', import.meta.url));
/** A load process whose SDK reaches nobody. */
const UNREACHABLE = new URL('../unit/loadgen/doubles/unreachable-worker.js', import.meta.url);
const KEYS = 400;
const PHASE = { threads: 2, settleMs: 50, durationMs: 400, requests: 0, seedWord: 1 };
/** Outlasts every test; ended by what is tested. */
const LONG_PHASE = { ...PHASE, durationMs: 600_000 };

/** A load process that was started by hand. */
interface StartedWorker {
  child: ChildProcess;
  address: string;
}

function spawnWorker(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(WORKER_ENTRY), ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

async function firstLine(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout !== null);
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return line;
}

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function failsWith(code: string, message: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof WorkerError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  };
}

describe('load processes and a real cluster', () => {
  let cluster: LocalCluster;
  let workers: StartedWorker[];

  before(async () => {
    cluster = await startLocalCluster();
  });

  after(async () => {
    await cluster.stop();
  });

  beforeEach(() => {
    workers = [];
  });

  afterEach(async () => {
    await Promise.all(workers.map(({ child }) => killed(child)));
  });

  async function startWorkers(count: number): Promise<string[]> {
    const children = Array.from({ length: count }, () => spawnWorker([]));
    for (const child of children) {
      child.stderr?.resume();
      const { role, address, pid } = JSON.parse(await firstLine(child));
      assert.deepEqual([role, pid], ['load-worker', child.pid]);
      workers.push({ child, address });
    }
    return workers.map(({ address }) => address);
  }

  /** A pool of remote processes, or of two children. */
  function startPool(
    addresses: string[] | null,
    changes: Partial<PlanRequest> = {},
    options: { silenceMs?: number } = {},
  ): Promise<WorkerPool> {
    const runId = randomUUID();
    const plans = Array.from({ length: addresses?.length ?? 2 }, (_, client) =>
      samplePlan({ runId, target: cluster.target, client, keys: KEYS, ...changes }),
    );
    return WorkerPool.start(plans, { workers: addresses, scheduling: 'normal', ...options });
  }

  async function measure(pool: WorkerPool): Promise<PhaseResult[]> {
    let loaded = 0;
    await pool.preload(KEYS, (keys) => {
      loaded = keys;
    });
    assert.equal(loaded, KEYS);
    await pool.prepare(PHASE.threads);
    return pool.load(PHASE);
  }

  function assertMeasured(results: readonly PhaseResult[]): void {
    assert.equal(results.length, 2);
    for (const { operations, errors, unknown, verification, histograms, windowMs } of results) {
      assert.ok(operations > 0 && windowMs > 0 && histograms.length === 4);
      assert.deepEqual([errors, unknown, verification?.wrong], [0, 0, 0]);
      assert.ok(verification !== undefined && verification.checked > 0 && verification.found === verification.checked);
    }
  }

  /** Begins a phase and waits until load flows in it. */
  async function startLongPhase(pool: WorkerPool): Promise<{ ended: Promise<unknown> }> {
    await pool.prepare(PHASE.threads);
    let operations = 0;
    const ended = pool.load(LONG_PHASE, (sum) => {
      operations = sum.operations;
    });
    ended.catch(() => undefined);
    await eventually('load flows', () => operations > 0, 20_000);
    return { ended };
  }

  it('two that were started by hand are driven in step, and serve the next run afterwards', async () => {
    const addresses = await startWorkers(2);
    for (const run of ['first', 'second']) {
      const pool = await startPool(addresses, { runId: run });
      assertMeasured(await measure(pool));
      assert.deepEqual(
        pool.members.map(({ address, pid, isLocal, node }) => ({ address, pid, isLocal, node })),
        workers.map(({ address, child }) => ({ address, pid: child.pid, isLocal: false, node: process.version })),
      );
      assert.ok(pool.members.every(({ clockOffsetMs }) => Math.abs(clockOffsetMs) < 1000));
      await pool.close();
    }
    assert.deepEqual(await Promise.all(addresses.map((address) => checkHealth(address))), ['SERVING', 'SERVING']);
  });

  it('children are driven in the same way and are gone afterwards', async () => {
    const pool = await startPool(null);
    const { members } = pool;
    assertMeasured(await measure(pool));
    assert.ok(members.every(({ isLocal, pid }) => isLocal && isRunning(pid)));
    await pool.close();
    assert.deepEqual(
      members.filter(({ pid }) => isRunning(pid)),
      [],
    );
  });

  it('a remote one that dies in the middle is named; the other is stopped and free', async () => {
    const addresses = await startWorkers(2);
    const pool = await startPool(addresses);
    const { ended } = await startLongPhase(pool);
    workers[1]?.child.kill('SIGKILL');
    await assert.rejects(
      ended,
      failsWith('WORKER_LOST', new RegExp(`^load worker 1 \\(.+ at ${addresses[1]}\\) stopped answering: UNAVAILABLE`)),
    );
    await pool.end();
    const next = await startPool(addresses.slice(0, 1));
    await next.prepare(1);
    await next.close();
  });

  it('a child that dies in the middle is named with how it ended, and the other is ended with it', async () => {
    const pool = await startPool(null);
    const { members } = pool;
    const { ended } = await startLongPhase(pool);
    process.kill(members[0]?.pid ?? 0, 'SIGKILL');
    await assert.rejects(
      ended,
      failsWith('WORKER_LOST', /^load worker 0 \(.+:\d+ at 127.0.0.1:\d+\) ended: signal SIGKILL$/),
    );
    await pool.end();
    assert.ok(members.every(({ pid }) => !isRunning(pid)));
  });

  it('one that hangs is named, too', async () => {
    const pool = await startPool(null, {}, { silenceMs: 2000 });
    const { ended } = await startLongPhase(pool);
    process.kill(pool.members[1]?.pid ?? 0, 'SIGSTOP');
    await assert.rejects(ended, failsWith('WORKER_LOST', /^load worker 1 .* stopped answering: silent for 2 s$/));
    await pool.end();
  });

  it('one whose clock is off is refused, and left without a plan', async () => {
    const server = new Server();
    const cancelled: string[] = [];
    server.addService(LoadWorkerService, {
      plan: (_call: unknown, callback: sendUnaryData<PlanResponse>) =>
        callback(null, { name: 'late:1', pid: 1, cpus: 1, node: 'v' }),
      readClock: (_call: unknown, callback: sendUnaryData<ReadClockResponse>) =>
        callback(null, { clockUs: wallUs() + 3_600_000_000 }),
      cancel: (
        { request }: ServerUnaryCall<CancelRequest, CancelResponse>,
        callback: sendUnaryData<CancelResponse>,
      ) => {
        cancelled.push(request.runId);
        callback(null, {});
      },
    });
    const port = await promisify(server.bindAsync).call(server, '127.0.0.1:0', ServerCredentials.createInsecure());
    await assert.rejects(
      startPool([`127.0.0.1:${port}`], { runId: 'skewed' }),
      failsWith('CLOCK_SKEW', /^load worker 0 \(late:1 at .*\): its clock is \d+\.\d ms ahead of the driver's/),
    );
    assert.deepEqual(cancelled, ['skewed']);
    server.forceShutdown();
  });

  it('a second driver is refused while the first runs, and the first is not disturbed', async () => {
    const addresses = await startWorkers(2);
    const pool = await startPool(addresses, { runId: 'first' });
    const { ended } = await startLongPhase(pool);
    await assert.rejects(
      startPool(addresses),
      failsWith('WORKER_BUSY', /^load worker \d .*: run first is under way here/),
    );
    assert.equal(await Promise.race([ended.catch(() => 'ended'), Promise.resolve('runs')]), 'runs');
    await pool.end();
    await assert.rejects(ended, failsWith('CANCELLED', /cancelled/));
  });

  it('bad values are refused with the name of the field', async () => {
    const addresses = await startWorkers(1);
    await assert.rejects(
      startPool(addresses, { keys: 0 }),
      failsWith('INVALID_ARGUMENT', /^load worker 0 .*: keys: 0/),
    );
    await assert.rejects(startPool(addresses, { history: 'file' }), failsWith('INVALID_ARGUMENT', /: history: /));
    const pool = await startPool(addresses);
    await assert.rejects(pool.prepare(5000), failsWith('INVALID_ARGUMENT', /: threads: 5000 .* 1 to 1024/));
    await pool.close();
  });

  it('a cluster that nobody reaches is told as such, and no child is left', async () => {
    const plans = [samplePlan({ target: 'nowhere:1' })];
    const options = { workers: null, scheduling: 'normal', entry: UNREACHABLE } as const;
    await assert.rejects(
      WorkerPool.start(plans, options),
      failsWith('UNREACHABLE', /^load worker 0 \(127\.0\.0\.1:\d+\): nobody answers at nowhere:1$/),
    );
  });

  it('an address without a load process is named', async () => {
    await assert.rejects(
      startPool(['127.0.0.1:1']),
      failsWith('UNREACHABLE', /^load worker 0 \(127\.0\.0\.1:1\) does not answer within 5 s$/),
    );
  });

  it('those whose driver vanishes are free again', async () => {
    const addresses = await startWorkers(2);
    const driver = spawn(process.execPath, [DRIVER, cluster.target, addresses.join(',')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await firstLine(driver);
    await assert.rejects(startPool(addresses), failsWith('WORKER_BUSY', /run vanishing is under way here/));
    await killed(driver);
    let pool: WorkerPool | null = null;
    while (pool === null) {
      pool = await startPool(addresses).catch((error: unknown) => {
        // Until the processes have noticed.
        assert.ok(error instanceof WorkerError && error.code === 'WORKER_BUSY', String(error));
        return null;
      });
    }
    assertMeasured(await measure(pool));
    await pool.close();
  });

  it('children whose driver vanishes end with it', async () => {
    const driver = spawn(process.execPath, [DRIVER, cluster.target], { stdio: ['ignore', 'pipe', 'inherit'] });
    const { members }: { members: WorkerMember[] } = JSON.parse(await firstLine(driver));
    assert.ok(members.length === 2 && members.every(({ pid }) => isRunning(pid)));
    await killed(driver);
    await eventually('the children have ended', () => !members.some(({ pid }) => isRunning(pid)), 20_000);
  });
});

describe('a load process', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends with 0 on ${signal}`, async () => {
      const child = spawnWorker([]);
      await firstLine(child);
      const exited = once(child, 'exit');
      child.kill(signal);
      assert.deepEqual(await exited, [0, null]);
    });
  }

  it('ends with 2 where it cannot listen, and says on which flag that hangs', async () => {
    const child = spawnWorker(['--listen', '192.0.2.1:0']);
    assert.ok(child.stderr !== null);
    const [stderr, [exitCode]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    assert.equal(exitCode, 2);
    assert.match(stderr, /^load-worker: --listen: cannot listen on 192\.0\.2\.1:0: .+; --help lists the flags\n$/);
  });
});
