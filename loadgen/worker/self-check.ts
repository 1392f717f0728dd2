// Measures the generator itself and says whether it could drive the run it was asked for: a slow generator looks like a
// slow system. Knows the bounds and why; does not know what the system under load answered.

import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

import type { GeneratorHealth } from '../../proto/gen/curpho/v1/load_worker.js';

const LOOP_RESOLUTION_MS = 5;

/** Share of one core above which the generator, and not the system, sets the pace. */
export const CPU_SHARE_MAX = 0.95;
/** Event-loop delay, 99th percentile, above which latencies tell more of the generator than of the system. */
export const LOOP_DELAY_P99_MS_MAX = 100;
/**
 * Time by which sends were late, as a share of the latency. A share, because a busy machine may stretch any single pause.
 *
 * - Closed loop: it passes between an answer and the next send, and less load is offered than should be.
 * - Open loop: it passes between the intended time and the send, and is part of the latency, which counts from the
 *   intended time. The bound is wider, since where answers take a millisecond a tenth of one is not in the hands of a
 *   process that sleeps.
 */
export const SEND_LAG_SHARE_MAX = { closed: 0.1, open: 1 / 3 } as const;
/** Open loop: the same time, 99th percentile. Longer pauses end in bursts that no user would send. */
export const SEND_LAG_P99_MS_MAX = 25;
/** How late a process may begin: the windows of all processes have to coincide. */
export const START_LAG_MS_MAX = 250;

/** Samples of how late sends were, and of the latency they are compared with. */
export class SendLag {
  /** The newest ones, for the percentile. */
  readonly #samplesMs = new Float64Array(4096);
  #lags = 0;
  #lagMs = 0;
  #latencies = 0;
  #latencyMs = 0;

  addLag(lagMs: number): void {
    this.#samplesMs[this.#lags++ % this.#samplesMs.length] = lagMs;
    this.#lagMs += lagMs;
  }

  addLatency(latencyMs: number): void {
    this.#latencies++;
    this.#latencyMs += latencyMs;
  }

  clear(): void {
    this.#lags = 0;
    this.#lagMs = 0;
    this.#latencies = 0;
    this.#latencyMs = 0;
  }

  p99Ms(): number {
    const samples = this.#samplesMs.slice(0, Math.min(this.#lags, this.#samplesMs.length)).sort();
    return samples[Math.floor(samples.length * 0.99)] ?? 0;
  }

  /** Mean lag over mean latency; 0 without samples. */
  share(): number {
    return this.#lagMs === 0 || this.#latencyMs === 0
      ? 0
      : this.#lagMs / this.#lags / (this.#latencyMs / this.#latencies);
  }
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
export function judgeGenerator(
  healths: readonly GeneratorHealth[],
  loop: keyof typeof SEND_LAG_SHARE_MAX,
): SelfCheckVerdict {
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
  if (sendLagShareMax > SEND_LAG_SHARE_MAX[loop]) {
    const percent = `${Math.round(sendLagShareMax * 100)} % of the latency`;
    reasons.push(
      loop === 'closed'
        ? `from an answer to the next send passed ${percent}: use fewer --threads or more --clients`
        : `sends were later than intended by ${percent}: use more --clients, or a machine with more free cores`,
    );
  }
  if (loop === 'open' && sendLagP99MsMax > SEND_LAG_P99_MS_MAX) {
    reasons.push(
      `sends were ${sendLagP99MsMax.toFixed(1)} ms later than intended (p99): the machine has too few free cores for this load`,
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
