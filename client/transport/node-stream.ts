// One long-lived stream of raw frames to one node: opened again whenever it breaks, bounded while the node is slow.
// Losing frames is allowed and reported as the stream being down, because the core then sends anew what still matters.
// Does not know what a frame says.

import { Client, type ClientDuplexStream, credentials, type Metadata } from '@grpc/grpc-js';
import { FrameError } from '../../proto/codec.js';
import { FRAME_BYTES_HARD_LIMIT } from '../../protocol/limits.js';

/** Bytes that may wait for a slow node before its stream counts as congested. */
export const CONGESTED_BYTES = 1 << 20;
/** Bytes that may wait for a slow node before further frames are dropped and the stream counts as down. */
export const OVERRUN_BYTES = 16 << 20;
const RECONNECT_MS_LEAST = 25;
const RECONNECT_MS_MOST = 1000;

/** Counters shared by all streams of a client process. */
export interface StreamCounters {
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  reconnects: number;
  /** Frames sent that carried operations. */
  operationFrames: number;
  /** Operations in them; one that goes to several nodes counts for each. */
  operations: number;
}

/** Nothing so far. */
export function createStreamCounters(): StreamCounters {
  return {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    reconnects: 0,
    operationFrames: 0,
    operations: 0,
  };
}

/** What the owner of a stream is told. Never called from within `send`. */
export interface NodeStreamEvents {
  /** From now on frames arrive, unless `onDown` says otherwise. What was sent before may be lost. */
  onUp(): void;
  onDown(): void;
  /** A frame arrived. A `FrameError` means that it is malformed: the stream is opened anew. */
  onFrame(bytes: Buffer): void;
  /** The stream is no longer congested. */
  onDrain(): void;
}

/** Where a stream leads. */
export interface NodeStreamOptions {
  /** `host:port`. */
  address: string;
  /** gRPC method, `/package.Service/Method`. */
  path: string;
  /** Metadata of the next attempt; each attempt has a connection number of its own (E7). */
  createMetadata: () => Metadata;
  counters: StreamCounters;
  events: NodeStreamEvents;
}

type FrameStream = ClientDuplexStream<Buffer, Buffer>;

const same = (bytes: Buffer): Buffer => bytes;

/** A stream that keeps itself open until `close`. */
export class NodeStream {
  readonly address: string;
  private readonly options: NodeStreamOptions;
  private readonly client: Client;
  private stream: FrameStream | null = null;
  /** Headers came back, and no frame was dropped since. */
  private up = false;
  private wasUp = false;
  /** Bytes given to the stream that it has not passed on; a stream that flows steadily need never be empty. */
  private waitingBytes = 0;
  private overrun = false;
  private reconnectMs = RECONNECT_MS_LEAST;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(options: NodeStreamOptions) {
    this.options = options;
    this.address = options.address;
    this.client = new Client(options.address, credentials.createInsecure(), {
      'grpc.max_receive_message_length': FRAME_BYTES_HARD_LIMIT,
      'grpc.max_send_message_length': FRAME_BYTES_HARD_LIMIT,
      'grpc.initial_reconnect_backoff_ms': RECONNECT_MS_LEAST,
      'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MOST,
      'grpc.keepalive_time_ms': 5000,
      'grpc.keepalive_timeout_ms': 3000,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_http_proxy': 0,
      'grpc.enable_retries': 0,
    });
    this.open();
  }

  /** Whether frames are expected to arrive. */
  get isUp(): boolean {
    return this.up;
  }

  /** Whether the node is slow to take what was sent. */
  get isCongested(): boolean {
    return this.waitingBytes > CONGESTED_BYTES;
  }

  /** Sends a frame that carries so many operations, or drops it while the stream is down. */
  send(bytes: Buffer, operations: number): void {
    if (!this.up || this.stream === null) return;
    if (this.waitingBytes > OVERRUN_BYTES) {
      this.becomeOverrun();
      return;
    }
    const { stream } = this;
    this.waitingBytes += bytes.length;
    stream.write(bytes, () => this.onWritten(stream, bytes.length));
    const { counters } = this.options;
    counters.framesSent++;
    counters.bytesSent += bytes.length;
    if (operations === 0) return;
    counters.operationFrames++;
    counters.operations += operations;
  }

  /** Ends the stream for good. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.up = false;
    if (this.retry !== null) clearTimeout(this.retry);
    this.stream?.cancel();
    this.stream = null;
    this.client.close();
  }

  private open(): void {
    this.retry = null;
    const metadata = this.options.createMetadata();
    metadata.setOptions({ waitForReady: true });
    const stream: FrameStream = this.client.makeBidiStreamRequest(this.options.path, same, same, metadata);
    this.stream = stream;
    stream.on('metadata', () => this.onHeaders(stream));
    stream.on('data', (bytes: Buffer) => this.onData(stream, bytes));
    stream.on('error', () => this.onOver(stream));
    stream.on('end', () => this.onOver(stream));
    stream.on('close', () => this.onOver(stream));
  }

  private onHeaders(stream: FrameStream): void {
    if (stream !== this.stream || this.up) return;
    if (this.wasUp) this.options.counters.reconnects++;
    this.wasUp = true;
    this.up = true;
    this.options.events.onUp();
  }

  private onData(stream: FrameStream, bytes: Buffer): void {
    if (stream !== this.stream) return;
    this.options.counters.framesReceived++;
    this.options.counters.bytesReceived += bytes.length;
    this.reconnectMs = RECONNECT_MS_LEAST;
    try {
      this.options.events.onFrame(bytes);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      stream.cancel();
      this.onOver(stream);
    }
  }

  private onWritten(stream: FrameStream, bytes: number): void {
    if (stream !== this.stream) return;
    const wasCongested = this.isCongested;
    this.waitingBytes -= bytes;
    if (this.overrun && this.waitingBytes === 0) {
      this.overrun = false;
      this.up = true;
      this.options.events.onUp();
    }
    if (wasCongested && !this.isCongested) this.options.events.onDrain();
  }

  /** Frames are being lost from here on. Told a moment later: the owner may be in the middle of sending. */
  private becomeOverrun(): void {
    this.up = false;
    this.overrun = true;
    setImmediate(() => {
      if (!this.up && !this.closed) this.options.events.onDown();
    });
  }

  private onOver(stream: FrameStream): void {
    if (stream !== this.stream) return;
    this.stream = null;
    const wasUp = this.up;
    this.up = false;
    this.overrun = false;
    this.waitingBytes = 0;
    this.retry = setTimeout(() => this.open(), this.reconnectMs);
    this.reconnectMs = Math.min(this.reconnectMs * 2, RECONNECT_MS_MOST);
    if (wasUp) this.options.events.onDown();
    this.options.events.onDrain();
  }
}
