// Reads `result.json` back and checks its shape. A result may come from another machine or from an editor, so nothing of
// it is believed before: its numbers reach tables, charts and names of files. Checks types, not whether figures agree.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { STAGES } from '../../attribution/stages.js';
import { UsageError } from '../flag-values.js';
import { READABLE_SCHEMA_VERSIONS } from '../plan.js';
import { ARRIVAL_PATTERNS } from '../worker/arrivals.js';
import { machineLoadShape, missingProcessShape, processDiagnosticsShape } from './diagnostics-shape.js';
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

const NONE = { strongRead: null, strongWrite: null, weakRead: null, weakWrite: null };

const stage = z.object({
  name: z.enum([...STAGES, 'unattributed']),
  count,
  p50Us: number,
  p99Us: number,
  shareOfMedian: number,
  shareOfSlowest: number,
  medianUs: number,
  slowestUs: number,
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
  // And of before operations said where their time went.
  stages: byClass(z.array(stage)).default({ strongRead: [], strongWrite: [], weakRead: [], weakWrite: [] }),
  coverageAtMedian: byClass(maybe).default(NONE),
  attributed: byClass(count).default({ strongRead: 0, strongWrite: 0, weakRead: 0, weakWrite: 0 }),
  witnessLastShare: byClass(maybe).default(NONE),
  processes: z.array(
    z.object({ role: text, name: text, pid: count, cpuShare: number, cpuSeconds: number.optional(), rssBytes: number }),
  ),
  // Results of before processes told of themselves.
  diagnostics: z.array(processDiagnosticsShape).default([]),
  diagnosticsMissing: z.array(missingProcessShape).default([]),
  machineLoad: machineLoadShape.nullable().default(null),
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
  attributeEvery: count.default(0),
  probes: z.boolean().default(false),
  goal: z.array(z.object({ metric: z.enum(GOAL_METRICS), operator: z.enum(GOAL_OPERATORS), bound: number })),
});

const schemaVersion = z.literal([...READABLE_SCHEMA_VERSIONS]);

/** Complete by its type: a new field of a result does not compile until it has its place here. */
const runResult: z.ZodType<RunResult> = z.object({
  schemaVersion,
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
  findings: z.array(text).default([]),
  hypotheses: z
    .array(
      z.object({
        name: text,
        claim: text,
        verdict: z.enum(['supported', 'refuted', 'not measurable here']),
        evidence: text,
        threshold: text,
      }),
    )
    .default([]),
  next: z.array(text).default([]),
  probes: z
    .object({
      loopback: z.object({ frameBytes: count, framesPerSecond: number, mibPerSecond: number }).nullable(),
      shards: z.array(number),
      failures: z.array(text),
    })
    .nullable()
    .default(null),
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
 * Reads a saved result from its directory. What an older version did not have yet is as if there had been none of it. Throws
 * `UsageError` if there is no result, it is of a version that is not known or a field is not as it was saved; `asked` is how
 * the user named the directory, a flag or a command.
 */
export function readResult(directory: string, asked = '--baseline'): RunResult {
  const file = path.join(directory, 'result.json');
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new UsageError(`${asked}: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const refuse = (problem: string): never => {
    throw new UsageError(`${asked}: ${file}: ${problem}`);
  };
  if (!z.object({ schemaVersion }).safeParse(parsed).success) return refuse(`no result of schema version ${VERSIONS}`);
  const { data, error } = runResult.safeParse(parsed);
  const issue = error?.issues[0];
  return data ?? refuse(issue === undefined ? 'is no result' : `${describePath(issue.path)}: ${issue.message}`);
}

const VERSIONS = READABLE_SCHEMA_VERSIONS.join(' or ');

/** `points[2].streams` */
function describePath(path: readonly PropertyKey[]): string {
  return path.map((key, at) => (typeof key === 'number' ? `[${key}]` : `${at > 0 ? '.' : ''}${String(key)}`)).join('');
}
