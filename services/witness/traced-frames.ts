// Which operations of a witness's frames are traced, and which of its answers end their spans. Looks at frames on their
// way in and out; where nothing is traced it is not there.

import type { Tracer } from '@opentelemetry/api';
import {
  type FrameTrace,
  type OperationTrace,
  type RecordRequest,
  type RecordResponse,
  RecordStatus,
} from '../../protocol/messages.js';
import { Attribute, NodeSpan, type NodeSpanName, nameWrites } from '../../tracing/names.js';
import { NodeTracer, TracedNames } from '../../tracing/node-tracer.js';

const STATUS_NAMES = new Map<number, string>(Object.entries(RecordStatus).map(([name, status]) => [status, name]));

/** The traced frames of one witness. */
export class TracedFrames {
  readonly #nodes: NodeTracer;

  constructor(tracer: Tracer) {
    this.#nodes = new NodeTracer(tracer);
  }

  /** A frame is about to be stepped. */
  onRecord(frame: RecordRequest, client: number, receivedUs: number): void {
    const { trace } = frame;
    if (trace === undefined) return;
    const attributes = { [Attribute.epoch]: frame.epoch };
    for (const { name, operation } of findTraced(frame, trace)) {
      this.#nodes.begin(name, operation, trace, { client, receivedUs }, attributes);
    }
    this.#nodes.onStepBegins();
  }

  /** It was stepped; `epoch` is the witness's own. A frame of another epoch was refused as a whole. */
  onRecordStepped(frame: RecordRequest, epoch: number): void {
    if (frame.trace === undefined) return;
    for (const operation of this.#nodes.onStepEnds())
      if (frame.epoch !== epoch) this.#nodes.endWithStep(operation, 'refused_epoch');
  }

  /** Puts into an answer what its traced operations need. `onSent` follows when it has left. */
  traceAnswers(client: number, frame: RecordResponse): void {
    if (!this.#nodes.isWatching) return;
    const { incarnation, epoch } = frame;
    const reads = this.#nodes.readsOf(client);
    if (reads !== undefined) {
      for (const { nonce, watermark, pending } of frame.checkReplies) {
        const operation = reads.get(nonce);
        if (operation === undefined) continue;
        const attributes = {
          [Attribute.watermark]: watermark,
          [Attribute.incarnation]: incarnation,
          [Attribute.epoch]: epoch,
          [Attribute.pending]: nameWrites(pending),
        };
        frame.trace = this.#nodes.answer(operation, frame.trace, attributes);
      }
    }
    for (const { session, seq, status, watermark } of frame.recordReplies) {
      const operation = this.#nodes.write(session, seq);
      // A parked record is answered once more.
      if (operation === undefined || status === RecordStatus.parked) continue;
      frame.trace = this.#nodes.answer(operation, frame.trace, {
        [Attribute.status]: STATUS_NAMES.get(status) ?? String(status),
        [Attribute.watermark]: watermark,
        [Attribute.incarnation]: incarnation,
        [Attribute.epoch]: epoch,
      });
    }
  }

  /** A frame has left. */
  onSent(): void {
    this.#nodes.onSent();
  }

  /** The event-loop turn is over. */
  onTurn(): void {
    this.#nodes.onTurn();
  }

  /** The node ends: what is open ends with it. */
  close(): void {
    this.#nodes.close();
  }

  /** The client is gone. */
  onClientGone(client: number): void {
    this.#nodes.dropClient(client);
  }
}

/** The operations of a frame that its trace names. */
function* findTraced(
  frame: RecordRequest,
  trace: FrameTrace,
): Generator<{ name: NodeSpanName; operation: OperationTrace }> {
  const names = new TracedNames(trace);
  if (names.reads.size > 0) {
    for (const { nonce } of frame.checks) {
      const operation = names.reads.get(nonce);
      if (operation !== undefined) yield { name: NodeSpan.check, operation };
    }
  }
  if (!names.hasWrites) return;
  for (const { command } of frame.records) {
    const operation = command && names.write(command.session, command.seq);
    if (operation !== undefined) yield { name: NodeSpan.record, operation };
  }
}
