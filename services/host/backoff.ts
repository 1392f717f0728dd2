// Waiting times between attempts to reach somebody: they double from a first to a last value. Knows no timer.

/** Doubling delays. */
export class Backoff {
  private nextMs: number;

  constructor(
    private readonly firstMs: number,
    private readonly lastMs: number,
  ) {
    this.nextMs = firstMs;
  }

  /** Milliseconds to wait before the next attempt. */
  take(): number {
    const delayMs = this.nextMs;
    this.nextMs = Math.min(this.nextMs * 2, this.lastMs);
    return delayMs;
  }

  /** An attempt succeeded. */
  reset(): void {
    this.nextMs = this.firstMs;
  }
}
