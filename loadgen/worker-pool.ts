// The client processes as the parent sees them: starts them, talks to them in step, ends them. Knows the messages; does
// not know what a sweep is.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { type Scheduling, scheduled } from '../deploy/scheduling.js';
import type { LoadPhase, PhaseResult, WorkerReply, WorkerRequest, WorkerSetup } from './worker-messages.js';

/** The module that a client process runs. */
export const WORKER_ENTRY = new URL('./worker-main.js', import.meta.url);

const EXIT_WITHIN_MS = 5000;

/** A client process could not do what it was asked; `code` is the SDK's where the SDK failed. */
export class WorkerError extends Error {
  override name = 'WorkerError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** One child process: one request at a time. */
class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #settle: { resolve: (reply: WorkerReply) => void; reject: (error: Error) => void } | null = null;
  #onProgress: (keys: number) => void = () => {};

  constructor(entry: URL, scheduling: Scheduling) {
    // A larger nursery: what an operation allocates is dead before it would be copied.
    const { command, args } = scheduled(process.execPath, ['--max-semi-space-size=32'], scheduling);
    this.#child = fork(fileURLToPath(entry), [], {
      execPath: command,
      execArgv: args,
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.#child.on('message', (reply: WorkerReply) => this.#onReply(reply));
    this.#child.on('error', (error) => this.#fail(error.message));
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.#fail(`ended unexpectedly (${signal ?? `code ${code}`})`);
        resolve();
      });
    });
  }

  ask(request: WorkerRequest, onProgress: (keys: number) => void = () => {}): Promise<WorkerReply> {
    this.#onProgress = onProgress;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#child.send(request, (error) => {
        if (error !== null) this.#fail(error.message);
      });
    });
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#child.connected) this.#child.disconnect();
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), EXIT_WITHIN_MS);
    await this.#exited;
    clearTimeout(killer);
  }

  #onReply(reply: WorkerReply): void {
    if (reply.kind === 'progress') {
      this.#onProgress(reply.keys);
      return;
    }
    const settle = this.#settle;
    this.#settle = null;
    if (reply.kind === 'failed') settle?.reject(new WorkerError(reply.code, reply.message));
    else settle?.resolve(reply);
  }

  #fail(why: string): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.reject(new WorkerError('CLIENT_PROCESS', `a client process ${why}`));
  }
}

/** All client processes of a run. */
export class WorkerPool {
  readonly #workers: WorkerProcess[];

  private constructor(workers: WorkerProcess[]) {
    this.#workers = workers;
  }

  /** Starts one process per setup and connects them. On failure none is left running. */
  static async start(
    setups: WorkerSetup[],
    { entry = WORKER_ENTRY, scheduling }: { entry?: URL | undefined; scheduling: Scheduling },
  ): Promise<WorkerPool> {
    const pool = new WorkerPool(setups.map(() => new WorkerProcess(entry, scheduling)));
    try {
      await pool.#askAll((index) => ({ kind: 'connect', setup: pick(setups, index) }));
    } catch (error) {
      await pool.end();
      throw error;
    }
    return pool;
  }

  /** Writes all keys, shared out among the processes. `onProgress` hears how many are written. */
  async preload(keys: number, onProgress: (keys: number) => void): Promise<void> {
    const written = this.#workers.map(() => 0);
    const border = (index: number) => Math.floor((keys * index) / this.#workers.length);
    await this.#askAll(
      (index) => ({ kind: 'preload', firstKey: border(index), endKey: border(index + 1) }),
      (index, count) => {
        written[index] = count;
        onProgress(written.reduce((sum, part) => sum + part, 0));
      },
    );
    await this.#askAll(() => ({ kind: 'preloaded' }));
  }

  /** Opens sessions in every process until there are `threads` each. */
  async prepare(threads: number): Promise<void> {
    await this.#askAll(() => ({ kind: 'prepare', threads }));
  }

  /** Runs one phase in all processes at the same time. */
  async load(phase: LoadPhase): Promise<PhaseResult[]> {
    const replies = await this.#askAll(() => ({ kind: 'load', phase }));
    return replies.map((reply) => {
      if (reply.kind !== 'loaded')
        throw new WorkerError('CLIENT_PROCESS', `a client process answered ${reply.kind} to load`);
      return reply.result;
    });
  }

  /** Lets every process finish its connection, then ends it. */
  async close(): Promise<void> {
    await this.#askAll(() => ({ kind: 'close' })).finally(() => this.end());
  }

  /** Ends every process at once. */
  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.end()));
  }

  #askAll(
    request: (index: number) => WorkerRequest,
    onProgress: (index: number, keys: number) => void = () => {},
  ): Promise<WorkerReply[]> {
    return Promise.all(
      this.#workers.map((worker, index) => worker.ask(request(index), (keys) => onProgress(index, keys))),
    );
  }
}

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`);
  return item;
}
