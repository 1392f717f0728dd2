// Waits for conditions that nobody announces: each is looked at whenever somebody calls `wake`, until it holds, its time
// is over or its caller's signal fires.

/** How a wait ended. */
export type WaitEnd = 'done' | 'late' | 'aborted';

interface Wait {
  isDone: () => boolean;
  finish: (end: WaitEnd) => void;
}

/** A set of waits. */
export class ConditionWaits {
  private readonly waits = new Set<Wait>();

  /** Waits that have not ended. */
  get size(): number {
    return this.waits.size;
  }

  /** Resolves once `isDone` holds, `limitMs` passed or `signal` fired. */
  async until(isDone: () => boolean, limitMs: number, signal: AbortSignal | undefined): Promise<WaitEnd> {
    if (isDone()) return 'done';
    if (signal?.aborted) return 'aborted';
    return new Promise((resolve) => {
      const onAbort = (): void => wait.finish('aborted');
      const timer = setTimeout(() => wait.finish('late'), limitMs);
      const wait: Wait = {
        isDone,
        finish: (end) => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', onAbort);
          this.waits.delete(wait);
          resolve(end);
        },
      };
      signal?.addEventListener('abort', onAbort);
      this.waits.add(wait);
    });
  }

  /** Something happened: looks at every condition. */
  wake(): void {
    for (const wait of this.waits) if (wait.isDone()) wait.finish('done');
  }
}
