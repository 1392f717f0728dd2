// A whole cluster on this machine: nats-server, coordinators, replicas and witnesses as plain child processes on free
// loopback ports. Started by `npm run cluster`, by the load generator and by tests. Leaves nothing behind, however its
// parent ends. Does not know what the services do.

import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterConfig } from '../protocol/messages.js';
import { ChildGuard } from './child-guard.js';
import type { GuardedProcess } from './child-process.js';
import { type NatsServer, startNatsServer } from './nats-server.js';
import { defaultScheduling, type Scheduling } from './scheduling.js';
import {
  describeService,
  type ServiceProcess,
  type ServiceRole,
  type ServiceSettings,
  startService,
} from './service-process.js';
import { waitUntilOpen } from './wait-until-open.js';

/** What cluster to start. */
export interface LocalClusterOptions {
  /** Odd; default 3. */
  replicas?: number;
  /** Default 3. */
  witnesses?: number;
  /** Default 1. */
  coordinators?: number;
  /** Path of the nats-server program; default is to look for it. */
  natsServer?: string;
  /** A NATS server that already runs with JetStream; then none is started. */
  natsUrl?: string;
  serviceSettings?: ServiceSettings;
  /** How the operating system schedules the processes; default batch where it can be had. */
  scheduling?: Scheduling;
  /** Flags of Node for every service, such as `--cpu-prof`. */
  nodeArgs?: readonly string[];
  /** Directory for logs and NATS's files, kept afterwards; default is a temporary one, removed at the end. */
  dataDir?: string;
  /** Told in one line what happens: a service that is ready, the epoch that opened, a child that died. */
  onLog?: (line: string) => void;
  /** How long starting may take, milliseconds; default 30,000. */
  startMs?: number;
}

/** One process of the cluster. */
export interface LocalService {
  role: ServiceRole | 'nats';
  /** As given to `kill`: r0, w0, c0, nats. */
  name: string;
  /** host:port */
  address: string;
  pid: number;
  /** Whether it led the epoch that opened first. */
  leader: boolean;
}

/** A cluster that serves. */
export interface LocalCluster {
  clusterId: string;
  /** Coordinators' addresses, separated by commas: what clients and the load generator take. */
  target: string;
  natsUrl: string;
  services: LocalService[];
  /** Directory with one log file per process. */
  logDir: string;
  /** Resolves with a description when a process ends that nobody asked to end; never rejects. */
  failed: Promise<Error>;
  /** Ends everything and removes temporary files. May be called more than once. */
  stop(): Promise<void>;
  /**
   * Sends a signal to a process; one that ends by it does not count as failed.
   * @throws RangeError if there is no such process.
   */
  kill(name: string, signal: NodeJS.Signals): void;
}

const START_MS = 30_000;

/**
 * Starts a cluster and waits until it serves.
 * @throws Error that says which process failed, or what was waited for, with the end of the logs concerned; everything
 * that was started has ended by then.
 */
export async function startLocalCluster(options: LocalClusterOptions = {}): Promise<LocalCluster> {
  const starting = new StartingCluster(options);
  try {
    return await starting.run();
  } catch (error) {
    await starting.stop();
    throw error;
  }
}

class StartingCluster {
  readonly #options: LocalClusterOptions;
  readonly #directory: string;
  readonly #guard: ChildGuard;
  readonly #scheduling: Scheduling;
  readonly #services: ServiceProcess[] = [];
  /** Processes whose end is nobody's surprise. */
  readonly #expected = new Set<string>();
  readonly #failed: Promise<Error>;
  #fail: (error: Error) => void = () => undefined;
  #nats: NatsServer | null = null;
  #stopping: Promise<void> | null = null;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#scheduling = options.scheduling ?? defaultScheduling();
    this.#directory = options.dataDir ?? mkdtempSync(join(tmpdir(), 'curpho-cluster-'));
    mkdirSync(this.#directory, { recursive: true });
    this.#guard = new ChildGuard(options.dataDir === undefined ? this.#directory : '');
    this.#failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  async run(): Promise<LocalCluster> {
    const { replicas = 3, witnesses = 3, coordinators = 1, startMs = START_MS } = this.#options;
    const deadline = Date.now() + startMs;
    const natsUrl = this.#options.natsUrl ?? (await this.#startNats());
    // The server or the directory may hold records of earlier clusters, whose members are gone.
    const bucket = `curpho_local_${process.pid}_${Date.now()}`;
    const shape = ['--replicas', `${replicas}`, '--witnesses', `${witnesses}`];
    const started = await this.#startAll('coordinator', coordinators, deadline, [
      ...['--nats-url', natsUrl, '--bucket', bucket, ...shape],
    ]);
    const target = started.join(',');
    const nodes = ['--coordinators', target];
    await Promise.all([
      this.#startAll('replica', replicas, deadline, nodes),
      this.#startAll('witness', witnesses, deadline, nodes),
    ]);
    const isCancelled = (): boolean => this.#stopping !== null;
    const opening = waitUntilOpen({ coordinators: started, deadline, isCancelled });
    const config = await this.#orFailed(opening);
    this.#log(`epoch ${config.epoch} is open, led by ${config.replicas[config.leader]?.id}`);
    return {
      clusterId: config.clusterId,
      target,
      natsUrl,
      services: this.#describe(config),
      logDir: this.#directory,
      failed: this.#failed,
      stop: () => this.stop(),
      kill: (name, signal) => this.#kill(name, signal),
    };
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#services.map(({ process: child }) => child.stop()));
    await this.#nats?.stop();
    await this.#guard.release();
  }

  async #startNats(): Promise<string> {
    const directory = join(this.#directory, 'nats');
    const binary = this.#options.natsServer ?? '';
    this.#nats = await startNatsServer({
      ...{ binary, directory, guard: this.#guard, scheduling: this.#scheduling },
    });
    this.#watch(this.#nats.process);
    this.#log(`nats serves on ${this.#nats.url}`);
    return this.#nats.url;
  }

  #startAll(role: ServiceRole, count: number, deadline: number, args: readonly string[]): Promise<string[]> {
    const { serviceSettings: settings = {}, nodeArgs = [] } = this.#options;
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const place = { index, logDir: this.#directory, guard: this.#guard, scheduling: this.#scheduling };
        const service = startService({ role, args, settings, nodeArgs, ...place });
        this.#services.push(service);
        this.#watch(service.process);
        const address = await this.#orFailed(service.ready(deadline));
        this.#log(`${describeService(service)} serves on ${address}`);
        return address;
      }),
    );
  }

  #watch(child: GuardedProcess): void {
    child.ended.then((how) => {
      if (this.#stopping !== null || this.#expected.has(child.name)) return;
      this.#log(`${child.name} ended: ${how}`);
      this.#fail(new Error(`${child.name} ended unexpectedly: ${how}\n${child.tail()}`));
    });
  }

  /** What `promise` resolves with, unless a process fails first. */
  async #orFailed<T>(promise: Promise<T>): Promise<T> {
    const failure = this.#failed.then((error): never => {
      throw error;
    });
    return await Promise.race([promise, failure]);
  }

  #describe(config: ClusterConfig): LocalService[] {
    const leader = config.replicas[config.leader]?.id;
    const services = this.#services.map(({ role, name, address, process: child }): LocalService => {
      return { role, name, address, pid: child.pid, leader: role === 'replica' && name === leader };
    });
    services.sort((a, b) => (a.name < b.name ? -1 : 1));
    if (this.#nats === null) return services;
    const { url, pid } = this.#nats;
    return [...services, { role: 'nats', name: 'nats', address: url.replace('nats://', ''), pid, leader: false }];
  }

  #kill(name: string, signal: NodeJS.Signals): void {
    const processes = [
      ...this.#services.map((service) => service.process),
      ...(this.#nats ? [this.#nats.process] : []),
    ];
    const child = processes.find((candidate) => candidate.name === name);
    if (child === undefined)
      throw new RangeError(`no process is called ${name}: ${processes.map((p) => p.name).join(', ')}`);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#expected.add(name);
    child.kill(signal);
  }

  #log(line: string): void {
    this.#options.onLog?.(line);
  }
}
