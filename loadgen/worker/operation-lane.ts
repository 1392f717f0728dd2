// One operation in flight: issued through the SDK, its answer verified, recorded and, if wanted, written to the history.
// Lean, since the generator shares the machine with the cluster: a lane is made once and used for one operation after
// another. Knows the SDK's types only; when it is used again is its owner's decision.

import type { Answered, Client, GetOutcome, Session, WeakWrite, WriteOutcome } from '../../client/types.js';
import { type HistoryWriter, historyTimeUs, toBase64 } from './history.js';
import type { KeySpace } from './key-space.js';
import type { Recorder } from './recorder.js';
import type { SendLag } from './self-check.js';
import type { ValueCodec } from './value-codec.js';
import { ReadExpectation, type SessionView, type Verifier } from './verifier.js';
import type { ClassIndex, Workload } from './workload.js';

/** What all streams of a process share. */
export interface LoopDoors {
  /** Milliseconds of a clock that never goes back; all times of a loop are of this clock. */
  now: () => number;
  keys: KeySpace;
  codec: ValueCodec;
  verifier: Verifier;
  recorder: Recorder;
  sendLag: SendLag;
  /** Null where no history is wanted. */
  history: HistoryWriter | null;
}

/** One session of the process, for as long as the process lives. */
export interface StreamSession {
  session: Session;
  view: SessionView;
}

/** A session and what it does in one phase. */
export interface Stream extends StreamSession {
  workload: Workload;
}

/** A way of issuing load for one phase. Used once. */
export interface LoadLoop {
  /** Resolves when the phase is over and every operation has ended, well or badly. */
  run(): Promise<void>;
  /** Issues nothing more; what is in flight goes on. */
  stop(): void;
  readonly inFlight: number;
  /** Operations whose time has come and that are not sent yet. */
  readonly waiting: number;
}

/** Who uses a lane. */
export interface LaneOwner<S extends Stream> {
  /** `latencyMs` is that of the answered operation. */
  onAnswered(lane: OperationLane<S>, nowMs: number, latencyMs: number): void;
  /** Comes in a later turn, so that an SDK that refuses at once cannot keep the process busy for ever. */
  onFailed(lane: OperationLane<S>): void;
}

const STRONG = { consistency: 'strong' } as const;
const WEAK = { consistency: 'weak' } as const;

/** Opens one session of a client. */
export async function openStreamSession(client: Client, verifier: Verifier): Promise<StreamSession> {
  const session = await client.session();
  return { session, view: verifier.openSession(session.id) };
}

/** A place for one operation in flight. The handlers are bound once, because an operation should not cost closures. */
export class OperationLane<S extends Stream> {
  /** Whose operation this is. */
  stream: S;
  readonly #doors: LoopDoors;
  readonly #owner: LaneOwner<S>;
  readonly #expectation = new ReadExpectation();
  #classIndex: ClassIndex = 0;
  #keyIndex = 0;
  #serial = 0;
  #startMs = 0;
  /** When it was issued: `#startMs` may lie before the operation existed. */
  #invokeMs = 0;
  #value: Buffer | null = null;
  #weakWrite: WeakWrite | null = null;

  constructor(doors: LoopDoors, owner: LaneOwner<S>, stream: S) {
    this.#doors = doors;
    this.#owner = owner;
    this.stream = stream;
  }

  /** Issues the stream's next operation; its latency counts from `startMs`. */
  issue(startMs: number): void {
    const workload = this.stream.workload;
    workload.advance();
    this.#classIndex = workload.classIndex;
    this.#keyIndex = workload.keyIndex;
    this.#startMs = startMs;
    this.#invokeMs = this.#doors.now();
    try {
      if ((this.#classIndex & 1) === 1) this.#issueWrite();
      else this.#issueRead();
    } catch (error) {
      this.#onError(error);
    }
  }

  #issueRead(): void {
    const { verifier, keys } = this.#doors;
    const { session, view } = this.stream;
    const isStrong = this.#classIndex === 0;
    this.#serial = view.issued;
    verifier.readIssued(view, this.#keyIndex, isStrong, this.#expectation);
    session.get(keys.bytesOf(this.#keyIndex), isStrong ? STRONG : WEAK).then(this.#onRead, this.#onError);
  }

  #issueWrite(): void {
    const { verifier, keys, codec, history } = this.#doors;
    const { session, view } = this.stream;
    this.#serial = verifier.writeIssued(view, this.#keyIndex);
    const value = codec.encode(this.#keyIndex, view.session, this.#serial);
    if (history !== null) this.#value = value;
    const key = keys.bytesOf(this.#keyIndex);
    if (this.#classIndex === 1) {
      session.put(key, value, STRONG).then(this.#onStrongWrite, this.#onError);
    } else {
      const weakWrite = session.put(key, value, WEAK);
      if (history !== null) this.#weakWrite = weakWrite;
      weakWrite.local.then(this.#onWeakWrite, this.#onError);
    }
  }

  readonly #onRead = (outcome: GetOutcome): void => {
    const nowMs = this.#doors.now();
    this.#doors.verifier.readDone(this.stream.view, this.#expectation, outcome);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, 'ok', outcome, outcome.value);
    this.#end(nowMs, outcome);
  };

  readonly #onStrongWrite = (outcome: WriteOutcome): void => {
    const nowMs = this.#doors.now();
    this.#doors.verifier.strongWriteDone(this.stream.view, this.#keyIndex, this.#serial, outcome);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, 'ok', outcome, null, outcome.id.seq);
    this.#end(nowMs, outcome);
  };

  readonly #onWeakWrite = (answered: Answered): void => {
    const nowMs = this.#doors.now();
    this.#doors.verifier.writeDone(this.stream.view, this.#keyIndex, this.#serial);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, 'ok', answered, null, this.#weakWrite?.id.seq);
    this.#end(nowMs, answered);
  };

  readonly #onError = (error: unknown): void => {
    const nowMs = this.#doors.now();
    const code = errorCode(error);
    const isUnknown = code === 'UNKNOWN_OUTCOME';
    this.#doors.recorder.failed(nowMs, code, isUnknown);
    if ((this.#classIndex & 1) === 1) this.#doors.verifier.writeLost(this.stream.view, this.#keyIndex, this.#serial);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, isUnknown ? 'unknown' : 'failed', null, null);
    setImmediate(this.#endFailed);
  };

  readonly #endFailed = (): void => this.#owner.onFailed(this);

  #end(nowMs: number, answered: Answered): void {
    this.#doors.recorder.completed(this.#classIndex, this.#startMs, nowMs, answered, this.#invokeMs);
    this.#owner.onAnswered(this, nowMs, nowMs - this.#startMs);
  }

  #recordHistory(
    nowMs: number,
    outcome: 'ok' | 'failed' | 'unknown',
    answered: Answered | null,
    value: Uint8Array | null,
    seq = this.#serial,
  ): void {
    const isWrite = (this.#classIndex & 1) === 1;
    this.#doors.history?.write({
      session: this.stream.view.session,
      seq,
      op: isWrite ? 'put' : 'get',
      consistency: this.#classIndex >= 2 ? 'weak' : 'strong',
      key: toBase64(this.#doors.keys.bytesOf(this.#keyIndex)),
      ...(isWrite && this.#value !== null ? { value: toBase64(this.#value) } : {}),
      ...(!isWrite && outcome === 'ok' ? { result: value === null ? null : toBase64(value) } : {}),
      invokeUs: historyTimeUs(this.#invokeMs),
      ...(outcome === 'ok' ? { returnUs: historyTimeUs(nowMs) } : {}),
      outcome,
      slot: answered?.slot ?? 0,
      epoch: answered?.epoch ?? 0,
    });
  }
}

/** The SDK's code of an error, or its name. */
export function errorCode(error: unknown): string {
  if (error instanceof Error) return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return 'unknown error';
}
