// The record of one operation from the caller's word to its answer: where it stands, when it expires and who is told.
// Knows nothing of the core, of frames or of queues; the driver moves it.

import type { StampedOperation } from '../attribution/client-stamps.js';
import type { TimeLine } from '../attribution/stages.js';
import type { AckLevel, Answer, Operation } from '../protocol/core.js';
import type { CommandId } from '../protocol/messages.js';
import type { TracedOperation } from '../tracing/client-tracer.js';
import type { ClientError } from './client-error.js';
import type { Timed } from './deadline-wheel.js';
import { isWrite, operationBytes } from './operation.js';
import type { Answered, WeakWrite } from './types.js';
import { WeakWriteHandle } from './weak-write-handle.js';

/** A session as the driver keeps it. */
export interface SessionState {
  readonly id: number;
  /** Seq of the last write that the core numbered. */
  seq: number;
  /** A write that the core took and has not numbered yet. */
  unnumbered: PendingCall | null;
  /** Calls that wait to be taken, oldest first. Whoever comes later waits behind them. */
  waiting: PendingCall[];
  closed: boolean;
  /** Null while the session goes on; else its writes that may be lost, in order. */
  lost: CommandId[] | null;
}

/** A session that has not done anything yet. */
export function createSessionState(id: number): SessionState {
  return { id, seq: 0, unnumbered: null, waiting: [], closed: false, lost: null };
}

/** What ends a call from outside: its deadline or its caller's signal. */
export interface CallOwner {
  onCallDeadline(call: PendingCall): void;
  onCallAborted(call: PendingCall): void;
}

/** How a call is begun. */
export interface CallStart {
  owner: CallOwner;
  session: SessionState;
  operation: Operation;
  deadlineMs: number;
  signal: AbortSignal | undefined;
}

/** One operation under way. */
export abstract class PendingCall implements Timed {
  readonly session: SessionState;
  readonly operation: Operation;
  readonly signal: AbortSignal | undefined;
  /** Bytes it keeps in memory. */
  readonly bytes: number;
  readonly isWrite: boolean;
  /** Names the call to the core; 0 until the driver begins it. */
  number = 0;
  /** For writes: its seq once the core has numbered it, else 0. */
  seq = 0;
  /** The core has taken it. */
  taken = false;
  /** Nobody waits for it any more. */
  settled = false;
  /** Where it is traced. */
  trace: TracedOperation | null = null;
  /** Where it is to have a time line. */
  stamped: StampedOperation | null = null;
  /** That time line, from its completion on. */
  timeLine: TimeLine | null = null;
  deadlineMs: number;
  wheelPrevious: Timed | null = null;
  wheelNext: Timed | null = null;
  wheelSlot = -1;
  private readonly owner: CallOwner;

  constructor(start: CallStart) {
    this.owner = start.owner;
    this.session = start.session;
    this.operation = start.operation;
    this.deadlineMs = start.deadlineMs;
    this.signal = start.signal;
    this.bytes = operationBytes(start.operation);
    this.isWrite = isWrite(start.operation);
  }

  /** The core numbered it. */
  onNumbered(seq: number): void {
    this.seq = seq;
  }

  /** True if nothing more is to come for this call. */
  abstract onCompleted(answer: Answer): boolean;
  abstract onLevel(level: AckLevel, slot: number, epoch: number): boolean;
  abstract onFailed(error: ClientError): void;

  onDeadline(): void {
    this.owner.onCallDeadline(this);
  }

  /** The caller's signal fired. The call itself is the listener, so that no closure is made for it. */
  handleEvent(): void {
    this.owner.onCallAborted(this);
  }
}

/** A call that is answered once. `shape` turns the core's answer into the caller's. */
export class PromisedCall<Outcome extends Answered> extends PendingCall {
  readonly promise: Promise<Outcome>;
  private resolve!: (outcome: Outcome) => void;
  private reject!: (error: ClientError) => void;
  private readonly shape: (answer: Answer, session: number) => Outcome;

  constructor(start: CallStart, shape: (answer: Answer, session: number) => Outcome) {
    super(start);
    this.shape = shape;
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  override onCompleted(answer: Answer): boolean {
    const outcome = this.shape(answer, this.session.id);
    if (this.timeLine !== null) outcome.timeLine = this.timeLine;
    this.resolve(outcome);
    return true;
  }

  override onLevel(): boolean {
    return false;
  }

  override onFailed(error: ClientError): void {
    this.reject(error);
  }
}

/** A weak write: answered level by level, done when committed. */
export class WeakWriteCall extends PendingCall {
  private readonly progress: WeakWriteHandle;

  constructor(start: CallStart) {
    super(start);
    this.progress = new WeakWriteHandle(start.session.id);
  }

  get handle(): WeakWrite {
    return this.progress;
  }

  override onNumbered(seq: number): void {
    super.onNumbered(seq);
    this.progress.number(seq);
  }

  override onCompleted(answer: Answer): boolean {
    const answered = toAnswered(answer);
    if (this.timeLine !== null) answered.timeLine = this.timeLine;
    this.progress.reach('local', answered);
    return this.progress.level === 'committed';
  }

  override onLevel(level: AckLevel, slot: number, epoch: number): boolean {
    this.progress.reach(level, { path: 'weak', epoch, slot });
    return level === 'committed';
  }

  override onFailed(error: ClientError): void {
    this.progress.fail(error);
  }
}

/** What every outcome says about how it was answered. */
export function toAnswered(answer: Answer): Answered {
  const { path, epoch, slot, slowReason } = answer;
  return slowReason === undefined ? { path, epoch, slot } : { path, epoch, slot, slowReason };
}
