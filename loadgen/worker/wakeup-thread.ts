// The thread of a ThreadWakeup: sleeps until the appointed time, says its number, and sleeps until there is another.

import { performance } from 'node:perf_hooks';
import { parentPort, workerData } from 'node:worker_threads';

import type { SharedAppointment } from './wakeup.js';

const { number, atMs } = workerData as SharedAppointment;
let seen = 0;
let sleepMs = Number.POSITIVE_INFINITY;

while (!Number.isNaN(sleepMs)) {
  if (Atomics.wait(number, 0, seen, sleepMs) === 'timed-out') {
    parentPort?.postMessage(seen);
    sleepMs = Number.POSITIVE_INFINITY;
  } else {
    seen = Atomics.load(number, 0);
    sleepMs = (atMs[0] ?? Number.NaN) - (performance.timeOrigin + performance.now());
  }
}
