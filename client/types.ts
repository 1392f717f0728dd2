// The public face of the SDK as types: what a caller states, what comes back, what can go wrong. The classes behind
// them live in the other files of this room; the rules they obey live in protocol/session.

import type { Tracer } from '@opentelemetry/api';
import type { TimeLine } from '../attribution/stages.js';
import type { AckLevel, SessionToken, SlowReason } from '../protocol/core.js';
import type { CommandId } from '../protocol/messages.js';

/** A key or value: bytes as they are, a string as its UTF-8. */
export type BytesLike = Uint8Array | string;

/** Strong: linearizable. Weak: causal, answered by the closest replica. See docs/CONSISTENCY.md. */
export type Consistency = 'strong' | 'weak';

/** Options that every operation takes. */
export interface CallOptions<C extends Consistency = Consistency> {
  /** Default `strong`. */
  consistency?: C;
  /** Milliseconds from now until the call fails; default from `ConnectOptions.deadlineMs`. */
  deadlineMs?: number;
  /** Aborting ends the wait; a write that was numbered goes on (F7). */
  signal?: AbortSignal;
  /**
   * W3C traceparent of the span under which the operation runs. Where the connection traces, it wins over the span that is
   * active in OpenTelemetry's context; elsewhere it has no effect.
   */
  traceparent?: string;
}

/** Facts about how an operation was answered. */
export interface Answered {
  /** `fast` in one round trip, `slow` otherwise; `weak` for weak operations. */
  path: 'fast' | 'slow' | 'weak';
  /** Why a strong operation was not fast. */
  slowReason?: SlowReason;
  /** Epoch that answered. */
  epoch: number;
  /** Log slot of the write, or version of what was read; 0 for a weak write that is not committed yet or, rarely, without word of it. */
  slot: number;
  /** Where its time went; only for the share of operations that `ConnectOptions.timeLineEvery` asks for. */
  timeLine?: TimeLine;
}

/** Answer of a strong write. */
export interface WriteOutcome extends Answered {
  /** Name of the write for life. */
  id: CommandId;
}

/** Answer of a compare-and-set. */
export interface CompareAndSetOutcome extends WriteOutcome {
  /** Whether the expectation was met and the value set. */
  applied: boolean;
  /** If not applied: the value found, null if there was none. */
  found: Uint8Array | null;
}

/** A weak write under way. Each promise may be awaited or ignored; ignoring one is never an unhandled rejection. */
export interface WeakWrite {
  /** Name of the write for life. Its seq is 0 until the write is numbered, at the latest when `local` resolves. */
  readonly id: CommandId;
  /** The bound replica holds it. Only as good as the session's earlier writes. */
  readonly local: Promise<Answered>;
  /** On q witnesses of one epoch or on a majority of replicas: survives what the cluster survives. */
  readonly witnessed: Promise<Answered>;
  /**
   * In the log for good. `slot` is where, or 0 if the word of it was lost or overtaken and
   * that of a later write of the session told of the commit: over the bus, around view changes, after a stream broke.
   */
  readonly committed: Promise<Answered>;
  /** How far it is now; null before `local`. */
  readonly level: AckLevel | null;
}

/** Answer of a get. */
export interface GetOutcome extends Answered {
  /** The value, null if the key does not exist. */
  value: Uint8Array | null;
}

/** What to scan. */
export interface ScanQuery {
  /** First key, inclusive; default the first of all. */
  start?: BytesLike;
  /** Last key, exclusive; default no end. */
  end?: BytesLike;
  /** Most entries, default 100, at most 10,000. */
  limit?: number;
  /** Most bytes of keys and values, default and at most 1 MiB. */
  byteLimit?: number;
  /** Cursor of the page before; replaces `start`. */
  cursor?: string;
}

/** One page of a scan. Pages are separate snapshots. */
export interface ScanOutcome extends Answered {
  entries: { key: Uint8Array; value: Uint8Array }[];
  /** Pass it on to read the next page; null at the end. */
  cursor: string | null;
}

/** One change of a batch; `value: null` deletes. */
export interface BatchWrite {
  key: BytesLike;
  value: BytesLike | null;
}

/** A session: one caller's causal order. Operations of one session may overlap. */
export interface Session {
  readonly id: number;
  /**
   * Null while the session goes on. Once the cluster has ended it, because it heard nothing of this process for longer than
   * a lease: its writes that are not known to be committed. Those that were not committed by then never will be (E8).
   */
  readonly lost: readonly CommandId[] | null;
  put(key: BytesLike, value: BytesLike, options: CallOptions<'weak'> & { consistency: 'weak' }): WeakWrite;
  put(key: BytesLike, value: BytesLike, options?: CallOptions<'strong'>): Promise<WriteOutcome>;
  delete(key: BytesLike, options: CallOptions<'weak'> & { consistency: 'weak' }): WeakWrite;
  delete(key: BytesLike, options?: CallOptions<'strong'>): Promise<WriteOutcome>;
  /** One atomic command of puts and deletes. */
  batch(writes: BatchWrite[], options: CallOptions<'weak'> & { consistency: 'weak' }): WeakWrite;
  batch(writes: BatchWrite[], options?: CallOptions<'strong'>): Promise<WriteOutcome>;
  /** Sets `value` if the key holds `expected` (null: does not exist). Always strong. */
  compareAndSet(
    key: BytesLike,
    expected: BytesLike | null,
    value: BytesLike,
    options?: CallOptions<'strong'>,
  ): Promise<CompareAndSetOutcome>;
  get(key: BytesLike, options?: CallOptions): Promise<GetOutcome>;
  scan(query?: ScanQuery, options?: CallOptions): Promise<ScanOutcome>;
  /** Waits until the session's writes are committed, then says where it stands. */
  exportToken(options?: Pick<CallOptions, 'deadlineMs' | 'signal'>): Promise<string>;
  /** Waits for the session's writes, then forgets it. */
  close(): Promise<void>;
}

/** How a connection traces its operations. */
export interface ClientTracing {
  /** A tracer of OpenTelemetry; what its spans go through is the application's business. */
  tracer: Tracer;
  /**
   * Share of operations, 0 to 1, that begin a trace of their own where their caller has none. An operation under a sampled
   * span of its caller is always traced, one under a span that is not sampled never.
   */
  ratio: number;
}

/** How to reach a cluster. */
export interface ConnectOptions {
  /** Coordinators, `host:port,…`. */
  target: string;
  /** Refuse any other cluster. */
  clusterId?: string;
  /** Default 10,000. */
  deadlineMs?: number;
  /** Where acknowledgements of weak writes come from; default `nats`, which falls back to the stream by itself. */
  ackTransport?: 'nats' | 'stream';
  /** An acknowledgement not seen for this long is asked for over the stream; default 20. */
  ackWaitMs?: number;
  /** Most writes of one session that are not known to be committed; further ones wait. Default 1,024. */
  writeSetLimit?: number;
  /** How often a session that has written is said to be alive while it does nothing else; default 10,000. */
  aliveEveryMs?: number;
  /** Gathering time for a frame: 0 (default) sends at the end of the event-loop turn. */
  batchDelayUs?: number;
  /** Name of the replica to bind to; default is the closest. */
  boundReplica?: string;
  /** Absent, nothing is traced and nothing of OpenTelemetry is loaded. */
  tracing?: ClientTracing;
  /**
   * Every so manieth operation, from 1 to 2^20, is answered with a time line: where its time went. 0 (default) for none;
   * then frames carry nothing for it.
   */
  timeLineEvery?: number;
}

/** How to find out about a write. */
export interface ResolveOptions extends Pick<CallOptions, 'deadlineMs' | 'signal'> {
  /**
   * End the write's session, so that the answer cannot change any more. Only for sessions that nobody uses: it has no effect
   * on one that is open in this process, and ends one that is open in another.
   */
  settle?: boolean;
}

/** What became of a write. */
export type Resolution =
  /** It took effect, once. The rest is there as far as it is still known; `found` as in `CompareAndSetOutcome`. */
  | { outcome: 'executed'; slot?: number; applied?: boolean; found?: Uint8Array | null }
  /** It did not and never will. */
  | { outcome: 'notExecuted' }
  /** `pending`: not by now, but it still may; ask with `settle`. `sessionEnded`: nothing is known of it any more. */
  | { outcome: 'unknown'; reason: 'pending' | 'sessionEnded' };

/** A process's connection: one stream per node, shared by all its sessions. */
export interface Client {
  readonly clusterId: string;
  readonly clientId: number;
  session(options?: { token?: string }): Promise<Session>;
  /**
   * Finds out what became of a write that ended with `UNKNOWN_OUTCOME`, by its id. For a session that is open here it waits
   * until the write is committed; for any other the leader says what it knows (F7).
   * @throws ClientError `DEADLINE_EXCEEDED`, `ABORTED`, `CLOSED`: nothing was learnt, ask again.
   */
  resolve(id: CommandId, options?: ResolveOptions): Promise<Resolution>;
  /** Counters since the start; a snapshot. */
  stats(): ClientStats;
  /** Waits for writes under way (at most `graceMs`, default 5,000), then closes all streams. */
  close(options?: { graceMs?: number }): Promise<void>;
}

/** Counters of one client process. */
export interface ClientStats {
  epoch: number;
  boundReplica: string;
  /** Strong operations completed on the fast path. */
  fast: number;
  /** Strong operations completed otherwise, by reason. */
  slow: Partial<Record<SlowReason, number>>;
  /** First acknowledgements of weak writes, by the way they came. */
  acks: { nats: number; stream: number };
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Writes sent again (reconnect, need-writes, retry). */
  resends: number;
  /** Epochs after the first that this client saw open. */
  epochChanges: number;
  reconnects: number;
}

export type { AckLevel, SessionToken, SlowReason };
