// A load process that a run starts for itself on this machine. It speaks the same service as a remote one; that it ends
// with its parent, however that ends, is the guard's business.

import { fileURLToPath } from 'node:url';

import type { ChildGuard } from '../../deploy/child-guard.js';
import { GuardedProcess } from '../../deploy/child-process.js';
import type { Scheduling } from '../../deploy/scheduling.js';
import { parseReadyLine } from '../../deploy/service-process.js';
import { WorkerError } from '../worker-error.js';

/** The module that a load process runs. */
export const WORKER_ENTRY = new URL('../worker-main.js', import.meta.url);

const READY_WITHIN_MS = 30_000;

/** A load process on this machine. */
export class WorkerChild {
  readonly #process: GuardedProcess;
  readonly #address: Promise<string>;

  /** @param history the file that it may write its part of the history to; empty for none. */
  constructor(options: { client: number; entry: URL; history: string; scheduling: Scheduling; guard: ChildGuard }) {
    const { client, entry, history, scheduling, guard } = options;
    let onReady: (address: string) => void = () => undefined;
    this.#address = new Promise((resolve) => {
      onReady = resolve;
    });
    this.#process = new GuardedProcess({
      name: `load worker ${client}`,
      command: process.execPath,
      // A larger nursery: what an operation allocates is dead before it would be copied.
      args: [...['--max-semi-space-size=32', fileURLToPath(entry)], ...(history === '' ? [] : ['--history', history])],
      logPath: null,
      guard,
      scheduling,
      onLine: (line) => {
        const address = parseReadyLine(line);
        if (address !== null) onReady(address);
      },
    });
  }

  /**
   * Where it serves, once it does.
   * @throws WorkerError `WORKER_LOST` if it ends before, or is not ready in time.
   */
  async ready(): Promise<string> {
    const title = `${this.#process.name} (pid ${this.#process.pid})`;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const problem = `${title} is not ready after ${READY_WITHIN_MS / 1000} s`;
      timer = setTimeout(() => reject(new WorkerError('WORKER_LOST', problem)), READY_WITHIN_MS);
    });
    const gone = this.#process.ended.then((how): never => {
      throw new WorkerError('WORKER_LOST', `${title} ended before it was ready: ${how}`);
    });
    try {
      return await Promise.race([this.#address, gone, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when it has ended, with how in words. */
  get ended(): Promise<string> {
    return this.#process.ended;
  }

  /** Ends it in bounded time. */
  stop(): Promise<void> {
    return this.#process.stop();
  }
}
