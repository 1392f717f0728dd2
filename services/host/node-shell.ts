// What every node of a cluster does around its service: bind, register, follow configurations, say how it is, end. The
// service itself, its core and its streams are its owner's.

import { randomInt } from 'node:crypto';
import type { Server } from '@grpc/grpc-js';
import { Diagnostics } from '../../diagnostics/diagnostics.js';
import { addDiagnosticsService } from '../../diagnostics/diagnostics-service.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { ResourceAttribute, ServiceName } from '../../tracing/service-names.js';
import { OtlpUrlError, openTracing, parseOtlpUrl, type Tracing } from '../../tracing/setup.js';
import { ConfigError, type NodeConfig } from './config.js';
import { closeServer } from './drain.js';
import { ExitCode } from './exit-codes.js';
import { Health } from './health.js';
import { createLog, type Log, type LogIdentity } from './log.js';
import { Membership, type NodeState } from './membership.js';
import { bindServer, createServer } from './server.js';
import { assertNotStopped, writeStopMarker } from './stop-marker.js';
import { DamageError } from './store/examination.js';
import { keepStanding, readStanding, type Standing } from './store/kept-standing.js';
import type { NodeStore } from './store/node-store.js';
import { type Persister, startPersister } from './store/persister.js';

/** How a node is set up. */
export interface NodeShellOptions {
  role: 'replica' | 'witness';
  /** Full name of its gRPC service. */
  service: string;
  config: NodeConfig;
  /** Number of the format in which the role keeps what it keeps. */
  format: number;
  /** What a broken invariant ends in; default is the process, with code 70, or 74 if what it kept is damaged. */
  onBroken?: (error: unknown) => void;
  /** What being told to stop ends in; default is the process, with code 76. */
  onStopped?: (reason: string) => void;
}

/** What a node wants to hear from the coordinator and tells it. */
export interface JoinOptions {
  epoch: () => number;
  onConfig: (config: ClusterConfig) => void;
  /** How its state is now; absent if it has none to compare. */
  state?: () => NodeState;
}

const DRAIN_MS = 3000;
/** How long the end of a node waits for its disk; the process as a whole has five seconds. */
const FLUSH_MS = 1500;

/** One node: a server with health, a name, a life, a place in a cluster. */
export class NodeShell {
  readonly server: Server = createServer();
  readonly health: Health;
  /** Answers from the moment that the server listens; the service adds its own numbers. */
  readonly diagnostics: Diagnostics;
  readonly log: Log;
  /** Where others reach the node; empty before `open`. */
  address = '';
  /** The node's name; empty before `open`. */
  nodeId = '';
  /** What the node keeps through its end; null in durability `memory`, and before `open`. */
  store: NodeStore | null = null;
  private readonly firstLife = randomInt(1, 2 ** 48 - 1);
  private readonly identity: LogIdentity;
  private membership: Membership | null = null;
  private tracing: Tracing | null = null;

  constructor(private readonly options: NodeShellOptions) {
    const { role, service, config } = options;
    this.identity = { role, node: config.nodeId, epoch: 0 };
    this.log = createLog(this.identity, config.logLevel);
    this.health = new Health(this.server, service);
    this.diagnostics = new Diagnostics(() => ({ role, nodeId: this.nodeId, epoch: this.identity.epoch }));
    addDiagnosticsService(this.server, this.diagnostics);
  }

  /** Random number of this life: a node that lost its memory is another one, and only such a node is (B6). */
  get incarnation(): number {
    return this.store?.incarnation ?? this.firstLife;
  }

  /** True while nothing can be kept. */
  get isStoreStuck(): boolean {
    return this.store?.isStuck === true;
  }

  /** More waits for the disk than should: clients are not to be read. */
  get isStoreBehind(): boolean {
    return this.store !== null && this.store.waitingBytes > this.options.config.storeQueueBytes;
  }

  /**
   * Binds the server, whose services were added before, and opens what the node keeps.
   * @throws ConfigError if the address or the data directory cannot be had, if there is no way to learn the cluster's id, if
   *   spans are to go to what is no address, or if the node was told to stop and nobody has looked at it since.
   * @throws DamageError if what was kept cannot be trusted.
   */
  async open(): Promise<void> {
    const { role, config } = this.options;
    if (config.coordinators.length === 0 && config.clusterId === '') {
      throw new ConfigError('coordinators: must name at least one coordinator where cluster-id is not set');
    }
    checkOtlpUrl(config.otlpUrl);
    if (config.durability === 'disk') {
      if (config.dataDir === '') throw new ConfigError('data-dir: must be set where durability is disk');
      assertNotStopped(config.dataDir);
    }
    const bound = await bindServer(this.server, config.listen);
    this.address = config.advertise === '' ? bound : config.advertise;
    this.nodeId = config.nodeId === '' ? `${role}@${this.address}` : config.nodeId;
    this.identity.node = this.nodeId;
    if (config.durability === 'disk') await this.openStore();
  }

  /**
   * Makes the node known to the coordinators, if there are any; tries until one answers.
   * @returns the cluster's id.
   * @throws ConfigError if the coordinator refuses the node for good.
   */
  async register(options: JoinOptions): Promise<string> {
    const { role, config } = this.options;
    const clusterId = config.clusterId === '' ? (this.store?.clusterId ?? '') : config.clusterId;
    if (config.coordinators.length === 0) {
      this.store?.joinCluster(clusterId);
      return clusterId;
    }
    const { coordinators } = config;
    const { nodeId, address, incarnation, log, store } = this;
    const node = { coordinators, role, nodeId, address, incarnation, clusterId, log, onStop: this.onStop };
    const keep = (standing: Standing, onKept: () => void): void => keepStanding(store, standing, onKept);
    this.membership = new Membership({ ...node, ...options, standing: readStanding(store), keepStanding: keep });
    try {
      const joined = await this.membership.register();
      this.store?.joinCluster(joined);
      return joined;
    } catch (error) {
      this.membership.close();
      this.server.forceShutdown();
      await this.store?.close(0);
      throw this.describeRefusal(error);
    }
  }

  /** Begins to keep what the core of `loop` wants kept. Null in durability `memory`. What was kept is not read any more. */
  startPersister<B extends { number: number }, O>(
    loop: Parameters<typeof startPersister<B, O>>[0]['loop'],
    encode: Parameters<typeof startPersister<B, O>>[0]['encode'],
  ): Persister<B, O> | null {
    const { store, onBroken } = this;
    return store === null ? null : startPersister<B, O>({ store, loop, encode, onBroken });
  }

  /** Says how the node is: one that cannot keep anything does not serve. */
  setServing(isServing: boolean): void {
    this.health.setServing(isServing && !this.isStoreStuck);
  }

  /** Waits, boundedly, until what the node was told so far is kept. Before its streams end, so that answers still leave. */
  async settle(): Promise<void> {
    await this.store?.flush(FLUSH_MS);
  }

  /** Begins to send spans, where that is wanted. Whether anybody takes them shows later, in the log. */
  async openTracing(clusterId: string): Promise<Tracing | null> {
    const { role, config } = this.options;
    if (config.otlpUrl === '') return null;
    const attributes = { [ResourceAttribute.instance]: this.nodeId, [ResourceAttribute.cluster]: clusterId };
    const log = (problem: string): void => this.log.warn(problem);
    this.tracing = await openTracing({ url: config.otlpUrl, serviceName: ServiceName[role], attributes, log });
    return this.tracing;
  }

  /** Begins to follow configurations and to send heartbeats. */
  follow(): void {
    this.membership?.start();
  }

  /** The node's epoch, for its log lines. */
  setEpoch(epoch: number): void {
    this.identity.epoch = epoch;
  }

  /** A core or one of its outputs threw: what the node believes can no longer be trusted, so it dies (or tells its owner). */
  readonly onBroken = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const isDamage = error instanceof DamageError;
    this.log.fatal({ error: text }, isDamage ? 'what was kept cannot be trusted' : 'an invariant is broken');
    if (this.options.onBroken === undefined) process.exit(isDamage ? ExitCode.damagedData : ExitCode.brokenInvariant);
    this.options.onBroken(error);
  };

  /** A coordinator says that this node's state is wrong: it may not serve on, nor come back with that state. */
  readonly onStop = (reason: string): void => {
    const { config, onStopped } = this.options;
    this.log.fatal({ reason }, 'told to stop');
    if (config.durability === 'disk') writeStopMarker(config.dataDir, reason);
    if (onStopped === undefined) process.exit(ExitCode.toldToStop);
    onStopped(reason);
  };

  /** Says NOT_SERVING and leaves the coordinators; the service then ends its streams. */
  leave(): void {
    this.health.setServing(false);
    this.membership?.close();
  }

  /** Stops accepting and waits, boundedly, for calls under way and for spans on their way. */
  async close(): Promise<void> {
    this.diagnostics.close();
    await Promise.all([closeServer(this.server, DRAIN_MS), this.tracing?.close(), this.store?.close(FLUSH_MS)]);
  }

  private async openStore(): Promise<void> {
    const { role, config, format } = this.options;
    const { dataDir, clusterId, ifDamaged, storeBytesLimit } = config;
    const { nodeId, log } = this;
    try {
      // Loaded only here: LMDB's binding comes with a buffer of 16 MiB, which a node without a disk has no use for and V8
      // counts when it decides whether to collect all of the heap.
      const { openStore } = await import('./store/open-store.js');
      const owner = { directory: dataDir, role, nodeId, clusterId };
      this.store = await openStore({ ...owner, format, ifDamaged, bytesLimit: storeBytesLimit, log });
    } catch (error) {
      this.server.forceShutdown();
      throw error;
    }
  }

  /** A node that takes its cluster from its data directory should say so where the coordinator's is another. */
  private describeRefusal(error: unknown): unknown {
    const { store } = this;
    if (!(error instanceof ConfigError) || this.options.config.clusterId !== '') return error;
    if (store === null || store.clusterId === '') return error;
    return new ConfigError(`data-dir: ${store.directory} belongs to cluster ${store.clusterId}: ${error.message}`);
  }
}

function checkOtlpUrl(url: string): void {
  try {
    if (url !== '') parseOtlpUrl('otlp-url', url);
  } catch (error) {
    throw error instanceof OtlpUrlError ? new ConfigError(error.message) : error;
  }
}
