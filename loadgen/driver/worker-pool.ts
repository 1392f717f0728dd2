// All load processes of a run, driven in step: each thing is asked of all at once, and when one fails the others are
// stopped. Starts children or dials remote processes; from then on they are the same. Does not know what a sweep is.

import { ChildGuard } from '../../deploy/child-guard.js';
import type { Scheduling } from '../../deploy/scheduling.js';
import type {
  LoadWorkerStartRequest,
  PhaseProgress,
  PhaseResult,
  PlanRequest,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { resetWallClock, wallUs } from '../../tracing/wall-clock.js';
import { WORKER_ENTRY, WorkerChild } from './worker-child.js';
import { WorkerLink, type WorkerMember } from './worker-link.js';

export { WorkerError } from '../worker-error.js';
export { WORKER_ENTRY } from './worker-child.js';
export type { WorkerMember } from './worker-link.js';

/** What a pool is made of. */
export interface WorkerPoolOptions {
  /** Remote processes, host:port, one for each plan; null to start children. */
  workers: readonly string[] | null;
  /** How the operating system schedules children. */
  scheduling: Scheduling;
  /** Module that children run; tests put a double here. */
  entry?: URL | undefined;
  /** How long a process at work may be silent before it counts as lost. */
  silenceMs?: number;
}

/** Time between telling the processes to begin and the beginning, besides a round trip. */
const START_AHEAD_MS = 100;
const SILENCE_MS = 10_000;
/** How long a remote process is given to hear that a run is over; it finds out by itself as well. */
const FAREWELL_MS = 3000;

/** The load processes of a run, one for each plan. */
export class WorkerPool {
  readonly #links: WorkerLink[] = [];
  readonly #children: WorkerChild[] = [];
  readonly #guard: ChildGuard | null;
  readonly #over = new AbortController();
  #keysAreLoaded = false;
  #ending: Promise<void> | null = null;

  private constructor(guard: ChildGuard | null) {
    this.#guard = guard;
  }

  /**
   * Starts or dials one process per plan and has all connect. On failure no child is left running and no plan lies with
   * a remote process.
   * @throws WorkerError naming the process; its code tells why.
   */
  static async start(
    plans: readonly PlanRequest[],
    { workers, scheduling, entry = WORKER_ENTRY, silenceMs = SILENCE_MS }: WorkerPoolOptions,
  ): Promise<WorkerPool> {
    if (workers !== null && workers.length !== plans.length) {
      throw new RangeError(`${plans.length} plans for ${workers.length} workers`);
    }
    resetWallClock();
    const pool = new WorkerPool(workers === null ? new ChildGuard('') : null);
    try {
      if (workers === null) pool.#startChildren(plans, entry, scheduling);
      const addresses = workers ?? (await Promise.all(pool.#children.map((child) => child.ready())));
      for (const [client, address] of addresses.entries()) {
        pool.#links.push(new WorkerLink({ client, address, ended: pool.#children[client]?.ended ?? null, silenceMs }));
      }
      await pool.#inStep((link, signal, index) => link.plan(pick(plans, index), signal));
    } catch (error) {
      await pool.end();
      throw error;
    }
    return pool;
  }

  /** Who they are, in the order of the plans. */
  get members(): WorkerMember[] {
    return this.#links.map((link) => link.member);
  }

  /** Writes all keys, shared out among the processes. `onProgress` hears how many are written. */
  async preload(keys: number, onProgress: (keys: number) => void): Promise<void> {
    const written = this.#links.map(() => 0);
    const border = (index: number) => Math.floor((keys * index) / this.#links.length);
    await this.#inStep((link, signal, index) => {
      const onKeys = (count: number) => {
        written[index] = count;
        onProgress(written.reduce((sum, part) => sum + part, 0));
      };
      return link.preload({ firstKey: border(index), endKey: border(index + 1) }, onKeys, signal);
    });
    this.#keysAreLoaded = true;
  }

  /** Opens sessions in every process until there are `threads` each. */
  async prepare(threads: number): Promise<void> {
    const keysAreLoaded = this.#keysAreLoaded;
    await this.#inStep((link, signal) => link.prepare({ threads, keysAreLoaded }, signal));
  }

  /**
   * Runs one phase in all processes at the same time. `onProgress` hears the sum of what they report, `onBegin` before that
   * when it is that they begin, microseconds since 1970.
   */
  async load(
    phase: Omit<LoadWorkerStartRequest, 'runId' | 'startAtUs'>,
    onProgress: (sum: PhaseProgress) => void = () => {},
    onBegin: (startAtUs: number) => void = () => {},
  ): Promise<PhaseResult[]> {
    const aheadMs = START_AHEAD_MS + Math.max(...this.#links.map((link) => link.roundTripMs));
    const startAtUs = wallUs() + Math.round(aheadMs * 1000);
    const parts = this.#links.map((): PhaseProgress => ({ operations: 0, inFlight: 0, waiting: 0, errors: 0 }));
    onBegin(startAtUs);
    return this.#inStep((link, signal, index) => {
      const onPart = (progress: PhaseProgress) => {
        parts[index] = progress;
        onProgress(sumProgress(parts));
      };
      return link.load({ ...phase, startAtUs }, onPart, signal);
    });
  }

  /** Lets every process finish its connection, then ends or leaves it. */
  async close(): Promise<void> {
    await this.#inStep((link, signal) => link.cancel(signal)).finally(() => this.end());
  }

  /** Ends what is under way at once: children end, remote processes are free again. May be called more than once. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  async #end(): Promise<void> {
    this.#over.abort();
    // Children are ended by a signal, which needs no answer. A remote process that cannot be told ends the plan by itself.
    if (this.#guard === null) {
      const signal = AbortSignal.timeout(FAREWELL_MS);
      await Promise.allSettled(this.#links.map((link) => link.cancel(signal)));
    }
    await Promise.all(this.#children.map((child) => child.stop()));
    for (const link of this.#links) link.close();
    await this.#guard?.release();
  }

  #startChildren(plans: readonly PlanRequest[], entry: URL, scheduling: Scheduling): void {
    const guard = this.#guard;
    if (guard === null) return;
    for (const [client, { history }] of plans.entries()) {
      this.#children.push(new WorkerChild({ client, entry, history, scheduling, guard }));
    }
  }

  /** Asks all at once. When one fails the others' calls are ended, and that first failure is what is thrown. */
  async #inStep<T>(ask: (link: WorkerLink, signal: AbortSignal, index: number) => Promise<T>): Promise<T[]> {
    const step = new AbortController();
    const signal = AbortSignal.any([step.signal, this.#over.signal]);
    const failures: unknown[] = [];
    const asked = this.#links.map((link, index) =>
      ask(link, signal, index).catch((error: unknown) => {
        failures.push(error);
        step.abort();
        throw error;
      }),
    );
    await Promise.allSettled(asked);
    if (failures.length > 0) throw failures[0];
    return Promise.all(asked);
  }
}

/** What several processes report, added up. */
export function sumProgress(parts: readonly PhaseProgress[]): PhaseProgress {
  const sum = { operations: 0, inFlight: 0, waiting: 0, errors: 0 };
  for (const part of parts) {
    sum.operations += part.operations;
    sum.inFlight += part.inFlight;
    sum.waiting += part.waiting;
    sum.errors += part.errors;
  }
  return sum;
}

function pick<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`);
  return item;
}
