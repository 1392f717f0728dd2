// Traces a sampled share of a client process's operations: decides which, writes their contexts into the frames that
// carry them, and turns what it sees go by into spans. Sees frames and answers only; decides nothing about operations,
// and where nothing is sampled costs a countdown per operation.

import {
  type Attributes,
  context,
  type Span,
  type SpanContext,
  SpanKind,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { Answer, Operation } from '../protocol/core.js';
import { createFrameTrace } from '../protocol/frames.js';
import type { AckBatch, Bytes, FrameTrace, RecordRequest, SessionRequest } from '../protocol/messages.js';
import { Attribute, DB_SYSTEM, StageSpan } from './names.js';
import { addSpan, addStage, beginSpan, describeSkew, failSpan } from './spans.js';
import { decodeTraceContext, encodeTraceContext, isSampled, parseTraceparent } from './trace-context.js';
import { toHrTime, wallUs } from './wall-clock.js';

/** Most operations under way that are traced at once; further ones are not sampled. */
const OPEN_LIMIT = 4096;

/** One operation under way that is traced. */
export interface TracedOperation {
  readonly span: Span;
  /** Context of `span` as it travels. */
  readonly context: Bytes;
  readonly beganUs: number;
  /** When the first frame that holds it was about to be encoded, and when that turn's frames had left; 0 before. */
  sentFromUs: number;
  sentToUs: number;
  /** Name of a write: 0 before it is numbered. */
  session: number;
  seq: number;
  /** Name of a read's newest attempt; 0 before. */
  nonce: number;
  /** The caller has its answer, and `span` has ended. */
  isAnswered: boolean;
}

/** How a client process traces. */
export interface ClientTracerOptions {
  tracer: Tracer;
  /** Share of operations that begin a trace where their caller has none, 0 to 1. */
  ratio: number;
  /** Source of chance in [0, 1). */
  random?: () => number;
}

/** The traced operations of one client process. */
export class ClientTracer {
  readonly #tracer: Tracer;
  readonly #ratio: number;
  readonly #random: () => number;
  /** Operations to let pass before the next one is sampled. */
  #countdown: number;
  readonly #reads = new Map<number, TracedOperation>();
  readonly #writes = new Map<number, Map<number, TracedOperation>>();
  #open = 0;
  /** The application's tracer threw: nothing is traced any more. */
  #isBroken = false;
  /** Operations that leave in this turn for the first time. */
  readonly #leaving: TracedOperation[] = [];

  constructor({ tracer, ratio, random = Math.random }: ClientTracerOptions) {
    this.#tracer = tracer;
    this.#ratio = ratio;
    this.#random = random;
    this.#countdown = this.#drawCountdown();
  }

  /**
   * Begins the trace of an operation: always under a sampled span of its caller, stated or active, else by the ratio.
   * @returns null where it is not sampled. `traceparent` was checked by `parseTraceparent` before.
   */
  begin(operation: Operation, session: number, traceparent: string | undefined): TracedOperation | null {
    if (this.#isBroken) return null;
    const caller = traceparent === undefined ? this.#activeSpan() : parseTraceparent(traceparent);
    const parent = caller !== null && isSampled(caller) ? caller : null;
    // A caller that traces and left this one out has decided for it.
    if (parent === null && (caller !== null || !this.#isDue())) return null;
    if (this.#open >= OPEN_LIMIT) return null;
    return this.#guard(() => this.#begin(operation, session, parent)) ?? null;
  }

  #begin(operation: Operation, session: number, parent: SpanContext | null): TracedOperation | null {
    const beganUs = wallUs();
    const consistency = operation.strong ? 'strong' : 'weak';
    const attributes: Attributes = {
      [Attribute.dbSystem]: DB_SYSTEM,
      [Attribute.dbOperation]: operation.kind,
      [Attribute.consistency]: consistency,
      [Attribute.session]: session,
    };
    const options = { kind: SpanKind.CLIENT, fromUs: beganUs, attributes };
    const span = beginSpan(this.#tracer, `${operation.kind} ${consistency}`, parent, options);
    // Over its budget: nobody else needs to know of this trace.
    if (!span.isRecording()) return null;
    this.#open++;
    return {
      span,
      context: encodeTraceContext(span.spanContext()),
      beganUs,
      sentFromUs: 0,
      sentToUs: 0,
      session: 0,
      seq: 0,
      nonce: 0,
      isAnswered: false,
    };
  }

  /** The write has its name. */
  onNumbered(operation: TracedOperation, session: number, seq: number): void {
    operation.session = session;
    operation.seq = seq;
    this.#guard(() => operation.span.setAttribute(Attribute.seq, seq));
    let writes = this.#writes.get(session);
    if (writes === undefined) {
      writes = new Map();
      this.#writes.set(session, writes);
    }
    writes.set(seq, operation);
  }

  /** The read is about to be asked under this name. */
  onAttempt(operation: TracedOperation, nonce: number): void {
    if (operation.nonce > 0) this.#reads.delete(operation.nonce);
    operation.nonce = nonce;
    this.#reads.set(nonce, operation);
  }

  /** What a frame to replicas has to carry. */
  traceSession(frame: SessionRequest): FrameTrace | undefined {
    if (this.#open === 0) return undefined;
    let trace: FrameTrace | undefined;
    for (const { nonce } of frame.weakReads) trace = this.#addRead(trace, nonce);
    for (const { nonce } of frame.strongReads) trace = this.#addRead(trace, nonce);
    for (const { nonce } of frame.confirmedReads) trace = this.#addRead(trace, nonce);
    for (const { command } of frame.writes) if (command) trace = this.#addWrite(trace, command.session, command.seq);
    return trace;
  }

  /** What a frame to witnesses has to carry. */
  traceRecord(frame: RecordRequest): FrameTrace | undefined {
    if (this.#open === 0) return undefined;
    let trace: FrameTrace | undefined;
    for (const { nonce } of frame.checks) trace = this.#addRead(trace, nonce);
    for (const { command } of frame.records) if (command) trace = this.#addWrite(trace, command.session, command.seq);
    return trace;
  }

  /** All frames of this turn have left. */
  onTurnSent(): void {
    if (this.#leaving.length === 0) return;
    const nowUs = wallUs();
    for (const operation of this.#leaving) operation.sentToUs = nowUs;
    this.#leaving.length = 0;
  }

  /** A frame arrived that answers traced operations. */
  onAnswers(trace: FrameTrace, node: number): void {
    const toUs = wallUs();
    const fromUs = trace.sentUs;
    for (const { nonce, session, seq } of trace.operations) {
      const operation = nonce > 0 ? this.#reads.get(nonce) : this.#writes.get(session)?.get(seq);
      if (operation === undefined) continue;
      const attributes = { [Attribute.node]: node, ...describeSkew(fromUs, toUs) };
      const parent = operation.span.spanContext();
      this.#guard(() => addStage(this.#tracer, StageSpan.transit, parent, { fromUs, toUs }, attributes));
    }
  }

  /** Acknowledgements arrived over NATS. */
  onAcks({ trace, replica, weakAcks }: AckBatch): void {
    if (trace === undefined) return;
    const toUs = wallUs();
    const fromUs = trace.sentUs;
    for (const { session, seq, context: published } of trace.operations) {
      const operation = this.#writes.get(session)?.get(seq);
      if (operation === undefined) continue;
      const isAck = weakAcks.some((ack) => ack.session === session && ack.seq === seq);
      const attributes = {
        [Attribute.messagingSystem]: 'nats',
        [Attribute.messagingOperation]: 'process',
        [Attribute.level]: isAck ? 'local' : 'committed',
        [Attribute.node]: replica,
        ...describeSkew(fromUs, toUs),
      };
      const parent = decodeTraceContext(published);
      const options = { fromUs, toUs, kind: SpanKind.CONSUMER, attributes };
      this.#guard(() => addSpan(this.#tracer, StageSpan.ackDeliver, parent, options));
    }
  }

  /** The operation is answered. A weak write goes on in the background until `onDone`. */
  onCompleted(operation: TracedOperation, answer: Answer): void {
    if (operation.isAnswered) return;
    const { path, slowReason, epoch, slot } = answer;
    this.#end(operation, (span) => {
      span.setAttributes({
        [Attribute.path]: path,
        [Attribute.epoch]: epoch,
        ...(slot === 0 ? {} : { [Attribute.slot]: slot }),
        ...(slowReason === undefined ? {} : { [Attribute.slowReason]: slowReason }),
      });
    });
  }

  /** The operation failed, or its outcome is unknown. */
  onFailed(operation: TracedOperation, code: string): void {
    if (operation.isAnswered) return;
    this.#end(operation, (span) => {
      span.setAttribute(Attribute.errorType, code);
      failSpan(span, code);
    });
  }

  /** Nothing more is to come for the operation. */
  onDone(operation: TracedOperation): void {
    if (!operation.isAnswered) this.onFailed(operation, 'CLOSED');
    this.#open--;
    if (operation.nonce > 0) this.#reads.delete(operation.nonce);
    if (operation.seq === 0) return;
    const writes = this.#writes.get(operation.session);
    writes?.delete(operation.seq);
    if (writes?.size === 0) this.#writes.delete(operation.session);
  }

  #end(operation: TracedOperation, describe: (span: Span) => void): void {
    operation.isAnswered = true;
    const nowUs = wallUs();
    const { span, beganUs, sentFromUs, sentToUs } = operation;
    this.#guard(() => {
      const parent = span.spanContext();
      if (sentToUs > 0) {
        addStage(this.#tracer, StageSpan.clientQueue, parent, { fromUs: beganUs, toUs: sentFromUs });
        addStage(this.#tracer, StageSpan.clientSend, parent, { fromUs: sentFromUs, toUs: sentToUs });
      }
      describe(span);
      span.end(toHrTime(nowUs));
    });
  }

  /** The tracer is the application's: what it throws must not reach an operation, and is not tried again. */
  #guard<T>(action: () => T): T | undefined {
    if (this.#isBroken) return undefined;
    try {
      return action();
    } catch (error) {
      this.#isBroken = true;
      process.emitWarning(`the tracer failed, so nothing is traced any more: ${String(error)}`, 'CurphoTracing');
      return undefined;
    }
  }

  #addRead(trace: FrameTrace | undefined, nonce: number): FrameTrace | undefined {
    const operation = this.#reads.get(nonce);
    return operation === undefined ? trace : this.#add(trace, operation, { nonce, session: 0, seq: 0 });
  }

  #addWrite(trace: FrameTrace | undefined, session: number, seq: number): FrameTrace | undefined {
    const operation = this.#writes.get(session)?.get(seq);
    return operation === undefined ? trace : this.#add(trace, operation, { nonce: 0, session, seq });
  }

  #add(
    trace: FrameTrace | undefined,
    operation: TracedOperation,
    name: { nonce: number; session: number; seq: number },
  ): FrameTrace {
    const into = trace ?? createFrameTrace(wallUs());
    into.operations.push({ ...name, context: operation.context });
    // What leaves in later turns are resends and second attempts; they show as spans of whoever gets them.
    if (operation.sentFromUs > 0) return into;
    operation.sentFromUs = into.sentUs;
    this.#leaving.push(operation);
    return into;
  }

  #activeSpan(): SpanContext | null {
    return this.#guard(() => trace.getSpanContext(context.active())) ?? null;
  }

  #isDue(): boolean {
    if (this.#countdown > 0) {
      this.#countdown--;
      return false;
    }
    this.#countdown = this.#drawCountdown();
    return true;
  }

  /** How many operations pass before the next sampled one: geometric, so that each is sampled with the same chance. */
  #drawCountdown(): number {
    if (this.#ratio <= 0) return Number.POSITIVE_INFINITY;
    if (this.#ratio >= 1) return 0;
    return Math.floor(Math.log(1 - this.#random()) / Math.log(1 - this.#ratio));
  }
}
