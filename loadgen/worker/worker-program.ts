// A load process as a program: flags in, a ready line out, signals heard. Knows nothing of load; whose SDK it drives is
// for its main to say, so that tests run the same program over a double.

import { parseArgs } from 'node:util';

import { UsageError } from '../flag-values.js';
import { type Connect, LoadWorker } from './worker.js';
import { serveOn } from './worker-server.js';
import { IDLE_MS, WorkerService } from './worker-service.js';

/** Text of `--help`. */
export const WORKER_HELP = `A load process of the load generator: it waits for a driver (loadgen … --workers host:port,…) and issues load for it.

Usage: node dist/loadgen/worker-main.js [flags]

  --listen <host:port>     where drivers reach it; port 0 is any free one (default 127.0.0.1:0)
  --advertise <host:port>  the address in the ready line, where drivers dial another one; port 0 is the bound one
                           (needed where --listen is 0.0.0.0 or [::]; default the bound address)
  --history <file>         the only file that a driver may have it write a history to (default none)
  --help                   this text

There is no authentication yet: whoever reaches the address may have this process send load to any other. Listen on
another address than loopback in networks only where everyone may do that.

Prints one line of JSON on stdout when it is ready: {"role":"load-worker","address":"…","pid":…}.
It carries out one plan at a time. A plan ends when its driver ends it, when the driver's connection breaks in the
middle of a call, or after ${IDLE_MS / 60_000} minutes without a call. The standard gRPC health service answers beside it.

Exit codes: 0 ended by SIGTERM or SIGINT, 2 bad usage, 130 ended by a second signal.
`;

/** What the command line asks for. */
export type WorkerCommand =
  | { kind: 'help' }
  | { kind: 'serve'; listen: string; advertise: string | null; history: string | null };

const OPTIONS = {
  listen: { type: 'string', default: '127.0.0.1:0' },
  advertise: { type: 'string' },
  history: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const EXIT_WITHIN_MS = 5000;

/** @throws UsageError naming the flag and what it must be. */
export function parseWorkerFlags(args: readonly string[]): WorkerCommand {
  const { listen, advertise, history, help } = readFlags(args);
  if (help) return { kind: 'help' };
  const host = parseAddress('--listen', listen).host;
  if (advertise !== undefined) parseAddress('--advertise', advertise);
  else if (host === '0.0.0.0' || host === '[::]') {
    throw new UsageError(
      `--advertise: has to say where drivers dial, because ${host} is every address of this machine`,
    );
  }
  if (history === '') throw new UsageError('--history: names no file');
  return { kind: 'serve', listen, advertise: advertise ?? null, history: history ?? null };
}

/** Runs the program over an SDK's `connect` until a signal ends it. */
export async function serveWorker(connect: Connect, args = process.argv.slice(2)): Promise<void> {
  try {
    const command = parseWorkerFlags(args);
    if (command.kind === 'help') process.stdout.write(WORKER_HELP);
    else await serve(command, connect);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`load-worker: ${error.message}; --help lists the flags\n`);
    process.exit(2);
  }
}

async function serve(
  { listen, advertise, history }: Extract<WorkerCommand, { kind: 'serve' }>,
  connect: Connect,
): Promise<void> {
  const service = new WorkerService({ open: (plan) => LoadWorker.connect(plan, connect), historyFile: history });
  const server = await serveOn(listen, service);
  let isEnding = false;
  const onSignal = (): void => {
    if (isEnding) process.exit(130);
    isEnding = true;
    setTimeout(() => process.exit(0), EXIT_WITHIN_MS);
    service.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`load-worker: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  const address =
    advertise === null ? server.address : advertise.replace(/:0$/, /:\d+$/.exec(server.address)?.[0] ?? '');
  process.stdout.write(`${JSON.stringify({ role: 'load-worker', address, pid: process.pid })}\n`);
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
}

function parseAddress(flag: string, text: string): { host: string } {
  const match = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[2]) > 65_535) {
    throw new UsageError(`${flag}: ${JSON.stringify(text)} is not host:port with a port from 0 to 65535`);
  }
  return { host: match[1] ?? '' };
}
