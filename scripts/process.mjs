// How the scripts start other programs: with the tools of node_modules and the system directories where servers lie on
// the path, with signals passed on, and with the exit code handed back. Knows nothing of targets.

import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root; everything runs there. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const searchPath = [
  path.join(root, 'node_modules', '.bin'),
  process.env.PATH ?? '',
  '/usr/local/sbin',
  '/usr/sbin',
].join(path.delimiter);
/** Environment of every child. Servers are found even where a user's path leaves sbin out. */
export const environment = { ...process.env, PATH: searchPath };

/** Ends the process with a sentence on standard error. */
export function fail(sentence, code = 1) {
  console.error(sentence);
  process.exit(code);
}

/** Where a program lies on the children's path, or null. */
export function findProgram(name) {
  for (const folder of searchPath.split(path.delimiter)) {
    const file = path.join(folder || '.', name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder; the next one may have it.
    }
  }
  return null;
}

/** Exit code as a shell would tell it. */
export function exitCodeOf(code, signal) {
  return signal === null ? code : 128 + (os.constants.signals[signal] ?? 0);
}

/** Runs a program to its end and collects what it said. Never rejects: a program that cannot start has code 127. */
export function collect(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}\n` }));
    child.on('close', (code, signal) =>
      resolve({ code: exitCodeOf(code, signal), output: Buffer.concat(chunks).toString() }),
    );
  });
}

/**
 * Runs a program in this one's place: same standard streams, same exit code. SIGTERM is passed on, and so is SIGINT
 * unless a terminal is attached, because a terminal sends it to the child as well and programs take two for "at once".
 */
export function runProgram(command, args) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd: root, env: environment, stdio: 'inherit' });
    const attended = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    process.on('SIGINT', () => attended || child.kill('SIGINT'));
    child.on('error', (error) => fail(`${command}: ${error.message}`, 127));
    child.on('close', (code, signal) => resolve(exitCodeOf(code, signal)));
  });
}
