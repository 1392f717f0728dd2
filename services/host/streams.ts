// The serving side of long-lived streams that carry raw frames: one per client process, any number from peers. Bounds
// what waits to be sent, stops reading where pressure has to reach the sender, and ends a stream that breaks the rules
// without touching the others. Does not know what a frame says.

import { Metadata, type ServerDuplexStream, type StatusObject, status } from '@grpc/grpc-js';
import { statusOf } from '../../proto/status.js';
import { FrameWriter, type StreamLimits } from './frame-writer.js';
import type { Log } from './log.js';
import { describeSenderFault } from './stream-rules.js';

/** The gRPC side of a stream of raw frames. */
export type FrameCall = ServerDuplexStream<Buffer, Buffer>;

/** Why a stream ends. */
export type EndStatus = Pick<StatusObject, 'code' | 'details'>;

/** What the owner of a stream is told. */
export interface StreamOwner {
  /**
   * A frame arrived.
   * @throws an error that `describeSenderFault` knows if the stream has to end with that.
   */
  onFrame(frame: Buffer, stream: ServerStream): void;
  /** The stream is over; told once. */
  onClose(stream: ServerStream): void;
  /** The sender broke the rules and its stream is about to end. */
  onFault(reason: EndStatus): void;
}

/** Counters of a set of streams since the start. */
export interface StreamStats {
  framesIn: number;
  framesOut: number;
  bytesIn: number;
  bytesOut: number;
  opened: number;
  /** Ended by this side: broken frames, superseded, too slow. */
  ended: number;
}

function createStats(): StreamStats {
  return { framesIn: 0, framesOut: 0, bytesIn: 0, bytesOut: 0, opened: 0, ended: 0 };
}

/** Who is at the other end: a client process and the number of its connection, or zeros for a peer. */
export interface StreamPeer {
  client: number;
  connection: number;
  /** Acknowledgements are to travel on the stream. */
  acksOnStream: boolean;
}

/** One stream that a client process or a peer opened. */
export class ServerStream {
  private readonly writer: FrameWriter;
  private isHeld = false;
  private isCongested = false;
  private isOver = false;

  constructor(
    private readonly call: FrameCall,
    readonly peer: StreamPeer,
    private readonly owner: StreamOwner,
    private readonly stats: StreamStats,
    limits: StreamLimits,
  ) {
    this.writer = new FrameWriter(call, limits);
    stats.opened++;
    call.on('data', this.onData);
    call.on('drain', this.onDrain);
    call.on('end', this.onEnd);
    call.on('cancelled', this.onOver);
    call.on('close', this.onOver);
    call.on('error', this.onOver);
    // Headers at once tell the other side that it is connected, before there is any frame to send.
    call.sendMetadata(new Metadata());
  }

  /** False once the stream is over. */
  get isOpen(): boolean {
    return !this.isOver;
  }

  /** Frames that wait to be sent. */
  get queuedFrames(): number {
    return this.writer.queuedFrames;
  }

  /** Sends or queues a frame; a receiver too slow for the hard cap loses the stream. */
  send(frame: Buffer): void {
    if (this.isOver) return;
    if (!this.writer.send(frame)) {
      this.writer.clear();
      this.end(statusOf('slow'));
      return;
    }
    this.stats.framesOut++;
    this.stats.bytesOut += frame.length;
    if (!this.isCongested && this.writer.isCongested) {
      this.isCongested = true;
      this.call.pause();
    }
  }

  /** Stops reading until `release`; gRPC's flow control carries the pressure to the sender. */
  hold(): void {
    if (this.isHeld || this.isOver) return;
    this.isHeld = true;
    this.call.pause();
  }

  /** Reads again, unless the stream is congested. */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    if (!this.isCongested && !this.isOver) this.call.resume();
  }

  /** Ends the stream after what the receiver still takes. */
  end(reason: EndStatus): void {
    if (this.isOver) return;
    this.isOver = true;
    this.stats.ended++;
    // grpc-js turns an error event of a server stream into its final status.
    if (reason.code === status.OK) this.call.end();
    else this.call.emit('error', Object.assign(new Error(reason.details), reason));
    this.call.resume();
    this.owner.onClose(this);
  }

  private readonly onData = (frame: Buffer): void => {
    if (this.isOver) return;
    this.stats.framesIn++;
    this.stats.bytesIn += frame.length;
    try {
      this.owner.onFrame(frame, this);
    } catch (error) {
      const reason = describeSenderFault(error);
      if (reason === null) throw error;
      this.owner.onFault(reason);
      this.end(reason);
    }
  };

  private readonly onDrain = (): void => {
    if (this.isOver) return;
    this.writer.onDrain();
    if (!this.isCongested || this.writer.queuedFrames > 0) return;
    this.isCongested = false;
    if (!this.isHeld) this.call.resume();
  };

  private readonly onEnd = (): void => {
    if (!this.isOver) this.call.end();
    this.onOver();
  };

  private readonly onOver = (): void => {
    if (this.isOver) return;
    this.isOver = true;
    this.writer.clear();
    this.owner.onClose(this);
  };
}

/** Metadata key of the client process's number. */
export const CLIENT_KEY = 'curpho-client';
/** Metadata key of the connection's number within the client process. */
export const CONNECTION_KEY = 'curpho-connection';
/** Metadata key by which a client asks, with the value `stream`, for acknowledgements on its stream and not over NATS. */
export const ACKS_KEY = 'curpho-acks';

const REMEMBERED_CLIENTS = 65_536;

function readNumber(call: FrameCall, key: string): number | null {
  const text = call.metadata.get(key)[0];
  if (typeof text !== 'string' || !/^[0-9]{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}

/** What a service does with its clients' frames. */
export interface ClientStreamsOptions {
  limits: StreamLimits;
  log: Log;
  /** A frame of `client`; throws as in `StreamOwner.onFrame`. */
  onFrame: (client: number, frame: Buffer) => void;
  /** The client's stream is over and no newer one replaced it. */
  onGone: (client: number) => void;
}

/** The streams of client processes: at most one each, the newest (E7). */
export class ClientStreams implements StreamOwner {
  readonly stats = createStats();
  private readonly streams = new Map<number, ServerStream>();
  /** Highest connection number seen of a client, also of clients without a stream; the longest unheard are forgotten. */
  private readonly newest = new Map<number, number>();
  private isHolding = false;

  constructor(private readonly options: ClientStreamsOptions) {}

  /** Clients with a stream. */
  get size(): number {
    return this.streams.size;
  }

  /** Frames that wait to be sent, over all clients. */
  get queuedFrames(): number {
    let frames = 0;
    for (const stream of this.streams.values()) frames += stream.queuedFrames;
    return frames;
  }

  /** Handler of the streaming method. */
  accept(call: FrameCall): void {
    const client = readNumber(call, CLIENT_KEY);
    const connection = readNumber(call, CONNECTION_KEY);
    if (client === null || connection === null) {
      refuseCall(call, statusOf('invalid', `metadata ${CLIENT_KEY} and ${CONNECTION_KEY} must be positive integers`));
      return;
    }
    // E7: a write stuck in an older stream must not arrive after what the client sent on a newer one.
    const newest = this.newest.get(client) ?? this.streams.get(client)?.peer.connection ?? 0;
    if (connection <= newest) {
      refuseCall(
        call,
        statusOf('superseded', `connection ${connection} of client ${client} is not newer than ${newest}`),
      );
      return;
    }
    this.remember(client, connection);
    const older = this.streams.get(client);
    const acksOnStream = call.metadata.get(ACKS_KEY)[0] === 'stream';
    const peer = { client, connection, acksOnStream };
    const stream = new ServerStream(call, peer, this, this.stats, this.options.limits);
    this.streams.set(client, stream);
    older?.end(statusOf('superseded', `connection ${connection} of client ${client}`));
    if (this.isHolding) stream.hold();
  }

  /** Whether a client asked for acknowledgements on its stream. */
  hasAcksOnStream(client: number): boolean {
    return this.streams.get(client)?.peer.acksOnStream === true;
  }

  /** Sends a frame to a client; dropped if it has no stream. */
  send(client: number, frame: Buffer): void {
    this.streams.get(client)?.send(frame);
  }

  /** Stops or resumes reading from all clients, those to come included. */
  setHolding(isHolding: boolean): void {
    if (this.isHolding === isHolding) return;
    this.isHolding = isHolding;
    for (const stream of this.streams.values()) {
      if (isHolding) stream.hold();
      else stream.release();
    }
  }

  /** Ends all streams. */
  endAll(reason: EndStatus): void {
    for (const stream of [...this.streams.values()]) stream.end(reason);
  }

  onFrame(frame: Buffer, stream: ServerStream): void {
    this.options.onFrame(stream.peer.client, frame);
  }

  onClose(stream: ServerStream): void {
    const client = stream.peer.client;
    if (this.streams.get(client) !== stream) return;
    this.streams.delete(client);
    this.options.onGone(client);
  }

  onFault(reason: EndStatus): void {
    this.options.log.warn({ reason: reason.details }, 'a client broke the rules of its stream');
  }

  private remember(client: number, connection: number): void {
    this.newest.delete(client);
    this.newest.set(client, connection);
    if (this.newest.size <= REMEMBERED_CLIENTS) return;
    for (const oldest of this.newest.keys()) {
      this.newest.delete(oldest);
      break;
    }
  }
}

/** What a service does with its peers' frames. */
export interface PeerStreamsOptions {
  limits: StreamLimits;
  log: Log;
  onFrame: (frame: Buffer) => void;
}

/** The streams that leaders opened to this node. Never held back: what they carry makes room. */
export class PeerStreams implements StreamOwner {
  readonly stats = createStats();
  private readonly streams = new Set<ServerStream>();
  private last: ServerStream | null = null;

  constructor(private readonly options: PeerStreamsOptions) {}

  /** Handler of the streaming method. */
  accept(call: FrameCall): void {
    const stream = new ServerStream(
      call,
      { client: 0, connection: 0, acksOnStream: false },
      this,
      this.stats,
      this.options.limits,
    );
    this.streams.add(stream);
    // A leader with nothing to say still has to hear what this node has to report.
    this.last = stream;
  }

  /** Sends a frame to whoever sent the last one, or connected since; dropped if that stream is over. */
  reply(frame: Buffer): void {
    this.last?.send(frame);
  }

  /** Ends all streams. */
  endAll(reason: EndStatus): void {
    for (const stream of [...this.streams]) stream.end(reason);
  }

  onFrame(frame: Buffer, stream: ServerStream): void {
    this.last = stream;
    this.options.onFrame(frame);
  }

  onClose(stream: ServerStream): void {
    this.streams.delete(stream);
    if (this.last === stream) this.last = null;
  }

  onFault(reason: EndStatus): void {
    this.options.log.warn({ reason: reason.details }, 'a peer broke the rules of its stream');
  }
}

/** Answers a streaming call with nothing but a status. */
export function refuseCall(call: FrameCall, reason: EndStatus): void {
  call.on('error', () => undefined);
  call.emit('error', Object.assign(new Error(reason.details), reason));
  call.resume();
}
