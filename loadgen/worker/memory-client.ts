// A cluster in a map: the SDK's interface with answers after one turn of the event loop, or a delay, and no network. Serves the
// generator's own benchmark and tests; it orders all operations as they arrive, so every answer is a legal one.

import type {
  BatchWrite,
  BytesLike,
  CallOptions,
  Client,
  ClientStats,
  CompareAndSetOutcome,
  GetOutcome,
  Resolution,
  ScanOutcome,
  Session,
  WeakWrite,
  WriteOutcome,
} from '../../client/types.js';

interface Version {
  value: Uint8Array;
  slot: number;
}

const NO_REASON = 'a memory client does not offer this operation';

/** What a test may do to an answer before the caller sees it. */
export type Tamper = (key: string, answer: GetOutcome) => GetOutcome;

/** A client over a map. */
export class MemoryClient implements Client {
  readonly clusterId = 'memory';
  readonly clientId: number;
  readonly #versions = new Map<string, Version>();
  readonly #tamper: Tamper | null;
  #slot = 0;
  #weakWrites = 0;
  #fast = 0;
  #waiting: (() => void)[] = [];
  #sessions = 0;
  readonly #delayMs: number;

  /** Session ids begin at `clientId` × 1,000 + 1. Answers come `delayMs` later; 0 is the next turn. */
  constructor({
    clientId = 1,
    delayMs = 0,
    tamper = null,
  }: { clientId?: number; delayMs?: number; tamper?: Tamper | null } = {}) {
    this.clientId = clientId;
    this.#delayMs = delayMs;
    this.#tamper = tamper;
  }

  resolve(): Promise<Resolution> {
    return Promise.reject(new Error(NO_REASON));
  }

  async session(): Promise<Session> {
    return new MemorySession(this, this.clientId * 1000 + ++this.#sessions);
  }

  stats(): ClientStats {
    return {
      epoch: 1,
      boundReplica: 'memory',
      fast: this.#fast,
      slow: {},
      acks: { nats: this.#weakWrites, stream: 0 },
      framesSent: 0,
      framesReceived: 0,
      bytesSent: 0,
      bytesReceived: 0,
      operationFrames: 0,
      operations: 0,
      natsMessages: 0,
      natsBytes: 0,
      resends: 0,
      epochChanges: 0,
      reconnects: 0,
    };
  }

  async close(): Promise<void> {}

  /** Runs `answer` after the delay, together with all others that wait. */
  later(answer: () => void): void {
    if (this.#waiting.length === 0) {
      if (this.#delayMs === 0) setImmediate(this.#answerAll);
      else setTimeout(this.#answerAll, this.#delayMs);
    }
    this.#waiting.push(answer);
  }

  write(key: Uint8Array, value: Uint8Array, weak: boolean): number {
    if (weak) this.#weakWrites++;
    else this.#fast++;
    this.#versions.set(keyText(key), { value, slot: ++this.#slot });
    return this.#slot;
  }

  read(key: Uint8Array, weak: boolean): GetOutcome {
    const text = keyText(key);
    const version = this.#versions.get(text);
    if (!weak) this.#fast++;
    const answer: GetOutcome = {
      path: weak ? 'weak' : 'fast',
      epoch: 1,
      slot: version?.slot ?? this.#slot,
      value: version?.value ?? null,
    };
    return this.#tamper === null ? answer : this.#tamper(text, answer);
  }

  readonly #answerAll = (): void => {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const answer of waiting) answer();
  };
}

class MemorySession implements Session {
  readonly id: number;
  readonly lost = null;
  readonly #client: MemoryClient;
  #seq = 0;

  constructor(client: MemoryClient, id: number) {
    this.#client = client;
    this.id = id;
  }

  put(key: BytesLike, value: BytesLike, options: CallOptions<'weak'> & { consistency: 'weak' }): WeakWrite;
  put(key: BytesLike, value: BytesLike, options?: CallOptions<'strong'>): Promise<WriteOutcome>;
  put(key: BytesLike, value: BytesLike, options?: CallOptions): WeakWrite | Promise<WriteOutcome> {
    return this.#write([{ key, value }], options?.consistency === 'weak');
  }

  batch(writes: BatchWrite[], options: CallOptions<'weak'> & { consistency: 'weak' }): WeakWrite;
  batch(writes: BatchWrite[], options?: CallOptions<'strong'>): Promise<WriteOutcome>;
  batch(writes: BatchWrite[], options?: CallOptions): WeakWrite | Promise<WriteOutcome> {
    return this.#write(writes, options?.consistency === 'weak');
  }

  #write(writes: BatchWrite[], isWeak: boolean): WeakWrite | Promise<WriteOutcome> {
    const id = { session: this.id, seq: ++this.#seq };
    // Applied at once and answered later: a legal order in which this write comes before everything issued after it.
    let slot = 0;
    for (const { key, value } of writes) slot = this.#client.write(toBytes(key), toBytes(value ?? ''), isWeak);
    const outcome: WriteOutcome = { id, path: isWeak ? 'weak' : 'fast', epoch: 1, slot };
    const done = new Promise<WriteOutcome>((resolve) => this.#client.later(() => resolve(outcome)));
    return isWeak ? { id, local: done, witnessed: done, committed: done, level: null } : done;
  }

  get(key: BytesLike, options?: CallOptions): Promise<GetOutcome> {
    const isWeak = options?.consistency === 'weak';
    return new Promise((resolve) => this.#client.later(() => resolve(this.#client.read(toBytes(key), isWeak))));
  }

  delete(): never {
    throw new Error(NO_REASON);
  }

  compareAndSet(): Promise<CompareAndSetOutcome> {
    return Promise.reject(new Error(NO_REASON));
  }

  scan(): Promise<ScanOutcome> {
    return Promise.reject(new Error(NO_REASON));
  }

  exportToken(): Promise<string> {
    return Promise.reject(new Error(NO_REASON));
  }

  async close(): Promise<void> {}
}

function toBytes(bytes: BytesLike): Uint8Array {
  return typeof bytes === 'string' ? Buffer.from(bytes) : bytes;
}

function keyText(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
