// One client process without the process: it connects once, opens sessions as they are needed and runs phases of load.
// Speaks in the messages of load_worker.proto and knows nothing of who asks or how they travel.

import { performance } from 'node:perf_hooks';

import type { Client, ClientStats, ConnectOptions } from '../../client/types.js';
import type {
  LoadWorkerStartRequest,
  OpenLoopCounts,
  PhaseProgress,
  PhaseResult,
  PlanRequest,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { ResourceAttribute, ServiceName } from '../../tracing/service-names.js';
import { openTracing, type Tracing } from '../../tracing/setup.js';
import { wallUs } from '../../tracing/wall-clock.js';
import { ARRIVAL_PATTERNS, Arrivals } from './arrivals.js';
import { ClosedLoop } from './closed-loop.js';
import { HistoryWriter } from './history.js';
import { KeySpace } from './key-space.js';
import { OpenLoop, type OpenLoopSpan } from './open-loop.js';
import { type LoadLoop, type LoopDoors, openStreamSession, type Stream, type StreamSession } from './operation-lane.js';
import { preloadKeys } from './preload.js';
import { Random } from './random.js';
import { Recorder } from './recorder.js';
import { SelfCheck } from './self-check.js';
import { ValueCodec } from './value-codec.js';
import { Verifier } from './verifier.js';
import { ThreadWakeup, type Wakeup } from './wakeup.js';
import { Workload } from './workload.js';
import { Zipf } from './zipf.js';

/** The SDK's `connect`, or a double of it. */
export type Connect = (options: ConnectOptions) => Promise<Client>;

type Measured = Pick<PhaseResult, 'acksOverNats' | 'acksOverStream' | 'health'>;

const CLOSE_GRACE_MS = 2000;
/** Sets the random numbers of arrivals apart from those of the workload, which has 1 and 2. */
const ARRIVALS_SEED_WORD = 3;

/** A connected client process. */
export class LoadWorker {
  readonly #plan: PlanRequest;
  readonly #client: Client;
  /** Null where nothing is traced. */
  readonly #tracing: Tracing | null;
  /** Null for a closed loop, which waits for answers only. */
  readonly #wakeup: ThreadWakeup | null;
  readonly #zipf: Zipf;
  readonly #doors: LoopDoors;
  readonly #selfCheck = new SelfCheck();
  readonly #streams: StreamSession[] = [];
  #loop: LoadLoop | null = null;
  #isStopped = false;

  private constructor(
    plan: PlanRequest,
    { client, tracing, wakeup }: { client: Client; tracing: Tracing | null; wakeup: ThreadWakeup | null },
  ) {
    const codec = new ValueCodec(plan.valueBytes);
    this.#plan = plan;
    this.#client = client;
    this.#tracing = tracing;
    this.#wakeup = wakeup;
    this.#zipf = new Zipf(plan.keys, plan.zipf);
    this.#doors = {
      now: () => performance.now(),
      codec,
      keys: new KeySpace(plan.keys),
      verifier: new Verifier(codec, plan.keys),
      recorder: new Recorder(),
      sendLag: this.#selfCheck.sendLag,
      history: plan.history === '' ? null : new HistoryWriter(plan.history),
    };
  }

  /** Fails with the SDK's error if the cluster cannot be reached. */
  static async connect(plan: PlanRequest, connect: Connect): Promise<LoadWorker> {
    const tracing = await openClientTracing(plan);
    try {
      const client = await connect({
        target: plan.target,
        ackTransport: plan.ackTransport === 'stream' ? 'stream' : 'nats',
        batchDelayUs: plan.batchDelayUs,
        timeLineEvery: plan.attributeEvery,
        ...(tracing === null ? {} : { tracing: { tracer: tracing.tracer, ratio: plan.traceRatio } }),
      });
      const wakeup = plan.openLoop === undefined ? null : await ThreadWakeup.open();
      return new LoadWorker(plan, { client, tracing, wakeup });
    } catch (error) {
      await tracing?.close();
      throw error;
    }
  }

  /** Writes keys [firstKey, endKey) and waits until they are committed. */
  async preload(firstKey: number, endKey: number, onProgress: (keys: number) => void): Promise<void> {
    const loader = await openStreamSession(this.#client, this.#doors.verifier);
    await preloadKeys(this.#doors, loader, { firstKey, endKey, valueBytes: this.#plan.valueBytes }, onProgress);
    await loader.session.close();
  }

  /** From now on a strong read has to find every key. */
  expectAllKeys(): void {
    this.#doors.verifier.preloaded = true;
  }

  /** Opens sessions until there are `threads`. */
  async prepare(threads: number): Promise<void> {
    while (this.#streams.length < threads)
      this.#streams.push(await openStreamSession(this.#client, this.#doors.verifier));
  }

  /** Runs one phase: settle, then measure. Sessions live on, operations do not. */
  async load(phase: LoadWorkerStartRequest): Promise<PhaseResult> {
    this.#isStopped = false;
    const startAtMs = phase.startAtUs / 1000;
    await until(startAtMs);
    const beganMs = performance.now();
    // A timer may fire a fraction of a millisecond early; that is no lag.
    const startLagMs = Math.max(0, wallUs() / 1000 - startAtMs);
    return phase.requests === 0 ? this.#loadForTime(phase, beganMs, startLagMs) : this.#loadRequests(phase, startLagMs);
  }

  /** How the phase under way is doing. */
  progress(): PhaseProgress {
    const { recorder } = this.#doors;
    return {
      operations: recorder.operations,
      inFlight: this.#loop?.inFlight ?? 0,
      waiting: this.#loop?.waiting ?? 0,
      errors: recorder.failures,
    };
  }

  /** Ends the phase under way early; its result is of what was measured. */
  stop(): void {
    this.#isStopped = true;
    this.#loop?.stop();
  }

  /** Stops what is under way, lets writes finish for a moment, and ends the connection. Nothing may follow. */
  async close(): Promise<void> {
    this.stop();
    try {
      await this.#client.close({ graceMs: CLOSE_GRACE_MS });
    } finally {
      // Only now, because operations that the close ended are part of the history.
      this.#doors.history?.close();
      await this.#wakeup?.close();
      await this.#tracing?.close();
    }
  }

  async #loadForTime(phase: LoadWorkerStartRequest, beganMs: number, startLagMs: number): Promise<PhaseResult> {
    const fromMs = beganMs + phase.settleMs;
    const toMs = fromMs + phase.durationMs;
    this.#doors.recorder.open(fromMs, toMs, this.#wakeup === null ? 'completion' : 'intended');
    this.#beginVerification();
    let acks = this.#client.stats().acks;
    let measured: Measured | null = null;
    const measure = () => ({ ...acksSince(acks, this.#client.stats()), health: this.#selfCheck.end() });
    const opens = setTimeout(() => {
      acks = this.#client.stats().acks;
      this.#selfCheck.begin(startLagMs);
    }, phase.settleMs);
    const closes = setTimeout(() => {
      measured = measure();
    }, phase.settleMs + phase.durationMs);
    const counts =
      this.#wakeup === null
        ? await this.#runClosedLoop(phase, { untilMs: toMs, requestsPerStream: Number.POSITIVE_INFINITY })
        : await this.#runOpenLoop(phase, this.#wakeup, { beginMs: beganMs, countFromMs: fromMs, untilMs: toMs });
    clearTimeout(opens);
    clearTimeout(closes);
    const windowMs = Math.min(phase.durationMs, Math.max(1, performance.now() - fromMs));
    return this.#report(windowMs, measured ?? measure(), counts);
  }

  async #loadRequests(phase: LoadWorkerStartRequest, startLagMs: number): Promise<PhaseResult> {
    this.#beginVerification();
    this.#doors.recorder.open(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    await this.#runClosedLoop(
      { ...phase, seedWord: -1 - phase.seedWord },
      { untilMs: performance.now() + phase.settleMs, requestsPerStream: Number.POSITIVE_INFINITY },
    );
    const fromMs = performance.now();
    const acks = this.#client.stats().acks;
    this.#doors.recorder.open(fromMs, Number.POSITIVE_INFINITY);
    this.#selfCheck.begin(startLagMs);
    await this.#runClosedLoop(phase, { untilMs: Number.POSITIVE_INFINITY, requestsPerStream: phase.requests });
    const windowMs = Math.max(1, performance.now() - fromMs);
    const measured = { ...acksSince(acks, this.#client.stats()), health: this.#selfCheck.end() };
    return this.#report(windowMs, measured, undefined);
  }

  async #runClosedLoop(
    phase: LoadWorkerStartRequest,
    limits: { untilMs: number; requestsPerStream: number },
  ): Promise<undefined> {
    await this.#run(new ClosedLoop(this.#doors, this.#streamsOf(phase), this.#plan.pendings, limits));
  }

  async #runOpenLoop(phase: LoadWorkerStartRequest, wakeup: Wakeup, span: OpenLoopSpan): Promise<OpenLoopCounts> {
    const { seed, client, openLoop } = this.#plan;
    if (openLoop === undefined) throw new Error('the plan is of a closed loop');
    const arrivals = new Arrivals({
      rate: openLoop.rate,
      pattern: ARRIVAL_PATTERNS.find((pattern) => pattern === openLoop.arrivals) ?? 'poisson',
      random: new Random(ARRIVALS_SEED_WORD, seed, client, phase.seedWord),
    });
    const loop = new OpenLoop(this.#doors, this.#streamsOf(phase), { arrivals, wakeup }, openLoop, span);
    await this.#run(loop);
    return loop.counts;
  }

  async #run(loop: LoadLoop): Promise<void> {
    this.#loop = loop;
    if (this.#isStopped) loop.stop();
    await loop.run();
    this.#loop = null;
  }

  #streamsOf({ threads, seedWord }: LoadWorkerStartRequest): Stream[] {
    const { seed, client, weakRatio, writeRatio } = this.#plan;
    return this.#streams.slice(0, threads).map((on, thread) => ({
      ...on,
      workload: new Workload({ weakRatio, writeRatio }, this.#zipf, this.#doors.keys, [seed, client, thread, seedWord]),
    }));
  }

  #beginVerification(): void {
    const totals = this.#doors.verifier.totals;
    totals.checked = 0;
    totals.wrong = 0;
    totals.found = 0;
    totals.examples = [];
  }

  #report(windowMs: number, measured: Measured, openLoop: OpenLoopCounts | undefined): PhaseResult {
    const { exported = 0, dropped = 0 } = this.#tracing?.stats() ?? {};
    return {
      ...measured,
      ...this.#doors.recorder.result(),
      windowMs,
      verification: { ...this.#doors.verifier.totals },
      epochChanges: this.#client.stats().epochChanges,
      openLoop,
      spansDropped: dropped,
      spansExported: exported,
    };
  }
}

function acksSince(before: ClientStats['acks'], stats: ClientStats): Pick<Measured, 'acksOverNats' | 'acksOverStream'> {
  return { acksOverNats: stats.acks.nats - before.nats, acksOverStream: stats.acks.stream - before.stream };
}

function until(atMs: number): Promise<void> {
  const waitMs = atMs - wallUs() / 1000;
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
}

/** Where the plan wants operations traced. */
async function openClientTracing({ otlpUrl, traceRatio, client }: PlanRequest): Promise<Tracing | null> {
  if (otlpUrl === '' || traceRatio === 0) return null;
  const attributes = { [ResourceAttribute.instance]: `client-${client}` };
  const log = (problem: string): void => void process.stderr.write(`load process ${client}: ${problem}\n`);
  return openTracing({ url: otlpUrl, serviceName: ServiceName.client, attributes, log });
}
