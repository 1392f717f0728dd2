// The event loop around a core: an input is stepped as soon as it arrives, its outputs are carried out in order, and
// once per event-loop turn (or batch delay) the core hears `turnEnd`. Knows nothing of what inputs and outputs mean.

import type { Core } from '../../protocol/core.js';
import { monotonicUs } from './clock.js';

/** The inputs that the loop itself makes. */
export type TurnInput = { kind: 'tick' } | { kind: 'turnEnd' };

const TICK: TurnInput = { kind: 'tick' };
const TURN_END: TurnInput = { kind: 'turnEnd' };
const TICK_MS = 20;
const EXTRA_TURN_MS = 1;

/** Outputs that waited for something outside, and the input that tells the core that it came. */
class Awaited<I, O> {
  constructor(
    readonly outputs: readonly O[],
    readonly input: I | TurnInput,
  ) {}
}

/** How a loop is set up. */
export interface CoreLoopOptions<O> {
  /** Carries out one output. Called in output order; may push inputs, which are stepped after the current outputs. */
  perform: (output: O) => void;
  /** Whether the core holds something back that a turn soon should send; asked at the end of each turn. */
  wantsTurn?: () => boolean;
  /** Called after the outputs of a turn were carried out. */
  onTurn?: () => void;
  /** A core or an output threw: an invariant is broken and nothing that follows can be trusted. Must not return to work. */
  onBroken: (error: unknown) => void;
  /** Gathering time before `turnEnd`, microseconds; 0 is the end of the event-loop turn. */
  batchDelayUs?: number;
}

/** Counters since the start; the highest value since the start or since it was told to forget. */
export interface CoreLoopStats {
  steps: number;
  turns: number;
  outputs: number;
  /** Inputs that waited because outputs were being carried out; now and at most. */
  queueLength: number;
  queueLengthMax: number;
}

/** Drives one core. Single-threaded: one input at a time, outputs of one before the next. */
export class CoreLoop<I, O> {
  private readonly outputs: O[] = [];
  private readonly queue: (I | TurnInput | Awaited<I, O>)[] = [];
  private readonly batchDelayUs: number;
  private readonly counters: CoreLoopStats = { steps: 0, turns: 0, outputs: 0, queueLength: 0, queueLengthMax: 0 };
  private ticker: NodeJS.Timeout | null = null;
  private isStepping = false;
  private isTurnDue = false;
  private isExtraTurnDue = false;
  private isClosed = false;
  private turnDueUs = 0;

  constructor(
    private readonly core: Core<I | TurnInput, O>,
    private readonly options: CoreLoopOptions<O>,
  ) {
    this.batchDelayUs = options.batchDelayUs ?? 0;
  }

  /** Starts the ticks. Inputs may be pushed before. */
  start(): void {
    this.ticker = setInterval(this.onTicker, TICK_MS);
  }

  /** Steps the core with `input`, carries out what it wants done, and sees to it that the turn will end. */
  push(input: I | TurnInput): void {
    this.take(input);
  }

  /**
   * Carries out `outputs`, which waited for something outside, then steps the core with `input`, which tells it of that.
   * In its place among the inputs: never between the outputs of another.
   */
  carryOut(outputs: readonly O[], input: I | TurnInput): void {
    this.take(new Awaited(outputs, input));
  }

  /** Ends the loop: later inputs are ignored, and the turn under way does not end. */
  close(): void {
    this.isClosed = true;
    if (this.ticker !== null) clearInterval(this.ticker);
    this.ticker = null;
    this.queue.length = 0;
  }

  stats(): Readonly<CoreLoopStats> {
    this.counters.queueLength = this.queue.length;
    return this.counters;
  }

  /** Forgets how long the queue was at most. */
  resetPeaks(): void {
    this.counters.queueLengthMax = 0;
  }

  private take(input: I | TurnInput | Awaited<I, O>): void {
    if (this.isClosed) return;
    if (!this.isTurnDue) this.scheduleTurn();
    if (this.isStepping) {
      this.queue.push(input);
      if (this.queue.length > this.counters.queueLengthMax) this.counters.queueLengthMax = this.queue.length;
    } else {
      this.run(input);
    }
  }

  private run(input: I | TurnInput | Awaited<I, O>): void {
    this.isStepping = true;
    try {
      this.handle(input);
      for (let next = 0; next < this.queue.length; next++)
        this.handle(this.queue[next] as I | TurnInput | Awaited<I, O>);
      this.queue.length = 0;
    } catch (error) {
      this.close();
      this.options.onBroken(error);
    } finally {
      this.isStepping = false;
    }
  }

  private handle(input: I | TurnInput | Awaited<I, O>): void {
    if (!(input instanceof Awaited)) return this.step(input);
    this.counters.outputs += input.outputs.length;
    for (const output of input.outputs) this.options.perform(output);
    this.step(input.input);
  }

  private step(input: I | TurnInput): void {
    const outputs = this.outputs;
    this.counters.steps++;
    this.core.step(input, monotonicUs(), outputs);
    if (outputs.length === 0) return;
    this.counters.outputs += outputs.length;
    for (let next = 0; next < outputs.length; next++) this.options.perform(outputs[next] as O);
    outputs.length = 0;
  }

  private scheduleTurn(): void {
    this.isTurnDue = true;
    if (this.batchDelayUs === 0) {
      setImmediate(this.endTurn);
    } else if (this.batchDelayUs % 1000 === 0) {
      setTimeout(this.endTurn, this.batchDelayUs / 1000);
    } else {
      // Timers have a resolution of 1 ms, so shorter delays are waited for by looking at the clock once per turn.
      this.turnDueUs = monotonicUs() + this.batchDelayUs;
      setImmediate(this.endTurnWhenDue);
    }
  }

  private readonly endTurnWhenDue = (): void => {
    if (monotonicUs() >= this.turnDueUs) this.endTurn();
    else setImmediate(this.endTurnWhenDue);
  };

  private readonly endTurn = (): void => {
    if (this.isClosed) return;
    this.counters.turns++;
    // First of all: an input that an output of `turnEnd` pushes comes after it and needs a turn of its own.
    this.isTurnDue = false;
    this.run(TURN_END);
    this.options.onTurn?.();
    if (this.options.wantsTurn?.() === true && !this.isExtraTurnDue) {
      this.isExtraTurnDue = true;
      setTimeout(this.onExtraTurn, EXTRA_TURN_MS);
    }
  };

  private readonly onExtraTurn = (): void => {
    this.isExtraTurnDue = false;
    if (!this.isTurnDue && !this.isClosed) this.scheduleTurn();
  };

  // Timers run before sockets are read; what lies there already should count before time does.
  private readonly onTicker = (): void => {
    setImmediate(this.onTick);
  };

  private readonly onTick = (): void => this.push(TICK);
}
