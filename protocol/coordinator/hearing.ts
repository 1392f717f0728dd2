// Whether this coordinator could hear anybody. What was not heard while it was halted, cut off or alone counts against
// no node: it was the coordinator that was deaf, and the clocks of all nodes begin anew. Does not know who was heard.

/** Part of the liveness time after which a coordinator that did not run, or heard nobody, was deaf. */
const DEAF_SHARE = 2;
/** Part of the liveness time after a halt in which streams that are found broken say nothing of nodes. */
const STREAM_SHARE = 4;

/** How well one coordinator hears. */
export class Hearing {
  readonly #livenessUs: number;
  #steppedUs: number | undefined;
  #heardUs = 0;
  #anewUs = 0;
  #brokenUs = Number.NEGATIVE_INFINITY;

  constructor(livenessUs: number) {
    this.#livenessUs = livenessUs;
  }

  /** Silence from before this moment counts against nobody, microseconds. */
  get anewUs(): number {
    return this.#anewUs;
  }

  /** To be called at the beginning of every step: time between two of them is time in which this coordinator was halted. */
  step(nowUs: number): void {
    const deafUs = this.#livenessUs / DEAF_SHARE;
    const isFirst = this.#steppedUs === undefined;
    if (this.#steppedUs !== undefined && nowUs - this.#steppedUs > deafUs) this.distrustStreams(nowUs);
    this.#steppedUs = nowUs;
    if (isFirst) this.#heardUs = nowUs;
    else if (nowUs - this.#heardUs > deafUs) this.beginAnew(nowUs);
  }

  /** A node was heard, whichever. */
  note(nowUs: number): void {
    this.#heardUs = nowUs;
  }

  /** What was silent so far was perhaps only not heard. */
  beginAnew(nowUs: number): void {
    this.#anewUs = nowUs;
  }

  /** The same, and streams that broke lately, or are found broken soon, did so on this side. */
  distrustStreams(nowUs: number): void {
    this.#anewUs = nowUs;
    this.#brokenUs = nowUs;
  }

  /** Whether a stream that is found broken now tells that a node is gone. */
  trustsStreams(nowUs: number): boolean {
    return nowUs - this.#brokenUs > this.#livenessUs / STREAM_SHARE;
  }
}
