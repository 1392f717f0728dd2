// Calls to nodes that are made again until they succeed. Each attempt has a number of its own, so that an answer to an
// attempt that was given up, or to another epoch, is told apart. Knows nothing of what is asked.

interface RepeatedCall {
  /** When the next attempt may be made. */
  dueUs: number;
  /** Number of the attempt under way, 0 if none is. */
  attempt: number;
  isDone: boolean;
}

/** Named calls, at most one attempt of each under way. */
export class RepeatedCalls {
  readonly #retryUs: number;
  readonly #nextAttempt: () => number;
  readonly #calls = new Map<string, RepeatedCall>();

  /** `nextAttempt` gives numbers that nobody else uses. */
  constructor(options: { retryUs: number; nextAttempt: () => number }) {
    this.#retryUs = options.retryUs;
    this.#nextAttempt = options.nextAttempt;
  }

  /** Number for an attempt to be made now; null if one is under way, succeeded, or failed only just now. */
  begin(name: string, nowUs: number): number | null {
    const call = this.#calls.get(name) ?? { dueUs: nowUs, attempt: 0, isDone: false };
    this.#calls.set(name, call);
    if (call.isDone || call.attempt !== 0 || call.dueUs > nowUs) return null;
    call.attempt = this.#nextAttempt();
    return call.attempt;
  }

  /** An attempt succeeded: name of its call, or null if nobody waits for it. */
  settle(attempt: number): string | null {
    for (const [name, call] of this.#calls) {
      if (call.attempt !== attempt) continue;
      call.attempt = 0;
      call.isDone = true;
      return name;
    }
    return null;
  }

  /** The call is made again after a pause, whatever became of it. */
  again(name: string, nowUs: number): void {
    this.#calls.set(name, { dueUs: nowUs + this.#retryUs, attempt: 0, isDone: false });
  }

  /** An attempt failed: it is made again after a pause. Name of its call, or null if nobody waits for it. */
  fail(attempt: number, nowUs: number): string | null {
    const name = this.settle(attempt);
    if (name !== null) this.again(name, nowUs);
    return name;
  }

  /** Forgets everything; answers to what is under way are not waited for any more. */
  clear(): void {
    this.#calls.clear();
  }
}
