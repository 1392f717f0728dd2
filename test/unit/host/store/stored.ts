// What the tests of the store share: directories that go away, options, reading all that is there.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '../../../../services/host/log.js';
import type { NodeStore } from '../../../../services/host/store/node-store.js';
import { openStore, type StoreOptions } from '../../../../services/host/store/open-store.js';
import type { ChangeWriter } from '../../../../services/host/store/records.js';

/** Stores that tests opened: what a failed test leaves open would keep its thread, and with it the whole run, alive. */
const opened = new Set<NodeStore>();

/** A directory that is removed after each of the suite's tests, when the stores that are still open have been closed. */
export function useDirectory(): () => string {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'curpho-store-'));
  });
  afterEach(async () => {
    await Promise.all([...opened].map((store) => store.close(0)));
    opened.clear();
    rmSync(directory, { recursive: true, force: true });
  });
  return () => directory;
}

/** Opens a store of replica r0. */
export async function open(directory: string, options: Partial<StoreOptions> = {}): Promise<NodeStore> {
  const store = await openStore({
    ...{ directory, role: 'replica', nodeId: 'r0', clusterId: '', format: 1, ifDamaged: 'refuse', bytesLimit: 1 << 30 },
    log: createLog({ role: 'test', node: 'test', epoch: 0 }, 'silent'),
    ...options,
  });
  opened.add(store);
  return store;
}

/** Keeps one batch. */
export async function keep(store: NodeStore, fill: (changes: ChangeWriter) => void): Promise<void> {
  await new Promise<void>((resolve) => store.write(fill, resolve));
}

/** Opens, writes what `fill` says, closes. */
export async function fillStore(directory: string, fill: (changes: ChangeWriter) => void): Promise<void> {
  const store = await open(directory);
  await store.startWriting(fail);
  await keep(store, fill);
  await store.close(1000);
}

/** All records of the kinds from 1 to 254, as text. */
export function readAll(store: NodeStore): string[] {
  return [...store.read(Buffer.from([1]), Buffer.from([255]))].map(
    ([key, value]) => `${key.toString('hex')}=${value.toString('latin1')}`,
  );
}

/** For stores that must not break. */
export function fail(error: Error): never {
  throw error;
}
