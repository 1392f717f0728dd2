// What the store on disk costs: batches and entries kept in a second, how long a flush takes, and how soon a replica
// with a million keys serves again after a kill. The file system of the temporary directory is what is measured.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, Metadata } from '@grpc/grpc-js';
import { service as health } from 'grpc-health-check';
import { connect, type Session } from '../../client/index.js';
import { type LocalCluster, startLocalCluster } from '../../deploy/local-cluster.js';
import { createLog } from '../../services/host/log.js';
import { numberKey } from '../../services/host/store/keys.js';
import { openStore } from '../../services/host/store/open-store.js';
import type { BenchContext, BenchReport } from './bench-context.js';

const ENTRY_BYTES = 100;
const KIND = 3;
/** Numbers in a round: later entries overwrite earlier ones, so that the file stops growing. */
const NUMBERS = 200_000;
const BYTES_LIMIT = 2 ** 34;
const CLOSE_MS = 10_000;

const KEYS = 1_000_000;
const KEYS_PER_BATCH = 500;
const BATCHES_UNDER_WAY = 16;
const DEADLINE_MS = 60_000;
/** Longer than this it may not take until the replica serves. */
const RESTART_LIMIT_S = 10;
const POLL_MS = 10;

/** Batches of so many entries, so many of which wait for the disk at once. */
const CASES = [
  { entries: 1, underWay: 1 },
  { entries: 1, underWay: 64 },
  { entries: 100, underWay: 64 },
] as const;

/** Measures the store alone, then a replica on top of it. */
export async function benchStore({ signal, windowS, log }: BenchContext): Promise<BenchReport> {
  const rows: Record<string, unknown>[] = [];
  for (const each of CASES) {
    if (signal.aborted) break;
    rows.push(await keepFor(windowS, each));
  }
  const restart = await measureRestart(signal, log);
  const isFast = restart !== null && restart.servingS <= RESTART_LIMIT_S;
  return { rows, details: restart ?? {}, isRight: restart === null || restart.wrong === 0, isComplete: isFast };
}

async function keepFor(windowS: number, { entries, underWay }: (typeof CASES)[number]) {
  const directory = mkdtempSync(join(tmpdir(), 'curpho-bench-store-'));
  const store = await openStore({
    ...{ directory, role: 'replica', nodeId: 'r0', clusterId: '', format: 1, ifDamaged: 'refuse' },
    bytesLimit: BYTES_LIMIT,
    log: createLog({ role: 'bench', node: 'bench', epoch: 0 }, 'error'),
  });
  try {
    await store.startWriting((error) => {
      throw error;
    });
    const value = Buffer.alloc(ENTRY_BYTES, 'v');
    const beganMs = performance.now();
    let [kept, next] = [0, 0];
    const keepOn = (resolve: () => void): void => {
      if (performance.now() - beganMs > windowS * 1000) return resolve();
      store.write(
        (changes) => {
          for (let count = 0; count < entries; count++) changes.put(numberKey(KIND, next++ % NUMBERS), value);
        },
        () => {
          kept++;
          keepOn(resolve);
        },
      );
    };
    await Promise.all(Array.from({ length: underWay }, () => new Promise<void>(keepOn)));
    const seconds = (performance.now() - beganMs) / 1000;
    const { storeFlushes, storeFlushUs, storeFlushUsMax } = store.stats();
    const flushes = { flushUsMean: Math.round(storeFlushUs / storeFlushes), flushUsMax: Math.round(storeFlushUsMax) };
    const perSecond = { batchesPerS: Math.round(kept / seconds), entriesPerS: Math.round((kept * entries) / seconds) };
    return {
      entriesPerBatch: entries,
      underWay,
      ...perSecond,
      flushesPerS: Math.round(storeFlushes / seconds),
      ...flushes,
    };
  } finally {
    await store.close(CLOSE_MS);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Null if it was interrupted. `wrong` counts keys, of a sample, that the restarted cluster does not have. */
async function measureRestart(signal: AbortSignal, log: (line: string) => void) {
  const cluster = await startLocalCluster({ serviceSettings: { durability: 'disk' } });
  try {
    const client = await connect({ target: cluster.target, deadlineMs: DEADLINE_MS });
    try {
      const session = await client.session();
      const beganMs = performance.now();
      await fill(session, signal);
      const filledS = seconds(performance.now() - beganMs);
      log(`${KEYS} keys written in ${filledS} s`);
      if (signal.aborted) return null;
      const times = await restartFollower(cluster);
      log(`a replica serves ${times.servingS} s after its start`);
      const wrong = await countWrong(session);
      return { keys: KEYS, valueBytes: ENTRY_BYTES, filledS, ...times, wrong };
    } finally {
      await client.close({ graceMs: 0 });
    }
  } finally {
    await cluster.stop();
  }
}

async function fill(session: Session, signal: AbortSignal): Promise<void> {
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < KEYS && !signal.aborted) {
      const first = next;
      next += KEYS_PER_BATCH;
      const numbers = Array.from({ length: KEYS_PER_BATCH }, (_, at) => first + at);
      await session.batch(numbers.map((number) => ({ key: nameOf(number), value: contentOf(number) })));
    }
  };
  await Promise.all(Array.from({ length: BATCHES_UNDER_WAY }, write));
}

/** The leader is somebody else: how soon another one leads is the failover's measure. */
async function restartFollower(cluster: LocalCluster): Promise<{ readyS: number; servingS: number }> {
  const follower = cluster.services.find(({ role, leader }) => role === 'replica' && !leader);
  if (follower === undefined) throw new Error('there is no follower');
  cluster.kill(follower.name, 'SIGKILL');
  await isGone(follower.pid);
  const beganMs = performance.now();
  await cluster.restart(follower.name);
  const readyS = seconds(performance.now() - beganMs);
  while ((await askHealth(follower.address)) !== 'SERVING') await pause();
  return { readyS, servingS: seconds(performance.now() - beganMs) };
}

async function isGone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await pause();
  }
}

function askHealth(address: string): Promise<string> {
  const { Check: check } = health;
  if (check === undefined) throw new Error('grpc-health-check no longer describes the method Check');
  const client = new Client(address, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = check;
  const options = { deadline: Date.now() + 1000 };
  const request = { service: '' };
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      new Metadata(),
      options,
      (_, answer) => {
        client.close();
        resolve(answer !== undefined && 'status' in answer ? String(answer.status) : '');
      },
    );
  });
}

async function countWrong(session: Session): Promise<number> {
  const sample = Array.from({ length: 1000 }, (_, at) => (at * KEYS) / 1000);
  const found = await Promise.all(sample.map(async (number) => (await session.get(nameOf(number))).value));
  return sample.filter((number, at) => Buffer.from(found[at] ?? []).toString() !== contentOf(number)).length;
}

function nameOf(number: number): string {
  return `key-${String(number).padStart(8, '0')}`;
}

function contentOf(number: number): string {
  return `${number} `.padEnd(ENTRY_BYTES, 'v');
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
