// The rules by which a load process lets itself be driven: one plan at a time, one call of it at a time, and an end for
// everything whose driver is gone. Knows neither the wire (worker-server.ts) nor how load is made (worker.ts).

import { availableParallelism, hostname } from 'node:os';

import type {
  CancelRequest,
  LoadWorkerStartRequest,
  PhaseProgress,
  PhaseResult,
  PlanRequest,
  PlanResponse,
  PreloadRequest,
  PrepareRequest,
  ReadClockRequest,
  ReadClockResponse,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { resetWallClock, wallUs } from '../../tracing/wall-clock.js';
import { WorkerError } from '../worker-error.js';
import type { LoadWorker } from './worker.js';
import { checkPlan, checkPreload, checkPrepare, checkRunId, checkStart } from './worker-requests.js';

/** What the service needs of a connected `LoadWorker`. */
export type PlannedLoad = Pick<LoadWorker, 'preload' | 'expectAllKeys' | 'prepare' | 'load' | 'progress' | 'close'>;

/** Settings of a service. */
export interface WorkerServiceOptions {
  /** Connects as planned. */
  open: (plan: PlanRequest) => Promise<PlannedLoad>;
  /** The only file that a plan may name for its history; null for none. */
  historyFile?: string | null;
  /** A plan without calls for so long is closed: its driver is gone. */
  idleMs?: number;
  /** A plan without calls for so long may be replaced by another driver's; a driver between two phases is not gone. */
  takeoverMs?: number;
}

/** How long a plan is kept without a call, unless told otherwise. */
export const IDLE_MS = 300_000;
const TAKEOVER_MS = 2000;
const PROGRESS_EVERY_MS = 250;

/** One load process as its drivers see it. A signal tells that the driver ended the call, or is gone. */
export class WorkerService {
  readonly #open: (plan: PlanRequest) => Promise<PlannedLoad>;
  readonly #historyFile: string | null;
  readonly #idleMs: number;
  readonly #takeoverMs: number;
  #plan: Plan | null = null;
  /** Resolves when the connection of the last plan that ended is closed. */
  #closing: Promise<void> = Promise.resolve();
  #isEnding = false;

  constructor({ open, historyFile = null, idleMs = IDLE_MS, takeoverMs = TAKEOVER_MS }: WorkerServiceOptions) {
    this.#open = open;
    this.#historyFile = historyFile;
    this.#idleMs = idleMs;
    this.#takeoverMs = takeoverMs;
  }

  /**
   * Connects. A plan that nobody drives is replaced.
   * @throws WorkerError `WORKER_BUSY` naming the run that is under way; the SDK's error.
   */
  async plan(request: PlanRequest, signal: AbortSignal): Promise<PlanResponse> {
    checkPlan(request, this.#historyFile);
    if (this.#isEnding) throw new WorkerError('WORKER_LOST', 'the process is ending');
    this.#replaceIdle(request.runId);
    // Between two plans nothing hangs on it. What was set or suspended since the process began must not refuse this one.
    resetWallClock();
    const open = (): Promise<PlannedLoad> => this.#open(request);
    // In place before anything is awaited, so that a second driver is refused from here on.
    const plan = new Plan(request, this.#closing.then(open, open));
    this.#plan = plan;
    try {
      await this.#carryOut(plan, 'connecting', signal, async () => undefined);
    } catch (error) {
      this.#end(plan, new WorkerError('WRONG_RUN', `run_id: run ${request.runId} did not connect`));
      throw error;
    }
    return {
      name: `${hostname()}:${process.pid}`,
      pid: process.pid,
      cpus: availableParallelism(),
      node: process.version,
    };
  }

  /** The time of this process, microseconds since 1970, for the driver that planned. */
  readClock({ runId }: ReadClockRequest): ReadClockResponse {
    this.#planOf(runId);
    return { clockUs: wallUs() };
  }

  /** Writes a range of keys. */
  async preload(request: PreloadRequest, onProgress: (keys: number) => void, signal: AbortSignal): Promise<void> {
    const plan = this.#planOf(request.runId);
    checkPreload(request, plan.request);
    let written = 0;
    await this.#carryOut(plan, 'loading keys', signal, (load) =>
      reporting(
        () => onProgress(written),
        () =>
          load.preload(request.firstKey, request.endKey, (keys) => {
            written = keys;
          }),
      ),
    );
  }

  /** Opens sessions until there are as many as asked for. */
  async prepare(request: PrepareRequest, signal: AbortSignal): Promise<void> {
    const plan = this.#planOf(request.runId);
    checkPrepare(request);
    await this.#carryOut(plan, 'opening sessions', signal, async (load) => {
      if (request.keysAreLoaded) load.expectAllKeys();
      await load.prepare(request.threads);
      plan.sessions = Math.max(plan.sessions, request.threads);
    });
  }

  /** Runs one phase. When the signal comes first, phase and plan end. */
  async start(
    request: LoadWorkerStartRequest,
    onProgress: (progress: PhaseProgress) => void,
    signal: AbortSignal,
  ): Promise<PhaseResult> {
    const plan = this.#planOf(request.runId);
    checkStart(request, plan.sessions, wallUs());
    return this.#carryOut(plan, 'running a phase', signal, (load) =>
      reporting(
        () => onProgress(load.progress()),
        () => load.load(request),
      ),
    );
  }

  /** Ends the plan with all that is under way. Resolves when its connection is closed; nothing to end is no error. */
  async cancel({ runId }: CancelRequest): Promise<void> {
    checkRunId(runId);
    if (this.#plan !== null) this.#end(this.#planOf(runId), ended(runId, 'its driver cancelled it'));
    await this.#closing;
  }

  /** Ends what there is and takes nothing more. */
  async close(): Promise<void> {
    this.#isEnding = true;
    if (this.#plan !== null) this.#end(this.#plan, new WorkerError('WORKER_LOST', 'the process is ending'));
    await this.#closing;
  }

  #planOf(runId: string): Plan {
    checkRunId(runId);
    if (this.#plan === null) throw new WorkerError('WRONG_RUN', `run_id: there is no plan of run ${runId} here`);
    const other = this.#plan.request.runId;
    if (other !== runId) throw new WorkerError('WRONG_RUN', `run_id: run ${other} is planned here, not ${runId}`);
    return this.#plan;
  }

  #replaceIdle(runId: string): void {
    const plan = this.#plan;
    if (plan === null) return;
    const other = plan.request.runId;
    const isDriven = other !== runId && performance.now() - plan.idleSinceMs < this.#takeoverMs;
    if (plan.activity !== null || isDriven) {
      throw new WorkerError('WORKER_BUSY', `run ${other} is under way here: ${plan.activity ?? 'between two phases'}`);
    }
    this.#end(plan, ended(other, `run ${runId} took its place`));
  }

  /** Does one thing for a plan. However that turns out, a plan that was ended meanwhile answers with why. */
  async #carryOut<T>(
    plan: Plan,
    activity: string,
    signal: AbortSignal,
    work: (load: PlannedLoad) => Promise<T>,
  ): Promise<T> {
    plan.begin(activity);
    const onAbort = (): void => this.#end(plan, ended(plan.request.runId, 'its driver ended the call, or is gone'));
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const working = plan.opening.then((load) => {
      plan.throwIfEnded();
      return work(load);
    });
    plan.underWay = working.then(nothing, nothing);
    try {
      const result = await working;
      // Half a phase must not pass for a whole one.
      plan.throwIfEnded();
      return result;
    } catch (error) {
      throw plan.ended ?? error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      plan.finish(this.#idleMs, () => this.#end(plan, ended(plan.request.runId, 'its driver let it lie')));
    }
  }

  #end(plan: Plan, why: WorkerError): void {
    if (plan.ended !== null) return;
    if (this.#plan === plan) this.#plan = null;
    this.#closing = plan.end(why);
    // Told to whoever waits for it; a driver that is gone does not.
    this.#closing.catch(nothing);
  }
}

/** One plan from its request to its end. */
class Plan {
  readonly request: PlanRequest;
  /** Its connection, once there is one. */
  readonly opening: Promise<PlannedLoad>;
  /** Sessions that are open. */
  sessions = 0;
  /** What its driver asked for last, while that is under way. */
  activity: string | null = null;
  /** Resolves when that is over. */
  underWay: Promise<void> = Promise.resolve();
  /** When the last call ended, by `performance.now()`. */
  idleSinceMs = 0;
  /** Why it is over; null while it is not. */
  ended: WorkerError | null = null;
  #idle: NodeJS.Timeout | undefined;

  constructor(request: PlanRequest, opening: Promise<PlannedLoad>) {
    this.request = request;
    this.opening = opening;
  }

  begin(activity: string): void {
    if (this.activity !== null) {
      throw new WorkerError('WORKER_BUSY', `run ${this.request.runId} is under way here: ${this.activity}`);
    }
    this.activity = activity;
    clearTimeout(this.#idle);
  }

  finish(idleMs: number, onIdle: () => void): void {
    this.activity = null;
    this.idleSinceMs = performance.now();
    if (this.ended === null) this.#idle = setTimeout(onIdle, idleMs).unref();
  }

  throwIfEnded(): void {
    if (this.ended !== null) throw this.ended;
  }

  /** Resolves when nothing of it is left. */
  async end(why: WorkerError): Promise<void> {
    this.ended = why;
    clearTimeout(this.#idle);
    try {
      const load = await this.opening.catch(() => null);
      await load?.close();
    } finally {
      // Two loops in one process would measure each other.
      await this.underWay;
    }
  }
}

/** Calls `report` several times a second while `work` is under way. */
async function reporting<T>(report: () => void, work: () => Promise<T>): Promise<T> {
  const timer = setInterval(report, PROGRESS_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

function ended(runId: string, why: string): WorkerError {
  return new WorkerError('WRONG_RUN', `run_id: run ${runId} is over: ${why}`);
}

function nothing(): void {}
