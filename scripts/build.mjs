// Brings node_modules and dist up to date, and does nothing when they are. The compiler writes to a folder of its own
// that replaces dist in one rename, so a program never starts from half a build and no output outlives its source;
// a lock lets one of several invocations build while the others wait for what it makes.

import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { collect, fail, root } from './process.mjs';

const dist = path.join(root, 'dist');
/** Its modification time is the moment the last successful build began. */
const stamp = path.join(dist, '.stamp');
/** Top-level folders that hold no sources. */
const NOT_SOURCES = new Set(['node_modules', 'docs', 'results', 'scripts']);
const LOCK_POLL_MS = 100;

/** Installs the packages of the lock file if node_modules holds anything else. Ends the process if that fails. */
export async function prepareInstall() {
  if (isInstalled()) return;
  await withLock(async () => {
    if (isInstalled()) return;
    console.error('Installing packages (npm ci) …');
    const { code, output } = await collect('npm', ['ci']);
    process.stderr.write(output);
    if (code !== 0) fail('npm ci failed');
  });
}

/** Compiles if a source is newer than the last build. False if the compiler found errors, which it has printed. */
export async function prepareBuild() {
  if (isBuilt()) return true;
  return withLock(async () => isBuilt() || compile());
}

/** Compares contents rather than times: npm notes in node_modules exactly what it installed. */
function isInstalled() {
  const wanted = readPackages('package-lock.json');
  const installed = readPackages('node_modules/.package-lock.json');
  return Object.entries(wanted).every(
    ([folder, entry]) => folder === '' || entry.optional === true || installed[folder]?.version === entry.version,
  );
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(path.join(root, file), 'utf8')).packages;
  } catch {
    return {};
  }
}

function isBuilt() {
  if (!existsSync(stamp)) return false;
  const builtAtMs = statSync(stamp).mtimeMs;
  const inputs = ['tsconfig.json', 'package-lock.json'].map((file) => path.join(root, file));
  return [...inputs, ...sources(root)].every((file) => statSync(file).mtimeMs < builtAtMs);
}

/** Every TypeScript file and every folder that holds some; a folder's time tells of files that were removed. */
function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) {
      const skipped =
        entry.name.startsWith('.') ||
        (folder === root && (NOT_SOURCES.has(entry.name) || /^dist(-|$)/.test(entry.name)));
      if (skipped) continue;
      yield file;
      yield* sources(file);
    } else if (entry.name.endsWith('.ts')) {
      yield file;
    }
  }
}

async function compile() {
  const startedAt = new Date();
  const fresh = `${dist}-build-${process.pid}`;
  const outdated = `${dist}-outdated-${process.pid}`;
  try {
    const { code, output } = await collect('tsc', ['-p', '.', '--outDir', fresh]);
    process.stderr.write(output);
    if (code !== 0) return false;
    writeFileSync(path.join(fresh, '.stamp'), '');
    // A source that changed while the compiler ran is newer than this, and the next run builds again.
    utimesSync(path.join(fresh, '.stamp'), startedAt, startedAt);
    if (existsSync(dist)) renameSync(dist, outdated);
    renameSync(fresh, dist);
    return true;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
    rmSync(outdated, { recursive: true, force: true });
  }
}

/** Runs `work` while no other invocation in this tree does. */
async function withLock(work) {
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const lock = path.join(os.tmpdir(), `curpho-build-${name}.lock`);
  const mine = `${lock}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    // A link appears with its content in one step, so a lock that exists always names its holder.
    while (!isLinked(mine, lock)) {
      maybeBreak(lock);
      await sleep(LOCK_POLL_MS);
    }
    try {
      return await work();
    } finally {
      unlinkSync(lock);
    }
  } finally {
    unlinkSync(mine);
  }
}

function isLinked(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Removes a lock whose holder is no more. */
function maybeBreak(lock) {
  const holder = readHolder(lock);
  if (holder === null || isRunning(holder)) return;
  const taken = `${lock}.broken.${process.pid}`;
  try {
    renameSync(lock, taken);
  } catch {
    return; // Someone else was quicker.
  }
  // Between the look and the rename the lock may have changed hands; then it goes back.
  if (readHolder(taken) !== holder) isLinked(taken, lock);
  unlinkSync(taken);
}

function readHolder(lock) {
  try {
    return Number(readFileSync(lock, 'utf8'));
  } catch {
    return null;
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
