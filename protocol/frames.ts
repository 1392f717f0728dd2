// Frames under construction: one per peer and turn, closed early when they grow too large. A core adds messages here
// while it steps and takes the finished frames out when the turn ends.

import { FRAME_BYTES_SOFT_LIMIT, FRAME_OPERATIONS_LIMIT } from './limits.js';
import type { AckBatch, RecordResponse, SessionResponse } from './messages.js';

/** A frame and how full it is. */
interface Draft<Frame> {
  frame: Frame;
  bytes: number;
  operations: number;
}

/** Frames by peer. `createFrame` makes an empty one for the epoch of the moment. */
export class FrameSet<Frame> {
  readonly #open = new Map<number, Draft<Frame>>();
  readonly #createFrame: () => Frame;
  #full: { peer: number; frame: Frame }[] = [];

  constructor(createFrame: () => Frame) {
    this.#createFrame = createFrame;
  }

  /** The peer's frame, ready to take one more message of about `bytes`. */
  for(peer: number, bytes: number): Frame {
    let draft = this.#open.get(peer);
    if (draft !== undefined && (draft.bytes >= FRAME_BYTES_SOFT_LIMIT || draft.operations >= FRAME_OPERATIONS_LIMIT)) {
      this.#full.push({ peer, frame: draft.frame });
      draft = undefined;
    }
    if (draft === undefined) {
      draft = { frame: this.#createFrame(), bytes: 0, operations: 0 };
      this.#open.set(peer, draft);
    }
    draft.bytes += bytes;
    draft.operations++;
    return draft.frame;
  }

  /** Hands every frame over and starts anew. Frames of one peer keep their order. */
  drain(take: (peer: number, frame: Frame) => void): void {
    if (this.#full.length > 0) {
      for (const { peer, frame } of this.#full) take(peer, frame);
      this.#full = [];
    }
    if (this.#open.size === 0) return;
    for (const [peer, draft] of this.#open) take(peer, draft.frame);
    this.#open.clear();
  }

  /** Forgets every frame. */
  clear(): void {
    this.#open.clear();
    this.#full = [];
  }

  /** Forgets what was meant for a peer that is gone. */
  drop(peer: number): void {
    this.#open.delete(peer);
    this.#full = this.#full.filter((full) => full.peer !== peer);
  }
}

/** An empty frame to a client. */
export function createSessionResponse(clusterId: string, epoch: number, replica: number): SessionResponse {
  return {
    clusterId,
    epoch,
    writeReplies: [],
    needWrites: [],
    strongReadReplies: [],
    confirmedReadReplies: [],
    weakReadReplies: [],
    weakAcks: [],
    commitNotices: [],
    refusals: [],
    pong: 0,
    replica,
  };
}

/** An empty frame of a witness to a client. */
export function createRecordResponse(
  clusterId: string,
  from: { epoch: number; witness: number; incarnation: number },
): RecordResponse {
  return { clusterId, ...from, recordReplies: [], checkReplies: [], refusals: [] };
}

/** An empty batch of acknowledgements. */
export function createAckBatch(
  clusterId: string,
  from: { epoch: number; replica: number; commitSlot: number },
): AckBatch {
  return { clusterId, ...from, weakAcks: [], commitNotices: [] };
}
