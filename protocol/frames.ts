// Frames under construction: one per peer and turn, closed early when they grow too large. A core adds messages here
// while it steps and takes the finished frames out when the turn ends.

import { FRAME_BYTES_SOFT_LIMIT, FRAME_OPERATIONS_LIMIT } from './limits.js';
import type { AckBatch, RecordResponse, SessionResponse } from './messages.js';

/** A frame and how full it is. */
interface Draft<Frame> {
  peer: number;
  frame: Frame;
  bytes: number;
  operations: number;
}

/** Frames by peer, of which there are few. `createFrame` makes an empty one for the epoch of the moment. */
export class FrameSet<Frame> {
  readonly #createFrame: () => Frame;
  /** One draft for each peer, in the order of their first message; an array for the reason told in slot-table.ts. */
  readonly #open: Draft<Frame>[] = [];
  readonly #full: Draft<Frame>[] = [];

  constructor(createFrame: () => Frame) {
    this.#createFrame = createFrame;
  }

  /** The peer's frame, ready to take one more message of about `bytes`. */
  for(peer: number, bytes: number): Frame {
    const draft = this.#draftFor(peer);
    draft.bytes += bytes;
    draft.operations++;
    return draft.frame;
  }

  /** Hands every frame over and starts anew. Frames of one peer keep their order. */
  drain(take: (peer: number, frame: Frame) => void): void {
    for (const { peer, frame } of this.#full) take(peer, frame);
    for (const { peer, frame } of this.#open) take(peer, frame);
    this.clear();
  }

  /** Forgets every frame. */
  clear(): void {
    // Every turn ends here, mostly with nothing to forget; setting a length costs even where it changes nothing.
    if (this.#open.length > 0) this.#open.length = 0;
    if (this.#full.length > 0) this.#full.length = 0;
  }

  /** Forgets what was meant for a peer that is gone. */
  drop(peer: number): void {
    for (const drafts of [this.#open, this.#full]) {
      for (let at = drafts.length - 1; at >= 0; at--) if (drafts[at]?.peer === peer) drafts.splice(at, 1);
    }
  }

  #draftFor(peer: number): Draft<Frame> {
    for (let at = 0; at < this.#open.length; at++) {
      const draft = this.#open[at];
      if (draft === undefined || draft.peer !== peer) continue;
      if (draft.bytes < FRAME_BYTES_SOFT_LIMIT && draft.operations < FRAME_OPERATIONS_LIMIT) return draft;
      this.#full.push(draft);
      const next = { peer, frame: this.#createFrame(), bytes: 0, operations: 0 };
      this.#open[at] = next;
      return next;
    }
    const first = { peer, frame: this.#createFrame(), bytes: 0, operations: 0 };
    this.#open.push(first);
    return first;
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
    trace: undefined,
    outcomes: [],
  };
}

/** An empty frame of a witness to a client. */
export function createRecordResponse(
  clusterId: string,
  from: { epoch: number; witness: number; incarnation: number },
): RecordResponse {
  return { clusterId, ...from, recordReplies: [], checkReplies: [], refusals: [], trace: undefined };
}

/** An empty batch of acknowledgements. */
export function createAckBatch(
  clusterId: string,
  from: { epoch: number; replica: number; commitSlot: number },
): AckBatch {
  return { clusterId, ...from, weakAcks: [], commitNotices: [], trace: undefined };
}
