// Acknowledgements over NATS: hints that may be lost, doubled or late without harm (E11). What matters here is to know
// when NATS does not carry them, so that the caller sends them over the gRPC stream instead, and never to let them pile
// up in front of a server that is away or asleep. Starting never waits for NATS.

import { connect, type NatsConnection } from '@nats-io/transport-node';
import { ackSubject } from '../../proto/subjects.js';
import type { Log } from './log.js';

/** How to reach NATS. */
export interface AckBusOptions {
  /** nats://host:port. */
  url: string;
  clusterId: string;
  /** Name of the connection, for NATS's own monitoring. */
  name: string;
  log: Log;
}

/** Counters of the bus since the start. */
export interface AckBusStats {
  published: number;
  bytes: number;
  /** Times NATS stopped carrying. */
  losses: number;
}

// Between two probes of a connection that looks alive, and how long a probe may stay unanswered.
const PROBE_MS = 250;
// Most bytes sent since the last answered probe: what can wait in front of a stalled server.
const UNCONFIRMED_BYTES_LIMIT = 16 << 20;

/** The publishing side of the acknowledgement subjects (`proto/subjects.ts`). */
export class AckBus {
  readonly stats: AckBusStats = { published: 0, bytes: 0, losses: 0 };
  private readonly subjects = new Map<number, string>();
  private connection: NatsConnection | null = null;
  private readonly prober: NodeJS.Timeout;
  private isConnected = false;
  private isProbeOpen = false;
  private isStalled = false;
  private unconfirmedBytes = 0;
  private bytesAtProbe = 0;
  private isClosed = false;

  /** Begins to connect. */
  constructor(private readonly options: AckBusOptions) {
    this.prober = setInterval(this.probe, PROBE_MS);
    this.prober.unref();
    this.connect().catch((error: unknown) => {
      this.options.log.error({ error: String(error) }, 'NATS refused the connection; acknowledgements go over gRPC');
    });
  }

  /** Whether `publish` would reach NATS, as far as can be known. */
  get isUp(): boolean {
    return this.isConnected && !this.isStalled && this.unconfirmedBytes < UNCONFIRMED_BYTES_LIMIT;
  }

  /** Publishes an encoded acknowledgement batch. False, and nothing is sent, while the bus is not up. */
  publish(client: number, batch: Uint8Array): boolean {
    if (!this.isUp || this.connection === null) return false;
    let subject = this.subjects.get(client);
    if (subject === undefined) {
      subject = ackSubject(this.options.clusterId, client);
      this.subjects.set(client, subject);
    }
    try {
      this.connection.publish(subject, batch);
    } catch {
      // Closing, or larger than the server takes; either way the stream can carry it.
      return false;
    }
    this.unconfirmedBytes += batch.length;
    this.stats.published++;
    this.stats.bytes += batch.length;
    return true;
  }

  /** The client is gone: its subject need not be remembered. */
  forget(client: number): void {
    this.subjects.delete(client);
  }

  /** Closes the connection; what was published may or may not arrive. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.isConnected = false;
    clearInterval(this.prober);
    const connection = this.connection;
    this.connection = null;
    await connection?.close();
  }

  private async connect(): Promise<void> {
    const connection = await connect({
      servers: this.options.url,
      name: this.options.name,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
      pingInterval: 2000,
      maxPingOut: 2,
    });
    if (this.isClosed) {
      await connection.close();
      return;
    }
    this.connection = connection;
    this.becomeConnected();
    await this.watch(connection);
  }

  private async watch(connection: NatsConnection): Promise<void> {
    for await (const event of connection.status()) {
      switch (event.type) {
        case 'disconnect':
        case 'staleConnection':
        case 'close':
          this.becomeDisconnected();
          break;
        case 'reconnect':
          this.becomeConnected();
          break;
        default:
          break;
      }
    }
  }

  private becomeConnected(): void {
    this.isConnected = true;
    this.isStalled = false;
    this.isProbeOpen = false;
    this.unconfirmedBytes = 0;
    this.options.log.info({ url: this.options.url }, 'NATS carries acknowledgements');
  }

  private becomeDisconnected(): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.stats.losses++;
    if (!this.isClosed) this.options.log.warn('NATS is away; acknowledgements go over gRPC');
  }

  /** A round trip that is still out when the next is due means a server that does not read. */
  private readonly probe = (): void => {
    if (!this.isConnected || this.connection === null) return;
    if (this.isProbeOpen) {
      if (!this.isStalled) {
        this.stats.losses++;
        this.options.log.warn('NATS does not answer; acknowledgements go over gRPC');
      }
      this.isStalled = true;
      return;
    }
    this.isProbeOpen = true;
    this.bytesAtProbe = this.unconfirmedBytes;
    this.connection.flush().then(this.onProbed, this.onProbeFailed);
  };

  private readonly onProbed = (): void => {
    this.isProbeOpen = false;
    this.isStalled = false;
    this.unconfirmedBytes = Math.max(0, this.unconfirmedBytes - this.bytesAtProbe);
  };

  private readonly onProbeFailed = (): void => {
    this.isProbeOpen = false;
  };
}
