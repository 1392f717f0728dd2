// Drives the session core: operations and frames go in, frames and answers come out, and everything that happened in
// one turn of the event loop leaves together at its end. Holds operations back while the core or a stream pushes back.
// Knows nothing of gRPC, NATS or of how operations are stated.

import type { ClientStamps } from '../attribution/client-stamps.js';
import { type Answer, type ClientInput, type ClientOutput, type SessionToken, unreachable } from '../protocol/core.js';
import { EpochStatus } from '../protocol/messages.js';
import { SlotTable } from '../protocol/slot-table.js';
import type { ClientTracer } from '../tracing/client-tracer.js';
import { ClientError, type ClientErrorCode } from './client-error.js';
import { ConditionWaits } from './condition-waits.js';
import { DeadlineWheel } from './deadline-wheel.js';
import type { FrameSender, SessionCore } from './driver-ports.js';
import type { CallOwner, PendingCall, SessionState } from './pending-call.js';
import { Resolutions } from './resolutions.js';
import { expiredError, onSessionExpired } from './session-expiry.js';

/** Most operations of one client process that are not done, whether taken by the core or waiting. */
export const OPERATIONS_LIMIT = 65_536;
/** Most bytes of keys and values that those operations may hold. */
export const OPERATION_BYTES_LIMIT = 256 << 20;
const TICK_MS = 5;
/** Time passes for the core at least this often, also while nothing is under way: sessions have leases. */
const IDLE_TICK_MS = 1000;

/** How a driver is made. */
export interface DriverOptions {
  core: SessionCore;
  sender: FrameSender;
  /** Monotonic, milliseconds with a fraction. */
  clock: () => number;
  batchDelayUs: number;
  /** A node answered from another epoch, or refused. */
  onConfigWanted: (epoch: number) => void;
  /** Null where nothing is traced. */
  tracer: ClientTracer | null;
  /** Null where no operation has a time line. */
  stamps: ClientStamps | null;
}

/** One per client process. */
export class CoreDriver implements CallOwner {
  /** Epochs after the first that were seen open. */
  epochChanges = 0;
  private readonly core: SessionCore;
  private readonly sender: FrameSender;
  private readonly clock: () => number;
  private readonly batchDelayMs: number;
  private readonly onConfigWanted: (epoch: number) => void;
  private readonly tracer: ClientTracer | null;
  private readonly stamps: ClientStamps | null;
  private readonly outputs: ClientOutput[] = [];
  private readonly calls = new SlotTable<PendingCall>();
  /** Sessions whose calls wait. */
  private readonly blocked = new Set<SessionState>();
  private readonly wheel: DeadlineWheel;
  /** Inputs that arose while the core's outputs were carried out. */
  private readonly inbox: ClientInput[] = [];
  private readonly waits = new ConditionWaits();
  /** Sessions that are open, by id. */
  private readonly sessions = new Map<number, SessionState>();
  /** Questions about writes whose outcome nobody learnt. */
  readonly resolutions = new Resolutions(
    (input) => {
      this.feed(input);
      this.armTicker();
    },
    this.waits,
    () => this.closed,
  );
  private readonly idleTicker: NodeJS.Timeout;
  private bytes = 0;
  private stepping = false;
  private refusedCall = 0;
  private turnArmedMs = -1;
  private ticker: NodeJS.Timeout | null = null;
  private openEpoch = 0;
  private stopped = false;
  private closed = false;

  constructor(options: DriverOptions) {
    this.core = options.core;
    this.sender = options.sender;
    this.clock = options.clock;
    this.batchDelayMs = options.batchDelayUs / 1000;
    this.onConfigWanted = options.onConfigWanted;
    this.tracer = options.tracer;
    this.stamps = options.stamps;
    this.wheel = new DeadlineWheel(options.clock());
    this.idleTicker = setInterval(() => this.feed({ kind: 'tick' }), IDLE_TICK_MS);
    this.idleTicker.unref();
  }

  /** Milliseconds of the clock by which deadlines are meant. */
  nowMs(): number {
    return this.clock();
  }

  /** Operations that are not done. */
  get pending(): number {
    return this.calls.size;
  }

  /** A session begins; `token` is where it goes on from. */
  openSession(session: SessionState, token: SessionToken | null): void {
    this.sessions.set(session.id, session);
    this.feed({ kind: 'openSession', session: session.id, token });
  }

  /** A session of this process that is not closed. */
  sessionOf(session: number): SessionState | undefined {
    return this.sessions.get(session);
  }

  /** Something happened elsewhere: a frame, a stream, a configuration. */
  feed(input: ClientInput): void {
    if (this.closed) return;
    if (input.kind === 'config') this.noteEpoch(input.config.epoch, input.config.status);
    if (this.tracer !== null) this.traceInput(this.tracer, input);
    if (this.stepping) {
      this.inbox.push(input);
      return;
    }
    if (this.stamps !== null) noteAnswers(this.stamps, input);
    this.step(input);
    this.stamps?.onStepped();
    this.armTurn();
  }

  /**
   * Begins an operation. Its outcome, also a refusal, comes through the call. `traceparent` names the caller's span.
   */
  begin(call: PendingCall, traceparent: string | undefined): void {
    const error = this.ignoreCall(call);
    if (error !== null) {
      call.settled = true;
      call.onFailed(error);
      return;
    }
    if (this.tracer !== null) call.trace = this.tracer.begin(call.operation, call.session.id, traceparent);
    if (this.stamps !== null) call.stamped = this.stamps.begin();
    call.number = this.calls.add(call);
    this.bytes += call.bytes;
    this.wheel.add(call);
    call.signal?.addEventListener('abort', call);
    const session = call.session;
    if (session.waiting.length > 0 || !this.submit(call)) {
      session.waiting.push(call);
      this.blocked.add(session);
    }
    this.armTurn();
    this.armTicker();
  }

  /** A stream that pushed back takes frames again. */
  resume(): void {
    if (this.blocked.size > 0) this.armTurn();
  }

  /** Takes no more operations; those under way go on. */
  stopTaking(): void {
    this.stopped = true;
  }

  /** Resolves once no operation is under way and no write waits to be committed, or `limitMs` later. */
  async drained(limitMs: number): Promise<void> {
    this.armTicker();
    const isDone = (): boolean => this.closed || (this.calls.size === 0 && this.core.underWay === 0);
    await this.waits.until(isDone, limitMs, undefined);
  }

  /**
   * Resolves once the writes that the session has begun so far are committed.
   * @throws ClientError `DEADLINE_EXCEEDED` after `limitMs`, `ABORTED`, `CLOSED`, `SESSION_EXPIRED` if some may be lost.
   */
  async committed(session: SessionState, limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    const last = session.waiting.findLast((call) => call.isWrite && !call.settled) ?? session.unnumbered;
    const begun = session.seq;
    const through = (): number => (last === null ? begun : last.seq || session.seq);
    const isDone = (): boolean => {
      if (session.closed || session.lost !== null || this.closed) return true;
      if (last !== null && last.seq === 0 && !last.settled) return false;
      // The write set is what was numbered last, without a hole.
      return session.seq - (this.core.inspectSession(session.id)?.writeSet ?? 0) >= through();
    };
    this.armTicker();
    const end = await this.waits.until(isDone, limitMs, signal);
    if (session.closed || this.closed) throw new ClientError('CLOSED', `session ${session.id} was closed`);
    if (session.lost !== null && session.lost.length > 0) throw expiredError(session, undefined);
    if (end === 'done') return;
    const problem = `writes of session ${session.id} up to ${through()} are not known to be committed`;
    if (end === 'aborted')
      throw new ClientError('ABORTED', `${problem}: the signal was aborted`, { cause: signal?.reason });
    throw new ClientError('DEADLINE_EXCEEDED', `${problem}: deadlineMs passed`);
  }

  /** Where a session stands in the causal order; null if it is closed. */
  sessionToken(session: SessionState): SessionToken | null {
    return session.closed ? null : (this.core.inspectSession(session.id)?.token ?? null);
  }

  /** Ends every operation and takes no more. */
  close(): void {
    if (this.closed) return;
    this.stopped = true;
    this.closed = true;
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    clearInterval(this.idleTicker);
    for (const call of this.calls.values()) this.giveUp(call, 'CLOSED', 'the client was closed');
    this.waits.wake();
  }

  onCallDeadline(call: PendingCall): void {
    this.giveUp(call, 'DEADLINE_EXCEEDED', 'deadlineMs passed');
  }

  onCallAborted(call: PendingCall): void {
    this.giveUp(call, 'ABORTED', 'the signal was aborted', call.signal?.reason);
  }

  /** Ends what a session still waits for and forgets the session. */
  closeSession(session: SessionState): void {
    if (session.closed) return;
    session.closed = true;
    this.sessions.delete(session.id);
    for (const call of this.calls.values()) {
      if (call.session === session) this.giveUp(call, 'CLOSED', `session ${session.id} was closed`);
    }
    this.feed({ kind: 'closeSession', session: session.id });
  }

  private ignoreCall(call: PendingCall): ClientError | null {
    if (this.stopped) return new ClientError('CLOSED', 'the client was closed');
    if (call.session.closed) return new ClientError('CLOSED', `session ${call.session.id} was closed`);
    if (call.session.lost !== null) return expiredError(call.session, undefined);
    if (call.signal?.aborted) {
      return new ClientError('ABORTED', 'the signal was aborted', { cause: call.signal.reason });
    }
    if (this.calls.size >= OPERATIONS_LIMIT) {
      return new ClientError('RESOURCE_EXHAUSTED', `operations: ${OPERATIONS_LIMIT} are under way, which is the limit`);
    }
    if (this.bytes + call.bytes > OPERATION_BYTES_LIMIT) {
      const problem = `operations under way would hold more than ${OPERATION_BYTES_LIMIT} bytes, which is the limit`;
      return new ClientError('RESOURCE_EXHAUSTED', problem);
    }
    return null;
  }

  /**
   * Gives a call to the core. False if it has to wait; then nothing has happened. A write that the core keeps for later
   * holds back what its session asks next: a read that overtook it would not see it.
   */
  private submit(call: PendingCall): boolean {
    const session = call.session;
    if (session.unnumbered !== null || this.sender.isCongested()) return false;
    call.taken = true;
    this.refusedCall = 0;
    this.step({
      kind: 'submit',
      session: session.id,
      call: call.number,
      operation: call.operation,
      isTraced: call.trace !== null || call.stamped !== null,
    });
    if (this.refusedCall === call.number) {
      call.taken = false;
      return false;
    }
    if (call.isWrite && call.seq === 0 && !call.settled) session.unnumbered = call;
    return true;
  }

  /** Before the core sees it, because answers end what they are traced under. */
  private traceInput(tracer: ClientTracer, input: ClientInput): void {
    if (input.kind === 'acks') tracer.onAcks(input.batch);
    else if (input.kind === 'session' && input.frame.trace) tracer.onAnswers(input.frame.trace, input.frame.replica);
    else if (input.kind === 'record' && input.frame.trace) tracer.onAnswers(input.frame.trace, input.frame.witness);
  }

  private step(input: ClientInput): void {
    this.stepping = true;
    this.core.step(input, Math.floor(this.clock() * 1000), this.outputs);
    for (let index = 0; index < this.outputs.length; index++) {
      const output = this.outputs[index];
      if (output !== undefined) this.carryOut(output);
    }
    this.outputs.length = 0;
    this.stepping = false;
    if (this.inbox.length > 0) this.armTurn();
  }

  private carryOut(output: ClientOutput): void {
    switch (output.kind) {
      case 'session':
        if (this.tracer !== null) output.frame.trace = this.tracer.traceSession(output.frame);
        if (this.stamps !== null) output.frame.trace = this.stamps.stamp(output.frame.trace);
        this.sender.sendSession(output.to, output.frame);
        break;
      case 'record':
        if (this.tracer !== null) output.frame.trace = this.tracer.traceRecord(output.frame);
        if (this.stamps !== null) output.frame.trace = this.stamps.stamp(output.frame.trace);
        this.sender.sendRecord(output.to, output.frame);
        break;
      case 'attempt':
        this.onAttempt(output.call, output.nonce);
        break;
      case 'numbered':
        this.onNumbered(output.call, output.seq);
        break;
      case 'completed':
        this.onCompleted(output.call, output.answer);
        break;
      case 'level':
        this.onLevel(output);
        break;
      case 'refused':
        this.onRefused(output.call, output.reason);
        break;
      case 'failed':
        this.onFailed(output.call, output.reason);
        break;
      case 'sessionExpired':
        onSessionExpired(this.sessions.get(output.session), output.lost);
        break;
      case 'resolved':
        this.resolutions.onResolved(output.call, output.outcome);
        break;
      case 'configWanted':
        this.onConfigWanted(output.epoch);
        break;
      default:
        unreachable(output);
    }
  }

  private onNumbered(number: number, seq: number): void {
    const call = this.calls.get(number);
    if (call === undefined) return;
    call.session.seq = seq;
    if (call.session.unnumbered === call) call.session.unnumbered = null;
    if (call.trace !== null) this.tracer?.onNumbered(call.trace, call.session.id, seq);
    if (call.stamped !== null) this.stamps?.onLeaving(call.stamped);
    call.onNumbered(seq);
  }

  private onAttempt(number: number, nonce: number): void {
    const call = this.calls.get(number);
    if (call === undefined) return;
    if (call.trace !== null) this.tracer?.onAttempt(call.trace, nonce);
    if (call.stamped !== null) this.stamps?.onLeaving(call.stamped);
  }

  private onCompleted(number: number, answer: Answer): void {
    const call = this.calls.get(number);
    if (call === undefined) return;
    if (call.trace !== null) this.tracer?.onCompleted(call.trace, answer);
    if (call.stamped !== null) call.timeLine = this.stamps?.complete(call.stamped) ?? null;
    if (call.onCompleted(answer)) this.settle(call);
  }

  private onLevel(output: Extract<ClientOutput, { kind: 'level' }>): void {
    const call = this.calls.get(output.call);
    if (call === undefined) return;
    if (call.onLevel(output.level, output.slot, output.epoch)) this.settle(call);
  }

  private onRefused(number: number, reason: Extract<ClientOutput, { kind: 'refused' }>['reason']): void {
    const call = this.calls.get(number);
    if (call === undefined) return;
    switch (reason) {
      case 'writeSetFull':
        this.refusedCall = number;
        break;
      case 'sessionUnknown':
        this.settle(call);
        call.onFailed(new ClientError('CLOSED', `session ${call.session.id} is not known`));
        break;
      case 'sessionExpired':
        this.settle(call);
        call.onFailed(expiredError(call.session, undefined));
        break;
      case 'abandoned':
        // Only calls that have ended are abandoned, and those are not found above.
        break;
      default:
        unreachable(reason);
    }
  }

  /** The cluster will not answer it any more. */
  private onFailed(number: number, reason: Extract<ClientOutput, { kind: 'failed' }>['reason']): void {
    const call = this.calls.get(number);
    if (call === undefined) return;
    const id = call.seq > 0 ? { session: call.session.id, seq: call.seq } : undefined;
    let error: ClientError;
    if (reason === 'idReused') {
      error = new ClientError('ID_REUSED', `write ${call.session.id}/${call.seq}: another write has this id`, { id });
    } else if (id !== undefined && call.operation.strong) {
      const problem = `write ${id.session}/${id.seq} may have taken effect before its session expired`;
      error = new ClientError('UNKNOWN_OUTCOME', problem, { id });
    } else error = expiredError(call.session, id);
    if (call.trace !== null) this.tracer?.onFailed(call.trace, error.code);
    this.settle(call);
    call.onFailed(error);
  }

  /** Stops waiting for a call. A numbered write goes on (F7), so its outcome is unknown; anything else never was. */
  private giveUp(call: PendingCall, code: ClientErrorCode, why: string, cause?: unknown): void {
    if (call.settled) return;
    if (call.trace !== null) this.tracer?.onFailed(call.trace, call.seq > 0 ? 'UNKNOWN_OUTCOME' : code);
    this.settle(call);
    if (call.taken && !this.closed) this.feed({ kind: 'abandon', call: call.number });
    if (call.seq > 0) {
      const id = { session: call.session.id, seq: call.seq };
      const problem = `write ${id.session}/${id.seq} may take effect now or later: ${why}`;
      call.onFailed(new ClientError('UNKNOWN_OUTCOME', problem, { id, cause }));
    } else {
      call.onFailed(new ClientError(code, `${call.operation.kind}: ${why}`, { cause }));
    }
  }

  private settle(call: PendingCall): void {
    call.settled = true;
    if (call.trace !== null) this.tracer?.onDone(call.trace);
    if (call.session.unnumbered === call) call.session.unnumbered = null;
    this.calls.delete(call.number);
    this.bytes -= call.bytes;
    this.wheel.remove(call);
    call.signal?.removeEventListener('abort', call);
  }

  /** Gives waiting calls to the core, each session's in order, until something pushes back. */
  private admitWaiting(): void {
    for (const session of this.blocked) {
      let admitted = 0;
      for (const call of session.waiting) {
        if (!call.settled && !this.submit(call)) break;
        admitted++;
      }
      session.waiting.splice(0, admitted);
      if (session.waiting.length === 0) this.blocked.delete(session);
    }
  }

  private armTurn(): void {
    if (this.turnArmedMs >= 0) return;
    this.turnArmedMs = this.clock();
    setImmediate(this.endTurn);
  }

  /** The turn is over. A gathering time is spent by looking again in later turns: timers are too coarse for it. */
  private readonly endTurn = (): void => {
    if (this.closed) return;
    if (this.batchDelayMs > 0 && this.clock() - this.turnArmedMs < this.batchDelayMs) {
      setImmediate(this.endTurn);
      return;
    }
    this.turnArmedMs = -1;
    for (const input of this.inbox.splice(0)) this.step(input);
    if (this.blocked.size > 0) this.admitWaiting();
    this.step({ kind: 'turnEnd' });
    this.tracer?.onTurnSent();
    this.stamps?.onTurn();
    if (this.waits.size > 0) this.waits.wake();
  };

  private armTicker(): void {
    if (this.ticker !== null || this.closed) return;
    this.ticker = setInterval(this.onTicker, TICK_MS);
    this.ticker.unref();
  }

  /**
   * Timers run before sockets are read: after a stall a tick would find answers missing that lie in the socket already.
   * So it waits until they were read.
   */
  private readonly onTicker = (): void => {
    setImmediate(this.tick);
  };

  private readonly tick = (): void => {
    if (this.closed) return;
    this.wheel.turn(this.clock());
    this.feed({ kind: 'tick' });
    if (this.calls.size > 0 || this.waits.size > 0 || this.core.underWay > 0 || this.ticker === null) return;
    clearInterval(this.ticker);
    this.ticker = null;
  };

  private noteEpoch(epoch: number, status: number): void {
    if (status !== EpochStatus.open || epoch <= this.openEpoch) return;
    if (this.openEpoch > 0) this.epochChanges++;
    this.openEpoch = epoch;
  }
}

/** What brings answers. Whatever else an input is, nothing that completes by it has a time line. */
function noteAnswers(stamps: ClientStamps, input: ClientInput): void {
  if (input.kind === 'session') stamps.onAnswers('replica', input.frame.replica, input.frame.trace);
  else if (input.kind === 'record') stamps.onAnswers('witness', input.frame.witness, input.frame.trace);
  else if (input.kind === 'acks') stamps.onAnswers('replica', input.batch.replica, input.batch.trace);
}
