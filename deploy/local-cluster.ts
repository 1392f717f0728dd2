// A whole cluster on this machine: nats-server, coordinators, replicas and witnesses as plain child processes on free
// loopback ports. Started by `npm run cluster`, by the load generator and by tests. Leaves nothing behind, however its
// parent ends. Does not know what the services do.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterConfig } from '../protocol/messages.js';
import { ChildGuard } from './child-guard.js';
import type { GuardedProcess } from './child-process.js';
import { findFreeAddress } from './free-address.js';
import { type NatsServer, startNatsServer } from './nats-server.js';
import { defaultScheduling, type Scheduling } from './scheduling.js';
import {
  describeService,
  type ServiceProcess,
  type ServiceRole,
  type ServiceSettings,
  startService,
} from './service-process.js';
import { findEpoch, waitUntilOpen } from './wait-until-open.js';

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
  /** Directory for logs, NATS's files and, in durability `disk`, what nodes keep; stays afterwards; default is a temporary one, removed at the end. */
  dataDir?: string;
  /** Told in one line what happens: a service that is ready, the epoch that opened, a child that died. */
  onLog?: (line: string) => void;
  /** How long starting may take, milliseconds; default 30,000. */
  startMs?: number;
  /**
   * A door in front of every process, for faults on the way to it: told a process's name and the address it listens on,
   * answers the address that all others get to know in its place. Asked once per name, before anybody dials it.
   */
  front?: (name: string, address: string) => Promise<string>;
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
  /**
   * Starts a process that has ended, or was told to by `kill`, again: same name, same files; a coordinator, which nobody is told of anew, at the same address.
   * Resolves when it says that it is ready; whether the cluster has taken it back is the coordinators' business. Its entry
   * in `services` gets the new address and process number, its log a file of its own. `isWiped` takes away first what it
   * had on disk.
   * @throws RangeError if there is no such process, Error if it runs, or does not come up in `startMs`.
   */
  restart(name: string, options?: { isWiped?: boolean }): Promise<void>;
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

/** What it takes to start a service once more. */
interface Launch {
  role: ServiceRole;
  index: number;
  args: readonly string[];
  /** Times that it was started. */
  lives: number;
}

class StartingCluster {
  readonly #options: LocalClusterOptions;
  readonly #directory: string;
  readonly #guard: ChildGuard;
  readonly #scheduling: Scheduling;
  readonly #services: ServiceProcess[] = [];
  /** Processes whose end is nobody's surprise. */
  readonly #expected = new Set<GuardedProcess>();
  /** How each service was started, by name. */
  readonly #launches = new Map<string, Launch>();
  #described: LocalService[] = [];
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
    const bucket = this.#nameBucket();
    const shape = ['--replicas', `${replicas}`, '--witnesses', `${witnesses}`];
    const started = await this.#startAll('coordinator', coordinators, deadline, [
      ...['--nats-url', natsUrl, '--bucket', bucket, ...shape],
    ]);
    const target = started.join(',');
    // Of a cluster that goes on from its disks; nodes have not been started, so nothing can have moved on.
    const afterEpoch = await findEpoch(started[0] ?? '');
    const nodes = ['--coordinators', target];
    await Promise.all([
      this.#startAll('replica', replicas, deadline, nodes),
      this.#startAll('witness', witnesses, deadline, nodes),
    ]);
    const isCancelled = (): boolean => this.#stopping !== null;
    const opening = waitUntilOpen({ coordinators: started, deadline, isCancelled, afterEpoch });
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
      restart: (name, restart) => this.#restart(name, restart?.isWiped ?? false),
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

  /**
   * The server or the directory may hold records of earlier clusters whose members are gone, so each has a bucket of its
   * own; one whose members find everything again on their disks goes on with the bucket that it had.
   */
  #nameBucket(): string {
    const { dataDir, serviceSettings } = this.#options;
    const fresh = `curpho_local_${process.pid}_${Date.now()}`;
    if (dataDir === undefined || serviceSettings?.durability !== 'disk') return fresh;
    const path = join(dataDir, 'bucket');
    if (existsSync(path)) return readFileSync(path, 'utf8').trim();
    writeFileSync(path, `${fresh}\n`);
    return fresh;
  }

  async #startNats(): Promise<string> {
    const nats = await this.#openNats();
    this.#log(`nats serves on ${nats.url}`);
    if (this.#options.front === undefined) return nats.url;
    return `nats://${await this.#options.front('nats', nats.url.replace('nats://', ''))}`;
  }

  /** The first one chooses its port, later ones take it over. */
  async #openNats(): Promise<NatsServer> {
    const place = { directory: join(this.#directory, 'nats'), guard: this.#guard, scheduling: this.#scheduling };
    const address = this.#nats?.url.replace('nats://', '');
    const nats = await startNatsServer({
      binary: this.#options.natsServer ?? '',
      ...place,
      ...(address && { address }),
    });
    this.#nats = nats;
    this.#watch(nats.process);
    return nats;
  }

  #startAll(role: ServiceRole, count: number, deadline: number, args: readonly string[]): Promise<string[]> {
    return Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const name = `${role[0]}${index}`;
        const launch: Launch = { role, index, args: [...args, ...(await this.#place(name))], lives: 0 };
        this.#launches.set(name, launch);
        return (await this.#start(launch, deadline)).address;
      }),
    );
  }

  /** Where a process behind a door listens, and by which address others know it. */
  async #place(name: string): Promise<string[]> {
    if (this.#options.front === undefined) return [];
    const address = await findFreeAddress();
    return ['--listen', address, '--advertise', await this.#options.front(name, address)];
  }

  async #start(launch: Launch, deadline: number): Promise<ServiceProcess> {
    const { serviceSettings: settings = {}, nodeArgs = [] } = this.#options;
    const { role, index } = launch;
    const isKeeping = settings.durability === 'disk' && role !== 'coordinator';
    const args = isKeeping ? [...launch.args, '--data-dir', join(this.#directory, `${role}-${index}`)] : launch.args;
    launch.lives++;
    const place = { life: launch.lives, logDir: this.#directory, guard: this.#guard, scheduling: this.#scheduling };
    const service = startService({ role, index, args, settings, nodeArgs, ...place });
    const former = this.#services.findIndex(({ name }) => name === service.name);
    this.#services.splice(former < 0 ? this.#services.length : former, 1, service);
    this.#watch(service.process);
    await (launch.lives === 1 ? this.#orFailed(service.ready(deadline)) : orEnded(service, deadline));
    this.#log(`${describeService(service)} serves on ${service.address}`);
    return service;
  }

  async #restart(name: string, isWiped: boolean): Promise<void> {
    const running = this.#findProcess(name);
    // Who was told to end may take a moment.
    if (this.#expected.has(running)) await running.ended;
    if (!running.isEnded) throw new Error(`${name} cannot be started again while it runs`);
    if (this.#stopping !== null) throw new Error('the cluster is being stopped');
    if (isWiped) rmSync(this.#storeOf(name), { recursive: true, force: true });
    const entry = this.#described.find((service) => service.name === name);
    const launch = this.#launches.get(name);
    const deadline = Date.now() + (this.#options.startMs ?? START_MS);
    if (launch === undefined) {
      const { pid } = await this.#openNats();
      if (entry !== undefined) entry.pid = pid;
      return;
    }
    // Clients and nodes were told where coordinators are, and nobody tells them anew. Where members are they are told.
    if (launch.role === 'coordinator' && !launch.args.includes('--listen'))
      launch.args = [...launch.args, '--listen', entry?.address ?? ''];
    const service = await this.#start(launch, deadline);
    if (entry !== undefined) Object.assign(entry, { address: service.address, pid: service.process.pid });
  }

  /** Directory in which a process keeps what outlives it. */
  #storeOf(name: string): string {
    const launch = this.#launches.get(name);
    if (launch === undefined) return join(this.#directory, 'nats', 'jetstream');
    return join(this.#directory, `${launch.role}-${launch.index}`);
  }

  #watch(child: GuardedProcess): void {
    child.ended.then((how) => {
      if (this.#stopping !== null || this.#expected.has(child)) return;
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
    this.#described = services;
    if (this.#nats === null) return services;
    const { url, pid } = this.#nats;
    services.push({ role: 'nats', name: 'nats', address: url.replace('nats://', ''), pid, leader: false });
    return services;
  }

  #kill(name: string, signal: NodeJS.Signals): void {
    const child = this.#findProcess(name);
    if (signal !== 'SIGSTOP' && signal !== 'SIGCONT') this.#expected.add(child);
    child.kill(signal);
  }

  #findProcess(name: string): GuardedProcess {
    const processes = [
      ...this.#services.map((service) => service.process),
      ...(this.#nats ? [this.#nats.process] : []),
    ];
    const child = processes.find((candidate) => candidate.name === name);
    if (child !== undefined) return child;
    throw new RangeError(`no process is called ${name}: ${processes.map((p) => p.name).join(', ')}`);
  }

  #log(line: string): void {
    this.#options.onLog?.(line);
  }
}

/** Resolves when a service is ready. */
async function orEnded(service: ServiceProcess, deadline: number): Promise<void> {
  const ended = service.process.ended.then((how): never => {
    throw new Error(`${service.name} did not come back: ${how}\n${service.process.tail()}`);
  });
  await Promise.race([service.ready(deadline), ended]);
}
