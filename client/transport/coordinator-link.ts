// Unary calls and the watch stream to whichever coordinator of the target list answers. Asks the next one when one
// fails, until the caller's deadline. Knows nothing of nodes and of operations.

import { setTimeout as delay } from 'node:timers/promises';
import { type CallOptions, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  CoordinatorClient,
  type GetConfigResponse,
  NodeRole,
  type OpenSessionsResponse,
  type WatchResponse,
} from '../../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { ClientError, fromGrpcError, isRetryable } from '../client-error.js';

const ATTEMPT_MS = 1000;
/** With less time than this left another attempt would only fail for want of it. */
const LAST_ATTEMPT_MS = 10;
const RETRY_MS_LEAST = 25;
const RETRY_MS_MOST = 1000;

type Answer<T> = (error: ServiceError | null, response: T) => void;
type Ask<T> = (client: CoordinatorClient, options: Partial<CallOptions>, answer: Answer<T>) => void;

/** The way to the coordinators. */
export class CoordinatorLink {
  private readonly targets: readonly string[];
  private readonly clients: CoordinatorClient[];
  private readonly closing = new AbortController();
  private clusterId: string;
  /** Index of the coordinator that answered last. */
  private current = 0;
  private watching: ClientReadableStream<WatchResponse> | null = null;

  constructor(targets: readonly string[], clusterId: string) {
    this.targets = targets;
    this.clusterId = clusterId;
    this.clients = targets.map(
      (target) =>
        new CoordinatorClient(target, credentials.createInsecure(), {
          'grpc.enable_http_proxy': 0,
          'grpc.initial_reconnect_backoff_ms': RETRY_MS_LEAST,
          'grpc.max_reconnect_backoff_ms': RETRY_MS_MOST,
          'grpc.keepalive_time_ms': 10_000,
        }),
    );
  }

  /**
   * The configuration, as soon as the cluster has one.
   * @throws ClientError `UNREACHABLE` naming the targets, or `WRONG_CLUSTER`.
   */
  async getConfig(deadlineMs: number): Promise<ClusterConfig> {
    const request = { clusterId: this.clusterId };
    const ask: Ask<GetConfigResponse> = (client, options, answer) =>
      client.getConfig(request, new Metadata(), options, answer);
    const accept = ({ config }: GetConfigResponse): ClusterConfig => {
      if (config === undefined) throw new ClientError('UNREACHABLE', 'the cluster is still gathering its members');
      if (this.clusterId !== '' && config.clusterId !== this.clusterId) {
        const problem = `clusterId: ${this.clusterId} was asked for, but this is ${config.clusterId}`;
        throw new ClientError('WRONG_CLUSTER', problem);
      }
      return config;
    };
    const config = await this.call(deadlineMs, ask, accept);
    this.clusterId = config.clusterId;
    return config;
  }

  /** `count` session ids that nobody ever had: the first, the others follow it. */
  async openSessions(count: number, deadlineMs: number): Promise<{ first: number; count: number }> {
    const request = { clusterId: this.clusterId, count };
    const ask: Ask<OpenSessionsResponse> = (client, options, answer) =>
      client.openSessions(request, new Metadata(), options, answer);
    return this.call(deadlineMs, ask, (response) => ({ first: response.firstSession, count: response.count }));
  }

  /** Tells every change of the configuration from now on, until `close`. The same one may be told twice. */
  watch(onConfig: (config: ClusterConfig) => void): void {
    void this.keepWatching(onConfig);
  }

  close(): void {
    this.closing.abort();
    this.watching?.cancel();
    for (const client of this.clients) client.close();
  }

  /** Waits, unless the link is closed meanwhile. */
  async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.closing.signal, ref: true }).catch(() => {});
  }

  /** Asks one coordinator after the other until one gives an answer that is accepted, or refuses for good. */
  private async call<T, Accepted>(
    deadlineMs: number,
    ask: Ask<T>,
    accept: (response: T) => Accepted,
  ): Promise<Accepted> {
    const endMs = performance.now() + deadlineMs;
    let retryMs = RETRY_MS_LEAST;
    let failures = 0;
    for (;;) {
      const remainingMs = endMs - performance.now();
      try {
        return accept(await this.askCurrent(Math.min(ATTEMPT_MS, remainingMs), ask));
      } catch (error) {
        const failure = fromGrpcError(error, this.targets[this.current] ?? '');
        if (this.closing.signal.aborted) throw new ClientError('CLOSED', 'the client was closed');
        if (!isRetryable(failure)) throw failure;
        const leftMs = endMs - performance.now();
        if (leftMs < LAST_ATTEMPT_MS) throw this.createUnreachable(deadlineMs, failure);
        this.current = (this.current + 1) % this.clients.length;
        failures++;
        if (failures % this.clients.length !== 0) continue;
        await this.pause(Math.min(retryMs, leftMs / 2));
        retryMs = Math.min(retryMs * 2, RETRY_MS_MOST);
      }
    }
  }

  private askCurrent<T>(timeoutMs: number, ask: Ask<T>): Promise<T> {
    const client = this.clients[this.current];
    return new Promise<T>((resolve, reject) => {
      if (client === undefined) return reject(new ClientError('INVALID_ARGUMENT', 'target: is empty'));
      // A coordinator that accepts connections and says nothing must not use up the time of the others.
      ask(client, { deadline: Date.now() + timeoutMs }, (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  private createUnreachable(deadlineMs: number, last: ClientError): ClientError {
    const problem = `no coordinator answered within ${Math.round(deadlineMs)} ms at ${this.targets.join(', ')} (${last.message})`;
    return new ClientError('UNREACHABLE', `target: ${problem}`, { cause: last });
  }

  private async keepWatching(onConfig: (config: ClusterConfig) => void): Promise<void> {
    let retryMs = RETRY_MS_LEAST;
    for (let index = this.current; !this.closing.signal.aborted; index = (index + 1) % this.clients.length) {
      const client = this.clients[index];
      if (client === undefined) return;
      await this.watchOne(client, (config) => {
        retryMs = RETRY_MS_LEAST;
        onConfig(config);
      });
      await this.pause(retryMs);
      retryMs = Math.min(retryMs * 2, RETRY_MS_MOST);
    }
  }

  /** Resolves when the stream is over, for whatever reason. */
  private watchOne(client: CoordinatorClient, onConfig: (config: ClusterConfig) => void): Promise<void> {
    return new Promise((resolve) => {
      const stream = client.watch({
        clusterId: this.clusterId,
        role: NodeRole.UNSPECIFIED,
        nodeId: '',
        incarnation: 0,
      });
      this.watching = stream;
      stream.on('data', ({ config }: WatchResponse) => {
        if (config !== undefined) onConfig(config);
      });
      stream.on('error', () => resolve());
      stream.on('end', () => resolve());
    });
  }
}
