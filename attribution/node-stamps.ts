// Tells clients when this node had their frames. Works by frames, not by operations: all that came in one frame share
// its times, and a frame to a client names those of its frames that were taken in before it. What a client makes of
// that is its own business. A frame that its client did not stamp costs two looks at clocks.

import { createFrameTrace } from '../protocol/frames.js';
import type { FrameTrace, TakenFrame } from '../protocol/messages.js';
import { hostUs } from './host-clock.js';
import { LoopWatch } from './loop-watch.js';
import { turnAfter } from './turns.js';

/** Frames of one client that it was not told of; beyond them the oldest are forgotten, and their operations not attributed. */
const UNTOLD_LIMIT = 64;

/** Two ways lead to a client, and each tells of everything: whichever arrives first must do. */
interface Client {
  stream: TakenFrame[];
  bus: TakenFrame[];
}

/** The frames that one node has taken in. */
export class NodeStamps {
  readonly #loop = new LoopWatch();
  readonly #clients = new Map<number, Client>();
  #receivedUs = 0;
  #steppedFromUs = 0;
  #turn = 1;

  /** A frame was read from its transport and is not decoded yet. */
  onArrival(): void {
    this.#receivedUs = hostUs();
    this.#loop.onArrival(this.#receivedUs);
  }

  /** It is decoded, and the core is about to step through it. */
  onDecoded(trace: FrameTrace | undefined): void {
    if (trace !== undefined && trace.turn > 0) this.#steppedFromUs = hostUs();
  }

  /** The core has stepped through it. */
  onStepped(client: number, trace: FrameTrace | undefined): void {
    if (trace === undefined || trace.turn === 0) return;
    const received = this.#receivedUs;
    const from = this.#steppedFromUs;
    const taken: TakenFrame = {
      turn: trace.turn,
      sentUs: trace.stampUs,
      receivedUs: received,
      loopUs: this.#loop.waited(trace.stampUs, received),
      decodeUs: Math.max(0, from - received),
      stepUs: Math.max(0, hostUs() - from),
      nodeTurn: this.#turn,
    };
    const known = this.#clients.get(client);
    if (known === undefined) this.#clients.set(client, { stream: [taken], bus: [taken] });
    else {
      push(known.stream, taken);
      push(known.bus, taken);
    }
  }

  /** A frame to a client is about to be encoded; answers what it has to carry. */
  stamp(client: number, way: keyof Client, trace: FrameTrace | undefined): FrameTrace | undefined {
    const known = this.#clients.get(client);
    if (known === undefined) return trace;
    const into = trace ?? createFrameTrace(0);
    into.turn = this.#turn;
    into.stampUs = hostUs();
    into.taken = known[way];
    known[way] = [];
    return into;
  }

  /** The event-loop turn is over: what is answered from now on has waited for something. */
  onTurn(): void {
    this.#turn = turnAfter(this.#turn);
  }

  /** The client is gone. */
  forget(client: number): void {
    this.#clients.delete(client);
  }
}

function push(untold: TakenFrame[], taken: TakenFrame): void {
  if (untold.length >= UNTOLD_LIMIT) untold.shift();
  untold.push(taken);
}
