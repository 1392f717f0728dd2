// A session as its caller sees it: checks what is asked, begins calls, shapes answers. The causal order itself is kept
// by the session core; nothing here waits or retries.

import type { Answer, Operation } from '../protocol/core.js';
import type { CommandId } from '../protocol/messages.js';
import { parseTraceparent } from '../tracing/trace-context.js';
import { ClientError, invalidArgument } from './client-error.js';
import type { CoreDriver } from './core-driver.js';
import {
  createBatch,
  createCompareAndSet,
  createDelete,
  createGet,
  createPut,
  createScan,
  isStrong,
} from './operation.js';
import { checkDeadlineMs } from './options.js';
import { toCompareAndSetOutcome, toGetOutcome, toScanOutcome, toWriteOutcome } from './outcome.js';
import { type CallStart, PromisedCall, type SessionState, WeakWriteCall } from './pending-call.js';
import { encodeSessionToken } from './session-token.js';
import type {
  Answered,
  BatchWrite,
  BytesLike,
  CallOptions,
  CompareAndSetOutcome,
  GetOutcome,
  ScanOutcome,
  ScanQuery,
  Session,
  WeakWrite,
  WriteOutcome,
} from './types.js';

type Weak = CallOptions<'weak'> & { consistency: 'weak' };
type Strong = CallOptions<'strong'>;

/** The SDK's only implementation of `Session`. */
export class SessionHandle implements Session {
  readonly id: number;
  readonly #state: SessionState;
  readonly #driver: CoreDriver;
  readonly #deadlineMs: number;
  #closing: Promise<void> | null = null;

  constructor(driver: CoreDriver, state: SessionState, deadlineMs: number) {
    this.id = state.id;
    this.#driver = driver;
    this.#state = state;
    this.#deadlineMs = deadlineMs;
  }

  put(key: BytesLike, value: BytesLike, options: Weak): WeakWrite;
  put(key: BytesLike, value: BytesLike, options?: Strong): Promise<WriteOutcome>;
  put(key: BytesLike, value: BytesLike, options?: CallOptions): WeakWrite | Promise<WriteOutcome> {
    return this.#write(options, (strong) => createPut(key, value, strong));
  }

  delete(key: BytesLike, options: Weak): WeakWrite;
  delete(key: BytesLike, options?: Strong): Promise<WriteOutcome>;
  delete(key: BytesLike, options?: CallOptions): WeakWrite | Promise<WriteOutcome> {
    return this.#write(options, (strong) => createDelete(key, strong));
  }

  batch(writes: BatchWrite[], options: Weak): WeakWrite;
  batch(writes: BatchWrite[], options?: Strong): Promise<WriteOutcome>;
  batch(writes: BatchWrite[], options?: CallOptions): WeakWrite | Promise<WriteOutcome> {
    return this.#write(options, (strong) => createBatch(writes, strong));
  }

  compareAndSet(
    key: BytesLike,
    expected: BytesLike | null,
    value: BytesLike,
    options?: Strong,
  ): Promise<CompareAndSetOutcome> {
    try {
      if (!isStrong(options)) throw invalidArgument('consistency', 'a compare-and-set is always strong');
      return this.#begin(createCompareAndSet(key, expected, value), options, toCompareAndSetOutcome);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  get(key: BytesLike, options?: CallOptions): Promise<GetOutcome> {
    try {
      return this.#begin(createGet(key, isStrong(options)), options, toGetOutcome);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  scan(query: ScanQuery = {}, options?: CallOptions): Promise<ScanOutcome> {
    try {
      return this.#begin(createScan(query, isStrong(options)), options, toScanOutcome);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async exportToken(options?: Pick<CallOptions, 'deadlineMs' | 'signal'>): Promise<string> {
    await this.#committed(options);
    const token = this.#driver.sessionToken(this.#state);
    if (token === null) throw new ClientError('CLOSED', `session ${this.id} was closed`);
    return encodeSessionToken(token);
  }

  get lost(): readonly CommandId[] | null {
    return this.#state.lost;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#committed(undefined);
    } finally {
      this.#driver.closeSession(this.#state);
    }
  }

  /** Waits until every write of the session so far is committed, as long as a call would wait. */
  async #committed(options: Pick<CallOptions, 'deadlineMs' | 'signal'> | undefined): Promise<void> {
    const deadlineMs = options?.deadlineMs === undefined ? this.#deadlineMs : checkDeadlineMs(options.deadlineMs);
    await this.#driver.committed(this.#state, deadlineMs, options?.signal);
  }

  /** A strong write is a promise, also of the caller's mistakes; a weak one throws them, since nobody may look at it. */
  #write(options: CallOptions | undefined, create: (strong: boolean) => Operation): WeakWrite | Promise<WriteOutcome> {
    if (options?.consistency === 'weak') {
      const call = new WeakWriteCall(this.#start(create(false), options));
      this.#driver.begin(call, checkTraceparent(options.traceparent));
      return call.handle;
    }
    try {
      return this.#begin(create(isStrong(options)), options, toWriteOutcome);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #begin<Outcome extends Answered>(
    operation: Operation,
    options: CallOptions | undefined,
    shape: (answer: Answer, session: number) => Outcome,
  ): Promise<Outcome> {
    const call = new PromisedCall(this.#start(operation, options), shape);
    this.#driver.begin(call, checkTraceparent(options?.traceparent));
    return call.promise;
  }

  #start(operation: Operation, options: CallOptions | undefined): CallStart {
    const deadlineMs = options?.deadlineMs === undefined ? this.#deadlineMs : checkDeadlineMs(options.deadlineMs);
    return {
      owner: this.#driver,
      session: this.#state,
      operation,
      deadlineMs: this.#driver.nowMs() + deadlineMs,
      signal: options?.signal,
    };
  }
}

function checkTraceparent(traceparent: string | undefined): string | undefined {
  if (traceparent === undefined || parseTraceparent(traceparent) !== null) return traceparent;
  throw invalidArgument('traceparent', 'not of the W3C form 00-<trace id>-<span id>-<flags>');
}
