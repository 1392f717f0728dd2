// The time lines of a share of a client process's operations, put together from what nodes say of the frames they had.
// Stamps frames, not operations: an operation only remembers in which turn it left. What costs is a stamped frame, so
// the share is drawn by turns: all operations that begin in the same turn have time lines or none has, and most frames
// leave without stamps. Decides nothing, and where an answer does not tell enough there is no time line.

import { createFrameTrace } from '../protocol/frames.js';
import type { FrameTrace, TakenFrame } from '../protocol/messages.js';
import { hostUs } from './host-clock.js';
import { LoopWatch } from './loop-watch.js';
import type { TimeLine } from './stages.js';
import { turnAfter } from './turns.js';

/** Turns whose frames a node may still answer; operations that take longer have no time line. */
const TURNS_KEPT = 1024;

/** One operation whose time line is wanted. */
export interface StampedOperation {
  readonly beganUs: number;
  /** Turn in which it left last; 0 before. */
  turn: number;
}

/** What one node said of our frames, by turn modulo {@link TURNS_KEPT}. */
interface NodeView {
  readonly role: TimeLine['role'];
  readonly node: number;
  readonly taken: (TakenFrame | undefined)[];
  /** Least time there and back with the node's own share taken out; how far its clock may be off follows from it. */
  leastTransitUs: number;
  /** The node's clock less ours, at that least time; 0 as long as the difference may come from the way alone. */
  offsetUs: number;
}

/** The frame that is being stepped. */
interface Arrived {
  view: NodeView;
  trace: FrameTrace;
  receivedUs: number;
  loopUs: number;
  steppedFromUs: number;
}

/** The stamps of one client process. */
export class ClientStamps {
  readonly #every: number;
  readonly #loop = new LoopWatch();
  readonly #replicas: NodeView[] = [];
  readonly #witnesses: NodeView[] = [];
  readonly #random: () => number;
  /** Turns until the next one whose operations have time lines; 0 in such a turn. */
  #turnsLeft = 0;
  /** Whether an operation with a time line leaves in this turn. */
  #isStamping = false;
  #turn = 1;
  #receivedUs = 0;
  #arrived: Arrived | null = null;

  /** One in `every` operations has a time line, on average. */
  constructor(every: number, random: () => number = Math.random) {
    this.#every = every;
    this.#random = random;
  }

  /** An operation begins; null for those that have no time line. */
  begin(): StampedOperation | null {
    return this.#turnsLeft > 0 ? null : { beganUs: hostUs(), turn: 0 };
  }

  /** It leaves, or leaves again, with the frames of this turn. */
  onLeaving(operation: StampedOperation): void {
    operation.turn = this.#turn;
    this.#isStamping = true;
  }

  /** A frame is about to be encoded; answers what it has to carry. */
  stamp(trace: FrameTrace | undefined): FrameTrace | undefined {
    if (!this.#isStamping) return trace;
    const into = trace ?? createFrameTrace(0);
    into.turn = this.#turn;
    into.stampUs = hostUs();
    return into;
  }

  /** The frames of this turn have left. */
  onTurn(): void {
    this.#turn = turnAfter(this.#turn);
    this.#isStamping = false;
    this.#turnsLeft = this.#turnsLeft > 0 ? this.#turnsLeft - 1 : this.#drawPause();
  }

  /** A frame was read from its transport and is not decoded yet. */
  onArrival(): void {
    this.#receivedUs = hostUs();
    this.#loop.onArrival(this.#receivedUs);
  }

  /** A frame of a node is about to be stepped through. */
  onAnswers(role: TimeLine['role'], node: number, trace: FrameTrace | undefined): void {
    this.#arrived = null;
    if (trace === undefined || trace.turn === 0) return;
    const view = this.#viewOf(role, node);
    const receivedUs = this.#receivedUs;
    for (const taken of trace.taken) {
      view.taken[taken.turn % TURNS_KEPT] = taken;
      noteClock(view, taken, trace.stampUs, receivedUs);
    }
    const loopUs = this.#loop.waited(trace.stampUs - view.offsetUs, receivedUs);
    this.#arrived = { view, trace, receivedUs, loopUs, steppedFromUs: hostUs() };
  }

  /** It was stepped through. */
  onStepped(): void {
    this.#arrived = null;
  }

  /** The frame that is being stepped through has brought the last thing that the operation waited for. */
  complete(operation: StampedOperation): TimeLine | null {
    const arrived = this.#arrived;
    if (arrived === null || operation.turn === 0) return null;
    const { view, trace, receivedUs, loopUs, steppedFromUs } = arrived;
    const taken = view.taken[operation.turn % TURNS_KEPT];
    if (taken?.turn !== operation.turn) return null;
    const arrivedUs = taken.receivedUs - view.offsetUs;
    const steppedUs = arrivedUs + taken.decodeUs + taken.stepUs;
    const answeredUs = trace.stampUs - view.offsetUs;
    const restUs = answeredUs - steppedUs;
    const isSameTurn = taken.nodeTurn === trace.turn;
    const stagesUs = [
      taken.sentUs - operation.beganUs,
      arrivedUs - taken.sentUs - taken.loopUs,
      taken.loopUs,
      taken.decodeUs,
      taken.stepUs,
      isSameTurn ? restUs : 0,
      isSameTurn ? 0 : restUs,
      receivedUs - answeredUs - loopUs,
      loopUs,
      steppedFromUs - receivedUs,
      hostUs() - steppedFromUs,
    ];
    return { stagesUs, role: view.role, node: view.node };
  }

  /**
   * Turns without time lines before the next one with them, `every - 1` on average. Drawn, since sessions that work in
   * step with each other would meet a fixed number again and again at the same point of their rounds.
   */
  #drawPause(): number {
    return Math.floor(this.#random() * (2 * this.#every - 1));
  }

  #viewOf(role: TimeLine['role'], node: number): NodeView {
    const views = role === 'replica' ? this.#replicas : this.#witnesses;
    views[node] ??= { role, node, taken: [], leastTransitUs: Number.POSITIVE_INFINITY, offsetUs: 0 };
    return views[node];
  }
}

/**
 * How far the clocks are apart, by the pair of frames that was under way for the shortest time. On one machine there is
 * one clock: as long as no frame seems to arrive before it was sent, nothing is taken for a difference.
 */
function noteClock(view: NodeView, taken: TakenFrame, answeredUs: number, receivedUs: number): void {
  const thereUs = taken.receivedUs - taken.sentUs;
  const backUs = receivedUs - answeredUs;
  const transitUs = thereUs + backUs;
  if (transitUs < 0 || transitUs >= view.leastTransitUs) return;
  view.leastTransitUs = transitUs;
  view.offsetUs = thereUs >= 0 && backUs >= 0 ? 0 : Math.round((thereUs - backUs) / 2);
}
