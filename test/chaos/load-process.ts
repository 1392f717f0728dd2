// The load process as the process that makes the faults sees it: started, asked how it stands, stopped in bounded time.

import { fileURLToPath } from 'node:url';
import type { ChildGuard } from '../../deploy/child-guard.js';
import { GuardedProcess } from '../../deploy/child-process.js';
import type { LoadCounts } from './chaos-load.js';

/** What the load process is to do. */
export interface LoadOrders {
  target: string;
  seed: number;
  keys: number;
  rate: number;
  connections: number;
  /** File for the history, and for everything that is stored when all is over. */
  history: string;
  finalState: string;
}

/** What it says, a line each. */
export interface LoadLine {
  kind: 'started' | 'progress' | 'done';
  counts: LoadCounts;
}

const ENTRY = fileURLToPath(new URL('./load-main.js', import.meta.url));
const HEAP_MIB = 2048;

/** The load process. */
export class LoadProcess {
  /** As it said last; null before it began. */
  counts: LoadCounts | null = null;
  isDone = false;
  readonly #process: GuardedProcess;
  readonly #waits = new Set<() => void>();
  #how: string | null = null;

  constructor(orders: LoadOrders, { guard, logPath }: { guard: ChildGuard; logPath: string }) {
    this.#process = new GuardedProcess({
      ...{ name: 'load', command: process.execPath, guard, logPath, scheduling: 'normal' },
      args: [`--max-old-space-size=${HEAP_MIB}`, ENTRY, JSON.stringify(orders)],
      onLine: (line) => this.#onLine(JSON.parse(line)),
    });
    void this.#process.ended.then((how) => {
      this.#how = how;
      this.#wake();
    });
  }

  /**
   * Resolves with true when `isMet` is, which is asked each time the load says how it stands, or with false after
   * `limitMs` or once `signal` is aborted.
   * @throws Error with the end of its log if the process has ended, unless it had done all it was to do.
   */
  async until(isMet: () => boolean, limitMs: number, signal?: AbortSignal): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!isMet()) {
      if (this.#how !== null && !this.isDone) {
        throw new Error(`the load process ended: ${this.#how}\n${this.#process.tail()}`);
      }
      const leftMs = end - performance.now();
      if (leftMs <= 0 || signal?.aborted) return false;
      await this.#news(leftMs, signal);
    }
    return true;
  }

  /** Ends the load; resolves with whether everything under way came to its end and the store could be read in time. */
  async finish(limitMs: number): Promise<boolean> {
    this.#process.kill('SIGTERM');
    // It also ends by itself when the store cannot be read any more; its history is whole then.
    const isDone = await this.until(() => this.isDone, limitMs).catch(() => false);
    await this.kill();
    return isDone;
  }

  async kill(): Promise<void> {
    if (!this.isDone) this.#process.kill('SIGKILL');
    await this.#process.stop();
  }

  #news(limitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', wake);
        this.#waits.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      signal?.addEventListener('abort', wake);
      this.#waits.add(wake);
    });
  }

  #onLine({ kind, counts }: LoadLine): void {
    this.counts = counts;
    if (kind === 'done') this.isDone = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waits]) wake();
  }
}
