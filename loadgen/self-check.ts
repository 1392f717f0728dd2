// Measures the generator itself and says whether it could drive the run it was asked for: a slow generator looks like a
// slow system. Knows the bounds and why; does not know what the system under load answered.

import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

const LOOP_RESOLUTION_MS = 5;

/** Share of one core above which the generator, and not the system, sets the pace. */
export const CPU_SHARE_MAX = 0.95;
/** Event-loop delay, 99th percentile, above which latencies tell more of the generator than of the system. */
export const LOOP_DELAY_P99_MS_MAX = 100;
/**
 * Time from an answer to the next send, as a share of the latency: the part of its own time in which a closed loop
 * offers less load than it should. A share, because the scheduler of a busy machine may stretch any single pause.
 */
export const SEND_LAG_SHARE_MAX = 0.1;
/** How late a process may begin: the windows of all processes have to coincide. */
export const START_LAG_MS_MAX = 250;

/** Samples of the time between an answer and the next operation. */
export class SendLag {
  /** The newest ones, for the percentile. */
  readonly #samplesMs = new Float64Array(4096);
  #count = 0;
  #lagMs = 0;
  #latencyMs = 0;

  /** `latencyMs` is that of the operation that was just answered. */
  record(lagMs: number, latencyMs: number): void {
    this.#samplesMs[this.#count++ % this.#samplesMs.length] = lagMs;
    this.#lagMs += lagMs;
    this.#latencyMs += latencyMs;
  }

  clear(): void {
    this.#count = 0;
    this.#lagMs = 0;
    this.#latencyMs = 0;
  }

  p99Ms(): number {
    const samples = this.#samplesMs.slice(0, Math.min(this.#count, this.#samplesMs.length)).sort();
    return samples[Math.floor(samples.length * 0.99)] ?? 0;
  }

  /** All lag over all latency; 0 without samples. */
  share(): number {
    return this.#latencyMs === 0 ? 0 : this.#lagMs / this.#latencyMs;
  }
}

/** What one process found out about itself in one window. */
export interface GeneratorHealth {
  /** Processor time over elapsed time; 1 is one core. */
  cpuShare: number;
  loopDelayP99Ms: number;
  sendLagP99Ms: number;
  /** Time between answers and next sends over latency. */
  sendLagShare: number;
  startLagMs: number;
  rssBytes: number;
}

/** Watches one process during one window at a time. */
export class SelfCheck {
  readonly sendLag = new SendLag();
  readonly #loop: IntervalHistogram = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  #cpu = process.cpuUsage();
  #sinceMs = 0;
  #startLagMs = 0;

  /** Begins a window; `startLagMs` is how late this process got to its first operation. */
  begin(startLagMs: number): void {
    this.#loop.reset();
    this.#loop.enable();
    this.sendLag.clear();
    this.#cpu = process.cpuUsage();
    this.#sinceMs = performance.now();
    this.#startLagMs = startLagMs;
  }

  end(): GeneratorHealth {
    const used = process.cpuUsage(this.#cpu);
    const elapsedMs = performance.now() - this.#sinceMs;
    this.#loop.disable();
    const loopDelayMs = this.#loop.percentile(99) / 1e6 - LOOP_RESOLUTION_MS;
    return {
      cpuShare: (used.user + used.system) / 1000 / elapsedMs,
      loopDelayP99Ms: Number.isFinite(loopDelayMs) ? Math.max(0, loopDelayMs) : 0,
      sendLagP99Ms: this.sendLag.p99Ms(),
      sendLagShare: this.sendLag.share(),
      startLagMs: this.#startLagMs,
      rssBytes: process.memoryUsage.rss(),
    };
  }
}

/** The verdict on a point. */
export interface SelfCheckVerdict {
  /** Whether the run can be certified. */
  valid: boolean;
  cpuShareMax: number;
  loopDelayP99MsMax: number;
  sendLagP99MsMax: number;
  sendLagShareMax: number;
  startLagMsMax: number;
  /** Which bound broke and what to do about it; empty if valid. */
  reasons: string[];
}

/** Judges the worst of all processes and windows. */
export function judgeGenerator(healths: readonly GeneratorHealth[]): SelfCheckVerdict {
  const worst = (pick: (health: GeneratorHealth) => number) => Math.max(0, ...healths.map(pick));
  const cpuShareMax = worst((health) => health.cpuShare);
  const loopDelayP99MsMax = worst((health) => health.loopDelayP99Ms);
  const sendLagP99MsMax = worst((health) => health.sendLagP99Ms);
  const sendLagShareMax = worst((health) => health.sendLagShare);
  const startLagMsMax = worst((health) => health.startLagMs);
  const reasons: string[] = [];
  if (cpuShareMax > CPU_SHARE_MAX) {
    reasons.push(
      `a client process used ${Math.round(cpuShareMax * 100)} % of a core: it set the pace itself; use more --clients`,
    );
  }
  if (loopDelayP99MsMax > LOOP_DELAY_P99_MS_MAX) {
    reasons.push(
      `event-loop delay p99 was ${loopDelayP99MsMax.toFixed(1)} ms: the machine has too few free cores for this load`,
    );
  }
  if (sendLagShareMax > SEND_LAG_SHARE_MAX) {
    reasons.push(
      `from an answer to the next send passed ${Math.round(sendLagShareMax * 100)} % of the latency: use fewer --threads or more --clients`,
    );
  }
  if (startLagMsMax > START_LAG_MS_MAX) {
    reasons.push(
      `a client process began ${Math.round(startLagMsMax)} ms late: the windows of the processes do not coincide`,
    );
  }
  return {
    valid: reasons.length === 0,
    cpuShareMax,
    loopDelayP99MsMax,
    sendLagP99MsMax,
    sendLagShareMax,
    startLagMsMax,
    reasons,
  };
}
