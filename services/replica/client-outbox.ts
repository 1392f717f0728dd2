// What a replica says to its clients, on the way it has to take: session frames on the client's stream, acknowledgements
// over NATS, or, where NATS does not carry them, inside the session frame of the same turn. Decides nothing else.

import { encodeAckBatch, encodeSessionResponse } from '../../proto/codec.js';
import type { AckBatch, CommandId, FrameTrace, SessionResponse } from '../../protocol/messages.js';
import type { AckBus } from '../host/bus.js';
import type { ClientStreams } from '../host/streams.js';

/** An empty session frame of the node that says what `batch` says. */
function wrapBatch(batch: AckBatch): SessionResponse {
  const { clusterId, epoch, replica, weakAcks, commitNotices } = batch;
  return {
    ...{ clusterId, epoch, replica, weakAcks, commitNotices },
    ...{ writeReplies: [], needWrites: [], strongReadReplies: [], confirmedReadReplies: [], weakReadReplies: [] },
    ...{ refusals: [], outcomes: [], pong: 0, trace: batch.trace },
  };
}

/** Adds to `into`, which is often empty: then the list itself is taken over. */
function joined<T extends object>(into: T[], more: T[]): T[] {
  if (into.length === 0) return more;
  for (const item of more) into.push(item);
  return into;
}

/** What two frames carry for tracing, in one; the later of the two is on its way longer than it seems. */
function joinTraces(one: FrameTrace | undefined, other: FrameTrace | undefined): FrameTrace | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  const sentUs = Math.min(one.sentUs, other.sentUs) || one.sentUs || other.sentUs;
  const [, later] = one.stampUs > other.stampUs ? [other, one] : [one, other];
  const operations = [...one.operations, ...other.operations];
  return { sentUs, operations, turn: later.turn, stampUs: later.stampUs, taken: [...one.taken, ...other.taken] };
}

/** Counters since the start. */
export interface OutboxStats {
  acksOverNats: number;
  acksOverStream: number;
}

/** Frames on their way out to clients. */
export class ClientOutbox {
  readonly stats: OutboxStats = { acksOverNats: 0, acksOverStream: 0 };
  /** Null while acknowledgements are to go over the streams. */
  bus: AckBus | null = null;
  /** Session frames of this turn, held back while acknowledgements travel with them. */
  private readonly held = new Map<number, SessionResponse>();

  constructor(private readonly clients: ClientStreams) {}

  sendSession(client: number, frame: SessionResponse): void {
    if (this.bus?.isUp && !this.clients.hasAcksOnStream(client)) {
      this.clients.send(client, encodeSessionResponse(frame));
      return;
    }
    const earlier = this.held.get(client);
    if (earlier === undefined) {
      this.held.set(client, frame);
    } else if (earlier.epoch === frame.epoch && isOnlyAcks(earlier)) {
      frame.weakAcks = joined(frame.weakAcks, earlier.weakAcks);
      frame.commitNotices = joined(frame.commitNotices, earlier.commitNotices);
      frame.trace = joinTraces(frame.trace, earlier.trace);
      this.held.set(client, frame);
    } else {
      this.clients.send(client, encodeSessionResponse(earlier));
      this.held.set(client, frame);
    }
  }

  /** True if NATS carries them. */
  sendAcks(client: number, batch: AckBatch): boolean {
    if (!this.clients.hasAcksOnStream(client) && this.bus?.publish(client, encodeAckBatch(batch))) {
      this.stats.acksOverNats++;
      return true;
    }
    this.stats.acksOverStream++;
    const frame = this.held.get(client);
    if (frame === undefined || frame.epoch !== batch.epoch) {
      this.sendWrapped(client, batch);
      return false;
    }
    frame.weakAcks = joined(frame.weakAcks, batch.weakAcks);
    frame.commitNotices = joined(frame.commitNotices, batch.commitNotices);
    frame.trace = joinTraces(frame.trace, batch.trace);
    return false;
  }

  /** The turn is over: what was held back leaves. */
  flush(): void {
    if (this.held.size === 0) return;
    for (const [client, frame] of this.held) this.clients.send(client, encodeSessionResponse(frame));
    this.held.clear();
  }

  /** The client is gone. */
  forget(client: number): void {
    this.held.delete(client);
    this.bus?.forget(client);
  }

  private sendWrapped(client: number, batch: AckBatch): void {
    const earlier = this.held.get(client);
    if (earlier !== undefined) this.clients.send(client, encodeSessionResponse(earlier));
    this.held.set(client, wrapBatch(batch));
  }
}

function isOnlyAcks(frame: SessionResponse): boolean {
  const answers: readonly (CommandId | object)[][] = [
    frame.writeReplies,
    frame.needWrites,
    frame.strongReadReplies,
    frame.confirmedReadReplies,
    frame.weakReadReplies,
    frame.refusals,
  ];
  return frame.pong === 0 && answers.every((list) => list.length === 0);
}
