// Measures what this machine's processes can carry at best: frames over gRPC streams between a driver and a service that
// does nothing, both scheduled as client processes are. Owns the two processes; knows no protocol and no cluster.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { type Scheduling, scheduled } from '../../deploy/scheduling.js';
import { describeMachine, type Machine } from '../outcome/result.js';
import type { FrameFigures, FrameStep, TimerFigures } from './frame-driver.js';

/** Version of the document that `calibrate --json` prints. */
export const CALIBRATION_SCHEMA_VERSION = 1;

/** Frame sizes that are measured, bytes. */
export const FRAME_BYTES: readonly number[] = [100, 1024, 4096, 16_384];
/** Numbers of streams that are measured at once. */
export const STREAMS: readonly number[] = [1, 2];
/**
 * Frames in flight per stream where the ceiling is measured. With more, small frames gain some ten percent and large ones
 * wait for HTTP/2, which lets a client have 64 KiB on their way to it.
 */
export const WINDOW_FRAMES = 8;

/** A whole calibration ends within this time, or fails. */
export const CALIBRATION_MS_MAX = 20_000;
/** Longer steps would not fit into that time. */
export const STEP_MS_MAX = 1400;
const SETTLE_MS_MOST = 200;
const EXIT_WITHIN_MS = 2000;

/** A step and what it found. */
export type FrameResult = FrameStep & FrameFigures;

/** What a machine can carry. */
export interface CalibrationResult {
  schemaVersion: number;
  startedAt: string;
  machine: Machine;
  scheduling: Scheduling;
  /** The ceiling: every frame size with every number of streams, windows full. */
  ceilings: FrameResult[];
  /** One stream, one frame in flight: what a frame takes when nothing waits. */
  roundTrips: FrameResult[];
  timers: TimerFigures;
}

/** What the parent asks a child. */
export type CalibrationRequest =
  | { kind: 'echo' }
  | { kind: 'drive'; address: string; step: FrameStep }
  | { kind: 'timers' };

/** What the child answers. */
export type CalibrationReply =
  | { kind: 'address'; address: string }
  | { kind: 'figures'; figures: FrameFigures }
  | { kind: 'timers'; timers: TimerFigures }
  | { kind: 'failed'; message: string };

/** A calibration did not come to its end; the message says why. */
export class CalibrationError extends Error {
  override name = 'CalibrationError';
}

/** How to calibrate. */
export interface CalibrationOptions {
  /** Length of a step at full windows; at most `STEP_MS_MAX`. Round trips take half of it. */
  durationMs: number;
  scheduling: Scheduling;
  /** Ends the calibration early. */
  signal: AbortSignal;
  /** Hears of each step before it begins. */
  onStep?: (label: string, ms: number) => void;
}

/** All steps in order; the first is for the compiler of both processes and is not reported. */
export function planSteps(durationMs: number): { warmup: FrameStep; ceilings: FrameStep[]; roundTrips: FrameStep[] } {
  const settleMs = Math.min(SETTLE_MS_MOST, durationMs);
  return {
    warmup: { frameBytes: 1024, streams: 2, windowFrames: WINDOW_FRAMES, settleMs, durationMs: durationMs / 2 },
    ceilings: FRAME_BYTES.flatMap((frameBytes) =>
      STREAMS.map((streams) => ({ frameBytes, streams, windowFrames: WINDOW_FRAMES, settleMs, durationMs })),
    ),
    roundTrips: FRAME_BYTES.map((frameBytes) => ({
      frameBytes,
      streams: 1,
      windowFrames: 1,
      settleMs: settleMs / 2,
      durationMs: durationMs / 2,
    })),
  };
}

/** Runs all steps. Leaves no process behind, whatever happens. Throws `CalibrationError`. */
export async function calibrate(options: CalibrationOptions): Promise<CalibrationResult> {
  const { scheduling, durationMs, signal, onStep = () => {} } = options;
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  signal.throwIfAborted();
  const [echo, driver] = [new CalibrationProcess('echo', scheduling), new CalibrationProcess('driver', scheduling)];
  const deadline = setTimeout(() => endAll(`it took longer than ${CALIBRATION_MS_MAX / 1000} s`), CALIBRATION_MS_MAX);
  const onAbort = () => endAll('it was interrupted');
  const endAll = (why: string) => {
    for (const child of [echo, driver]) child.fail(why);
  };
  signal.addEventListener('abort', onAbort);
  try {
    const { address } = await echo.ask({ kind: 'echo' }, 'address');
    onStep('timers', 0);
    const { timers } = await driver.ask({ kind: 'timers' }, 'timers');
    const run = async (step: FrameStep): Promise<FrameResult> => {
      onStep(describeStep(step), step.settleMs + step.durationMs);
      return { ...step, ...(await driver.ask({ kind: 'drive', address, step }, 'figures')).figures };
    };
    const plan = planSteps(durationMs);
    await run(plan.warmup);
    const ceilings = await inTurn(plan.ceilings, run);
    const roundTrips = await inTurn(plan.roundTrips, run);
    return { schemaVersion: CALIBRATION_SCHEMA_VERSION, startedAt, machine, scheduling, ceilings, roundTrips, timers };
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', onAbort);
    await Promise.all([echo.end(), driver.end()]);
  }
}

async function inTurn<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const item of items) results.push(await action(item));
  return results;
}

function describeStep({ frameBytes, streams, windowFrames }: FrameStep): string {
  const where = streams === 1 ? 'one stream' : `${streams} streams`;
  return `frames of ${frameBytes} bytes, ${where}, ${windowFrames === 1 ? 'one' : windowFrames} in flight`;
}

type ReplyOf<K extends CalibrationReply['kind']> = Extract<CalibrationReply, { kind: K }>;

/** One child: one request at a time. */
class CalibrationProcess {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #settle: { resolve: (reply: CalibrationReply) => void; reject: (error: Error) => void } | null = null;
  /** Why nothing can be asked any more; null while it can. */
  #failure: CalibrationError | null = null;

  constructor(name: string, scheduling: Scheduling) {
    this.#name = name;
    // As client processes are started, so that a frame costs here what it costs there.
    const { command, args } = scheduled(process.execPath, ['--max-semi-space-size=32'], scheduling);
    this.#child = fork(fileURLToPath(new URL('./calibrate-process.js', import.meta.url)), [], {
      execPath: command,
      execArgv: args,
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.#child.on('message', (reply: CalibrationReply) => this.#onReply(reply));
    this.#child.on('error', (error) => this.fail(`the ${name} process could not be started: ${error.message}`));
    this.#exited = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        this.fail(`the ${name} process ended unexpectedly (${signal ?? `code ${code}`})`);
        resolve();
      });
    });
  }

  async ask<K extends CalibrationReply['kind']>(request: CalibrationRequest, kind: K): Promise<ReplyOf<K>> {
    const reply = await new Promise<CalibrationReply>((resolve, reject) => {
      if (this.#failure !== null) return reject(this.#failure);
      this.#settle = { resolve, reject };
      this.#child.send(request, (error) => {
        if (error !== null) this.fail(`the ${this.#name} process cannot be reached: ${error.message}`);
      });
    });
    if (isOfKind(reply, kind)) return reply;
    throw new CalibrationError(
      reply.kind === 'failed'
        ? `the ${this.#name} process: ${reply.message}`
        : `the ${this.#name} process answered ${reply.kind}, expected ${kind}`,
    );
  }

  /** What is asked fails with this reason, and so does whatever is asked later. */
  fail(why: string): void {
    this.#failure ??= new CalibrationError(`calibrate: ${why}`);
    const settle = this.#settle;
    this.#settle = null;
    settle?.reject(this.#failure);
  }

  async end(): Promise<void> {
    if (this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#child.connected) this.#child.disconnect();
    const killer = setTimeout(() => this.#child.kill('SIGKILL'), EXIT_WITHIN_MS);
    await this.#exited;
    clearTimeout(killer);
  }

  #onReply(reply: CalibrationReply): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.resolve(reply);
  }
}

function isOfKind<K extends CalibrationReply['kind']>(reply: CalibrationReply, kind: K): reply is ReplyOf<K> {
  return reply.kind === kind;
}
