// The plan of a measurement: every setting with its default, validated before anything is started. Knows the flags'
// names and limits; does no I/O and does not know how a plan is carried out.

import { defaultScheduling, type Scheduling } from '../deploy/scheduling.js';
import { VALUE_BYTES_LIMIT } from '../protocol/limits.js';
import {
  parseChoice,
  parseDuration,
  parseNumber,
  parseOtlp,
  parseRate,
  parseRatio,
  parseTarget,
  parseWhole,
  UsageError,
} from './flag-values.js';
import {
  ATTRIBUTE_EVERY_LIMIT,
  BATCH_DELAY_US_LIMIT,
  CLIENTS_LIMIT,
  DURATION_MS_LIMIT,
  IN_FLIGHT_LIMIT,
  PENDINGS_LIMIT,
  RATE_LIMIT,
  REQUESTS_LIMIT,
  THREADS_LIMIT,
  WAITING_LIMIT,
  ZIPF_LIMIT,
} from './limits.js';
import { type GoalCondition, parseGoal } from './outcome/goal.js';
import { ARRIVAL_PATTERNS, type ArrivalPattern } from './worker/arrivals.js';
import { KEYS_LIMIT } from './worker/key-space.js';
import { VALUE_BYTES_MIN } from './worker/value-codec.js';

/** Version of `result.json`; raised when a field changes its meaning, goes away, or comes in that no default stands for. */
export const SCHEMA_VERSION = 4;
/** Versions that can still be read: 3 had no diagnostics. */
export const READABLE_SCHEMA_VERSIONS: readonly number[] = [3, SCHEMA_VERSION];

/** Everything that decides what is measured. Echoed in full in every result. */
export interface LoadPlan {
  /** Operating-system processes that issue load, each with its own connection. */
  clients: number;
  /** Sessions in one process; one point is measured for each entry. Streams = clients × threads. */
  threads: number[];
  /** Closed loop: operations in flight per stream, strong and weak together. */
  pendings: number;
  /** Open loop: operations per second over all streams, sent at their times whatever is answered; null for a closed loop. */
  rate: number | null;
  /** Open loop: times between operations, exponential as of many independent users, or all equal. */
  arrivals: ArrivalPattern;
  /** Open loop: most operations in flight per client process; further ones wait. */
  inFlightLimit: number;
  /** Open loop: most operations that wait per client process; further ones are dropped and counted. */
  waitingLimit: number;
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
  /** Load workers that run elsewhere, `host:port` each, one client process each; null for child processes of our own. */
  workers: string[] | null;
  /** Commands admitted and not yet committed, per replica; null where an existing cluster decides. */
  descriptorLimit: number | null;
  /** Parts of the key map and of the witness pool; null for the services' default. */
  shards: number | null;
  /** Microseconds of gathering per frame; 0 ends a frame with the event-loop turn. */
  batchDelayUs: number;
  /** Where acknowledgements of weak writes come from. */
  ackTransport: 'nats' | 'stream';
  /** Whether nodes find again after their end what they answered; null where an existing cluster decides. */
  durability: 'memory' | 'disk' | null;
  /** How the operating system schedules the processes that this run starts. */
  scheduling: Scheduling;
  /** OTLP/gRPC endpoint for spans; null for none of the user's. */
  otlpUrl: string | null;
  /** Share of operations that are traced, a fraction; 0 is off. */
  traceRatio: number;
  /** Every so manieth operation has a time line; 0 for none. */
  attributeEvery: number;
  /** Whether short tries follow the points, for what these cannot tell; see outcome/hypotheses.ts. */
  probes: boolean;
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
  rate?: string;
  arrivals?: string;
  inFlightLimit?: string;
  waitingLimit?: string;
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
  workers?: string;
  descriptorLimit?: string;
  shards?: string;
  batchDelay?: string;
  ackTransport?: string;
  durability?: string;
  scheduling?: string;
  otlp?: string;
  traceRatio?: string;
  attributeEvery?: string;
  probes?: boolean;
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
  /** Share of traced operations where neither `--trace-ratio` nor `--otlp` is given. */
  traceRatio: number;
  /** Whether probes follow where neither `--probes` nor `--no-probes` is given. */
  probes: boolean;
}

/** Defaults of `run`: one point. */
export const RUN_DEFAULTS: PlanDefaults = {
  threads: [8],
  iterations: 1,
  manyPoints: false,
  traceRatio: 0,
  probes: false,
};

/** Defaults of `sweep`: the points of the original study. */
export const SWEEP_DEFAULTS: PlanDefaults = {
  threads: [2, 4, 6, 8],
  iterations: 3,
  manyPoints: true,
  traceRatio: 0,
  probes: false,
};

/** Defaults of `study`: the sweep with probes, and enough traces to show where time goes, too few to cost throughput. */
export const STUDY_DEFAULTS: PlanDefaults = { ...SWEEP_DEFAULTS, traceRatio: 0.0002, probes: true };

const DURABILITIES = ['memory', 'disk'] as const;
const OTLP_TRACE_RATIO = 0.01;
const SETTLE_MS = 1000;
const ATTRIBUTE_EVERY = 16;

/** Turns flags into a plan. Throws `UsageError` naming the flag and its limits. */
export function parsePlan(flags: RawFlags, defaults: PlanDefaults): LoadPlan {
  refuseContradictions(flags);
  const warmupMs = duration('--warmup', flags.warmup, 10_000, 0);
  const workers = flags.workers === undefined ? null : parseWorkers(flags.workers);
  const ownCluster = flags.target === undefined;
  return {
    clients: workers?.length ?? whole('--clients', flags.clients, 2, CLIENTS_LIMIT),
    threads: flags.threads === undefined ? defaults.threads : parseThreads(flags.threads, defaults.manyPoints),
    pendings: whole('--pendings', flags.pendings, 10, PENDINGS_LIMIT),
    rate: flags.rate === undefined ? null : parseRate('--rate', flags.rate, { min: 1, max: RATE_LIMIT }),
    arrivals: choice('--arrivals', flags.arrivals, 'poisson', ARRIVAL_PATTERNS),
    inFlightLimit: whole('--in-flight-limit', flags.inFlightLimit, 10_000, IN_FLIGHT_LIMIT),
    waitingLimit: whole('--waiting-limit', flags.waitingLimit, 100_000, WAITING_LIMIT, 0),
    durationMs: duration('--duration', flags.duration, 5000, 100),
    requests: flags.requests === undefined ? null : whole('--requests', flags.requests, 0, REQUESTS_LIMIT),
    warmupMs,
    settleMs: Math.min(SETTLE_MS, warmupMs),
    iterations: whole('--iterations', flags.iterations, defaults.iterations, 1000),
    weakRatio: ratio('--weak-ratio', flags.weakRatio, 0.5),
    writeRatio: ratio('--write-ratio', flags.writeRatio, 0.1),
    keys: whole('--keys', flags.keys, 1_000_000, KEYS_LIMIT),
    zipf: flags.zipf === undefined ? 0.9 : parseNumber('--zipf', flags.zipf, { min: 0, max: ZIPF_LIMIT }),
    valueBytes: whole('--value-bytes', flags.valueBytes, 100, VALUE_BYTES_LIMIT, VALUE_BYTES_MIN),
    preload: flags.preload ?? false,
    seed: whole('--seed', flags.seed, 1, Number.MAX_SAFE_INTEGER, 0),
    target: flags.target === undefined ? null : parseTarget('--target', flags.target),
    workers,
    descriptorLimit: ownCluster ? whole('--descriptor-limit', flags.descriptorLimit, 200, 1_000_000) : null,
    shards: flags.shards === undefined ? null : whole('--shards', flags.shards, 1, 65_536),
    batchDelayUs: whole('--batch-delay', flags.batchDelay, 0, BATCH_DELAY_US_LIMIT, 0),
    ackTransport: choice('--ack-transport', flags.ackTransport, 'nats', ['nats', 'stream']),
    durability: ownCluster ? choice('--durability', flags.durability, 'memory', DURABILITIES) : null,
    scheduling: choice('--scheduling', flags.scheduling, defaultScheduling(), ['batch', 'normal']),
    otlpUrl: flags.otlp === undefined ? null : parseOtlp('--otlp', flags.otlp),
    traceRatio: ratio('--trace-ratio', flags.traceRatio, defaultTraceRatio(flags, defaults)),
    attributeEvery: whole('--attribute-every', flags.attributeEvery, ATTRIBUTE_EVERY, ATTRIBUTE_EVERY_LIMIT, 0),
    probes: flags.probes ?? defaults.probes,
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

/** Without a collector the traces go through one of our own, which processes of other machines cannot reach. */
function defaultTraceRatio({ otlp, workers }: RawFlags, defaults: PlanDefaults): number {
  if (otlp !== undefined) return OTLP_TRACE_RATIO;
  return workers === undefined ? defaults.traceRatio : 0;
}

function whole(flag: string, text: string | undefined, fallback: number, max: number, min = 1): number {
  return text === undefined ? fallback : parseWhole(flag, text, { min, max });
}

function ratio(flag: string, text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : parseRatio(flag, text);
}

function duration(flag: string, text: string | undefined, fallbackMs: number, minMs: number): number {
  return text === undefined ? fallbackMs : parseDuration(flag, text, { minMs, maxMs: DURATION_MS_LIMIT });
}

function choice<T extends string>(flag: string, text: string | undefined, fallback: T, choices: readonly T[]): T {
  return text === undefined ? fallback : parseChoice(flag, text, choices);
}

function refuseContradictions(flags: RawFlags): void {
  if (flags.requests !== undefined && flags.duration !== undefined) {
    throw new UsageError(
      '--requests and --duration exclude each other: one fixes the number of operations, the other the time',
    );
  }
  if (flags.rate === undefined) {
    refuseTogether(
      { '--arrivals': flags.arrivals, '--in-flight-limit': flags.inFlightLimit, '--waiting-limit': flags.waitingLimit },
      'is a setting of the open loop: it needs --rate',
    );
  } else {
    refuseTogether(
      { '--requests': flags.requests, '--pendings': flags.pendings },
      'is a setting of the closed loop: it cannot be given together with --rate',
    );
  }
  if (flags.workers !== undefined) {
    if (flags.otlp === undefined) {
      refuseTogether(
        { '--trace-ratio': flags.traceRatio },
        'needs --otlp together with --workers: they may be on machines that reach no collector of this one',
      );
    }
    refuseTogether(
      { '--clients': flags.clients },
      'cannot be given together with --workers: each of them is one client',
    );
    refuseTogether(
      { '--history': flags.history },
      'cannot be given together with --workers: its file would be on their machines',
    );
  }
  if (flags.target !== undefined) {
    refuseTogether(
      { '--descriptor-limit': flags.descriptorLimit, '--shards': flags.shards, '--durability': flags.durability },
      'is a setting of the services: it cannot be given together with --target',
    );
  }
}

function refuseTogether(settings: Record<string, string | undefined>, why: string): void {
  for (const [flag, value] of Object.entries(settings)) {
    if (value !== undefined) throw new UsageError(`${flag} ${why}`);
  }
}

function parseWorkers(text: string): string[] {
  const workers = parseTarget('--workers', text)
    .split(',')
    .map((address) => address.trim());
  if (workers.length > CLIENTS_LIMIT)
    throw new UsageError(`--workers: ${workers.length} addresses, at most ${CLIENTS_LIMIT} are possible`);
  if (new Set(workers).size !== workers.length) throw new UsageError(`--workers: '${text}' names a worker twice`);
  return workers;
}

function parseThreads(text: string, manyPoints: boolean): number[] {
  const parts = text.split(',');
  if (!manyPoints && parts.length > 1)
    throw new UsageError(`--threads: '${text}' is a list; run measures one point, sweep takes several`);
  const threads = parts.map((part) => parseWhole('--threads', part.trim(), { min: 1, max: THREADS_LIMIT }));
  if (new Set(threads).size !== threads.length) throw new UsageError(`--threads: '${text}' names a point twice`);
  return threads;
}
