// The part of a traced write that comes after its answer: from the slot at the leader, over its followers' logs, to the
// majority that commits it and the notice that says so. Asks the core how far each session is; changes nothing.

import type { Span } from '@opentelemetry/api';
import type { AckBatch, FrameTrace, ReplicateRequest } from '../../protocol/messages.js';
import { Attribute, StageSpan } from '../../tracing/names.js';
import type { NodeOperation, NodeTracer } from '../../tracing/node-tracer.js';
import { failSpan } from '../../tracing/spans.js';
import { encodeTraceContext } from '../../tracing/trace-context.js';
import { toHrTime, wallUs } from '../../tracing/wall-clock.js';

/** What the spans of a replica ask of its core. */
export interface WriteProgress {
  readonly epoch: number;
  readonly isLeader: boolean;
  /** Highest seq of a session that has a slot in this log. */
  orderedThrough(session: number): number;
  /** Highest seq of a session that is committed here. */
  committedThrough(session: number): number;
}

/** A write on its way. */
interface Commit {
  readonly operation: NodeOperation;
  /** Its client is told by a notice. */
  readonly isWeak: boolean;
  /** Null until the write has a slot. */
  span: Span | null;
  isCommitted: boolean;
}

/** Most writes that are watched at once; further ones are not. */
const WATCHED_LIMIT = 4096;

/** The traced writes that one leader has not seen committed, or not announced. */
export class CommitTraces {
  readonly #tracer: NodeTracer;
  readonly #core: WriteProgress;
  readonly #watched = new Set<Commit>();

  constructor(tracer: NodeTracer, core: WriteProgress) {
    this.#tracer = tracer;
    this.#core = core;
  }

  /** A write that the leader has just stepped. */
  watch(operation: NodeOperation, isWeak: boolean): void {
    if (this.#watched.size < WATCHED_LIMIT) this.#watched.add({ operation, isWeak, span: null, isCommitted: false });
  }

  /** Looks how far the core is; to be called when it may have moved. */
  follow(): void {
    if (this.#watched.size === 0) return;
    const nowUs = wallUs();
    for (const commit of this.#watched) this.#follow(commit, nowUs);
  }

  /** Puts into a frame to followers what its traced entries need. */
  traceReplicate(frame: ReplicateRequest): void {
    if (this.#watched.size === 0 || frame.entries.length === 0) return;
    this.follow();
    for (const { operation, span } of this.#watched) {
      const { session, seq } = operation;
      if (span === null) continue;
      if (!frame.entries.some(({ command }) => command?.session === session && command.seq === seq)) continue;
      frame.trace = this.#add(frame.trace, operation, span);
    }
  }

  /** Puts into acknowledgements what the notices of traced weak writes need; they are followed no further. */
  traceNotices(batch: AckBatch): void {
    if (this.#watched.size === 0 || batch.commitNotices.length === 0) return;
    this.follow();
    for (const commit of this.#watched) {
      const { operation, span, isCommitted } = commit;
      const { session, seq } = operation;
      if (span === null || !isCommitted) continue;
      if (!batch.commitNotices.some((notice) => notice.session === session && notice.through >= seq)) continue;
      batch.trace = this.#add(batch.trace, operation, span);
      this.#watched.delete(commit);
    }
  }

  #follow(commit: Commit, nowUs: number): void {
    const { operation } = commit;
    const { session, seq } = operation;
    if (!this.#core.isLeader) return this.#abandon(commit, nowUs);
    if (commit.span === null && this.#core.orderedThrough(session) >= seq) {
      commit.span = this.#tracer.beginBackground(StageSpan.commit, operation, nowUs);
    }
    if (commit.span === null || commit.isCommitted || this.#core.committedThrough(session) < seq) return;
    commit.isCommitted = true;
    commit.span.setAttribute(Attribute.background, operation.answeredUs > 0);
    commit.span.end(toHrTime(nowUs));
    if (!commit.isWeak) this.#watched.delete(commit);
  }

  /** Somebody else leads now, who knows nothing of this trace. */
  #abandon(commit: Commit, nowUs: number): void {
    this.#watched.delete(commit);
    if (commit.span === null || commit.isCommitted) return;
    failSpan(commit.span, 'leadership_lost');
    commit.span.end(toHrTime(nowUs));
  }

  #add(trace: FrameTrace | undefined, { session, seq }: NodeOperation, span: Span): FrameTrace {
    const into = trace ?? { sentUs: wallUs(), operations: [] };
    into.operations.push({ nonce: 0, session, seq, context: encodeTraceContext(span.spanContext()) });
    return into;
  }
}
