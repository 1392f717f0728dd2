// The dialling side of a long-lived stream to another node: opened again and again until closed, with growing pauses.
// What is sent while it is down is dropped, for the core sends what is missing once it hears that the peer is up.
// Does not know what a frame says.

import { Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';
import { Backoff } from './backoff.js';
import { FrameWriter, type StreamLimits } from './frame-writer.js';
import { peerChannelOptions } from './server.js';
import { describeSenderFault } from './stream-rules.js';

/** The streaming method to call, as gRPC spells it. */
export interface FrameMethod {
  /** `/package.Service/Method`. */
  path: string;
}

/** How to reach a peer and what to do with what it says. */
export interface PeerStreamOptions {
  /** host:port. */
  address: string;
  method: FrameMethod;
  limits: StreamLimits;
  /** The peer answered: frames sent from now on may arrive, those sent before may be lost. */
  onUp: () => void;
  /** The stream broke; another attempt follows by itself. */
  onDown: (reason: string) => void;
  /**
   * The peer's frame.
   * @throws an error that `describeSenderFault` knows if the stream has to be opened anew.
   */
  onFrame: (frame: Buffer) => void;
}

/** Counters of one peer stream since the start. */
export interface PeerStreamStats {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  /** Frames that were sent while the stream was down. */
  dropped: number;
  /** Attempts after the first. */
  reconnects: number;
}

const FIRST_PAUSE_MS = 25;
const LAST_PAUSE_MS = 1000;

function identity(bytes: Buffer): Buffer {
  return bytes;
}

/** A stream to one peer that mends itself. */
export class PeerStream {
  readonly stats: PeerStreamStats = { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, dropped: 0, reconnects: 0 };
  private readonly client: Client;
  private readonly backoff = new Backoff(FIRST_PAUSE_MS, LAST_PAUSE_MS);
  private call: ClientDuplexStream<Buffer, Buffer> | null = null;
  private writer: FrameWriter | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(private readonly options: PeerStreamOptions) {
    this.client = new Client(options.address, credentials.createInsecure(), peerChannelOptions);
  }

  /** Whether the peer answered on the stream that is open now. */
  get isUp(): boolean {
    return this.writer !== null;
  }

  /** Frames that wait to be sent. */
  get queuedFrames(): number {
    return this.writer?.queuedFrames ?? 0;
  }

  /** Begins to dial. */
  open(): void {
    const call = this.client.makeBidiStreamRequest<Buffer, Buffer>(
      this.options.method.path,
      identity,
      identity,
      new Metadata(),
    );
    this.call = call;
    call.on('metadata', () => this.onUp(call));
    call.on('data', (frame: Buffer) => this.onFrame(call, frame));
    call.on('drain', () => {
      if (this.call === call) this.writer?.onDrain();
    });
    call.on('error', (error) => this.onDown(call, error.message));
    call.on('end', () => this.onDown(call, 'the peer ended the stream'));
  }

  /** Sends or queues a frame; false if it was dropped because the stream is down. */
  send(frame: Buffer): boolean {
    if (this.writer === null) {
      this.stats.dropped++;
      return false;
    }
    if (!this.writer.send(frame)) {
      // A frame lost on an open stream would never be sent again, so the stream goes and the core starts over.
      this.stats.dropped++;
      this.giveUp('the peer is too slow: too many frames are queued');
      return false;
    }
    this.stats.framesOut++;
    this.stats.bytesOut += frame.length;
    return true;
  }

  /** Ends the stream for good; no callback comes after this. */
  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.writer = null;
    const call = this.call;
    this.call = null;
    call?.cancel();
    this.client.close();
  }

  private giveUp(reason: string): void {
    const call = this.call;
    if (call === null) return;
    call.cancel();
    this.onDown(call, reason);
  }

  private onUp(call: ClientDuplexStream<Buffer, Buffer>): void {
    if (this.call !== call || this.writer !== null) return;
    this.writer = new FrameWriter(call, this.options.limits);
    this.backoff.reset();
    this.options.onUp();
  }

  private onFrame(call: ClientDuplexStream<Buffer, Buffer>, frame: Buffer): void {
    if (this.call !== call) return;
    this.stats.framesIn++;
    this.stats.bytesIn += frame.length;
    try {
      this.options.onFrame(frame);
    } catch (error) {
      const fault = describeSenderFault(error);
      if (fault === null) throw error;
      this.giveUp(fault.details);
    }
  }

  private onDown(call: ClientDuplexStream<Buffer, Buffer>, reason: string): void {
    if (this.call !== call || this.isClosed) return;
    const wasUp = this.writer !== null;
    this.call = null;
    this.writer = null;
    call.cancel();
    this.timer = setTimeout(() => {
      this.stats.reconnects++;
      this.open();
    }, this.backoff.take());
    if (wasUp) this.options.onDown(reason);
  }
}
