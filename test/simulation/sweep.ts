// Many runs, judged. A run is violated if a checker objects to its history, if something did not come to rest, or if a
// core broke one of its own invariants.

import { performance } from 'node:perf_hooks';
import type { Violation } from '../checkers/history.js';
import { checkHistory } from '../checkers/index.js';
import { Census } from './census.js';
import type { PlanOverrides } from './plan.js';
import { createPlan } from './plan.js';
import type { ReplacedRules, SimulationResult } from './simulation.js';
import { runSimulation } from './simulation.js';
import { describeEvent } from './workload.js';

/** A run with its verdict. */
export interface JudgedRun {
  seed: number;
  /** Absent if a core threw. */
  result: SimulationResult | null;
  violations: Violation[];
}

/** How to run one seed. */
export interface RunOptions {
  seed: number;
  overrides?: PlanOverrides;
  rules?: ReplacedRules;
  /** Takes the transcript. */
  transcript?: string[];
}

/** Runs and judges one seed. */
export function judgeSeed({ seed, overrides = {}, rules = {}, transcript }: RunOptions): JudgedRun {
  let result: SimulationResult;
  try {
    result = runSimulation({ plan: createPlan(seed, overrides), rules, ...(transcript && { transcript }) });
  } catch (error) {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { seed, result: null, violations: [{ property: 'invariant', detail, events: [] }] };
  }
  const violations: Violation[] = result.unrest.map((detail) => ({ property: 'liveness', detail, events: [] }));
  for (const detail of result.faults) violations.unshift({ property: 'exactly-once', detail, events: [] });
  // What never came to rest has no final state that a history could be held against.
  const finalState = violations.length === 0 ? result.finalState : undefined;
  const report = checkHistory(result.history, finalState);
  result.census.countOther('checkerExhausted', report.counts.exhausted);
  violations.push(...report.violations);
  return { seed, result, violations };
}

/** What a sweep found. */
export interface SweepReport {
  seeds: number;
  operations: number;
  /** Runs with a violation. */
  violations: number;
  failed: { seed: number; property: string; detail: string }[];
  /** Faults that were injected, by kind. */
  faults: Record<string, number>;
  /** What happened in the protocol, and how often. */
  events: Record<string, number>;
  /** Expected events that no run showed. */
  missing: string[];
  /** Histories per minute of processor time, checkers included. */
  historiesPerMinute: number;
}

/** Runs the seeds from `from` on; `onRun` hears of each. */
export function sweep(from: number, count: number, onRun: (run: JudgedRun) => void = () => {}): SweepReport {
  const census = new Census();
  const report: SweepReport = {
    seeds: count,
    operations: 0,
    violations: 0,
    failed: [],
    faults: {},
    events: {},
    missing: [],
    historiesPerMinute: 0,
  };
  const beganMs = performance.now();
  for (let seed = from; seed < from + count; seed++) {
    const run = judgeSeed({ seed });
    report.operations += run.result?.history.length ?? 0;
    if (run.result !== null) census.add(run.result.census);
    const [first] = run.violations;
    if (first !== undefined) {
      report.violations++;
      report.failed.push({ seed, property: first.property, detail: first.detail });
    }
    onRun(run);
  }
  report.faults = census.faults();
  report.events = census.events();
  report.missing = census.missing();
  report.historiesPerMinute = Math.round((count * 60_000) / (performance.now() - beganMs));
  return report;
}

/** The command that replays a seed, with a plan of its own and a canary if there are any. */
export function replayCommand(seed: number, overrides: PlanOverrides = {}, canary = ''): string {
  const parts = Object.entries(overrides).map(([name, value]) => [name, withoutZeros(value)]);
  const plan = parts.length === 0 ? '' : ` --plan '${JSON.stringify(Object.fromEntries(parts))}'`;
  return `npm run simulate -- --seed ${seed}${canary === '' ? '' : ` --canary '${canary}'`}${plan}`;
}

/** Of faults and weights only those that are there. */
function withoutZeros(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== 0 && part !== false));
}

/** A violation with the operations that show it, as text. */
export function describeViolation({ property, detail, events }: Violation): string {
  const lines = events.slice(0, 30).map((event) => {
    return `    ${event.invokeUs}–${event.returnUs ?? '…'} ${describeEvent(event)} @${event.slot} e${event.epoch} ${event.outcome}`;
  });
  return [`${property}: ${detail}`, ...lines].join('\n');
}
