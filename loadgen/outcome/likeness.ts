// Whether two results may be held side by side: one notion of it, for `compare` and for `--baseline`. Knows what each
// setting of a plan means for the figures; knows no figures.

import type { LoadPlan } from '../plan.js';
import type { Machine, RunResult } from './result.js';

/** A setting in which two plans differ. Values are as JSON or in words. */
export interface PlanDifference {
  field: string;
  before: string;
  after: string;
}

/**
 * What a setting means for a comparison. `equal`: other values measure another thing. `noted`: they may still be
 * compared, but the reader has to know. `free`: nothing. A function answers what of the setting has to be equal, or
 * undefined where it means nothing under that plan; the rest of it is noted.
 */
type Weight = 'equal' | 'noted' | 'free' | ((plan: LoadPlan) => string | number | undefined);

/** Complete by its type: a new setting of the plan does not compile until it has its place here. */
const WEIGHTS: Record<keyof LoadPlan, Weight> = {
  clients: 'equal',
  threads: 'free',
  pendings: (plan) => (plan.rate === null ? plan.pendings : undefined),
  rate: 'equal',
  arrivals: (plan) => (plan.rate === null ? undefined : plan.arrivals),
  inFlightLimit: (plan) => (plan.rate === null ? undefined : plan.inFlightLimit),
  waitingLimit: (plan) => (plan.rate === null ? undefined : plan.waitingLimit),
  durationMs: (plan) => (plan.requests === null ? 'windows of a fixed time' : undefined),
  requests: (plan) => (plan.requests === null ? undefined : 'a fixed number of operations'),
  warmupMs: 'noted',
  settleMs: 'noted',
  iterations: 'free',
  weakRatio: 'equal',
  writeRatio: 'equal',
  keys: 'equal',
  zipf: 'equal',
  valueBytes: 'equal',
  preload: 'equal',
  seed: 'noted',
  target: (plan) => (plan.target === null ? 'a local cluster' : 'an existing cluster'),
  workers: (plan) => (plan.workers === null ? 'client processes of its own' : 'remote workers'),
  descriptorLimit: 'equal',
  shards: 'equal',
  batchDelayUs: 'equal',
  ackTransport: 'equal',
  durability: (plan) => (plan.target === null ? (plan.durability ?? 'memory') : undefined),
  scheduling: 'equal',
  traceRatio: 'equal',
  attributeEvery: 'equal',
  probes: 'free',
  otlpUrl: 'free',
  goal: 'free',
};

/** Settings that make the two measure different things. Empty if the runs are alike. */
export function findDifferences(before: LoadPlan, after: LoadPlan): PlanDifference[] {
  return fieldsOf(WEIGHTS).flatMap((field) => {
    const weight = WEIGHTS[field];
    if (weight === 'noted' || weight === 'free') return [];
    const view = (plan: LoadPlan) => describeValue(weight === 'equal' ? plan[field] : weight(plan));
    return view(before) === view(after) ? [] : [{ field, before: view(before), after: view(after) }];
  });
}

/** Settings and surroundings that differ without making a comparison impossible, as sentences. */
export function findCautions(before: RunResult, after: RunResult): string[] {
  return [...noteSettings(before.plan, after.plan), ...noteMachines(before.machine, after.machine)];
}

function noteSettings(before: LoadPlan, after: LoadPlan): string[] {
  return fieldsOf(WEIGHTS).flatMap((field) => {
    const weight = WEIGHTS[field];
    if (weight === 'equal' || weight === 'free') return [];
    // Where the part that has to be equal is not, findDifferences has already told.
    const isNoted = weight === 'noted' || (weight(before) !== undefined && weight(before) === weight(after));
    const [was, is] = [describeValue(before[field]), describeValue(after[field])];
    return isNoted && was !== is ? [`plan.${field} is ${is}, was ${was}`] : [];
  });
}

const MACHINE_FIELDS: Record<keyof Machine, boolean> = {
  cpus: true,
  cpuModel: true,
  memoryBytes: true,
  platform: true,
  node: true,
  loadAverage: false,
};

function noteMachines(before: Machine, after: Machine): string[] {
  return fieldsOf(MACHINE_FIELDS)
    .filter((field) => MACHINE_FIELDS[field] && before[field] !== after[field])
    .map((field) => {
      const kind = field === 'node' ? 'another Node version' : 'another machine';
      return `${kind}: machine.${field} is ${describeValue(after[field])}, was ${describeValue(before[field])}`;
    });
}

function describeValue(value: unknown): string {
  if (value === undefined) return 'not used';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function fieldsOf<T extends object>(record: T): (keyof T & string)[] {
  return Object.keys(record) as (keyof T & string)[];
}
