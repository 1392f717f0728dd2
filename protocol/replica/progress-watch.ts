// For how long a replica has been unable to do its part although its process runs: it leads and fewer than a majority
// answer what it sends, or its disk refuses what is to be kept. Any answer, however late and however little it says, is
// progress; so is any batch that is kept. Knows nothing of what was sent, nor of what somebody makes of the figure.

/** Time in which this process itself did not run is nobody's fault: a step counts no more than so much, whatever the clock says. */
export class ProgressWatch {
  readonly #stepUsMax: number;
  #steppedUs: number | undefined;
  /** Time that counts, since the beginning of the process. */
  #ranUs = 0;
  /** When a disk refused something that it has not kept since. */
  #refusedUs: number | null = null;
  /** From when on answers are waited for; null where nobody is led. */
  #awaitedUs: number | null = null;
  /** When each life answered last in this leadership. */
  readonly #answeredUs = new Map<number, number>();

  /** @param stepUsMax the most that one step may count; several times what lies between two of them. */
  constructor(stepUsMax: number) {
    this.#stepUsMax = stepUsMax;
  }

  /** To be called at every step. */
  step(nowUs: number): void {
    this.#ranUs += Math.min(nowUs - (this.#steppedUs ?? nowUs), this.#stepUsMax);
    this.#steppedUs = nowUs;
  }

  /** A leadership begins, or its leader may not speak yet: until now there was nothing to answer. */
  awaitAnswers(): void {
    this.#awaitedUs = this.#ranUs;
  }

  /** The leadership ends. */
  follow(): void {
    this.#awaitedUs = null;
    this.#answeredUs.clear();
  }

  /** A life that follows answered something. */
  noteAnswer(incarnation: number): void {
    this.#answeredUs.set(incarnation, this.#ranUs);
  }

  /** The disk refused what it was given, and will be asked again. A disk that is merely slow refuses nothing. */
  noteRefused(): void {
    this.#refusedUs ??= this.#ranUs;
  }

  /** Something was kept. */
  noteKept(): void {
    this.#refusedUs = null;
  }

  /**
   * Whole microseconds for which this replica has been of no use; 0 if it is.
   * @param others lives that follow, by the configuration. @param needed how many of them make a majority with this one.
   */
  stalledUs(others: readonly number[], needed: number): number {
    const refusedUs = this.#refusedUs === null ? 0 : this.#ranUs - this.#refusedUs;
    return Math.floor(Math.max(refusedUs, this.#unansweredUs(others, needed)));
  }

  /** Time since so many had all answered. */
  #unansweredUs(others: readonly number[], needed: number): number {
    const awaitedUs = this.#awaitedUs;
    if (awaitedUs === null || needed === 0) return 0;
    const answeredUs = others
      .map((incarnation) => Math.max(awaitedUs, this.#answeredUs.get(incarnation) ?? awaitedUs))
      .sort((one, other) => other - one);
    return this.#ranUs - (answeredUs[needed - 1] ?? awaitedUs);
  }
}
