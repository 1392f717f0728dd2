// The part of a traced write that comes after its answer: from the slot at the leader, over its followers' logs, to the
// majority that commits it and the notice that says so. Asks the core how far each session is; changes nothing.

import type { Span } from '@opentelemetry/api';
import { createFrameTrace } from '../../protocol/frames.js';
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
  readonly isOpen: boolean;
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
const WATCHED_LIMIT = 1024;
/** How long: one that was refused, or whose notice went another way, will not be heard of again. */
const WATCHED_US_LIMIT = 60_000_000;

/** The traced writes that one leader has not seen committed, or not announced. */
export class CommitTraces {
  readonly #tracer: NodeTracer;
  readonly #core: WriteProgress;
  /** By session and seq. */
  readonly #watched = new Map<number, Map<number, Commit>>();
  #size = 0;

  constructor(tracer: NodeTracer, core: WriteProgress) {
    this.#tracer = tracer;
    this.#core = core;
  }

  /** A write that the leader has just stepped. */
  watch(operation: NodeOperation, isWeak: boolean): void {
    const { session, seq } = operation;
    // A duplicate of what is committed has no way left to go.
    if (this.#size >= WATCHED_LIMIT || this.#core.committedThrough(session) >= seq) return;
    const commits = this.#watched.get(session) ?? new Map<number, Commit>();
    this.#watched.set(session, commits);
    if (commits.has(seq)) return;
    commits.set(seq, { operation, isWeak, span: null, isCommitted: false });
    this.#size++;
  }

  /** Looks how far the core is; to be called when it may have moved. */
  follow(): void {
    if (this.#size === 0) return;
    const nowUs = wallUs();
    for (const commits of this.#watched.values()) {
      for (const commit of commits.values()) this.#follow(commit, nowUs);
    }
  }

  /** Puts into a frame to followers what its traced entries need. */
  traceReplicate(frame: ReplicateRequest): void {
    if (this.#size === 0 || frame.entries.length === 0) return;
    this.follow();
    for (const { command } of frame.entries) {
      if (command === undefined) continue;
      const commit = this.#watched.get(command.session)?.get(command.seq);
      if (commit?.span) frame.trace = this.#add(frame.trace, commit.operation, commit.span);
    }
  }

  /** Puts into acknowledgements what the notices of traced weak writes need; they are followed no further. */
  traceNotices(batch: AckBatch): void {
    if (this.#size === 0 || batch.commitNotices.length === 0) return;
    this.follow();
    for (const { session, through } of batch.commitNotices) {
      for (const commit of this.#watched.get(session)?.values() ?? []) {
        const { operation, span, isCommitted } = commit;
        if (span === null || !isCommitted || operation.seq > through) continue;
        batch.trace = this.#add(batch.trace, operation, span);
        this.#forget(commit);
      }
    }
  }

  /** The client is gone: what it has sent and what has no slot yet may never get one. */
  dropClient(client: number): void {
    for (const commits of this.#watched.values()) {
      for (const commit of commits.values()) {
        if (commit.operation.client === client && commit.span === null) this.#forget(commit);
      }
    }
  }

  /** The node ends. */
  close(): void {
    const nowUs = wallUs();
    for (const commits of this.#watched.values()) {
      for (const commit of commits.values()) this.#abandon(commit, nowUs, 'node_closed');
    }
  }

  #follow(commit: Commit, nowUs: number): void {
    const { operation } = commit;
    const { session, seq } = operation;
    if (!this.#core.isLeader) return this.#abandon(commit, nowUs, 'leadership_lost');
    if (nowUs - operation.receivedUs > WATCHED_US_LIMIT) return this.#abandon(commit, nowUs, 'uncommitted');
    if (commit.span === null && this.#core.orderedThrough(session) >= seq) {
      commit.span = this.#tracer.beginBackground(StageSpan.commit, operation, nowUs);
    }
    if (commit.span === null || commit.isCommitted || this.#core.committedThrough(session) < seq) return;
    commit.isCommitted = true;
    commit.span.setAttribute(Attribute.background, operation.answeredUs > 0);
    commit.span.end(toHrTime(nowUs));
    if (!commit.isWeak) this.#forget(commit);
  }

  #abandon(commit: Commit, nowUs: number, why: string): void {
    this.#forget(commit);
    if (commit.span === null || commit.isCommitted) return;
    failSpan(commit.span, why);
    commit.span.end(toHrTime(nowUs));
  }

  #forget({ operation }: Commit): void {
    const { session, seq } = operation;
    const commits = this.#watched.get(session);
    if (commits?.delete(seq)) this.#size--;
    if (commits?.size === 0) this.#watched.delete(session);
  }

  #add(trace: FrameTrace | undefined, { session, seq }: NodeOperation, span: Span): FrameTrace {
    const into = trace ?? createFrameTrace(wallUs());
    into.operations.push({ nonce: 0, session, seq, context: encodeTraceContext(span.spanContext()) });
    return into;
  }
}
