// The traced operations that a node has taken up and not answered yet: begins the span of each when its frame arrives,
// and when the answer has left ends it and lays out the stages in between. Which answer belongs to which operation is
// the business of each role's traced-frames.ts.

import { type Attributes, type Link, type Span, type SpanContext, SpanKind, type Tracer } from '@opentelemetry/api';
import { createFrameTrace } from '../protocol/frames.js';
import type { FrameTrace, OperationTrace } from '../protocol/messages.js';
import { Attribute, type NodeSpanName, StageSpan } from './names.js';
import { addStage, beginSpan, describeSkew, failSpan } from './spans.js';
import { decodeTraceContext, encodeTraceContext, isSampled } from './trace-context.js';
import { toHrTime, wallUs } from './wall-clock.js';

/** Most operations that are traced at once; further ones are not. */
const OPEN_LIMIT = 4096;
/** An answer that has not come by then will not: the client has gone, or asks again under another name. */
const OPEN_US_LIMIT = 60_000_000;
/** How often those are looked for. */
const EXPIRE_TURNS = 256;

/** A traced operation at a node. */
export interface NodeOperation {
  readonly span: Span;
  /** The span of the client, or of the leader where that replicates. */
  readonly parent: SpanContext;
  readonly client: number;
  readonly session: number;
  readonly seq: number;
  readonly nonce: number;
  readonly receivedUs: number;
  stepFromUs: number;
  stepToUs: number;
  /** Turn in which it was stepped. */
  turn: number;
  /** When its answer was there; 0 before. */
  answeredUs: number;
  attributes: Attributes;
}

/** Where a frame came from and when. */
export interface Arrival {
  /** 0 for frames of peers. */
  client: number;
  receivedUs: number;
}

/** What the trace of one frame names. One pass over it, since both it and the frame may be long. */
export class TracedNames {
  /** By the name of the attempt. Empty if no read of the frame is traced. */
  readonly reads = new Map<number, OperationTrace>();
  readonly #writes = new Map<string, OperationTrace>();

  constructor({ operations }: FrameTrace) {
    for (const operation of operations) {
      if (operation.nonce > 0) this.reads.set(operation.nonce, operation);
      else this.#writes.set(`${operation.session}#${operation.seq}`, operation);
    }
  }

  /** Whether any write of the frame is traced. */
  get hasWrites(): boolean {
    return this.#writes.size > 0;
  }

  write(session: number, seq: number): OperationTrace | undefined {
    return this.#writes.get(`${session}#${seq}`);
  }
}

/** The operations of one node that are traced. */
export class NodeTracer {
  readonly tracer: Tracer;
  readonly #reads = new Map<number, Map<number, NodeOperation>>();
  readonly #writes = new Map<number, Map<number, NodeOperation>>();
  /** In the order of their arrival. */
  readonly #open = new Set<NodeOperation>();
  /** Of the frame that is being stepped. */
  #stepping: NodeOperation[] = [];
  /** Whose answers are in the frame that is being sent, and end with it. */
  #leaving: NodeOperation[] = [];
  #turn = 0;

  constructor(tracer: Tracer) {
    this.tracer = tracer;
  }

  /** Whether any operation waits for its answer. */
  get isWatching(): boolean {
    return this.#open.size > 0;
  }

  /** An operation of a frame that has arrived. Null if too many are open, or its trace is over its sender's budget. */
  begin(
    name: NodeSpanName,
    operation: OperationTrace,
    { sentUs }: FrameTrace,
    { client, receivedUs }: Arrival,
    attributes: Attributes = {},
  ): NodeOperation | null {
    this.#expire(receivedUs);
    if (this.#open.size >= OPEN_LIMIT) return null;
    const { nonce, session, seq } = operation;
    const parent = decodeTraceContext(operation.context);
    if (!isSampled(parent)) return null;
    const times = { fromUs: sentUs, toUs: receivedUs };
    addStage(this.tracer, StageSpan.transit, parent, times, describeSkew(sentUs, receivedUs));
    const span = beginSpan(this.tracer, name, parent, { kind: SpanKind.SERVER, fromUs: receivedUs, attributes });
    const stamps = { receivedUs, stepFromUs: receivedUs, stepToUs: receivedUs, turn: this.#turn, answeredUs: 0 };
    const begun: NodeOperation = { span, parent, client, session, seq, nonce, ...stamps, attributes: {} };
    this.#open.add(begun);
    // What peers send is ended by whoever began it; under its name a client's write may be waiting here.
    if (client !== 0) this.#name(begun);
    this.#stepping.push(begun);
    return begun;
  }

  /** The core is about to step the frame whose operations were begun. */
  onStepBegins(): void {
    if (this.#stepping.length === 0) return;
    const nowUs = wallUs();
    for (const operation of this.#stepping) operation.stepFromUs = nowUs;
  }

  /** And has. Answers the operations of the frame. */
  onStepEnds(): NodeOperation[] {
    const stepped = this.#stepping;
    if (stepped.length === 0) return stepped;
    this.#stepping = [];
    const nowUs = wallUs();
    for (const operation of stepped) {
      operation.stepToUs = nowUs;
      operation.turn = this.#turn;
    }
    return stepped;
  }

  /** The event-loop turn is over. */
  onTurn(): void {
    this.#turn++;
    if (this.#open.size > 0 && this.#turn % EXPIRE_TURNS === 0) this.#expire(wallUs());
  }

  /** Reads of a client that wait for their answers, by the names of their attempts. */
  readsOf(client: number): ReadonlyMap<number, NodeOperation> | undefined {
    return this.#reads.get(client);
  }

  /** A write that waits for its answer. */
  write(session: number, seq: number): NodeOperation | undefined {
    return this.#writes.get(session)?.get(seq);
  }

  /** The answer is in a frame that is about to be sent; answers what that frame has to carry. */
  answer(
    operation: NodeOperation,
    trace: FrameTrace | undefined,
    attributes: Attributes,
    context: SpanContext = operation.span.spanContext(),
  ): FrameTrace {
    const into = trace ?? createFrameTrace(wallUs());
    const { nonce, session, seq } = operation;
    operation.answeredUs = into.sentUs;
    operation.attributes = attributes;
    into.operations.push({ nonce, session, seq, context: encodeTraceContext(context) });
    // A second answer in the same frame, to the same thing sent twice, finds nothing any more.
    this.#unname(operation);
    this.#leaving.push(operation);
    return into;
  }

  /** The frame has left: what it answered is over. */
  onSent(): void {
    if (this.#leaving.length === 0) return;
    const nowUs = wallUs();
    for (const operation of this.#leaving) this.#end(operation, nowUs);
    this.#leaving = [];
  }

  /** Nobody waits for an answer from this node: the operation ends with its step. */
  endWithStep(operation: NodeOperation, failure?: string): void {
    operation.answeredUs = operation.stepToUs;
    if (failure !== undefined) fail(operation, failure);
    this.#end(operation, operation.stepToUs);
  }

  /** What the operation asked for has left by another way than `answer`. */
  endNow(operation: NodeOperation): void {
    if (this.#open.has(operation)) this.#end(operation, wallUs());
  }

  /** The client is gone. */
  dropClient(client: number): void {
    for (const operation of this.#open) if (operation.client === client) this.#abandon(operation, 'client_gone');
  }

  /** The node ends: what is open will not be answered. */
  close(): void {
    for (const operation of this.#open) this.#abandon(operation, 'node_closed');
  }

  /** A span for the background work that a write goes on to after its answer; links to the client's operation. */
  beginBackground(name: string, operation: NodeOperation, fromUs: number): Span {
    const links: Link[] = [{ context: operation.parent }];
    const attributes = { [Attribute.session]: operation.session, [Attribute.seq]: operation.seq };
    const options = { kind: SpanKind.INTERNAL, fromUs, attributes, links };
    return beginSpan(this.tracer, name, operation.span.spanContext(), options);
  }

  #end(operation: NodeOperation, toUs: number): void {
    this.#forget(operation);
    const { span, receivedUs, stepFromUs, stepToUs, turn, answeredUs, attributes } = operation;
    const parent = span.spanContext();
    const { tracer } = this;
    addStage(tracer, StageSpan.nodeQueue, parent, { fromUs: receivedUs, toUs: stepFromUs });
    addStage(tracer, StageSpan.nodeStep, parent, { fromUs: stepFromUs, toUs: stepToUs });
    const waits = turn !== this.#turn && answeredUs > stepToUs;
    if (waits) addStage(tracer, StageSpan.nodeWait, parent, { fromUs: stepToUs, toUs: answeredUs });
    const sendFromUs = waits ? answeredUs : stepToUs;
    if (toUs > sendFromUs) addStage(tracer, StageSpan.nodeSend, parent, { fromUs: sendFromUs, toUs });
    span.setAttributes(attributes);
    span.end(toHrTime(Math.max(receivedUs, toUs)));
  }

  #abandon(operation: NodeOperation, why: string): void {
    this.#forget(operation);
    fail(operation, why);
    operation.span.end(toHrTime(wallUs()));
  }

  #forget(operation: NodeOperation): void {
    this.#open.delete(operation);
    this.#unname(operation);
  }

  /** From now on the answer to it is looked for. One of the same name, sent before, was answered by nobody. */
  #name(operation: NodeOperation): void {
    const { client, nonce, session, seq } = operation;
    const [names, outer, inner] = nonce > 0 ? [this.#reads, client, nonce] : [this.#writes, session, seq];
    const earlier = names.get(outer)?.get(inner);
    if (earlier !== undefined) {
      earlier.attributes = { [Attribute.resent]: true };
      this.#end(earlier, wallUs());
    }
    const values = names.get(outer);
    if (values === undefined) names.set(outer, new Map([[inner, operation]]));
    else values.set(inner, operation);
  }

  #unname(operation: NodeOperation): void {
    const { client, nonce, session, seq } = operation;
    const [names, outer, inner] = nonce > 0 ? [this.#reads, client, nonce] : [this.#writes, session, seq];
    const values = names.get(outer);
    if (values?.get(inner) !== operation) return;
    values.delete(inner);
    if (values.size === 0) names.delete(outer);
  }

  #expire(nowUs: number): void {
    for (const operation of this.#open) {
      if (nowUs - operation.receivedUs < OPEN_US_LIMIT) return;
      this.#abandon(operation, 'unanswered');
    }
  }
}

function fail(operation: NodeOperation, why: string): void {
  operation.span.setAttribute(Attribute.errorType, why);
  failSpan(operation.span, why);
}
