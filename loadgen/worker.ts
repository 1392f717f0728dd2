// One client process without the process: it connects once, opens sessions as they are needed and runs phases of load.
// Knows nothing of who asks; worker-host.ts gives it a voice over child-process IPC.

import { performance } from 'node:perf_hooks';

import type { Client, ClientStats, ConnectOptions } from '../client/types.js';
import { ClosedLoop, type LoopDoors, openStreamSession, type StreamSession } from './closed-loop.js';
import { HistoryWriter } from './history.js';
import { KeySpace } from './key-space.js';
import { preloadKeys } from './preload.js';
import { Recorder } from './recorder.js';
import { SelfCheck } from './self-check.js';
import { ValueCodec } from './value-codec.js';
import { Verifier } from './verifier.js';
import type { LoadPhase, PhaseResult, WorkerSetup } from './worker-messages.js';
import { Workload } from './workload.js';
import { Zipf } from './zipf.js';

/** The SDK's `connect`, or a double of it. */
export type Connect = (options: ConnectOptions) => Promise<Client>;

const CLOSE_GRACE_MS = 2000;

/** A connected client process. */
export class LoadWorker {
  readonly #setup: WorkerSetup;
  readonly #client: Client;
  readonly #zipf: Zipf;
  readonly #doors: LoopDoors;
  readonly #selfCheck = new SelfCheck();
  readonly #streams: StreamSession[] = [];
  #loop: ClosedLoop | null = null;

  private constructor(setup: WorkerSetup, client: Client) {
    const codec = new ValueCodec(setup.valueBytes);
    this.#setup = setup;
    this.#client = client;
    this.#zipf = new Zipf(setup.keys, setup.zipf);
    this.#doors = {
      codec,
      keys: new KeySpace(setup.keys),
      verifier: new Verifier(codec, setup.keys),
      recorder: new Recorder(),
      sendLag: this.#selfCheck.sendLag,
      history: setup.history === null ? null : new HistoryWriter(setup.history),
    };
  }

  /** Fails with the SDK's error if the cluster cannot be reached. */
  static async connect(setup: WorkerSetup, connect: Connect): Promise<LoadWorker> {
    const client = await connect({
      target: setup.target,
      ackTransport: setup.ackTransport,
      batchDelayUs: setup.batchDelayUs,
    });
    return new LoadWorker(setup, client);
  }

  /** Writes keys [firstKey, endKey) and waits until they are committed. */
  async preload(firstKey: number, endKey: number, onProgress: (keys: number) => void): Promise<void> {
    const loader = await openStreamSession(this.#client, this.#doors.verifier);
    await preloadKeys(this.#doors, loader, { firstKey, endKey, valueBytes: this.#setup.valueBytes }, onProgress);
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
  async load(phase: LoadPhase): Promise<PhaseResult> {
    await until(phase.startAtMs);
    const beganMs = performance.now();
    // A timer may fire a fraction of a millisecond early; that is no lag.
    const startLagMs = Math.max(0, performance.timeOrigin + beganMs - phase.startAtMs);
    return phase.requests === null
      ? this.#loadForTime(phase, beganMs, startLagMs)
      : this.#loadRequests(phase, phase.requests, startLagMs);
  }

  /** Ends the phase under way early; its result is of what was measured. */
  stop(): void {
    this.#loop?.stop();
  }

  /** Stops what is under way, lets writes finish for a moment, and ends the connection. Nothing may follow. */
  async close(): Promise<void> {
    this.stop();
    await this.#client.close({ graceMs: CLOSE_GRACE_MS });
    // Only now, because operations that the close ended are part of the history.
    this.#doors.history?.close();
  }

  async #loadForTime(phase: LoadPhase, beganMs: number, startLagMs: number): Promise<PhaseResult> {
    const fromMs = beganMs + phase.settleMs;
    const toMs = fromMs + phase.durationMs;
    this.#doors.recorder.open(fromMs, toMs);
    this.#beginVerification();
    let acks = this.#client.stats().acks;
    let measured: Pick<PhaseResult, 'acks' | 'health'> | null = null;
    const measure = () => ({ acks: acksSince(acks, this.#client.stats()), health: this.#selfCheck.end() });
    const opens = setTimeout(() => {
      acks = this.#client.stats().acks;
      this.#selfCheck.begin(startLagMs);
    }, phase.settleMs);
    const closes = setTimeout(() => {
      measured = measure();
    }, phase.settleMs + phase.durationMs);
    await this.#runLoop(phase, { untilMs: toMs, requestsPerStream: Number.POSITIVE_INFINITY });
    clearTimeout(opens);
    clearTimeout(closes);
    return this.#report(Math.min(phase.durationMs, Math.max(1, performance.now() - fromMs)), measured ?? measure());
  }

  async #loadRequests(phase: LoadPhase, requests: number, startLagMs: number): Promise<PhaseResult> {
    this.#beginVerification();
    this.#doors.recorder.open(Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY);
    await this.#runLoop(
      { ...phase, seedWord: -1 - phase.seedWord },
      { untilMs: performance.now() + phase.settleMs, requestsPerStream: Number.POSITIVE_INFINITY },
    );
    const fromMs = performance.now();
    const acks = this.#client.stats().acks;
    this.#doors.recorder.open(fromMs, Number.POSITIVE_INFINITY);
    this.#selfCheck.begin(startLagMs);
    await this.#runLoop(phase, { untilMs: Number.POSITIVE_INFINITY, requestsPerStream: requests });
    const windowMs = Math.max(1, performance.now() - fromMs);
    return this.#report(windowMs, { acks: acksSince(acks, this.#client.stats()), health: this.#selfCheck.end() });
  }

  async #runLoop(phase: LoadPhase, limits: { untilMs: number; requestsPerStream: number }): Promise<void> {
    const { seed, client, weakRatio, writeRatio, pendings } = this.#setup;
    const streams = this.#streams.slice(0, phase.threads).map((on, thread) => ({
      on,
      workload: new Workload({ weakRatio, writeRatio }, this.#zipf, this.#doors.keys, [
        seed,
        client,
        thread,
        phase.seedWord,
      ]),
    }));
    this.#loop = new ClosedLoop(this.#doors, streams, pendings, limits);
    await this.#loop.run();
    this.#loop = null;
  }

  #beginVerification(): void {
    const totals = this.#doors.verifier.totals;
    totals.checked = 0;
    totals.wrong = 0;
    totals.found = 0;
    totals.examples = [];
  }

  #report(windowMs: number, measured: Pick<PhaseResult, 'acks' | 'health'>): PhaseResult {
    return {
      ...measured,
      recording: this.#doors.recorder.result(),
      windowMs,
      verification: { ...this.#doors.verifier.totals },
      epochChanges: this.#client.stats().epochChanges,
    };
  }
}

function acksSince(before: ClientStats['acks'], stats: ClientStats): ClientStats['acks'] {
  return { nats: stats.acks.nats - before.nats, stream: stats.acks.stream - before.stream };
}

function until(atMs: number): Promise<void> {
  const waitMs = atMs - (performance.timeOrigin + performance.now());
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, waitMs)));
}
