// The plan of an ablation: flags to factors, levels and one load plan for each level, all validated before anything is
// started, and the order of the runs. Does no I/O.

import { rotate } from '../driver/rotation.js';
import { parseChoice, parseWhole, UsageError } from '../flag-values.js';
import { type LoadPlan, type PlanDefaults, parsePlan, type RawFlags } from '../plan.js';
import { FACTOR_NAMES, type Factor, type FactorName, factorOf } from './factors.js';

/** Flags of the command as text; absent where not given. */
export interface RawAblationFlags {
  factors?: string;
  /** One entry for each time it was given. */
  levels?: string[];
  repetitions?: string;
  clients?: string;
  threads?: string;
  duration?: string;
  warmup?: string;
  keys?: string;
  seed?: string;
  scheduling?: string;
}

/** One value of a factor and the whole plan that it makes. */
export interface PlannedLevel {
  level: string;
  label: string;
  plan: LoadPlan;
}

/** A factor with the levels that are measured; the first one is the baseline. */
export interface PlannedFactor {
  name: FactorName;
  about: string;
  baseline: PlannedLevel;
  levels: PlannedLevel[];
}

/** Everything that decides what an ablation measures. */
export interface AblationPlan {
  /** What all runs have in common, but for the setting of the factor that is turned. */
  base: LoadPlan;
  repetitions: number;
  factors: PlannedFactor[];
}

/** One run: a level measured once, on a cluster of its own. */
export interface PlannedRun {
  factor: FactorName;
  level: string;
  label: string;
  /** From 1. Runs of one factor and one repetition belong together. */
  repetition: number;
  plan: LoadPlan;
}

/** The point at which the study lost most: 2 clients × 8 threads. Its warm-up is halved: every run has one of its own. */
export const ABLATION_DEFAULTS: PlanDefaults = {
  threads: [8],
  iterations: 1,
  manyPoints: false,
  traceRatio: 0,
  probes: false,
};
/** Warm-up of every run, unless told otherwise. */
export const ABLATION_WARMUP = '5s';
/** Repetitions of every level, unless told otherwise: the fewest that give an interval. */
export const REPETITIONS_DEFAULT = 3;
const REPETITIONS_LIMIT = 100;
const LEVELS_LIMIT = 12;

/** Turns flags into a plan. Throws `UsageError` naming the flag and its limits. */
export function parseAblation(flags: RawAblationFlags): AblationPlan {
  const { factors, levels = [], repetitions, ...load } = flags;
  const base: RawFlags = { warmup: ABLATION_WARMUP, ...load };
  refuseThreadLists(base.threads);
  const names = factors === undefined ? [...FACTOR_NAMES] : parseFactors(factors);
  const ownLevels = parseLevels(levels);
  for (const name of ownLevels.keys()) {
    if (!names.includes(name)) throw new UsageError(`--levels: ${name} is not among the --factors ${names.join(',')}`);
  }
  return {
    // First of all: what is wrong with a setting of all runs must not be blamed on a level.
    base: parsePlan(base, ABLATION_DEFAULTS),
    repetitions:
      repetitions === undefined
        ? REPETITIONS_DEFAULT
        : parseWhole('--repetitions', repetitions, { min: 1, max: REPETITIONS_LIMIT }),
    factors: names.map((name) => planFactor(factorOf(name), ownLevels.get(name), base)),
  };
}

/** All runs in their order: factor after factor, the levels of each in rotation. */
export function listRuns({ factors, repetitions }: AblationPlan): PlannedRun[] {
  return factors.flatMap(({ name, levels }) =>
    rotate(levels, repetitions).map(({ round, item: { level, label, plan } }) => ({
      factor: name,
      level,
      label,
      repetition: round,
      // The two runs of a pair send the same operations; other pairs send others.
      plan: { ...plan, seed: plan.seed + round - 1 },
    })),
  );
}

function refuseThreadLists(threads: string | undefined): void {
  if (threads?.includes(',') === true)
    throw new UsageError(`--threads: '${threads}' is a list; an ablation measures one stream count`);
}

function parseFactors(text: string): FactorName[] {
  const names = text.split(',').map((name) => parseChoice('--factors', name.trim(), FACTOR_NAMES));
  if (new Set(names).size !== names.length) throw new UsageError(`--factors: '${text}' names a factor twice`);
  return names;
}

function parseLevels(texts: readonly string[]): Map<FactorName, string[]> {
  const byFactor = new Map<FactorName, string[]>();
  for (const text of texts) {
    const [name = '', list, ...rest] = text.split('=');
    if (list === undefined || rest.length > 0)
      throw new UsageError(`--levels: '${text}' is not factor=a,b,… such as batch-delay=0,50,150`);
    const factor = parseChoice('--levels', name.trim(), FACTOR_NAMES);
    if (byFactor.has(factor)) throw new UsageError(`--levels: the levels of ${factor} are given twice`);
    const levels = list.split(',').map((level) => level.trim());
    if (levels.length < 2 || levels.length > LEVELS_LIMIT)
      throw new UsageError(`--levels: '${text}' has ${levels.length} levels, 2 to ${LEVELS_LIMIT} are possible`);
    byFactor.set(factor, levels);
  }
  return byFactor;
}

function planFactor(factor: Factor, ownLevels: readonly string[] | undefined, base: RawFlags): PlannedFactor {
  const levels = (ownLevels ?? factor.levels).map((level) => planLevel(factor, level, base));
  const [baseline] = levels;
  if (baseline === undefined) throw new RangeError(`${factor.name} has no levels`);
  levels.forEach((each, at) => {
    const same = levels.slice(0, at).find((other) => JSON.stringify(other.plan) === JSON.stringify(each.plan));
    if (same !== undefined)
      throw new UsageError(`--levels ${factor.name}: '${same.level}' and '${each.level}' are the same level`);
  });
  return { name: factor.name, about: factor.about, baseline, levels };
}

function planLevel(factor: Factor, level: string, base: RawFlags): PlannedLevel {
  try {
    return {
      level,
      label: factor.label(level),
      plan: parsePlan({ ...base, ...factor.flags(level) }, ABLATION_DEFAULTS),
    };
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(`--levels ${factor.name}=${level}: ${error.message}`) : error;
  }
}
