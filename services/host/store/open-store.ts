// Opening a node's directory: alone, its own, undamaged, in a format that is known. Anything else ends the start with what
// is wrong and what can be done.

import { randomInt } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '../config.js';
import type { Log } from '../log.js';
import { commitChanges, dataFile, openRecords, type Records } from './environment.js';
import { DamageError, findDamage } from './examination.js';
import { DirectoryLock } from './lock.js';
import { NodeStore, type StoreIdentity } from './node-store.js';
import { ChangeWriter, unseal } from './records.js';

/** Whose directory it has to be, and how it is opened. */
export interface StoreOptions {
  directory: string;
  role: 'replica' | 'witness';
  nodeId: string;
  /** Refuse a directory of any other cluster; empty to take what is there. */
  clusterId: string;
  /** Number of the format in which the role keeps its records. */
  format: number;
  /** What a data file that is not what was written ends in. */
  ifDamaged: 'refuse' | 'start-empty';
  /** The data file does not grow beyond this. */
  bytesLimit: number;
  log: Log;
}

/** Key of the identity; the keys of a role's records are larger. */
const IDENTITY_KEY = Buffer.from([0]);
const FIRST_MAP_BYTES = 1 << 20;

/**
 * Opens the directory of a node; makes it if there is none.
 * @throws ConfigError if the directory cannot be had or is another node's.
 * @throws DamageError if what was kept cannot be trusted.
 */
export async function openStore(options: StoreOptions): Promise<NodeStore> {
  const { directory } = options;
  makeDirectory(directory);
  const lock = DirectoryLock.take(directory);
  try {
    await examine(options, lock);
    // Its only content are locks of processes that are gone.
    rmSync(`${dataFile(directory)}-lock`, { force: true });
    if (!existsSync(dataFile(directory))) await create(options);
    lock.nameHolder();
    const records = openRecords(dataFile(directory), options.bytesLimit);
    try {
      const identity = readIdentity(records, options);
      checkIdentity(identity, options);
      return new NodeStore({
        ...options,
        records,
        lock,
        identity,
        keepIdentity: (next) => writeIdentity(records, next),
      });
    } catch (error) {
      await records.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw new ConfigError(`data-dir: cannot make ${directory}: ${error instanceof Error ? error.message : error}`);
  }
}

async function examine(options: StoreOptions, lock: DirectoryLock): Promise<void> {
  const { directory, ifDamaged, log } = options;
  const path = dataFile(directory);
  const damage = await lookForDamage(path, lock);
  if (damage === null) return;
  if (ifDamaged === 'refuse') {
    throw new DamageError(
      `${path} ${damage}. This node must not go on with it. Start it with an empty directory and it becomes a new life, to ` +
        'which the cluster copies the state; --if-damaged start-empty does so and moves what is there aside.',
    );
  }
  const aside = setAside(directory);
  log.error({ path, damage, aside }, 'the data file is damaged: moved aside, and the node starts empty');
}

async function lookForDamage(path: string, lock: DirectoryLock): Promise<string | null> {
  if (existsSync(path)) return findDamage(path);
  return lock.hadHolder ? 'is missing, and this directory was in use' : null;
}

/** Moves everything but the lock into a directory of its own, within the same file system. */
function setAside(directory: string): string {
  const entries = readdirSync(directory);
  let number = 1;
  while (entries.includes(`damaged-${number}`)) number++;
  const aside = join(directory, `damaged-${number}`);
  mkdirSync(aside);
  for (const name of entries) {
    if (name.startsWith('data')) renameSync(join(directory, name), join(aside, name));
  }
  return aside;
}

/** A data file that is there is whole: it gets its name when it is complete. */
async function create({ directory, role, nodeId, format }: StoreOptions): Promise<void> {
  const path = join(directory, 'data-new.mdb');
  for (const file of [path, `${path}-lock`]) rmSync(file, { force: true });
  const records = openRecords(path, FIRST_MAP_BYTES);
  // Drawn here, so that no node with memory ever comes back as the life of one that has none.
  writeIdentity(records, { format, role, nodeId, clusterId: '', incarnation: randomInt(1, 2 ** 48 - 1) });
  await records.close();
  rmSync(`${path}-lock`, { force: true });
  renameSync(path, dataFile(directory));
  const descriptor = openSync(directory, 'r');
  fsyncSync(descriptor);
  closeSync(descriptor);
}

function writeIdentity(records: Records, identity: StoreIdentity): void {
  const changes = new ChangeWriter();
  changes.put(IDENTITY_KEY, Buffer.from(JSON.stringify(identity)));
  commitChanges(records, changes.take());
}

function readIdentity(records: Records, { directory }: StoreOptions): StoreIdentity {
  const sealed = records.get(IDENTITY_KEY);
  if (sealed === undefined) throw new DamageError(`${dataFile(directory)} does not say whose it is`);
  return JSON.parse(unseal(IDENTITY_KEY, sealed).toString()) as StoreIdentity;
}

function checkIdentity(kept: StoreIdentity, options: StoreOptions): void {
  const { directory, role, nodeId, clusterId, format } = options;
  if (kept.format > format) {
    throw new ConfigError(
      `data-dir: ${directory} is in format ${kept.format}, and this program knows formats up to ${format}`,
    );
  }
  if (kept.role !== role || kept.nodeId !== nodeId) {
    throw new ConfigError(`data-dir: ${directory} belongs to ${kept.role} ${kept.nodeId}, not to ${role} ${nodeId}`);
  }
  if (clusterId !== '' && kept.clusterId !== '' && kept.clusterId !== clusterId) {
    throw new ConfigError(`data-dir: ${directory} belongs to cluster ${kept.clusterId}, not to ${clusterId}`);
  }
}
