// The plan of a measurement: every setting with its default, validated before anything is started. Knows the flags'
// names and limits; does no I/O and does not know how a plan is carried out.

import { defaultScheduling, type Scheduling } from '../deploy/scheduling.js';
import { VALUE_BYTES_LIMIT } from '../protocol/limits.js';
import {
  parseChoice,
  parseDuration,
  parseNumber,
  parseRatio,
  parseTarget,
  parseWhole,
  UsageError,
} from './flag-values.js';
import { type GoalCondition, parseGoal } from './goal.js';
import { KEYS_LIMIT } from './key-space.js';
import { VALUE_BYTES_MIN } from './value-codec.js';

/** Version of `result.json`; raised when a field changes its meaning or goes away. */
export const SCHEMA_VERSION = 1;

/** Everything that decides what is measured. Echoed in full in every result. */
export interface LoadPlan {
  /** Operating-system processes that issue load, each with its own connection. */
  clients: number;
  /** Sessions in one process; one point is measured for each entry. Streams = clients × threads. */
  threads: number[];
  /** Operations in flight per stream, strong and weak together. */
  pendings: number;
  /** Length of a measuring window; not used where `requests` is set. */
  durationMs: number;
  /** Operations per thread and iteration instead of a window of time; null for a window. */
  requests: number | null;
  /** Warm-up before the first window, at the largest stream count. */
  warmupMs: number;
  /** Load at the point's own stream count right before each of its windows, not counted. */
  settleMs: number;
  /** Windows per point. */
  iterations: number;
  /** Share of weak operations, a fraction. */
  weakRatio: number;
  /** Share of writes, in the weak and in the strong operations alike, a fraction. */
  writeRatio: number;
  /** Number of keys. */
  keys: number;
  /** Exponent of the key popularity; 0 is uniform. */
  zipf: number;
  /** Length of every value. */
  valueBytes: number;
  /** Whether all keys are written before the warm-up. */
  preload: boolean;
  /** Same seed, same operations in every stream. */
  seed: number;
  /** Coordinators of an existing cluster, `host:port,…`; null for a local cluster of our own. */
  target: string | null;
  /** Commands admitted and not yet committed, per replica; null where an existing cluster decides. */
  descriptorLimit: number | null;
  /** Parts of the key map and of the witness pool; null for the services' default. */
  shards: number | null;
  /** Microseconds of gathering per frame; 0 ends a frame with the event-loop turn. */
  batchDelayUs: number;
  /** Where acknowledgements of weak writes come from. */
  ackTransport: 'nats' | 'stream';
  /** How the operating system schedules the processes that this run starts. */
  scheduling: Scheduling;
  /** Conditions that one point has to meet together; empty for none. */
  goal: GoalCondition[];
}

/** Where results go; no part of what is measured. */
export interface OutputPlan {
  /** Directory of `result.json` and `report.md`. */
  out: string;
  /** Print one JSON document on standard output instead of the table. */
  json: boolean;
  /** File for the history of all operations; null for none. */
  history: string | null;
  /** Directory of an earlier result to compare with; null for none. */
  baseline: string | null;
}

/** Flag values as text, by the names that the command line gives them; absent where not given. */
export interface RawFlags {
  clients?: string;
  threads?: string;
  pendings?: string;
  duration?: string;
  requests?: string;
  warmup?: string;
  iterations?: string;
  weakRatio?: string;
  writeRatio?: string;
  keys?: string;
  zipf?: string;
  valueBytes?: string;
  preload?: boolean;
  seed?: string;
  target?: string;
  descriptorLimit?: string;
  shards?: string;
  batchDelay?: string;
  ackTransport?: string;
  scheduling?: string;
  goal?: string;
  out?: string;
  json?: boolean;
  history?: string;
  baseline?: string;
}

/** What differs between the commands. */
export interface PlanDefaults {
  threads: number[];
  iterations: number;
  /** Whether `--threads` may be a list. */
  manyPoints: boolean;
}

/** Defaults of `run`: one point. */
export const RUN_DEFAULTS: PlanDefaults = { threads: [8], iterations: 1, manyPoints: false };

/** Defaults of `sweep` and `study`: the points of the original study. */
export const SWEEP_DEFAULTS: PlanDefaults = { threads: [2, 4, 6, 8], iterations: 3, manyPoints: true };

const SETTLE_MS = 1000;
const DAY_MS = 86_400_000;

/** Turns flags into a plan. Throws `UsageError` naming the flag and its limits. */
export function parsePlan(flags: RawFlags, defaults: PlanDefaults): LoadPlan {
  refuseContradictions(flags);
  const warmupMs =
    flags.warmup === undefined ? 10_000 : parseDuration('--warmup', flags.warmup, { minMs: 0, maxMs: DAY_MS });
  const whole = (flag: string, text: string | undefined, fallback: number, max: number, min = 1) =>
    text === undefined ? fallback : parseWhole(flag, text, { min, max });
  const ratio = (flag: string, text: string | undefined, fallback: number) =>
    text === undefined ? fallback : parseRatio(flag, text);
  const ownCluster = flags.target === undefined;
  return {
    clients: whole('--clients', flags.clients, 2, 64),
    threads: flags.threads === undefined ? defaults.threads : parseThreads(flags.threads, defaults.manyPoints),
    pendings: whole('--pendings', flags.pendings, 10, 10_000),
    durationMs:
      flags.duration === undefined ? 5000 : parseDuration('--duration', flags.duration, { minMs: 100, maxMs: DAY_MS }),
    requests: flags.requests === undefined ? null : whole('--requests', flags.requests, 0, 1_000_000_000),
    warmupMs,
    settleMs: Math.min(SETTLE_MS, warmupMs),
    iterations: whole('--iterations', flags.iterations, defaults.iterations, 1000),
    weakRatio: ratio('--weak-ratio', flags.weakRatio, 0.5),
    writeRatio: ratio('--write-ratio', flags.writeRatio, 0.1),
    keys: whole('--keys', flags.keys, 1_000_000, KEYS_LIMIT),
    zipf: flags.zipf === undefined ? 0.9 : parseNumber('--zipf', flags.zipf, { min: 0, max: 10 }),
    valueBytes: whole('--value-bytes', flags.valueBytes, 100, VALUE_BYTES_LIMIT, VALUE_BYTES_MIN),
    preload: flags.preload ?? false,
    seed: whole('--seed', flags.seed, 1, Number.MAX_SAFE_INTEGER, 0),
    target: flags.target === undefined ? null : parseTarget('--target', flags.target),
    descriptorLimit: ownCluster ? whole('--descriptor-limit', flags.descriptorLimit, 200, 1_000_000) : null,
    shards: flags.shards === undefined ? null : whole('--shards', flags.shards, 1, 65_536),
    batchDelayUs: whole('--batch-delay', flags.batchDelay, 0, 1_000_000, 0),
    ackTransport:
      flags.ackTransport === undefined
        ? 'nats'
        : parseChoice('--ack-transport', flags.ackTransport, ['nats', 'stream']),
    scheduling:
      flags.scheduling === undefined
        ? defaultScheduling()
        : parseChoice('--scheduling', flags.scheduling, ['batch', 'normal']),
    goal: flags.goal === undefined ? [] : parseGoal(flags.goal),
  };
}

/** Where results go; `now` names the default directory. */
export function parseOutput(flags: RawFlags, now: Date): OutputPlan {
  return {
    out: flags.out ?? `results/${now.toISOString().slice(0, 19).replaceAll(':', '-')}`,
    json: flags.json ?? false,
    history: flags.history ?? null,
    baseline: flags.baseline ?? null,
  };
}

function refuseContradictions(flags: RawFlags): void {
  if (flags.requests !== undefined && flags.duration !== undefined) {
    throw new UsageError(
      '--requests and --duration exclude each other: one fixes the number of operations, the other the time',
    );
  }
  if (flags.target === undefined) return;
  const settings = { '--descriptor-limit': flags.descriptorLimit, '--shards': flags.shards };
  for (const [flag, value] of Object.entries(settings)) {
    if (value !== undefined)
      throw new UsageError(`${flag} is a setting of the services: it cannot be given together with --target`);
  }
}

function parseThreads(text: string, manyPoints: boolean): number[] {
  const parts = text.split(',');
  if (!manyPoints && parts.length > 1)
    throw new UsageError(`--threads: '${text}' is a list; run measures one point, sweep takes several`);
  const threads = parts.map((part) => parseWhole('--threads', part.trim(), { min: 1, max: 1024 }));
  if (new Set(threads).size !== threads.length) throw new UsageError(`--threads: '${text}' names a point twice`);
  return threads;
}
