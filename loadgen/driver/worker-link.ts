// One load process as its driver sees it, a child or a remote one alike: calls with a deadline each, silence noticed,
// and every failure told in the name of the process. Knows nothing of the others (worker-pool.ts drives all in step).

import { once } from 'node:events';

import {
  type CallOptions,
  type ChannelOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';

import {
  LoadWorkerClient,
  type LoadWorkerStartRequest,
  type PhaseProgress,
  type PhaseResult,
  type PlanRequest,
  type PlanResponse,
  type ReadClockResponse,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { wallUs } from '../../tracing/wall-clock.js';
import { decodeFailure, WorkerError } from '../worker-error.js';

/** A load process of a run, as results name it. */
export interface WorkerMember {
  /** Host name and process id. */
  name: string;
  /** Where it was reached, host:port. */
  address: string;
  pid: number;
  /** Processors that it may use. */
  cpus: number;
  /** Version of Node. */
  node: string;
  /** Its clock minus the driver's. */
  clockOffsetMs: number;
  /** Whether it was started for this run, on this machine. */
  isLocal: boolean;
}

/** Where a load process is, and how to tell that it lives. */
export interface WorkerPlace {
  /** Number among all of the run, from 0. */
  client: number;
  /** host:port */
  address: string;
  /** Of a child: resolves when it has ended, with how in words. Null for a remote one. */
  ended: Promise<string> | null;
  /** It streams its progress several times a second; silent for so long, it hangs. */
  silenceMs: number;
}

const options: ChannelOptions = {
  // A phase's histograms and timeline are about a megabyte; a day of timeline may be more.
  'grpc.max_receive_message_length': 64 << 20,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  // A call that was cut off must fail: made again it would meet a plan that has ended.
  'grpc.enable_retries': 0,
};

const DIAL_MS = 5000;
// The SDK gives up connecting after 10 s; before that an older plan may have to be closed.
const PLAN_MS = 30_000;
const PREPARE_MS = 120_000;
const PRELOAD_MS = 86_400_000;
const CANCEL_MS = 15_000;
/** What a phase may take beyond its planned length: operations under way end by their own deadlines. */
const PHASE_MARGIN_MS = 30_000;
const REQUESTS_PHASE_MS = 86_400_000;
/** How soon the end of a child is known after its connection broke. */
const ENDED_WITHIN_MS = 1000;
const CLOCK_MS = 5000;
/** How often a clock is read; the quickest exchange tells its offset. */
const CLOCK_READINGS = 5;
const CLOCK_OFFSET_US_MAX = 50_000;

/** The line to one load process. A signal ends a call early. */
export class WorkerLink {
  readonly #place: WorkerPlace;
  readonly #client: LoadWorkerClient;
  #runId = '';
  #member: WorkerMember | null = null;
  #roundTripUs = 0;

  constructor(place: WorkerPlace) {
    this.#place = place;
    this.#client = new LoadWorkerClient(place.address, credentials.createInsecure(), options);
  }

  /** Its number, its name once it has told it, and where it is. */
  get title(): string {
    const { client, address } = this.#place;
    const place = this.#member === null ? address : `${this.#member.name} at ${address}`;
    return `load worker ${client} (${place})`;
  }

  /** @throws RangeError before it is planned. */
  get member(): WorkerMember {
    if (this.#member === null) throw new RangeError(`${this.title} has no plan`);
    return this.#member;
  }

  /** Time of one exchange with it. */
  get roundTripMs(): number {
    return this.#roundTripUs / 1000;
  }

  /**
   * Hands over the plan; the process connects.
   * @throws WorkerError `UNREACHABLE` if nobody answers at the address, `CLOCK_SKEW` if its clock is too far off.
   */
  async plan(request: PlanRequest, signal: AbortSignal): Promise<void> {
    await this.#dial();
    this.#runId = request.runId;
    const response = await this.#unary<PlanResponse>(PLAN_MS, signal, (callOptions, callback) =>
      this.#client.plan(request, new Metadata(), callOptions, callback),
    );
    this.#member = {
      name: response.name,
      address: this.#place.address,
      pid: response.pid,
      cpus: response.cpus,
      node: response.node,
      clockOffsetMs: 0,
      isLocal: this.#place.ended !== null,
    };
    const clock = await this.#measureClock(signal);
    this.#roundTripUs = clock.roundTripUs;
    this.#member.clockOffsetMs = clock.offsetUs / 1000;
    const skew = describeSkew(clock);
    if (skew !== null) throw new WorkerError('CLOCK_SKEW', `${this.title}: ${skew}`);
  }

  /** Writes the keys [firstKey, endKey). */
  async preload(
    { firstKey, endKey }: { firstKey: number; endKey: number },
    onProgress: (keys: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const request = { runId: this.#runId, firstKey, endKey };
    await this.#stream(
      PRELOAD_MS,
      signal,
      (callOptions) => this.#client.preload(request, callOptions),
      ({ keys }) => onProgress(keys),
    );
    onProgress(endKey - firstKey);
  }

  /** Opens sessions until there are `threads`. */
  async prepare({ threads, keysAreLoaded }: { threads: number; keysAreLoaded: boolean }, signal: AbortSignal) {
    const request = { runId: this.#runId, threads, keysAreLoaded };
    await this.#unary(PREPARE_MS, signal, (callOptions, callback) =>
      this.#client.prepare(request, new Metadata(), callOptions, callback),
    );
  }

  /** Runs one phase. */
  async load(
    phase: Omit<LoadWorkerStartRequest, 'runId'>,
    onProgress: (progress: PhaseProgress) => void,
    signal: AbortSignal,
  ): Promise<PhaseResult> {
    let result: PhaseResult | null = null;
    const request = { ...phase, runId: this.#runId };
    const start = (callOptions: CallOptions) => this.#client.start(request, callOptions);
    await this.#stream(phaseDeadlineMs(phase), signal, start, ({ update }) => {
      if (update?.$case === 'progress') onProgress(update.value);
      else if (update?.$case === 'result') result = update.value;
    });
    if (result === null) throw await this.#lost('ended a phase without a result');
    return result;
  }

  /** Ends the plan. Resolves when the process has closed its connection to the cluster. */
  async cancel(signal: AbortSignal): Promise<void> {
    if (this.#runId === '') return;
    await this.#unary(CANCEL_MS, signal, (callOptions, callback) =>
      this.#client.cancel({ runId: this.#runId }, new Metadata(), callOptions, callback),
    );
    this.#runId = '';
  }

  /** Lets go of the process. Calls under way fail. */
  close(): void {
    this.#client.close();
  }

  async #measureClock(signal: AbortSignal): Promise<ClockReading> {
    const readings: ClockReading[] = [];
    while (readings.length < CLOCK_READINGS) {
      const sentUs = wallUs();
      const { clockUs } = await this.#unary<ReadClockResponse>(CLOCK_MS, signal, (callOptions, callback) =>
        this.#client.readClock({ runId: this.#runId }, new Metadata(), callOptions, callback),
      );
      readings.push(measureClock({ sentUs, clockUs, arrivedUs: wallUs() }));
    }
    return quickest(readings);
  }

  #dial(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + DIAL_MS, (error) => {
        if (error === undefined) return resolve();
        const problem = `does not answer within ${DIAL_MS / 1000} s`;
        if (this.#place.ended === null) reject(new WorkerError('UNREACHABLE', `${this.title} ${problem}`));
        else this.#lost(problem).then(reject);
      });
    });
  }

  #unary<R>(
    withinMs: number,
    signal: AbortSignal,
    begin: (callOptions: CallOptions, callback: (error: ServiceError | null, response: R) => void) => ClientUnaryCall,
  ): Promise<R> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(this.#cancelled());
      const call = begin({ deadline: Date.now() + withinMs }, (error, response) => {
        signal.removeEventListener('abort', onAbort);
        if (error === null) resolve(response);
        else this.#describe(error, signal).then(reject);
      });
      const onAbort = (): void => call.cancel();
      signal.addEventListener('abort', onAbort);
    });
  }

  async #stream<R>(
    withinMs: number,
    signal: AbortSignal,
    begin: (callOptions: CallOptions) => ClientReadableStream<R>,
    onUpdate: (update: R) => void,
  ): Promise<void> {
    if (signal.aborted) throw this.#cancelled();
    const { silenceMs } = this.#place;
    const call = begin({ deadline: Date.now() + withinMs });
    let isSilent = false;
    const silence = setTimeout(() => {
      isSilent = true;
      call.cancel();
    }, silenceMs);
    const onAbort = (): void => call.cancel();
    signal.addEventListener('abort', onAbort);
    call.on('data', (update: R) => {
      silence.refresh();
      onUpdate(update);
    });
    try {
      // A status without an error is a success; the end comes when the last update has been handed over.
      await Promise.all([once(call, 'status'), once(call, 'end')]);
    } catch (error) {
      if (isSilent) throw await this.#lost(`stopped answering: silent for ${silenceMs / 1000} s`);
      throw await this.#describe(error as ServiceError, signal);
    } finally {
      clearTimeout(silence);
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** A failed call: what the process said, or that it is gone. */
  async #describe(error: ServiceError, signal: AbortSignal): Promise<WorkerError> {
    if (signal.aborted) return this.#cancelled();
    const failure = decodeFailure(error, this.title);
    if (failure !== null && failure.code !== 'WORKER_LOST') return failure;
    return this.#lost(`stopped answering: ${status[error.code]} ${error.details}`);
  }

  async #lost(how: string): Promise<WorkerError> {
    const end = await this.#endOfChild();
    return new WorkerError('WORKER_LOST', `${this.title} ${end === null ? how : `ended: ${end}`}`);
  }

  /** How the child ended; null for one that has not, and for a remote process. */
  async #endOfChild(): Promise<string | null> {
    if (this.#place.ended === null) return null;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(() => resolve(null), ENDED_WITHIN_MS);
    });
    try {
      return await Promise.race([this.#place.ended, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #cancelled(): WorkerError {
    return new WorkerError('CANCELLED', `${this.title}: the call was cancelled`);
  }
}

/** What one exchange tells of a process's clock. */
export interface ClockReading {
  /** Its clock minus the driver's; true to within half a round trip. */
  offsetUs: number;
  roundTripUs: number;
}

/** From the times of one exchange: sent and arrived by the driver's clock, in between by the process's (Cristian, 1989). */
export function measureClock({
  sentUs,
  clockUs,
  arrivedUs,
}: {
  sentUs: number;
  clockUs: number;
  arrivedUs: number;
}): ClockReading {
  return { offsetUs: clockUs - (sentUs + arrivedUs) / 2, roundTripUs: arrivedUs - sentUs };
}

/** The reading that errs least. */
export function quickest(readings: readonly ClockReading[]): ClockReading {
  return readings.reduce((best, reading) => (reading.roundTripUs < best.roundTripUs ? reading : best));
}

/** Why a clock is no base for a common start; null if it is one. */
export function describeSkew({ offsetUs, roundTripUs }: ClockReading): string | null {
  const limitUs = CLOCK_OFFSET_US_MAX + roundTripUs / 2;
  if (Math.abs(offsetUs) <= limitUs) return null;
  const [offBy, limit] = [Math.abs(offsetUs), limitUs].map((us) => (us / 1000).toFixed(1));
  const direction = offsetUs > 0 ? 'ahead of' : 'behind';
  return `its clock is ${offBy} ms ${direction} the driver's, more than ${limit} ms: a common start would mean nothing`;
}

/** How long a phase may take. One of a number of operations may take a day; silence ends it much sooner. */
function phaseDeadlineMs(phase: Omit<LoadWorkerStartRequest, 'runId'>): number {
  const aheadMs = Math.max(0, (phase.startAtUs - wallUs()) / 1000);
  const windowMs = phase.requests === 0 ? phase.durationMs : REQUESTS_PHASE_MS;
  return aheadMs + phase.settleMs + windowMs + PHASE_MARGIN_MS;
}
