// One service of a local cluster: how its role is started, and the line on stdout by which it says that it is ready.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChildGuard } from './child-guard.js';
import { GuardedProcess } from './child-process.js';
import type { Scheduling } from './scheduling.js';

/** What a service process can be. */
export type ServiceRole = 'coordinator' | 'replica' | 'witness';

/** Settings of the services that a cluster's starter may choose; absent ones keep the services' defaults. */
export interface ServiceSettings {
  /** Commands admitted and not yet committed, per replica. */
  descriptorLimit?: number;
  /** Parts into which key map and witness pool are split. */
  shards?: number;
  /** Microseconds to gather before frames leave; 0 is the end of the event-loop turn. */
  batchDelayUs?: number;
  ackTransport?: 'nats' | 'stream';
  /** Whether replicas and witnesses find again after their end what they answered. */
  durability?: 'memory' | 'disk';
  /** Collector that takes the spans of replicas and witnesses. */
  otlpUrl?: string;
  logLevel?: string;
}

/** Which flags a role takes from the settings. */
const FLAGS: Readonly<Record<ServiceRole, readonly (keyof ServiceSettings)[]>> = {
  coordinator: ['logLevel'],
  replica: ['descriptorLimit', 'shards', 'batchDelayUs', 'ackTransport', 'durability', 'otlpUrl', 'logLevel'],
  witness: ['shards', 'batchDelayUs', 'durability', 'otlpUrl', 'logLevel'],
};

/** A service that was started. */
export interface ServiceProcess {
  role: ServiceRole;
  /** First letter of the role and index. */
  name: string;
  /** host:port; empty until it is ready. */
  address: string;
  process: GuardedProcess;
  /**
   * Its address once it serves.
   * @throws Error with the end of its log if it does not by `deadline` (milliseconds of the epoch).
   */
  ready(deadline: number): Promise<string>;
}

/** Starts the compiled main of a role, which lies beside this file's room. */
export function startService(options: {
  role: ServiceRole;
  index: number;
  args: readonly string[];
  settings: ServiceSettings;
  nodeArgs: readonly string[];
  logDir: string;
  guard: ChildGuard;
  scheduling: Scheduling;
  /** Which start of this service it is, from 1 (default); later ones have log files of their own. */
  life?: number;
}): ServiceProcess {
  const { role, index, settings, logDir, guard, life = 1 } = options;
  const name = `${role[0]}${index}`;
  const main = fileURLToPath(new URL(`../services/${role}/main.js`, import.meta.url));
  const own = ['--node-id', name, ...(options.args.includes('--listen') ? [] : ['--listen', '127.0.0.1:0'])];
  const chosen = FLAGS[role].flatMap((key) => (settings[key] === undefined ? [] : [toFlag(key), `${settings[key]}`]));
  let onReady: (address: string) => void = () => undefined;
  const ready = new Promise<string>((resolve) => {
    onReady = resolve;
  });
  const child = new GuardedProcess({
    name,
    command: process.execPath,
    args: [...options.nodeArgs, main, ...own, ...options.args, ...chosen],
    logPath: join(logDir, `${name}${life === 1 ? '' : `-${life}`}.log`),
    guard,
    scheduling: options.scheduling,
    onLine: (line) => {
      const address = parseReadyLine(line);
      if (address !== null) onReady(address);
    },
  });
  const service: ServiceProcess = {
    role,
    name,
    address: '',
    process: child,
    ready: async (deadline) => {
      service.address = await beforeDeadline(ready, deadline, () => `${name} is not ready in time\n${child.tail()}`);
      return service.address;
    },
  };
  return service;
}

/** A service in words. */
export function describeService(service: ServiceProcess): string {
  return `${service.role} ${service.name} (pid ${service.process.pid})`;
}

/** The address in a ready line `{"role":…,"name":…,"address":…,"pid":…}`; null for any other line. */
export function parseReadyLine(line: string): string | null {
  if (!line.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== 'object' || value === null || !('address' in value)) return null;
    return typeof value.address === 'string' && value.address !== '' ? value.address : null;
  } catch {
    return null;
  }
}

function toFlag(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

async function beforeDeadline<T>(promise: Promise<T>, deadline: number, describe: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(describe())), Math.max(0, deadline - Date.now()));
    // The process that is waited for keeps the parent awake; a timer alone need not.
    timer.unref();
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
