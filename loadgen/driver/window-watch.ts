// What is asked of the cluster's processes around one window: they count from its beginning to its end, not while load
// settles or dies down. Knows when, not whom (cluster-diagnostics.ts) nor what figures say.

import { wallUs } from '../../tracing/wall-clock.js';
import type { WindowDiagnostics } from '../outcome/diagnostics.js';
import type { ClusterDiagnostics } from './cluster-diagnostics.js';
import { MachineLoadWatch } from './machine-load.js';

/** What is needed of a cluster's diagnostics. */
export type DiagnosedCluster = Pick<ClusterDiagnostics, 'find' | 'reset' | 'collect'>;

/** When a window is, counted from the beginning of its phase. */
export interface WindowTimes {
  settleMs: number;
  /** 0 where a number of operations ends it. */
  durationMs: number;
}

/** One window, from the beginning of its phase to what was learnt. */
export class WindowWatch {
  readonly #cluster: DiagnosedCluster;
  readonly #times: WindowTimes;
  readonly #machine = new MachineLoadWatch();
  readonly #found: Promise<void>;
  #timers: NodeJS.Timeout[] = [];
  #opened: Promise<void> | null = null;
  #learnt: Promise<WindowDiagnostics> | null = null;

  /** Begins to look for the processes, so that they are known when the window opens. */
  constructor(cluster: DiagnosedCluster, times: WindowTimes) {
    this.#cluster = cluster;
    this.#times = times;
    this.#found = cluster.find();
  }

  /** The phase begins at `startAtUs`, microseconds since 1970. */
  begin(startAtUs: number): void {
    const { settleMs, durationMs } = this.#times;
    const opensMs = Math.max(0, startAtUs - wallUs()) / 1000 + settleMs;
    this.#timers.push(setTimeout(() => this.#open(), opensMs));
    if (durationMs > 0) this.#timers.push(setTimeout(() => this.#close(), opensMs + durationMs));
  }

  /** The phase is over; answers what there was in the window. */
  end(): Promise<WindowDiagnostics> {
    this.#open();
    return this.#close();
  }

  /** Nobody wants to know any more. */
  cancel(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
    this.#machine.end();
  }

  #open(): Promise<void> {
    if (this.#opened === null) {
      this.#machine.begin();
      this.#opened = this.#found.then(() => this.#cluster.reset());
    }
    return this.#opened;
  }

  #close(): Promise<WindowDiagnostics> {
    this.#learnt ??= this.#learn(this.#open());
    return this.#learnt;
  }

  async #learn(opened: Promise<void>): Promise<WindowDiagnostics> {
    const machine = this.#machine.end();
    this.cancel();
    await opened;
    return { ...(await this.#cluster.collect()), machine };
  }
}
