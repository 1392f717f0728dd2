// The command line of `npm run cluster`: its flags, their limits, its help text.

import { parseArgs } from 'node:util';
import { createQuorums, defaultFastQuorum } from '../protocol/quorum.js';
import { isAddress } from '../services/host/config.js';
import type { LocalClusterOptions } from './local-cluster.js';
import type { TransferOptions } from './transfer-leader.js';

/** The caller asked for something that is not possible; exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What the command line asks for. */
export type ClusterCommand =
  | { kind: 'help' }
  | { kind: 'start'; json: boolean; options: LocalClusterOptions }
  | { kind: 'transfer'; json: boolean; options: TransferOptions };

/** Text of `--help`. */
export const CLUSTER_HELP = `Starts a curpho cluster on this machine and keeps it running until Ctrl-C.

Usage: npm run cluster -- [flags]
       npm run cluster -- transfer --target <host:port,…> --to <replica>

  --replicas <n>          odd number of replicas, 1 to 15 (default 3)
  --witnesses <n>         number of witnesses, 1 to 15 (default 3)
  --coordinators <n>      number of coordinators, 1 to 5 (default 1)
  --descriptor-limit <n>  commands admitted and not yet committed, per replica
  --shards <n>            parts into which key map and witness pool are split
  --batch-delay <us>      microseconds to gather before frames leave; 0 is the end of the event-loop turn
  --ack-transport <t>     nats or stream: how weak acknowledgements travel
  --durability <d>        memory, or disk: what was answered is found again after the end of any process
  --scheduling <policy>   batch or normal; default is batch where chrt can set it (docs/BENCHMARKS.md)
  --nats-server <path>    nats-server program; default is to look for it
  --nats-url <url>        use a running NATS server with JetStream instead
  --otlp-url <url>        send spans of replicas and witnesses there, over OTLP/gRPC
  --log-level <level>     least severe lines in the services' log files
  --data-dir <path>       keep logs and files there; default is a temporary directory
  --json                  print one JSON line on stdout: {clusterId, target, natsUrl, services}
  --help                  this text

transfer has another replica of a running cluster lead, and prints who leads then. Exit codes: 0 that replica leads,
1 it does not, 2 bad usage, 3 the coordinators did not answer or refused.

  --target <list>         coordinators, host:port separated by commas
  --to <replica>          name of the replica that should lead
  --timeout <s>           seconds to wait for the new epoch, 1 to 600 (default 30)
  --json                  print one JSON line on stdout: {leader, epoch}
`;

const OPTIONS = {
  replicas: { type: 'string' },
  witnesses: { type: 'string' },
  coordinators: { type: 'string' },
  'descriptor-limit': { type: 'string' },
  shards: { type: 'string' },
  'batch-delay': { type: 'string' },
  'ack-transport': { type: 'string' },
  durability: { type: 'string' },
  scheduling: { type: 'string' },
  'nats-server': { type: 'string' },
  'nats-url': { type: 'string' },
  'otlp-url': { type: 'string' },
  'log-level': { type: 'string' },
  'data-dir': { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @throws UsageError naming the flag and what it must be. */
export function parseClusterFlags(argv: readonly string[]): ClusterCommand {
  if (argv[0] === 'transfer') return parseTransferFlags(argv.slice(1));
  const values = readValues(argv);
  if (values.help) return { kind: 'help' };
  const replicas = parseCount('replicas', values.replicas, [1, 15]);
  const witnesses = parseCount('witnesses', values.witnesses, [1, 15]);
  checkShape(replicas ?? 3, witnesses ?? 3);
  const serviceSettings = present({
    descriptorLimit: parseCount('descriptor-limit', values['descriptor-limit'], [1, 1_000_000]),
    shards: parseCount('shards', values.shards, [1, 65_536]),
    batchDelayUs: parseCount('batch-delay', values['batch-delay'], [0, 1_000_000]),
    ackTransport: parseChoice('ack-transport', values['ack-transport'], ['nats', 'stream']),
    durability: parseChoice('durability', values.durability, ['memory', 'disk']),
    otlpUrl: values['otlp-url'],
    logLevel: values['log-level'],
  });
  const shape = { replicas, witnesses, coordinators: parseCount('coordinators', values.coordinators, [1, 5]) };
  const scheduling = parseChoice('scheduling', values.scheduling, ['batch', 'normal']);
  const files = {
    scheduling,
    natsServer: values['nats-server'],
    natsUrl: values['nats-url'],
    dataDir: values['data-dir'],
  };
  return { kind: 'start', json: values.json, options: { ...present({ ...shape, ...files }), serviceSettings } };
}

const TRANSFER_OPTIONS = {
  target: { type: 'string', default: '' },
  to: { type: 'string', default: '' },
  timeout: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function parseTransferFlags(argv: readonly string[]): ClusterCommand {
  const { target, to, timeout, json, help } = readTransferValues(argv);
  if (help) return { kind: 'help' };
  const targets = target.split(',').filter((address) => address !== '');
  if (targets.length === 0 || !targets.every(isAddress)) {
    throw new UsageError(`--target must be host:port, or several separated by commas, not ${JSON.stringify(target)}`);
  }
  if (to === '') throw new UsageError('--to must name a replica');
  const seconds = parseCount('timeout', timeout, [1, 600]) ?? 30;
  return { kind: 'transfer', json, options: { targets, to, timeoutMs: 1000 * seconds } };
}

function readTransferValues(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: TRANSFER_OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw toUsageError(error);
  }
}

function readValues(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw toUsageError(error);
  }
}

function toUsageError(error: unknown): UsageError {
  return new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
}

function parseCount(flag: string, text: string | undefined, [min, max]: [number, number]): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new UsageError(`--${flag} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`);
}

function parseChoice<C extends string>(flag: string, text: string | undefined, choices: readonly C[]): C | undefined {
  if (text === undefined) return undefined;
  const choice = choices.find((candidate) => candidate === text);
  if (choice === undefined)
    throw new UsageError(`--${flag} must be ${choices.join(' or ')}, not ${JSON.stringify(text)}`);
  return choice;
}

function checkShape(replicas: number, witnesses: number): void {
  try {
    createQuorums({ replicas, witnesses, fastQuorum: defaultFastQuorum(witnesses) });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

type Present<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields that are set. */
function present<T extends object>(fields: T): Present<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Present<T>;
}
