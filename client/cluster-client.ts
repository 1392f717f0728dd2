// One process's connection to a cluster, put together: the core and its driver, the streams, the acknowledgements over
// NATS, the coordinator. Holds no rule of its own.

import { ClientStamps } from '../attribution/client-stamps.js';
import { type ClusterConfig, type CommandId, isNewerConfig } from '../protocol/messages.js';
import { ClientCore } from '../protocol/session/client-core.js';
import type { ClientTracer } from '../tracing/client-tracer.js';
import { ClientError, invalidArgument } from './client-error.js';
import { CoreDriver } from './core-driver.js';
import { type CheckedOptions, checkCommandId, checkDeadlineMs } from './options.js';
import { toResolution } from './outcome.js';
import { createSessionState } from './pending-call.js';
import { SessionHandle } from './session-handle.js';
import type { SessionIds } from './session-ids.js';
import { parseSessionToken } from './session-token.js';
import { AckSubscription } from './transport/ack-subscription.js';
import type { CoordinatorLink } from './transport/coordinator-link.js';
import { NodeStreams } from './transport/node-streams.js';
import type { Client, ClientStats, Resolution, ResolveOptions, Session } from './types.js';

const RETRY_US = 100_000;
const GRACE_MS = 5000;
const CONFIG_RETRY_MS = 50;
/** How long connecting waits for nodes that are slower than the bound replica. */
const ALL_UP_MS = 100;

/** What a connection is made of. */
export interface ClusterClientOptions {
  options: CheckedOptions;
  config: ClusterConfig;
  clientId: number;
  link: CoordinatorLink;
  sessionIds: SessionIds;
  /** Null where nothing is traced. */
  tracer: ClientTracer | null;
}

/** The SDK's only implementation of `Client`. */
export class ClusterClient implements Client {
  readonly clusterId: string;
  readonly clientId: number;
  readonly #options: CheckedOptions;
  readonly #link: CoordinatorLink;
  readonly #sessionIds: SessionIds;
  readonly #core: ClientCore;
  readonly #driver: CoreDriver;
  readonly #streams: NodeStreams;
  /** Null where no operation has a time line. */
  readonly #stamps: ClientStamps | null;
  #config: ClusterConfig;
  #acks: AckSubscription | null = null;
  #asking = false;
  /** Latest epoch that a node spoke of. */
  #wantedEpoch = 0;
  #closing: Promise<void> | null = null;

  constructor({ options, config, clientId, link, sessionIds, tracer }: ClusterClientOptions) {
    this.clusterId = config.clusterId;
    this.clientId = clientId;
    this.#options = options;
    this.#link = link;
    this.#sessionIds = sessionIds;
    this.#config = config;
    const { ackWaitUs, aliveEveryUs, writeSetLimit } = options;
    const { clusterId } = config;
    const timing = { ackWaitUs, aliveEveryUs, retryUs: RETRY_US };
    this.#core = new ClientCore({ clusterId, clientId, config, ...timing, writeSetLimit });
    const clock = (): number => performance.now();
    const stamps = options.timeLineEvery === 0 ? null : new ClientStamps(options.timeLineEvery);
    this.#stamps = stamps;
    this.#streams = new NodeStreams({
      clientId,
      config,
      ackTransport: options.ackTransport,
      boundReplica: options.boundReplica,
      clock,
      onArrival: () => stamps?.onArrival(),
      onInput: (input) => this.#driver.feed(input),
      onResume: () => this.#driver.resume(),
    });
    this.#driver = new CoreDriver({
      core: this.#core,
      sender: this.#streams,
      clock,
      batchDelayUs: options.batchDelayUs,
      onConfigWanted: (epoch) => this.#onConfigWanted(epoch),
      tracer,
      stamps,
    });
  }

  /**
   * Opens the streams and waits for a replica to be bound to.
   * @throws ClientError `UNREACHABLE` naming the replicas, if none answers in time.
   */
  async open(deadlineMs: number): Promise<void> {
    this.#driver.feed({ kind: 'config', config: this.#config });
    this.#streams.applyConfig(this.#config);
    this.#subscribe();
    this.#link.watch((config) => this.#onConfig(config));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), deadlineMs);
    });
    const first = await Promise.race([this.#streams.bound.ready, late]);
    clearTimeout(timer);
    if (first !== 'late') return this.#streams.allUp(ALL_UP_MS);
    const { boundReplica } = this.#options;
    const wanted = this.#config.replicas.filter(({ id }) => boundReplica === null || id === boundReplica);
    const names = wanted.map(({ id, address }) => `${id} at ${address}`).join(', ');
    throw new ClientError('UNREACHABLE', `replicas: none of ${names} answered within ${Math.round(deadlineMs)} ms`);
  }

  async session(options: { token?: string } = {}): Promise<Session> {
    const token = options.token === undefined ? null : parseSessionToken(options.token);
    if (token !== null && token.clusterId !== this.clusterId) {
      throw new ClientError('WRONG_CLUSTER', `token: is of cluster ${token.clusterId}, not of ${this.clusterId}`);
    }
    if (this.#closing !== null) throw new ClientError('CLOSED', 'the client was closed');
    const id = await this.#sessionIds.take(this.#options.deadlineMs);
    const state = createSessionState(id);
    this.#driver.openSession(state, token);
    return new SessionHandle(this.#driver, state, this.#options.deadlineMs);
  }

  async resolve(id: CommandId, options: ResolveOptions = {}): Promise<Resolution> {
    const limitMs = options.deadlineMs === undefined ? this.#options.deadlineMs : checkDeadlineMs(options.deadlineMs);
    checkCommandId(id);
    const session = this.#driver.sessionOf(id.session);
    if (session !== undefined && id.seq > session.seq) {
      throw invalidArgument('id.seq', `session ${id.session} has numbered ${session.seq} writes, not ${id.seq}`);
    }
    if (session?.lost?.some(({ seq }) => seq === id.seq)) return { outcome: 'unknown', reason: 'sessionEnded' };
    const { signal, settle = false } = options;
    return toResolution(await this.#driver.resolutions.ask(id, settle, { limitMs, signal }));
  }

  stats(): ClientStats {
    const { fast, slow, ackedByBus, ackedByStream, resends } = this.#core.stats();
    const { framesSent, framesReceived, bytesSent, bytesReceived, reconnects } = this.#streams.counters;
    const bound = this.#streams.bound.index;
    return {
      epoch: this.#config.epoch,
      boundReplica: this.#config.replicas.find((replica) => replica.index === bound)?.id ?? '',
      fast,
      slow,
      acks: { nats: ackedByBus, stream: ackedByStream },
      framesSent,
      framesReceived,
      bytesSent,
      bytesReceived,
      resends,
      epochChanges: this.#driver.epochChanges,
      reconnects,
    };
  }

  close(options: { graceMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.graceMs ?? GRACE_MS);
    return this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    this.#driver.stopTaking();
    if (graceMs > 0) await this.#driver.drained(graceMs);
    this.#driver.close();
    this.#streams.close();
    this.#link.close();
    await this.#acks?.close();
  }

  #onConfig(config: ClusterConfig): void {
    const known = this.#config;
    if (!isNewerConfig(config, known) || config.clusterId !== this.clusterId) return;
    this.#config = config;
    this.#driver.feed({ kind: 'config', config });
    this.#streams.applyConfig(config);
    this.#subscribe();
  }

  /** A node spoke of a later epoch: the coordinator knows more, and the watch may be behind. */
  #onConfigWanted(epoch: number): void {
    this.#wantedEpoch = Math.max(this.#wantedEpoch, epoch);
    if (this.#asking) return;
    this.#asking = true;
    void this.#askForConfig().finally(() => {
      this.#asking = false;
    });
  }

  async #askForConfig(): Promise<void> {
    while (this.#config.epoch < this.#wantedEpoch && this.#closing === null) {
      try {
        this.#onConfig(await this.#link.getConfig(this.#options.deadlineMs));
      } catch {
        // Nobody waits for this answer. Whoever waits for an operation has a deadline.
      }
      if (this.#config.epoch < this.#wantedEpoch) await this.#link.pause(CONFIG_RETRY_MS);
    }
  }

  #subscribe(): void {
    const { natsUrl, clusterId } = this.#config;
    if (this.#options.ackTransport === 'stream' || this.#acks?.natsUrl === natsUrl) return;
    void this.#acks?.close();
    this.#acks = null;
    if (natsUrl === '') return;
    this.#acks = new AckSubscription({
      natsUrl,
      clusterId,
      clientId: this.clientId,
      onArrival: () => this.#stamps?.onArrival(),
      onBatch: (batch) => this.#driver.feed({ kind: 'acks', batch }),
    });
  }
}
