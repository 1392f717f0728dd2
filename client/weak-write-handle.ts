// What a caller holds of a weak write under way: three levels, each a promise that is made only when somebody asks for
// it. Nobody asking is the common case, so a level that is never awaited costs nothing and can reject unheard.

import type { AckLevel } from '../protocol/core.js';
import type { CommandId } from '../protocol/messages.js';
import type { Answered, WeakWrite } from './types.js';

const LEVELS = ['local', 'witnessed', 'committed'] as const satisfies readonly AckLevel[];

interface Waiter {
  promise: Promise<Answered>;
  resolve: (answered: Answered) => void;
  reject: (error: Error) => void;
}

/** The handle. The call that it belongs to reports progress through `reach` and `fail`. */
export class WeakWriteHandle implements WeakWrite {
  /** Number of levels reached, 0 to 3. */
  #reached = 0;
  readonly #session: number;
  #seq = 0;
  #error: Error | null = null;
  /** What was answered at each level; filled up to `#reached`. */
  readonly #answers: Answered[] = [];
  #waiters: (Waiter | undefined)[] | null = null;

  constructor(session: number) {
    this.#session = session;
  }

  get id(): CommandId {
    return { session: this.#session, seq: this.#seq };
  }

  get level(): AckLevel | null {
    return this.#reached === 0 ? null : (LEVELS[this.#reached - 1] ?? null);
  }

  get local(): Promise<Answered> {
    return this.#when(0);
  }

  get witnessed(): Promise<Answered> {
    return this.#when(1);
  }

  get committed(): Promise<Answered> {
    return this.#when(2);
  }

  /** The write is the session's `seq`-th from now on. */
  number(seq: number): void {
    this.#seq = seq;
  }

  /** It has come this far, and thereby through all lower levels. True if that is news. */
  reach(level: AckLevel, answered: Answered): boolean {
    const reached = LEVELS.indexOf(level) + 1;
    if (reached <= this.#reached) return false;
    for (let index = this.#reached; index < reached; index++) {
      this.#answers[index] = answered;
      this.#waiters?.[index]?.resolve(answered);
    }
    this.#reached = reached;
    return true;
  }

  /** Nobody waits for the levels that are left. */
  fail(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    for (let index = this.#reached; index < LEVELS.length; index++) this.#waiters?.[index]?.reject(error);
  }

  #when(index: number): Promise<Answered> {
    this.#waiters ??= [];
    const known = this.#waiters[index];
    if (known !== undefined) return known.promise;
    const waiter = createWaiter();
    this.#waiters[index] = waiter;
    const answered = this.#answers[index];
    if (answered !== undefined) waiter.resolve(answered);
    else if (this.#error !== null) waiter.reject(this.#error);
    return waiter.promise;
  }
}

/** A promise whose rejection may go unheard: the caller chose which levels to care about. */
function createWaiter(): Waiter {
  let resolve: Waiter['resolve'] = () => {};
  let reject: Waiter['reject'] = () => {};
  const promise = new Promise<Answered>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
