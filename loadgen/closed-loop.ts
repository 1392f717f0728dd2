// The closed loop of one process: each stream keeps `pendings` operations in flight and issues the next one the moment
// an answer arrives. Made to be lean, since it shares the machine with the cluster: everything an operation in flight
// needs lives in a lane that is made once. Knows the SDK's types only; does not know who starts it or what is reported.

import { performance } from 'node:perf_hooks';

import type { Answered, Client, GetOutcome, Session, WeakWrite, WriteOutcome } from '../client/types.js';
import { type HistoryWriter, historyTimeUs, toBase64 } from './history.js';
import type { KeySpace } from './key-space.js';
import type { Recorder } from './recorder.js';
import type { SendLag } from './self-check.js';
import type { ValueCodec } from './value-codec.js';
import { ReadExpectation, type SessionView, type Verifier } from './verifier.js';
import type { ClassIndex, Workload } from './workload.js';

/** What all streams of a process share. */
export interface LoopDoors {
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

/** When streams stop issuing: at a time of `performance.now()`, or after a number of operations each. */
export interface LoopLimits {
  untilMs: number;
  requestsPerStream: number;
}

const STRONG = { consistency: 'strong' } as const;
const WEAK = { consistency: 'weak' } as const;
const SEND_LAG_EVERY = 64;

/** Opens one session of a client. */
export async function openStreamSession(client: Client, verifier: Verifier): Promise<StreamSession> {
  const session = await client.session();
  return { session, view: verifier.openSession(session.id) };
}

/** One run of the loop. Use once. */
export class ClosedLoop {
  readonly #lanes: Lane[] = [];
  readonly #drained: Promise<void>;
  #resolveDrained: () => void = () => {};
  #busy = 0;

  constructor(
    doors: LoopDoors,
    streams: { on: StreamSession; workload: Workload }[],
    pendings: number,
    limits: LoopLimits,
  ) {
    this.#drained = new Promise((resolve) => {
      this.#resolveDrained = resolve;
    });
    const onIdle = () => {
      if (--this.#busy === 0) this.#resolveDrained();
    };
    for (const { on, workload } of streams) {
      const stream: Stream = {
        session: on.session,
        view: on.view,
        workload,
        left: limits.requestsPerStream,
        untilMs: limits.untilMs,
      };
      for (let i = 0; i < pendings; i++) this.#lanes.push(new Lane(doors, stream, onIdle));
    }
  }

  /** Fills all windows. Resolves when the limits are reached and every operation has ended, well or badly. */
  run(): Promise<void> {
    // Counted before the first is issued, so that one that ends at once cannot look like the last.
    this.#busy = this.#lanes.length;
    for (const lane of this.#lanes) lane.issue(performance.now());
    return this.#drained;
  }

  /** Issues nothing more; what is in flight goes on. */
  stop(): void {
    for (const lane of this.#lanes) lane.stop();
  }
}

interface Stream {
  session: Session;
  view: SessionView;
  workload: Workload;
  left: number;
  untilMs: number;
}

/** A place for one operation in flight. The handlers are bound once, because an operation should not cost closures. */
class Lane {
  readonly #doors: LoopDoors;
  readonly #stream: Stream;
  readonly #onIdle: () => void;
  readonly #expectation = new ReadExpectation();
  #classIndex: ClassIndex = 0;
  #keyIndex = 0;
  #serial = 0;
  #startMs = 0;
  #untilSendLag = SEND_LAG_EVERY;
  /** Kept for the history only. */
  #value: Buffer | null = null;
  #weakWrite: WeakWrite | null = null;

  constructor(doors: LoopDoors, stream: Stream, onIdle: () => void) {
    this.#doors = doors;
    this.#stream = stream;
    this.#onIdle = onIdle;
  }

  stop(): void {
    this.#stream.left = 0;
  }

  issue(nowMs: number): void {
    const stream = this.#stream;
    if (stream.left <= 0 || nowMs >= stream.untilMs) {
      this.#onIdle();
      return;
    }
    stream.left--;
    const workload = stream.workload;
    workload.advance();
    this.#classIndex = workload.classIndex;
    this.#keyIndex = workload.keyIndex;
    this.#startMs = nowMs;
    try {
      if ((this.#classIndex & 1) === 1) this.#issueWrite();
      else this.#issueRead();
    } catch (error) {
      this.#onError(error);
    }
  }

  #issueRead(): void {
    const { verifier, keys } = this.#doors;
    const { session, view } = this.#stream;
    const isStrong = this.#classIndex === 0;
    this.#serial = view.issued;
    verifier.readIssued(view, this.#keyIndex, isStrong, this.#expectation);
    session.get(keys.bytesOf(this.#keyIndex), isStrong ? STRONG : WEAK).then(this.#onRead, this.#onError);
  }

  #issueWrite(): void {
    const { verifier, keys, codec, history } = this.#doors;
    const { session, view } = this.#stream;
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
    const nowMs = performance.now();
    this.#doors.verifier.readDone(this.#stream.view, this.#expectation, outcome);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, 'ok', outcome, outcome.value);
    this.#next(nowMs, outcome);
  };

  readonly #onStrongWrite = (outcome: WriteOutcome): void => {
    const nowMs = performance.now();
    this.#doors.verifier.strongWriteDone(this.#stream.view, this.#keyIndex, this.#serial, outcome);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, 'ok', outcome, null, outcome.id.seq);
    this.#next(nowMs, outcome);
  };

  readonly #onWeakWrite = (answered: Answered): void => {
    const nowMs = performance.now();
    this.#doors.verifier.writeDone(this.#stream.view, this.#keyIndex, this.#serial);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, 'ok', answered, null, this.#weakWrite?.id.seq);
    this.#next(nowMs, answered);
  };

  readonly #onError = (error: unknown): void => {
    const nowMs = performance.now();
    const code = errorCode(error);
    const isUnknown = code === 'UNKNOWN_OUTCOME';
    this.#doors.recorder.failed(code, isUnknown);
    if ((this.#classIndex & 1) === 1) this.#doors.verifier.writeLost(this.#stream.view, this.#keyIndex, this.#serial);
    if (this.#doors.history !== null) this.#recordHistory(nowMs, isUnknown ? 'unknown' : 'failed', null, null);
    // In a later turn, so that an SDK that refuses at once cannot keep this process busy for ever.
    setImmediate(this.#issueLater);
  };

  readonly #issueLater = (): void => this.issue(performance.now());

  #next(nowMs: number, answered: Answered): void {
    const latencyMs = nowMs - this.#startMs;
    this.#doors.recorder.completed(this.#classIndex, this.#startMs, nowMs, answered);
    this.issue(nowMs);
    if (--this.#untilSendLag > 0) return;
    this.#untilSendLag = SEND_LAG_EVERY;
    this.#doors.sendLag.record(performance.now() - nowMs, latencyMs);
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
      session: this.#stream.view.session,
      seq,
      op: isWrite ? 'put' : 'get',
      consistency: this.#classIndex >= 2 ? 'weak' : 'strong',
      key: toBase64(this.#doors.keys.bytesOf(this.#keyIndex)),
      ...(isWrite && this.#value !== null ? { value: toBase64(this.#value) } : {}),
      ...(!isWrite && outcome === 'ok' ? { result: value === null ? null : toBase64(value) } : {}),
      invokeUs: historyTimeUs(this.#startMs),
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
