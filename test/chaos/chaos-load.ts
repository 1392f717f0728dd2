// The recorded load of a chaos run: an open loop over several connections and sessions, bounded in what it keeps in
// flight, every operation in the history, also those whose outcome nobody knows. Knows nothing of faults.

import { type Client, ClientError, type Session, type WeakWrite } from '../../client/index.js';
import type { Answered } from '../../client/types.js';
import { Arrivals } from '../../loadgen/worker/arrivals.js';
import { historyTimeUs } from '../../loadgen/worker/history.js';
import { Random } from '../../loadgen/worker/random.js';
import type { HistoryEvent } from '../checkers/history.js';
import { ALL_KEYS, type DrawnOperation, hotKeys, LoadMix, type SessionKind } from './load-mix.js';
import { type OpenEvent, SessionRecorder } from './session-recorder.js';

/** What became of the load so far. */
export interface LoadCounts {
  /** Operations whose time came. */
  intended: number;
  /** Those given up because too many were under way. */
  dropped: number;
  answered: number;
  unknown: number;
  failed: number;
  /** Answered strong operations. */
  strong: number;
  /** Answered weak operations. */
  weak: number;
  /** Strong operations answered in one round trip. */
  fast: number;
  /** Weak writes that were acknowledged and not known to be committed when nobody waited any more. */
  uncommitted: number;
  /** Longest that an operation was sent after its time, milliseconds. */
  lagMsMax: number;
}

/** How the load is made. */
export interface ChaosLoadOptions {
  seed: number;
  keys: number;
  /** Operations per second. */
  rate: number;
  write: (event: HistoryEvent) => void;
}

/** Per connection; sessions of one kind only show what is available on its own. */
const SESSION_KINDS: readonly SessionKind[] = ['mixed', 'mixed', 'mixed', 'mixed', 'strong', 'strong', 'weak', 'weak'];
/** Operations under way, per consistency. */
const IN_FLIGHT_LIMIT = 2000;
/** Operations of one session that are not in the history yet. */
const UNWRITTEN_LIMIT = 20_000;
const TICK_MS = 4;
/** A weak write is waited for until it is committed, however long nobody leads. */
const WEAK_WRITE_MS = 60_000;
const STRONG = { consistency: 'strong' } as const;
const WEAK = { consistency: 'weak', deadlineMs: WEAK_WRITE_MS } as const;

interface LoadSession {
  session: Session;
  kind: SessionKind;
  recorder: SessionRecorder;
}

/** One load. Use once: `prepare`, `start`, `stop`, `finalState`. */
export class ChaosLoad {
  readonly counts: LoadCounts = {
    ...{ intended: 0, dropped: 0, answered: 0, unknown: 0, failed: 0 },
    ...{ strong: 0, weak: 0, fast: 0, uncommitted: 0, lagMsMax: 0 },
  };
  readonly #options: ChaosLoadOptions;
  readonly #mix: LoadMix;
  readonly #arrivals: Arrivals;
  readonly #sessions: LoadSession[] = [];
  /** What this process last saw or wrote, for compare-and-sets that have a chance. */
  readonly #seen = new Map<string, string | null>();
  readonly #inFlight = { strong: 0, weak: 0 };
  /** Weak writes that were acknowledged and are not known to be committed; the SDK's write sets bound them. */
  #committing = 0;
  #timer: NodeJS.Timeout | null = null;
  #beganMs = 0;
  #onIdle: () => void = () => undefined;

  constructor(options: ChaosLoadOptions) {
    this.#options = options;
    this.#mix = new LoadMix(options.seed, options.keys);
    const random = new Random(options.seed, 0xa881);
    this.#arrivals = new Arrivals({ rate: options.rate, pattern: 'poisson', random });
  }

  /** Opens the sessions and writes each of the keys once. */
  async prepare(clients: readonly Client[]): Promise<void> {
    for (const client of clients) {
      for (const kind of SESSION_KINDS) {
        const session = await client.session();
        this.#sessions.push({ session, kind, recorder: new SessionRecorder(session.id, this.#options.write) });
      }
    }
    const [first] = this.#sessions;
    for (const key of hotKeys(this.#options.keys)) {
      const drawn = { op: 'put', consistency: 'strong', keys: [key], values: [this.#mix.value()], limit: 0 } as const;
      if (first !== undefined) this.#issue(first, { ...drawn, keys: [key], values: [...drawn.values] });
    }
    await this.#idle();
  }

  start(): void {
    this.#beganMs = performance.now();
    this.#timer = setInterval(() => this.#sendDue(), TICK_MS);
  }

  /** Issues nothing more and resolves when everything is over, weak writes included. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#idle();
  }

  /** Everything that is stored, read strongly page by page: key and value, base64. */
  async finalState(client: Client): Promise<[string, string][]> {
    const session = await client.session();
    const found: [string, string][] = [];
    let page = await session.scan({ ...ALL_KEYS, limit: 1000 });
    for (;;) {
      for (const { key, value } of page.entries) found.push([encodeBytes(key), encodeBytes(value)]);
      if (page.cursor === null) return found;
      page = await session.scan({ cursor: page.cursor, end: ALL_KEYS.end, limit: 1000 });
    }
  }

  #sendDue(): void {
    const nowMs = performance.now() - this.#beganMs;
    this.counts.lagMsMax = Math.max(this.counts.lagMsMax, nowMs - Math.min(nowMs, this.#arrivals.nextMs));
    while (this.#arrivals.nextMs <= nowMs) {
      this.#arrivals.advance();
      this.counts.intended++;
      const chosen = this.#sessions[this.#mix.session(this.#sessions.length)];
      if (chosen === undefined) return;
      const drawn = this.#mix.draw(chosen.kind);
      const isFull = this.#inFlight[drawn.consistency] >= IN_FLIGHT_LIMIT;
      if (isFull || chosen.recorder.waiting >= UNWRITTEN_LIMIT) this.counts.dropped++;
      else this.#issue(chosen, drawn);
    }
  }

  #issue({ session, recorder }: LoadSession, drawn: DrawnOperation): void {
    const { op, consistency, keys, values, limit } = drawn;
    const [key, second = ''] = keys;
    const [value = ''] = values;
    const expected = this.#seen.get(key) ?? null;
    const open = recorder.begin({ op, consistency, key: op === 'batch' ? '' : encode(key), invokeUs: nowUs() });
    this.#inFlight[consistency]++;
    const writes = keys.map((name, index) => ({ key: name, value: values[index] ?? '' }));
    const weak = consistency === 'weak';
    const over = this.#answer(recorder, open);
    switch (op) {
      case 'get':
        return over.read(session.get(key, weak ? WEAK : STRONG), ({ value: found }) => {
          this.#seen.set(key, found === null ? null : Buffer.from(found).toString());
          return found === null ? null : encodeBytes(found);
        });
      case 'scan':
        Object.assign(open.event, { end: encode(second), limit });
        return over.read(session.scan({ start: key, end: second, limit }, weak ? WEAK : STRONG), (page) => ({
          entries: page.entries.map((entry) => ({ key: encodeBytes(entry.key), value: encodeBytes(entry.value) })),
          more: page.cursor !== null,
        }));
      case 'cas':
        Object.assign(open.event, { value: encode(value), expected: expected === null ? null : encode(expected) });
        return over.write(session.compareAndSet(key, expected, value), ({ applied, found }) => {
          this.#seen.set(key, applied ? value : found === null ? null : Buffer.from(found).toString());
          return { applied, ...(applied ? {} : { found: found === null ? null : encodeBytes(found) }) };
        });
      case 'put':
        open.event.value = encode(value);
        return weak ? over.weakWrite(session.put(key, value, WEAK)) : over.write(session.put(key, value, STRONG));
      case 'delete':
        return weak ? over.weakWrite(session.delete(key, WEAK)) : over.write(session.delete(key, STRONG));
      case 'batch':
        open.event.writes = writes.map((write) => ({ key: encode(write.key), value: encode(write.value) }));
        return weak ? over.weakWrite(session.batch(writes, WEAK)) : over.write(session.batch(writes, STRONG));
    }
  }

  /** What happens to an operation's event when its answer comes, by the kind of answer. */
  #answer(recorder: SessionRecorder, open: OpenEvent) {
    const { event } = open;
    const land = (): void => {
      this.#inFlight[event.consistency]--;
      this.#onIdle();
    };
    const answered = ({ slot, epoch, path }: Answered, rest: Partial<HistoryEvent>): void => {
      Object.assign(event, { outcome: 'ok', returnUs: nowUs(), slot, epoch, ...rest });
      this.counts.answered++;
      if (event.consistency === 'strong') this.counts.strong++;
      else this.counts.weak++;
      if (path === 'fast') this.counts.fast++;
    };
    const settle = (promise: Promise<void>): void => {
      const over = promise.catch((error: unknown) => this.#fail(open, error)).then(() => recorder.finish(open));
      void over.finally(land);
    };
    return {
      read: <A extends Answered>(promise: Promise<A>, result: (answer: A) => HistoryEvent['result']): void =>
        settle(promise.then((answer) => answered(answer, { result: result(answer) as never }))),
      write: <A extends Answered & { id: { seq: number } }>(
        promise: Promise<A>,
        result?: (answer: A) => HistoryEvent['result'],
      ): void =>
        settle(
          promise.then((answer) => {
            open.isNumbered = true;
            answered(answer, { seq: answer.id.seq, ...(result && { result: result(answer) as never }) });
          }),
        ),
      weakWrite: (write: WeakWrite): void => {
        const local = write.local.then((answer) => {
          open.isNumbered = true;
          answered(answer, { seq: write.id.seq });
          this.#committing++;
          void this.#untilCommitted(write, open).finally(() => recorder.finish(open));
        });
        const failed = (error: unknown): void => {
          this.#fail(open, error);
          recorder.finish(open);
        };
        void local.catch(failed).finally(land);
      },
    };
  }

  /** Where a weak write is in the log for good says more to the checkers than where it was expected to be. */
  async #untilCommitted(write: WeakWrite, { event }: OpenEvent): Promise<void> {
    try {
      const { slot, epoch } = await write.committed;
      Object.assign(event, { slot, epoch });
    } catch (error) {
      if (!(error instanceof ClientError)) throw error;
      Object.assign(event, { slot: 0, epoch: 0 });
      this.counts.uncommitted++;
    } finally {
      this.#committing--;
      this.#onIdle();
    }
  }

  #fail(open: OpenEvent, error: unknown): void {
    const { event } = open;
    const isUnknown = error instanceof ClientError && error.code === 'UNKNOWN_OUTCOME';
    if (!(error instanceof ClientError)) throw error;
    if (isUnknown) this.counts.unknown++;
    else this.counts.failed++;
    if (isUnknown) event.outcome = 'unknown';
    open.isNumbered = error.id !== undefined;
    event.seq = error.id?.seq ?? 0;
  }

  /** Resolves when nothing is under way. */
  #idle(): Promise<void> {
    const isIdle = (): boolean => this.#inFlight.strong + this.#inFlight.weak + this.#committing === 0;
    return new Promise((resolve) => {
      this.#onIdle = () => {
        if (isIdle()) resolve();
      };
      this.#onIdle();
    });
  }
}

/** Base64 of a text. */
function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function encodeBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

function nowUs(): number {
  return historyTimeUs(performance.now());
}
