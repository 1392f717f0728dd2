// Which operations of a replica's frames are traced, and which of its answers end their spans: those of clients and
// those that a leader replicates. Looks at frames on their way in and out; where nothing is traced it is not there.

import { type Span, SpanKind, type Tracer } from '@opentelemetry/api';
import type {
  AckBatch,
  CheckedWrite,
  FrameTrace,
  OperationTrace,
  ReplicateRequest,
  SessionRequest,
  SessionResponse,
} from '../../protocol/messages.js';
import { Attribute, NodeSpan, type NodeSpanName, nameWrites, StageSpan } from '../../tracing/names.js';
import { type NodeOperation, NodeTracer, TracedNames } from '../../tracing/node-tracer.js';
import { beginSpan } from '../../tracing/spans.js';
import { toHrTime, wallUs } from '../../tracing/wall-clock.js';
import { CommitTraces, type WriteProgress } from './commit-traces.js';

/** The traced frames of one replica. */
export class TracedFrames {
  readonly #nodes: NodeTracer;
  readonly #core: WriteProgress;
  readonly #commits: CommitTraces;
  /** Of the client's frame that is being stepped. */
  #stepping: Traced<NodeOperation>[] = [];
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
    for (const { name, operation, write, barrier } of findTraced(frame, trace)) {
      const begun = this.#nodes.begin(name, operation, trace, { client, receivedUs }, attributes);
      if (begun !== null) this.#stepping.push({ name, operation: begun, write });
      if (begun !== null && barrier !== undefined) begun.span.setAttribute(Attribute.barrier, barrier);
    }
    this.#nodes.onStepBegins();
  }

  /** It was stepped; `index` is this replica's. */
  onSessionStepped(frame: SessionRequest, index: number): void {
    if (frame.trace === undefined) return;
    this.#nodes.onStepEnds();
    const { epoch, isLeader, isOpen } = this.#core;
    for (const { name, operation, write } of this.#stepping) {
      const needsLeader = name !== NodeSpan.weakRead && name !== NodeSpan.hold;
      if (frame.epoch !== epoch) this.#nodes.endWithStep(operation, 'refused_epoch');
      else if (needsLeader && !isLeader) this.#nodes.endWithStep(operation, 'refused_not_leader');
      else if (needsLeader && !isOpen) this.#nodes.endWithStep(operation, 'refused_not_open');
      else if (write !== undefined) this.#onWriteStepped(operation, write, index);
    }
    this.#stepping = [];
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
      for (const { nonce, version, committed, conflict, readFrom, pending } of frame.strongReadReplies) {
        const operation = reads.get(nonce);
        if (operation === undefined) continue;
        const attributes = {
          [Attribute.slot]: version,
          [Attribute.committed]: committed,
          [Attribute.conflict]: conflict,
          [Attribute.readFrom]: nameWrites(readFrom === undefined ? [] : [readFrom]),
          [Attribute.pending]: nameWrites(pending),
        };
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
    this.#commits.dropClient(client);
  }

  /** The node ends: what is open ends with it. */
  close(): void {
    this.#nodes.close();
    this.#commits.close();
  }

  #onWriteStepped(operation: NodeOperation, write: CheckedWrite, index: number): void {
    const isWeak = !write.command.strong;
    if (this.#core.isLeader) this.#commits.watch(operation, isWeak);
    // The bound replica acknowledges a weak write; the others keep it and say nothing.
    if (isWeak && write.bound !== index) this.#nodes.endWithStep(operation);
  }
}

/** A traced operation of a frame, and what it is to a replica. */
interface Traced<Operation> {
  name: NodeSpanName;
  operation: Operation;
  /** Absent for a read. */
  write: CheckedWrite | undefined;
  /** Of a strong read's first attempt: the session's last write when it was issued. */
  barrier?: number;
}

/** The operations of a frame that its trace names. */
function* findTraced(frame: SessionRequest, trace: FrameTrace): Generator<Traced<OperationTrace>> {
  const names = new TracedNames(trace);
  if (names.reads.size > 0) {
    for (const { nonce, barrier } of frame.strongReads) {
      const operation = names.reads.get(nonce);
      if (operation !== undefined) yield { name: NodeSpan.read, operation, write: undefined, barrier };
    }
    for (const [name, list] of [
      [NodeSpan.weakRead, frame.weakReads],
      [NodeSpan.confirm, frame.confirmedReads],
    ] as const) {
      for (const { nonce } of list) {
        const operation = names.reads.get(nonce);
        if (operation !== undefined) yield { name, operation, write: undefined };
      }
    }
  }
  if (!names.hasWrites) return;
  for (const write of frame.writes) {
    const { command } = write;
    if (command === undefined) continue;
    const operation = names.write(command.session, command.seq);
    const name = command.strong ? NodeSpan.propose : NodeSpan.hold;
    if (operation !== undefined) yield { name, operation, write: { ...write, command } };
  }
}
