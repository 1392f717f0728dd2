// Waits for a time of `performance.now()` more precisely than timers can, which know whole milliseconds only. A thread
// sleeps and then wakes this one: measured at 1,000 (10,000) appointments a second it is late by a median of 0.14 ms
// (0.08 ms) for 7 % (17 %) of a core, where timers are late by 0.6 ms for 3 % (4 %) and a loop of setImmediate by
// nothing for 35 % (95 %), taken from the cluster on the same machine. Knows nothing of what is done on waking.

import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';

/** One appointment at a time. */
export interface Wakeup {
  /** Calls `wake` once, in a later turn, at `atMs` or as soon after it as possible; replaces an earlier appointment. */
  at(atMs: number, wake: () => void): void;
  cancel(): void;
}

/** What both threads see: the number of the appointment, from 1, and its time, milliseconds since 1970 with fractions. */
export interface SharedAppointment {
  number: Int32Array;
  /** Written before `number` is raised; NaN ends the thread. */
  atMs: Float64Array;
}

const THREAD = new URL('./wakeup-thread.js', import.meta.url);

/** A wakeup with a thread of its own, for as long as it is open. */
export class ThreadWakeup implements Wakeup {
  readonly #thread: Worker;
  readonly #shared: SharedAppointment;
  #wake: (() => void) | null = null;
  #immediate: NodeJS.Immediate | null = null;

  private constructor() {
    const shared = {
      number: new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)),
      atMs: new Float64Array(new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT)),
    };
    this.#shared = shared;
    this.#thread = new Worker(THREAD, { workerData: shared });
    this.#thread.on('message', (number: number) => {
      if (number === shared.number[0]) this.#onTime();
    });
  }

  /** Starts the thread. */
  static async open(): Promise<ThreadWakeup> {
    const wakeup = new ThreadWakeup();
    await once(wakeup.#thread, 'online');
    return wakeup;
  }

  at(atMs: number, wake: () => void): void {
    this.cancel();
    this.#wake = wake;
    if (atMs <= performance.now()) this.#immediate = setImmediate(this.#onTime);
    else this.#appoint(performance.timeOrigin + atMs);
  }

  cancel(): void {
    this.#wake = null;
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    this.#immediate = null;
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    this.cancel();
    const exited = once(this.#thread, 'exit');
    this.#appoint(Number.NaN);
    await exited;
  }

  #appoint(atMs: number): void {
    this.#shared.atMs[0] = atMs;
    Atomics.add(this.#shared.number, 0, 1);
    Atomics.notify(this.#shared.number, 0);
  }

  readonly #onTime = (): void => {
    const wake = this.#wake;
    this.cancel();
    wake?.();
  };
}
