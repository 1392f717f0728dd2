// Reads `result.json` back and checks its shape. A result may come from another machine or from an editor, so nothing of
// it is believed before: its numbers reach tables, charts and names of files. Checks types, not whether figures agree.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { UsageError } from '../flag-values.js';
import { SCHEMA_VERSION } from '../plan.js';
import { ARRIVAL_PATTERNS } from '../worker/arrivals.js';
import { GOAL_METRICS, GOAL_OPERATORS } from './goal.js';
import type { RunResult } from './result.js';

const number = z.number();
const text = z.string();
const maybe = number.nullable();
const count = z.int().nonnegative();
const positive = z.int().positive();
const counts = z.record(text, number);
const verification = z.object({ checked: count, wrong: count, examples: z.array(text) });
const byClass = <T extends z.ZodType>(shape: T) =>
  z.object({ strongRead: shape, strongWrite: shape, weakRead: shape, weakWrite: shape });

const latency = z.object({
  count,
  meanMs: maybe,
  p50Ms: maybe,
  p90Ms: maybe,
  p99Ms: maybe,
  p999Ms: maybe,
  maxMs: maybe,
});

const timeline = z.object({
  bucketMs: number.positive(),
  opsPerSecond: z.array(number),
  weakP50Ms: z.array(maybe),
  weakP99Ms: z.array(maybe),
  strongP50Ms: z.array(maybe),
  strongP99Ms: z.array(maybe),
  fastPathShare: z.array(maybe),
  errors: z.array(number),
});

const iteration = z.object({
  iteration: positive,
  opsPerSecond: number,
  operations: count,
  windowMs: number,
  weakP50Ms: maybe,
  weakP99Ms: maybe,
  strongP50Ms: maybe,
  strongP99Ms: maybe,
  fastPathShare: maybe,
  errors: count,
  unknown: count,
  clientCpuShare: number,
  timeline,
});

const openLoop = z.object({
  intendedPerSecond: number,
  sentPerSecond: number,
  intended: count,
  sent: count,
  dropped: count,
  completed: count,
  completedPerSecond: number,
  inFlightMax: count,
  waitingMax: count,
  waitingAtEnd: count,
  unansweredAtEnd: count,
  overloaded: z.boolean(),
});

const selfCheck = z.object({
  valid: z.boolean(),
  cpuShareMax: number,
  loopDelayP99MsMax: number,
  sendLagP99MsMax: number,
  sendLagShareMax: number,
  startLagMsMax: number,
  reasons: z.array(text),
});

const point = z.object({
  clients: positive,
  threads: positive,
  streams: positive,
  totalPendings: count,
  opsPerSecond: number,
  spread: number,
  trend: number,
  steady: z.boolean(),
  iterations: z.array(iteration).min(1),
  weak: latency,
  strong: latency,
  classes: byClass(latency),
  curves: byClass(z.array(z.object({ percentile: number, ms: number }))),
  openLoop: openLoop.nullable(),
  fastPathShare: maybe,
  slowReasons: counts,
  ackShare: z.object({ nats: maybe, stream: maybe }),
  errors: count,
  errorCodes: counts,
  unknown: count,
  verified: z.boolean(),
  verification,
  foundShare: maybe,
  selfCheck,
  processes: z.array(
    z.object({ role: text, name: text, pid: count, cpuShare: number, cpuSeconds: number.optional(), rssBytes: number }),
  ),
});

const plan = z.object({
  clients: positive,
  threads: z.array(positive),
  pendings: positive,
  rate: number.positive().nullable(),
  arrivals: z.enum(ARRIVAL_PATTERNS),
  inFlightLimit: count,
  waitingLimit: count,
  durationMs: number,
  requests: count.nullable(),
  warmupMs: number,
  settleMs: number,
  iterations: positive,
  weakRatio: number,
  writeRatio: number,
  keys: positive,
  zipf: number,
  valueBytes: count,
  preload: z.boolean(),
  seed: count,
  target: text.nullable(),
  workers: z.array(text).nullable(),
  descriptorLimit: count.nullable(),
  shards: count.nullable(),
  batchDelayUs: count,
  ackTransport: z.enum(['nats', 'stream']),
  // Results of before there was a choice are of nodes that kept nothing.
  durability: z.enum(['memory', 'disk']).nullable().default('memory'),
  scheduling: z.enum(['batch', 'normal']),
  otlpUrl: text.nullable(),
  traceRatio: number,
  goal: z.array(z.object({ metric: z.enum(GOAL_METRICS), operator: z.enum(GOAL_OPERATORS), bound: number })),
});

/** Complete by its type: a new field of a result does not compile until it has its place here. */
const runResult: z.ZodType<RunResult> = z.object({
  schemaVersion: z.literal(SCHEMA_VERSION),
  startedAt: text,
  gitCommit: text.nullable(),
  dirty: z.boolean(),
  plan,
  machine: z.object({
    cpus: number,
    cpuModel: text,
    memoryBytes: number,
    platform: text,
    node: text,
    loadAverage: number,
  }),
  warmup: z.object({ streams: count, ms: number, operations: count, errors: count, verification }),
  order: z.array(z.object({ iteration: positive, threads: positive })),
  points: z.array(point),
  viewChanges: count,
  goalMet: z.boolean().nullable(),
  interrupted: z.boolean(),
  workers: z.array(
    z.object({
      name: text,
      address: text,
      pid: count,
      cpus: number,
      node: text,
      clockOffsetMs: number,
      isLocal: z.boolean(),
    }),
  ),
  failures: z.array(text),
  warnings: z.array(text),
  clientSpans: z.object({ exported: count, dropped: count }).nullable(),
  traces: z
    .object({
      file: text.regex(/^[\w-][\w.-]*$/, 'has to be the name of a file beside the result'),
      traces: count,
      spans: count,
      dropped: count,
    })
    .nullable(),
});

/**
 * Reads a saved result from its directory. Throws `UsageError` if there is none, it is of another version or a field is
 * not as it was saved; `asked` is how the user named the directory, a flag or a command.
 */
export function readResult(directory: string, asked = '--baseline'): RunResult {
  const file = path.join(directory, 'result.json');
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${asked}: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const problem = checkResultShape(parsed);
  if (problem !== null) throw new UsageError(`${asked}: ${file}: ${problem}`);
  return parsed as RunResult;
}

/** What keeps a parsed document from being a result: the first field that is wrong and how. Null if it is one. */
function checkResultShape(parsed: unknown): string | null {
  const version = z.object({ schemaVersion: z.literal(SCHEMA_VERSION) }).safeParse(parsed);
  if (!version.success) return `no result of schema version ${SCHEMA_VERSION}`;
  const { error } = runResult.safeParse(parsed);
  const issue = error?.issues[0];
  return issue === undefined ? null : `${describePath(issue.path)}: ${issue.message}`;
}

/** `points[2].streams` */
function describePath(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}
