// Makes a failing run small: faults that are not needed are switched off, operations, clients, keys and members become
// fewer, as long as the same property is violated. A smaller plan meets other chances, so that a few salts are tried for
// each. Deterministic; what the search costs is bounded.

import type { Violation } from '../checkers/history.js';
import { createPlan, type FaultPlan, type OperationMix, type PlanOverrides, type SimulationPlan } from './plan.js';
import type { ReplacedRules } from './simulation.js';
import { judgeSeed } from './sweep.js';

/** What to make small. */
export interface ShrinkOptions {
  seed: number;
  overrides?: PlanOverrides;
  /** Overrides that a replay sets anyway, as a canary's. */
  base?: PlanOverrides;
  rules?: ReplacedRules;
  /** What the search may cost, in runs as long as the first one. */
  costLimit?: number;
}

/** A small plan that still fails. */
export interface ShrunkRun {
  seed: number;
  /** What the plan sets otherwise than seed and base do; replays with `--plan`. */
  overrides: PlanOverrides;
  violation: Violation;
  /** Runs that it took. */
  runs: number;
  /** Lines of the first transcript. */
  linesBefore: number;
  /** The transcript of the small run, without what follows the violation and without heartbeats. */
  transcript: string[];
}

type Shrink = (plan: SimulationPlan) => SimulationPlan | null;

const COST_LIMIT = 300;
/** What a run costs however few operations it has. */
const LEAST_COST = 0.1;

/** Fields in which less is simpler, with the least that still is a run. Fewer operations come first: they cost most. */
const LEAST = {
  operations: 1,
  viewChanges: 0,
  clients: 1,
  sessionsPerClient: 1,
  depth: 1,
  keys: 1,
  witnessRestarts: 0,
  witnessLossAtStart: 0,
  clientLosses: 0,
  coordinators: 1,
} satisfies Partial<Record<keyof SimulationPlan, number>>;

/** What makes a run what it is rather than harder; left alone. */
const KEPT: ReadonlySet<string> = new Set([
  ...['seed', 'salt', 'stopAfter', 'replicas', 'witnesses', 'fastQuorum', 'strong', 'latencyUs', 'turnUs'],
  ...['writeSetLimit', 'descriptorLimit', 'shards', 'logKeptEntries', 'diskUs', ...Object.keys(LEAST)],
]);

/** Makes a failing run small; null if it does not fail at all. */
export function shrinkRun(options: ShrinkOptions): ShrunkRun | null {
  const { seed, overrides = {}, base = {}, rules = {}, costLimit = COST_LIMIT } = options;
  const before: string[] = [];
  const [first] = judgeSeed({ seed, overrides, rules, transcript: before }).violations;
  if (first === undefined) return null;
  const whole = createPlan(seed, overrides);
  let plan = whole;
  let runs = 1;
  let cost = 1;
  const fails = (candidate: SimulationPlan): boolean => {
    if (cost >= costLimit) return false;
    runs++;
    cost += Math.max(LEAST_COST, operationsOf(candidate) / operationsOf(whole));
    return judgeSeed({ seed, overrides: candidate, rules }).violations.some((found) => isSame(found, first));
  };
  // One salt first: a run that only ends earlier needs no other chances. What is left is searched ever harder.
  for (const salts of [1, 1, 4, 4, 16, 16, 64, 64]) {
    for (const shrink of listShrinks(plan)) {
      let found: SimulationPlan | null = plan;
      while (found !== null) {
        plan = found;
        found = findFailing(shrink(plan), salts, fails);
      }
    }
  }
  return describeShrunk({ base: createPlan(seed, base), rules, plan, first, runs, linesBefore: before.length });
}

function findFailing(
  plan: SimulationPlan | null,
  salts: number,
  fails: (plan: SimulationPlan) => boolean,
): SimulationPlan | null {
  if (plan === null) return null;
  for (let salt = plan.salt; salt < plan.salt + salts; salt++) {
    const salted = { ...plan, salt };
    if (fails(salted)) return salted;
  }
  return null;
}

function operationsOf({ operations, stopAfter }: SimulationPlan): number {
  return Math.min(operations, stopAfter);
}

/** The same property; a broken invariant is the same one if its message is, numbers aside. */
function isSame(one: Violation, other: Violation): boolean {
  if (one.property !== other.property) return false;
  return one.property !== 'invariant' || messageOf(one) === messageOf(other);
}

function messageOf({ detail }: Violation): string {
  return (detail.split('\n', 1)[0] ?? '').replace(/\d+/g, '#');
}

/** All ways to make a plan smaller, the most promising first. Each gives null once it has nothing left to do. */
function listShrinks(plan: SimulationPlan): Shrink[] {
  const counts = Object.entries(LEAST) as [keyof typeof LEAST, number][];
  const numbers = (Object.keys(plan) as (keyof SimulationPlan)[]).filter((name) => !KEPT.has(name));
  return [
    (now) => (operationsOf(now) > 1 ? { ...now, stopAfter: Math.floor(operationsOf(now) / 2) } : null),
    (now) => (operationsOf(now) > 1 ? { ...now, stopAfter: Math.floor(operationsOf(now) * 0.9) } : null),
    ...counts.map(([name, least]) => lower(name, least, (value) => Math.floor((least + value) / 2))),
    ...(Object.keys(plan.faults) as (keyof FaultPlan)[]).map(dropFault),
    ...numbers.map(switchOff),
    ...(Object.keys(plan.mix) as (keyof OperationMix)[]).map(dropKind),
    (now) => (now.replicas > 3 ? { ...now, replicas: 3 } : null),
    (now) => (now.witnesses > 3 ? { ...now, witnesses: 3, fastQuorum: 3 } : null),
    (now) => (now.witnesses > 1 ? { ...now, witnesses: 1, fastQuorum: 1 } : null),
    ...counts.map(([name, least]) => lower(name, least, (value) => value - Math.ceil((value - least) / 8))),
  ];
}

function lower(name: keyof typeof LEAST, least: number, next: (value: number) => number): Shrink {
  return (plan) => (plan[name] > least ? { ...plan, [name]: Math.max(least, next(plan[name])) } : null);
}

function dropFault(name: keyof FaultPlan): Shrink {
  return (plan) => {
    const value = plan.faults[name];
    if (value === 0 || value === false) return null;
    return { ...plan, faults: { ...plan.faults, [name]: typeof value === 'boolean' ? false : 0 } };
  };
}

function dropKind(name: keyof OperationMix): Shrink {
  return (plan) => {
    const mix = { ...plan.mix, [name]: 0 };
    const isEmpty = Object.values(mix).every((weight) => weight === 0);
    return plan.mix[name] === 0 || isEmpty ? null : { ...plan, mix };
  };
}

function switchOff(name: keyof SimulationPlan): Shrink {
  return (plan) => {
    const value = plan[name];
    if (typeof value === 'number' && value !== 0) return { ...plan, [name]: 0 };
    return value === true ? { ...plan, [name]: false } : null;
  };
}

function describeShrunk(run: {
  base: SimulationPlan;
  rules: ReplacedRules;
  plan: SimulationPlan;
  first: Violation;
  runs: number;
  linesBefore: number;
}): ShrunkRun {
  const { base, rules, plan, first, runs, linesBefore } = run;
  const { seed } = base;
  const overrides = differences(base, plan);
  const lines: string[] = [];
  const { violations } = judgeSeed({ seed, overrides: plan, rules, transcript: lines });
  const violation = violations.find((found) => isSame(found, first));
  if (violation === undefined) throw new Error(`seed ${seed} does not fail twice in the same way`);
  return { seed, overrides, violation, runs, linesBefore, transcript: cutTranscript(lines, violation) };
}

/** Fields of `plan` that differ from those of `base`. */
function differences(base: SimulationPlan, plan: SimulationPlan): PlanOverrides {
  const names = (Object.keys(plan) as (keyof SimulationPlan)[]).filter(
    (name) => JSON.stringify(plan[name]) !== JSON.stringify(base[name]),
  );
  return Object.fromEntries(names.map((name) => [name, plan[name]]));
}

/** Heartbeats and what coordinators tell each other of them. */
const HEARTBEAT = /→\S+ (alive|noted|seen \S+)$/;

/** Lines shown of what follows the healing in a run that does not come to rest. */
const CIRCLING_LINES = 100;

/** What happened until the last operation of the violation was answered, or until the run goes round in circles. */
function cutTranscript(lines: readonly string[], { events }: Violation): string[] {
  const telling = lines.filter((line) => !HEARTBEAT.test(line));
  if (events.length === 0) {
    // What does not come to rest goes round in circles: a few rounds are enough.
    const healed = telling.findIndex((line) => line.endsWith('everything heals'));
    return healed < 0 ? telling : telling.slice(0, healed + CIRCLING_LINES);
  }
  const lastUs = Math.max(...events.map(({ invokeUs, returnUs }) => returnUs ?? invokeUs));
  return telling.filter((line) => Number.parseInt(line, 10) <= lastUs);
}
