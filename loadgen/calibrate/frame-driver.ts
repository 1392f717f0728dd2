// Drives frames through the SDK's own streams against the echo and measures what they cost: one frame per stream and turn
// of the event loop, so many in flight. Also measures the timers of its process. Does not know what the figures are for.

import { createHistogram, performance, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { Client, credentials, Metadata } from '@grpc/grpc-js';

import { createStreamCounters, NodeStream } from '../../client/transport/node-stream.js';
import { median, spread } from '../outcome/statistics.js';
import { echoMethods } from './frame-echo.js';

/** One measurement. */
export interface FrameStep {
  frameBytes: number;
  /** Each with a connection of its own. */
  streams: number;
  /** Frames in flight per stream. */
  windowFrames: number;
  /** Frames flow for this long before anything counts. */
  settleMs: number;
  durationMs: number;
}

/** What a step found. Frames are those that came back; a process sends and receives each of them once. */
export interface FrameFigures {
  frames: number;
  elapsedMs: number;
  framesPerSecond: number;
  /** (max − min) / mean over the quarters of the step. */
  spread: number;
  /** In each direction. */
  mibPerSecond: number;
  /** Processor time per frame. */
  driverCpuUs: number;
  echoCpuUs: number;
  /** Processor time over elapsed time; 1 is one core. */
  driverCpuShare: number;
  echoCpuShare: number;
  roundTripP50Us: number;
  roundTripP99Us: number;
}

/** How this process's timers and event loop behave while nothing else goes on in it. */
export interface TimerFigures {
  /** How long `setTimeout` of one millisecond takes. */
  oneMsTimeoutP50Ms: number;
  oneMsTimeoutP99Ms: number;
  /** An empty turn of the event loop, median. */
  turnUs: number;
}

const QUARTERS = 4;
const TIMEOUT_SAMPLES = 100;
const TURN_SAMPLES = 2000;

/** Runs a step against the echo at `address`. Rejects if a stream breaks. */
export async function driveFrames(address: string, step: FrameStep): Promise<FrameFigures> {
  const frame = Buffer.alloc(step.frameBytes, 'frame');
  const usage = new Client(address, credentials.createInsecure());
  const roundTrips = createHistogram();
  const loads: FrameLoad[] = [];
  const lost = new Promise<never>((_, onLost) => {
    for (let stream = 0; stream < step.streams; stream++) {
      loads.push(new FrameLoad({ address, frame, windowFrames: step.windowFrames, roundTrips, onLost }));
    }
  });
  try {
    return await Promise.race([measure(step, loads, roundTrips, usage), lost]);
  } finally {
    for (const load of loads) load.close();
    usage.close();
  }
}

async function measure(
  { frameBytes, settleMs, durationMs }: FrameStep,
  loads: readonly FrameLoad[],
  roundTrips: RecordableHistogram,
  usage: Client,
): Promise<FrameFigures> {
  const countFrames = () => loads.reduce((sum, load) => sum + load.answered, 0);
  await sleep(settleMs);
  const echoCpuBeganUs = await askUsage(usage);
  const cpuBegan = process.cpuUsage();
  const framesBegan = countFrames();
  const beganMs = performance.now();
  roundTrips.reset();
  const rates: number[] = [];
  let [lastFrames, lastMs] = [framesBegan, beganMs];
  for (let quarter = 0; quarter < QUARTERS; quarter++) {
    await sleep(durationMs / QUARTERS);
    const [nowFrames, nowMs] = [countFrames(), performance.now()];
    rates.push((nowFrames - lastFrames) / (nowMs - lastMs));
    [lastFrames, lastMs] = [nowFrames, nowMs];
  }
  const cpu = process.cpuUsage(cpuBegan);
  const [driverCpuUs, echoCpuUs] = [cpu.user + cpu.system, (await askUsage(usage)) - echoCpuBeganUs];
  const [frames, elapsedMs] = [lastFrames - framesBegan, lastMs - beganMs];
  if (frames === 0) throw new Error(`not one frame of ${frameBytes} bytes came back within ${durationMs} ms`);
  return {
    frames,
    elapsedMs,
    framesPerSecond: (frames / elapsedMs) * 1000,
    spread: spread(rates),
    mibPerSecond: ((frames * frameBytes) / (1 << 20) / elapsedMs) * 1000,
    driverCpuUs: driverCpuUs / frames,
    echoCpuUs: echoCpuUs / frames,
    driverCpuShare: driverCpuUs / 1000 / elapsedMs,
    echoCpuShare: echoCpuUs / 1000 / elapsedMs,
    roundTripP50Us: roundTrips.percentile(50) / 1000,
    roundTripP99Us: roundTrips.percentile(99) / 1000,
  };
}

function askUsage(client: Client): Promise<number> {
  const { path, requestSerialize, responseDeserialize } = echoMethods.usage;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, Buffer.alloc(0), (error, answer) => {
      if (error === null && answer !== undefined) resolve(answer.readDoubleBE());
      else reject(error ?? new Error('the echo answered nothing'));
    });
  });
}

/** Keeps one stream's window full, a frame per turn. */
class FrameLoad {
  answered = 0;
  readonly #frame: Buffer;
  readonly #windowFrames: number;
  readonly #roundTrips: RecordableHistogram;
  readonly #stream: NodeStream;
  /** When the frames in flight were sent; they come back in order. */
  readonly #sentMs: number[] = [];
  #isTurnArmed = false;
  #isClosed = false;

  constructor(options: {
    address: string;
    frame: Buffer;
    windowFrames: number;
    roundTrips: RecordableHistogram;
    onLost: (error: Error) => void;
  }) {
    this.#frame = options.frame;
    this.#windowFrames = options.windowFrames;
    this.#roundTrips = options.roundTrips;
    this.#stream = new NodeStream({
      address: options.address,
      path: echoMethods.frames.path,
      createMetadata: () => new Metadata(),
      counters: createStreamCounters(),
      events: {
        onUp: () => this.#armTurn(),
        onDown: () => options.onLost(new Error(`the stream to the echo at ${options.address} broke`)),
        onFrame: () => this.#onFrame(),
        onDrain: () => undefined,
      },
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#stream.close();
  }

  #onFrame(): void {
    const sentMs = this.#sentMs.shift() ?? 0;
    this.answered++;
    this.#roundTrips.record(Math.max(1, Math.round((performance.now() - sentMs) * 1e6)));
    this.#armTurn();
  }

  #armTurn(): void {
    if (this.#isTurnArmed || this.#isClosed || this.#sentMs.length >= this.#windowFrames) return;
    this.#isTurnArmed = true;
    setImmediate(() => {
      this.#isTurnArmed = false;
      if (this.#isClosed) return;
      this.#sentMs.push(performance.now());
      this.#stream.send(this.#frame, 0);
      this.#armTurn();
    });
  }
}

/** Measures timers and event loop of this process, which should have nothing else to do. */
export async function measureTimers(): Promise<TimerFigures> {
  const timeouts = await sampleMs(TIMEOUT_SAMPLES, () => sleep(1));
  const turns = await sampleMs(TURN_SAMPLES, () => new Promise<void>((resolve) => setImmediate(resolve)));
  return {
    oneMsTimeoutP50Ms: median(timeouts),
    oneMsTimeoutP99Ms: timeouts.toSorted((a, b) => a - b)[Math.floor(timeouts.length * 0.99)] ?? 0,
    turnUs: median(turns) * 1000,
  };
}

async function sampleMs(samples: number, wait: () => Promise<void>): Promise<number[]> {
  const tookMs: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    const beganMs = performance.now();
    await wait();
    tookMs.push(performance.now() - beganMs);
  }
  return tookMs;
}
