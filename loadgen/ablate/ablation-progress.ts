// Says on standard error how far an ablation is and how long it will take: a bar on a terminal, else a line every five
// seconds. What starting and stopping a cluster costs on this machine it learns from the runs that are done.

import cliProgress from 'cli-progress';
import type { ProgressSink } from '../driver/progress.js';

const LINE_EVERY_MS = 5000;
const BAR_EVERY_MS = 200;
/** Starting and stopping a cluster and the load processes, until it is known better. */
const SETUP_MS_GUESS = 5000;

/** Progress through runs whose windows have known lengths. */
export class AblationProgress {
  readonly #sink: ProgressSink;
  readonly #plannedMs: readonly number[];
  readonly #now: () => number;
  readonly #bar: cliProgress.SingleBar | null;
  /** Time that each run took beyond its plan. */
  readonly #setupMs: number[] = [];
  #runBeganMs = 0;
  #name = '';
  #label = '';
  #detail = '';
  #timer: NodeJS.Timeout | null = null;

  /** `plannedMs` is how long warm-up and window of each run take together. */
  constructor(sink: ProgressSink, plannedMs: readonly number[], now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#plannedMs = plannedMs;
    this.#now = now;
    this.#bar = sink.isTTY
      ? new cliProgress.SingleBar(
          { stream: sink, format: '{bar} {percentage} %  {label}', barsize: 24, hideCursor: true },
          cliProgress.Presets.rect,
        )
      : null;
  }

  start(): void {
    this.#runBeganMs = this.#now();
    this.#bar?.start(this.#plannedMs.length, 0, { label: 'starting' });
    this.#timer = setInterval(() => this.#show(), this.#bar === null ? LINE_EVERY_MS : BAR_EVERY_MS);
  }

  /** The next run begins. */
  run(name: string): void {
    this.#name = name;
    this.#runBeganMs = this.#now();
    this.relabel('');
  }

  /** The run ended; the next one is told separately. */
  ended(): void {
    const planned = this.#plannedMs[this.#setupMs.length] ?? 0;
    this.#setupMs.push(Math.max(0, this.#now() - this.#runBeganMs - planned));
  }

  /** The run goes on to another part of itself, however long that is. */
  step(label: string): void {
    this.relabel(label);
  }

  relabel(label: string): void {
    this.#label = label;
    this.#detail = '';
  }

  detail(detail: string): void {
    this.#detail = detail;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#bar?.update(this.#setupMs.length, { label: this.#isDone() ? 'done' : 'stopped' });
    this.#bar?.stop();
  }

  /** How far it is, in one line. */
  describe(): string {
    const done = this.#setupMs.length;
    const doing = [this.#name, this.#label, this.#detail].filter((part) => part !== '').join(': ');
    return `${done} of ${this.#plannedMs.length} runs, ${describeTime(this.leftMs())} left  ${doing}`;
  }

  /** How long the rest takes, if the runs to come start and stop as fast as those before. */
  leftMs(): number {
    if (this.#isDone()) return 0;
    const done = this.#setupMs.length;
    const setupMs = done === 0 ? SETUP_MS_GUESS : this.#setupMs.reduce((sum, ms) => sum + ms, 0) / this.#setupMs.length;
    const [current = 0, ...others] = this.#plannedMs.slice(done);
    const currentMs = Math.max(0, current + setupMs - (this.#now() - this.#runBeganMs));
    return currentMs + others.reduce((sum, ms) => sum + ms + setupMs, 0);
  }

  #isDone(): boolean {
    return this.#setupMs.length >= this.#plannedMs.length;
  }

  #show(): void {
    if (this.#bar === null) this.#sink.write(`${this.describe()}\n`);
    else this.#bar.update(this.#setupMs.length, { label: this.describe() });
  }
}

/** `45 s`, `4 min 10 s`. */
function describeTime(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
