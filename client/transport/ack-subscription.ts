// Acknowledgements of weak writes over NATS. They are hints (E11): whatever goes wrong here is retried in the background
// and never fails, delays or blocks anything else.

import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { decodeAckBatch } from '../../proto/codec.js';
import { ackSubject } from '../../proto/subjects.js';
import type { AckBatch } from '../../protocol/messages.js';

const RECONNECT_MS_LEAST = 25;
const RECONNECT_MS_MOST = 1000;

/** Whose acknowledgements to listen for. */
export interface AckSubscriptionOptions {
  natsUrl: string;
  clusterId: string;
  clientId: number;
  /** A message was read and is not decoded yet. */
  onArrival: () => void;
  onBatch: (batch: AckBatch) => void;
}

/** A subscription that keeps itself alive until `close`. */
export class AckSubscription {
  readonly natsUrl: string;
  private readonly options: AckSubscriptionOptions;
  private connection: NatsConnection | null = null;
  private retry: NodeJS.Timeout | null = null;
  private reconnectMs = RECONNECT_MS_LEAST;
  private closed = false;

  constructor(options: AckSubscriptionOptions) {
    this.options = options;
    this.natsUrl = options.natsUrl;
    void this.open();
  }

  /** Ends the subscription. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.retry !== null) clearTimeout(this.retry);
    await this.connection?.close().catch(() => {});
  }

  private async open(): Promise<void> {
    try {
      const connection = await connect({
        servers: this.options.natsUrl,
        name: `curpho client ${this.options.clientId}`,
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        timeout: 2000,
      });
      if (this.closed) return await connection.close();
      this.connection = connection;
      const subject = ackSubject(this.options.clusterId, this.options.clientId);
      connection.subscribe(subject, { callback: (error, message) => this.onMessage(error, message) });
      void connection.closed().then(() => this.onLost());
    } catch {
      this.onLost();
    }
  }

  private onMessage(error: Error | null, message: Msg): void {
    if (error !== null || this.closed) return;
    let batch: AckBatch;
    this.options.onArrival();
    try {
      batch = decodeAckBatch(message.data);
    } catch {
      // A hint that cannot be read is one that was lost: the core asks over the stream.
      return;
    }
    this.options.onBatch(batch);
  }

  private onLost(): void {
    this.connection = null;
    if (this.closed) return;
    this.retry = setTimeout(() => void this.open(), this.reconnectMs);
    this.retry.unref();
    this.reconnectMs = Math.min(this.reconnectMs * 2, RECONNECT_MS_MOST);
  }
}
