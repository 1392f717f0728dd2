// The sending side of one stream, bounded: frames go out until the stream says stop, then they queue here. Above the
// soft bound the owner stops reading what the peer sends; above the hard cap the stream is given up. Knows neither who
// the peer is nor what is in a frame.

/** What a gRPC stream offers to a writer. */
export interface FrameSink {
  /** False: wait for `drain` before writing more. */
  write(bytes: Buffer): boolean;
}

/** Bounds of a stream's outgoing queue. */
export interface StreamLimits {
  /** Frames; more of them make the stream congested. */
  queueFrames: number;
  /** Bytes; more of them make the stream congested. */
  queueBytes: number;
}

/** The hard cap is this many times the soft bound. */
export const HARD_CAP_FACTOR = 16;

/** Bounded queue in front of a stream. Allocates nothing per frame while the stream keeps up. */
export class FrameWriter {
  private readonly queue: Buffer[] = [];
  private head = 0;
  private bytes = 0;
  private mayWrite = true;

  constructor(
    private readonly sink: FrameSink,
    private readonly limits: StreamLimits,
  ) {}

  /** Frames that wait. */
  get queuedFrames(): number {
    return this.queue.length - this.head;
  }

  /** Bytes that wait. */
  get queuedBytes(): number {
    return this.bytes;
  }

  /** True while the queue is above the soft bound. */
  get isCongested(): boolean {
    return this.queuedFrames > this.limits.queueFrames || this.bytes > this.limits.queueBytes;
  }

  /** Sends or queues a frame. False if it does not fit under the hard cap: the stream has to be given up. */
  send(frame: Buffer): boolean {
    if (this.mayWrite) {
      this.mayWrite = this.sink.write(frame);
      return true;
    }
    if (this.queuedFrames >= this.limits.queueFrames * HARD_CAP_FACTOR) return false;
    // An empty queue takes any frame, or a large one could never be sent.
    if (this.bytes > 0 && this.bytes + frame.length > this.limits.queueBytes * HARD_CAP_FACTOR) return false;
    this.queue.push(frame);
    this.bytes += frame.length;
    return true;
  }

  /** The stream takes frames again. */
  onDrain(): void {
    this.mayWrite = true;
    while (this.mayWrite && this.head < this.queue.length) {
      const frame = this.queue[this.head] as Buffer;
      this.head++;
      this.bytes -= frame.length;
      this.mayWrite = this.sink.write(frame);
    }
    if (this.head === this.queue.length) {
      this.queue.length = 0;
      this.head = 0;
    } else if (this.head > 1024) {
      this.queue.splice(0, this.head);
      this.head = 0;
    }
  }

  /** Forgets what waits. */
  clear(): void {
    this.queue.length = 0;
    this.head = 0;
    this.bytes = 0;
  }
}
