// A private nats-server with JetStream on a free loopback port: finds the program, starts it, stops it. Used by local
// clusters and by tests. Not a way to run NATS in production.

import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ChildGuard } from './child-guard.js';
import { GuardedProcess } from './child-process.js';
import { defaultScheduling, type Scheduling } from './scheduling.js';

// Debian installs it where PATH of ordinary users does not reach.
const EXTRA_DIRECTORIES = ['/usr/sbin', '/usr/local/sbin', '/usr/local/bin'];
const START_MS = 10_000;
const POLL_MS = 10;

/** A server that runs. */
export interface NatsServer {
  /** nats://127.0.0.1:port */
  url: string;
  pid: number;
  /** The process itself, for faults. */
  process: GuardedProcess;
  /** Ends it and removes what it stored, if that was in a directory of its own. */
  stop(): Promise<void>;
}

/**
 * Path of the nats-server program: the given one, else the first on PATH or in the system's directories, else, as root
 * on a system with apt-get, the one it installs (it says so on stderr).
 * @throws Error that says how to get it.
 */
export function findNatsServer(given = ''): string {
  if (given !== '') {
    if (isExecutable(given)) return given;
    throw new Error(`nats-server: ${given} is not a program that can be run`);
  }
  const found = findInstalled();
  if (found !== null) return found;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    process.stderr.write('nats-server not found; installing it: apt-get install -y nats-server\n');
    try {
      installWithApt();
    } catch (error) {
      process.stderr.write(`apt-get failed: ${error instanceof Error ? error.message : String(error)}\n`);
    }
    const installed = findInstalled();
    if (installed !== null) return installed;
  }
  throw new Error(
    'nats-server not found. Install it (Debian and Ubuntu: apt-get install nats-server; macOS: brew install nats-server; ' +
      'others: nats.io, "Downloads"), or name one with --nats-server <path>, or use a running one with --nats-url <url>.',
  );
}

function findInstalled(): string | null {
  const directories = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_DIRECTORIES];
  for (const directory of directories) {
    const path = join(directory, 'nats-server');
    if (directory !== '' && isExecutable(path)) return path;
  }
  return null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function installWithApt(): void {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = (): void => {
    execFileSync('apt-get', ['install', '-y', '--no-install-recommends', 'nats-server'], {
      env,
      stdio: ['ignore', 2, 2],
    });
  };
  try {
    install();
  } catch {
    // The package lists may be missing or old.
    execFileSync('apt-get', ['update'], { env, stdio: ['ignore', 2, 2] });
    install();
  }
}

/**
 * Starts a server and waits until it takes connections.
 * @throws Error with the end of its log if it does not within 10 s.
 */
export async function startNatsServer(
  options: {
    binary?: string;
    directory?: string;
    guard?: ChildGuard;
    scheduling?: Scheduling;
    /** host:port to listen on, for a server that comes back; default is a free port. */
    address?: string;
  } = {},
): Promise<NatsServer> {
  const command = findNatsServer(options.binary);
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'curpho-nats-'));
  await mkdir(directory, { recursive: true });
  // A guard of its own also removes a directory of its own; a guard that was given belongs to somebody else.
  const guard = options.guard ?? new ChildGuard(options.directory === undefined ? directory : '');
  const configPath = join(directory, 'nats.conf');
  const store = JSON.stringify(join(directory, 'jetstream'));
  await writeFile(
    configPath,
    `listen: "${options.address ?? '127.0.0.1:-1'}"\njetstream { store_dir: ${store}, max_mem: 64MB, max_file: 256MB }\n`,
  );
  const args = ['-c', configPath, '--ports_file_dir', directory];
  const { scheduling = defaultScheduling() } = options;
  const logPath = join(directory, 'nats.log');
  const server = new GuardedProcess({ name: 'nats', command, args, logPath, guard, scheduling });
  const stop = async (): Promise<void> => {
    await server.stop();
    if (options.guard === undefined) await guard.release();
  };
  try {
    return { url: await waitForPort(server, directory), pid: server.pid, process: server, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The server writes the port it got into a file when it is ready. */
async function waitForPort(server: GuardedProcess, directory: string): Promise<string> {
  const path = join(directory, `nats-server_${server.pid}.ports`);
  const deadline = Date.now() + START_MS;
  let end: string | null = null;
  server.ended.then((how) => {
    end = how;
  });
  while (end === null && Date.now() < deadline) {
    const url = existsSync(path) ? parsePorts(await readFile(path, 'utf8')) : null;
    if (url !== null) return url;
    await pause(POLL_MS);
  }
  throw new Error(`nats-server did not start: ${end ?? `not ready within ${START_MS} ms`}\n${server.tail()}`);
}

/** The client address in a ports file; null while the file is being written. */
function parsePorts(text: string): string | null {
  const url = /"(nats:\/\/[^"]+)"/.exec(text)?.[1];
  return text.trimEnd().endsWith('}') && url !== undefined ? url : null;
}
