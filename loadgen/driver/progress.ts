// Says on standard error how far a measurement is: a bar on a terminal, else a line every five seconds. Knows steps and
// seconds, no results; never touches standard output.

import cliProgress from 'cli-progress';

/** A stream such as `process.stderr`. */
export interface ProgressSink extends NodeJS.WritableStream {
  isTTY?: boolean;
}

const LINE_EVERY_MS = 5000;

/** Progress through steps of known length. */
export class Progress {
  readonly #sink: ProgressSink;
  readonly #totalMs: number;
  readonly #bar: cliProgress.SingleBar | null;
  #doneMs = 0;
  #stepMs = 0;
  #stepBeganMs = 0;
  #label = 'starting';
  #detail = '';
  #timer: NodeJS.Timeout | null = null;

  /** `totalMs` is how long all steps take together. */
  constructor(sink: ProgressSink, totalMs: number) {
    this.#sink = sink;
    this.#totalMs = totalMs;
    const format = '{bar} {percentage} %  {label}';
    this.#bar = sink.isTTY
      ? new cliProgress.SingleBar({ stream: sink, format, barsize: 24, hideCursor: true }, cliProgress.Presets.rect)
      : null;
  }

  start(): void {
    this.#bar?.start(this.#totalMs, 0, { label: this.#label });
    this.#timer = setInterval(() => this.#show(), this.#bar === null ? LINE_EVERY_MS : 200);
  }

  /** The next step begins; the one before counts as done. */
  step(label: string, ms: number): void {
    this.#doneMs += this.#stepMs;
    this.#stepMs = ms;
    this.#stepBeganMs = performance.now();
    this.relabel(label);
  }

  /** What the current step is doing now. */
  relabel(label: string): void {
    this.#label = label;
    this.#detail = '';
  }

  /** How the current step is doing: shown behind its label, until there is news. */
  detail(detail: string): void {
    this.#detail = detail;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#bar?.update(this.#totalMs, { label: 'done' });
    this.#bar?.stop();
  }

  #show(): void {
    const elapsedMs = this.#stepMs === 0 ? 0 : Math.min(this.#stepMs, performance.now() - this.#stepBeganMs);
    const doneMs = Math.min(this.#totalMs, this.#doneMs + elapsedMs);
    const label = this.#detail === '' ? this.#label : `${this.#label}: ${this.#detail}`;
    if (this.#bar !== null) this.#bar.update(Math.round(doneMs), { label });
    else this.#sink.write(`${seconds(doneMs)} of ${seconds(this.#totalMs)}  ${label}\n`);
  }
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
