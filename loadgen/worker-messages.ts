// What the parent and a client process say to each other. Plain data, one request at a time, each answered once; what
// carries it (child-process IPC today) is the business of worker-host.ts and worker-pool.ts.

import type { ClientStats } from '../client/types.js';
import type { Recording } from './recorder.js';
import type { GeneratorHealth } from './self-check.js';

/** How a client process is set up, once. */
export interface WorkerSetup {
  /** Coordinators, `host:port,…`. */
  target: string;
  /** Number of this client among all, from 0. */
  client: number;
  pendings: number;
  weakRatio: number;
  writeRatio: number;
  keys: number;
  zipf: number;
  valueBytes: number;
  seed: number;
  batchDelayUs: number;
  ackTransport: 'nats' | 'stream';
  /** File for this process's part of the history; null for none. */
  history: string | null;
}

/** One phase of load. */
export interface LoadPhase {
  /** Sessions that take part; opened by a `prepare` before. */
  threads: number;
  /** When to begin, milliseconds since 1970. */
  startAtMs: number;
  /** Load before the window, not counted. */
  settleMs: number;
  /** Length of the window; not used where `requests` is set. */
  durationMs: number;
  /** Operations per thread instead of a window of time. */
  requests: number | null;
  /** Distinguishes the operations of this phase from those of others, for instance by iteration. */
  seedWord: number;
}

/** What one process measured in one phase. */
export interface PhaseResult {
  recording: Recording;
  /** Length of the window that `recording.operations` refers to. */
  windowMs: number;
  verification: { checked: number; wrong: number; found: number; examples: string[] };
  /** First acknowledgements of weak writes, by the way they came, in the window. */
  acks: ClientStats['acks'];
  /** Epochs that this process saw open since it connected, after the first. */
  epochChanges: number;
  health: GeneratorHealth;
}

/** From the parent. */
export type WorkerRequest =
  | { kind: 'connect'; setup: WorkerSetup }
  /** Write the keys first ≤ key < end. */
  | { kind: 'preload'; firstKey: number; endKey: number }
  /** All keys are written and committed. */
  | { kind: 'preloaded' }
  | { kind: 'prepare'; threads: number }
  | { kind: 'load'; phase: LoadPhase }
  | { kind: 'close' };

/** To the parent: one answer per request; `progress` may come any number of times before it. */
export type WorkerReply =
  | { kind: 'done' }
  | { kind: 'loaded'; result: PhaseResult }
  /** Keys written so far. */
  | { kind: 'progress'; keys: number }
  | { kind: 'failed'; code: string; message: string };
