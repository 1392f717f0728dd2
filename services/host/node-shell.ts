// What every node of a cluster does around its service: bind, register, follow configurations, say how it is, end. The
// service itself, its core and its streams are its owner's.

import { randomInt } from 'node:crypto';
import type { Server } from '@grpc/grpc-js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { ResourceAttribute, ServiceName } from '../../tracing/service-names.js';
import { OtlpUrlError, openTracing, parseOtlpUrl, type Tracing } from '../../tracing/setup.js';
import { ConfigError, type NodeConfig } from './config.js';
import { closeServer } from './drain.js';
import { Health } from './health.js';
import { createLog, type Log, type LogIdentity } from './log.js';
import { Membership, type NodeState } from './membership.js';
import { bindServer, createServer } from './server.js';
import { assertNotStopped, writeStopMarker } from './stop-marker.js';

/** How a node is set up. */
export interface NodeShellOptions {
  role: 'replica' | 'witness';
  /** Full name of its gRPC service. */
  service: string;
  config: NodeConfig;
  /** What a broken invariant ends in; default is the process, with code 70. */
  onBroken?: (error: unknown) => void;
  /** Where the node keeps what it has to find again; empty or absent if it keeps nothing. */
  dataDirectory?: string;
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
/** The state of this node is not what the others have; see services/host/stop-marker.ts. */
export const STOPPED_EXIT_CODE = 76;

/** One node: a server with health, a name, a life, a place in a cluster. */
export class NodeShell {
  readonly server: Server = createServer();
  readonly health: Health;
  readonly log: Log;
  /** Random number of this life: a node that lost its memory is another one (B6). */
  readonly incarnation = randomInt(1, 2 ** 48 - 1);
  /** Where others reach the node; empty before `open`. */
  address = '';
  /** The node's name; empty before `open`. */
  nodeId = '';
  private readonly identity: LogIdentity;
  private membership: Membership | null = null;
  private tracing: Tracing | null = null;

  constructor(private readonly options: NodeShellOptions) {
    const { role, service, config } = options;
    this.identity = { role, node: config.nodeId, epoch: 0 };
    this.log = createLog(this.identity, config.logLevel);
    this.health = new Health(this.server, service);
  }

  /**
   * Binds the server, whose services were added before.
   * @throws ConfigError if the address cannot be had, if there is no way to learn the cluster's id, if spans are to go
   *   to what is no address, or if the node was told to stop and nobody has looked at it since.
   */
  async open(): Promise<void> {
    const { role, config } = this.options;
    if (config.coordinators.length === 0 && config.clusterId === '') {
      throw new ConfigError('coordinators: must name at least one coordinator where cluster-id is not set');
    }
    checkOtlpUrl(config.otlpUrl);
    if (this.options.dataDirectory) assertNotStopped(this.options.dataDirectory);
    const bound = await bindServer(this.server, config.listen);
    this.address = config.advertise === '' ? bound : config.advertise;
    this.nodeId = config.nodeId === '' ? `${role}@${this.address}` : config.nodeId;
    this.identity.node = this.nodeId;
  }

  /**
   * Makes the node known to the coordinators, if there are any; tries until one answers.
   * @returns the cluster's id.
   * @throws ConfigError if the coordinator refuses the node for good.
   */
  async register(options: JoinOptions): Promise<string> {
    const { role, config } = this.options;
    if (config.coordinators.length === 0) return config.clusterId;
    const { coordinators, clusterId } = config;
    const { nodeId, address, incarnation, log } = this;
    const node = { coordinators, role, nodeId, address, incarnation, clusterId, log, onStop: this.onStop };
    this.membership = new Membership({ ...node, ...options });
    try {
      return await this.membership.register();
    } catch (error) {
      this.membership.close();
      this.server.forceShutdown();
      throw error;
    }
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
    this.log.fatal({ error: text }, 'an invariant is broken');
    if (this.options.onBroken === undefined) process.exit(70);
    this.options.onBroken(error);
  };

  /** A coordinator says that this node's state is wrong: it may not serve on, nor come back with that state. */
  readonly onStop = (reason: string): void => {
    const { dataDirectory, onStopped } = this.options;
    this.log.fatal({ reason }, 'told to stop');
    if (dataDirectory) writeStopMarker(dataDirectory, reason);
    if (onStopped === undefined) process.exit(STOPPED_EXIT_CODE);
    onStopped(reason);
  };

  /** Says NOT_SERVING and leaves the coordinators; the service then ends its streams. */
  leave(): void {
    this.health.setServing(false);
    this.membership?.close();
  }

  /** Stops accepting and waits, boundedly, for calls under way and for spans on their way. */
  async close(): Promise<void> {
    await Promise.all([closeServer(this.server, DRAIN_MS), this.tracing?.close()]);
  }
}

function checkOtlpUrl(url: string): void {
  try {
    if (url !== '') parseOtlpUrl('otlp-url', url);
  } catch (error) {
    throw error instanceof OtlpUrlError ? new ConfigError(error.message) : error;
  }
}
