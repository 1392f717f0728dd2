// Which operations of a replica's frames are traced, and which of its answers end their spans: those of clients and
// those that a leader replicates. Looks at frames on their way in and out; where nothing is traced it is not there.

import { type Span, SpanKind, type Tracer } from '@opentelemetry/api';
import type {
  AckBatch,
  OperationTrace,
  ReplicateRequest,
  SessionRequest,
  SessionResponse,
} from '../../protocol/messages.js';
import { Attribute, NodeSpan, type NodeSpanName, StageSpan } from '../../tracing/names.js';
import { type NodeOperation, NodeTracer } from '../../tracing/node-tracer.js';
import { beginSpan } from '../../tracing/spans.js';
import { toHrTime, wallUs } from '../../tracing/wall-clock.js';
import { CommitTraces, type WriteProgress } from './commit-traces.js';

/** The traced frames of one replica. */
export class TracedFrames {
  readonly #nodes: NodeTracer;
  readonly #core: WriteProgress;
  readonly #commits: CommitTraces;
  /** Entries that the next answer to the leader acknowledges. */
  #appended: NodeOperation[] = [];
  /** Acknowledgements that are being handed over. */
  #publishing: Span[] = [];

  constructor(tracer: Tracer, core: WriteProgress) {
    this.#nodes = new NodeTracer(tracer);
    this.#core = core;
    this.#commits = new CommitTraces(this.#nodes, core);
  }

  /** A client's frame is about to be stepped. */
  onSession(frame: SessionRequest, client: number, receivedUs: number): void {
    const { trace } = frame;
    if (trace === undefined) return;
    const attributes = { [Attribute.epoch]: frame.epoch };
    for (const operation of trace.operations) {
      const name = nameOf(frame, operation);
      if (name !== null) this.#nodes.begin(name, operation, trace, { client, receivedUs }, attributes);
    }
    this.#nodes.onStepBegins();
  }

  /** It was stepped; `index` is this replica's. */
  onSessionStepped(frame: SessionRequest, index: number): void {
    if (frame.trace === undefined) return;
    const isRefused = frame.epoch !== this.#core.epoch;
    for (const operation of this.#nodes.onStepEnds()) {
      if (isRefused) this.#nodes.endWithStep(operation, 'refused_epoch');
      else if (operation.nonce === 0) this.#onWriteStepped(frame, operation, index);
    }
    this.#commits.follow();
  }

  /** A leader's frame is about to be stepped. */
  onReplicate(frame: ReplicateRequest, receivedUs: number): void {
    const { trace } = frame;
    if (trace === undefined) return;
    const attributes = { [Attribute.epoch]: frame.epoch };
    for (const operation of trace.operations) {
      const begun = this.#nodes.begin(NodeSpan.append, operation, trace, { client: 0, receivedUs }, attributes);
      if (begun !== null) this.#appended.push(begun);
    }
    this.#nodes.onStepBegins();
  }

  /** It was stepped. */
  onReplicateStepped(): void {
    this.#nodes.onStepEnds();
  }

  /** The answer to the leader has left. */
  onReplicated(): void {
    if (this.#appended.length === 0) return;
    for (const operation of this.#appended) this.#nodes.endNow(operation);
    this.#appended = [];
  }

  /** Puts into a frame to followers what its traced entries need. */
  traceReplicate(frame: ReplicateRequest): void {
    this.#commits.traceReplicate(frame);
  }

  /** Puts into an answer what its traced operations need. `onSent` follows when it has left. */
  traceAnswers(client: number, frame: SessionResponse): void {
    const nodes = this.#nodes;
    if (!nodes.isWatching) return;
    // What this frame answers may have been committed in this very turn, and not in the background then.
    this.#commits.follow();
    const reads = nodes.readsOf(client);
    if (reads !== undefined) {
      for (const { nonce, version, committed } of frame.strongReadReplies) {
        const operation = reads.get(nonce);
        if (operation === undefined) continue;
        const attributes = { [Attribute.slot]: version, [Attribute.committed]: committed };
        frame.trace = nodes.answer(operation, frame.trace, attributes);
      }
      for (const { nonce, version } of [...frame.weakReadReplies, ...frame.confirmedReadReplies]) {
        const operation = reads.get(nonce);
        if (operation !== undefined) frame.trace = nodes.answer(operation, frame.trace, { [Attribute.slot]: version });
      }
    }
    for (const { session, seq, slot, ok, committed } of frame.writeReplies) {
      const operation = nodes.write(session, seq);
      // A leader that could not say ok answers once more, when the write is committed.
      if (operation === undefined || !(ok || committed)) continue;
      frame.trace = nodes.answer(operation, frame.trace, { [Attribute.slot]: slot, [Attribute.ok]: ok });
    }
  }

  /** Puts into acknowledgements what their traced writes need. `onAcksSent` follows when they have left. */
  traceAcks(batch: AckBatch): void {
    this.#commits.traceNotices(batch);
    if (!this.#nodes.isWatching) return;
    for (const { session, seq } of batch.weakAcks) {
      const operation = this.#nodes.write(session, seq);
      if (operation === undefined) continue;
      const parent = operation.span.spanContext();
      const kind = SpanKind.PRODUCER;
      const attributes = { [Attribute.level]: 'local', [Attribute.messagingOperation]: 'send' };
      const options = { kind, fromUs: wallUs(), attributes };
      const span = beginSpan(this.#nodes.tracer, StageSpan.ackPublish, parent, options);
      this.#publishing.push(span);
      batch.trace = this.#nodes.answer(operation, batch.trace, attributes, span.spanContext());
    }
  }

  /** The acknowledgements are with NATS, or with the stream where NATS does not carry them. */
  onAcksSent(overNats: boolean): void {
    if (this.#publishing.length > 0) {
      const endTime = toHrTime(wallUs());
      for (const span of this.#publishing) {
        if (overNats) span.setAttribute(Attribute.messagingSystem, 'nats');
        span.end(endTime);
      }
      this.#publishing = [];
    }
    this.#nodes.onSent();
  }

  /** A session frame has left. */
  onSent(): void {
    this.#nodes.onSent();
  }

  /** The event-loop turn is over. */
  onTurn(): void {
    this.#commits.follow();
    this.#nodes.onTurn();
  }

  /** The client is gone. */
  onClientGone(client: number): void {
    this.#nodes.dropClient(client);
  }

  #onWriteStepped(frame: SessionRequest, operation: NodeOperation, index: number): void {
    const { session, seq } = operation;
    const write = frame.writes.find(({ command }) => command?.session === session && command.seq === seq);
    const isWeak = write?.command?.strong === false;
    const { isLeader } = this.#core;
    if (isLeader) this.#commits.watch(operation, isWeak);
    // The bound replica acknowledges a weak write; the others keep it and say nothing.
    if (isWeak && write?.bound !== index) this.#nodes.endWithStep(operation);
    else if (!isWeak && !isLeader) this.#nodes.endWithStep(operation, 'refused_not_leader');
  }
}

/** What an operation of a frame is to a replica; null if the frame does not hold it. */
function nameOf(frame: SessionRequest, { nonce, session, seq }: OperationTrace): NodeSpanName | null {
  const isIt = (read: { nonce: number }): boolean => read.nonce === nonce;
  if (nonce > 0) {
    if (frame.weakReads.some(isIt)) return NodeSpan.weakRead;
    if (frame.strongReads.some(isIt)) return NodeSpan.read;
    return frame.confirmedReads.some(isIt) ? NodeSpan.confirm : null;
  }
  const write = frame.writes.find(({ command }) => command?.session === session && command.seq === seq);
  if (write?.command === undefined) return null;
  return write.command.strong ? NodeSpan.propose : NodeSpan.hold;
}
