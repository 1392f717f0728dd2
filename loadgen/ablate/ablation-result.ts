// What an ablation found, as it is saved and printed, and the exit code that it calls for. Knows the shape; does not know
// how anything was measured.

import { ExitCode, type Machine } from '../outcome/result.js';
import type { LoadPlan } from '../plan.js';
import type { FactorName } from './factors.js';
import type { MetricName, RunFigures } from './figures.js';

/** Version of `ablation.json`; raised when a field changes its meaning or goes away. */
export const ABLATION_SCHEMA_VERSION = 1;

/**
 * `difference`: the interval excludes no change. `alike`: it does not, so none was shown, which is not to say that there
 * is none. `undecided`: there is no interval. `baseline`: this is what the others are held against.
 */
export type EffectVerdict = 'difference' | 'alike' | 'undecided' | 'baseline';

/** How one figure of a level lies to that of the baseline. */
export interface Effect {
  /** Level / baseline, geometric mean of the pairs; null for a figure that is compared by difference, or without pairs. */
  ratio: number | null;
  /** Level − baseline, mean of the pairs; null for a figure that is compared by ratio, or without pairs. */
  difference: number | null;
  /** Ends of the interval of the ratio or the difference; null without one. */
  low: number | null;
  high: number | null;
  confidence: number | null;
  /** How many pairs of runs it comes from. */
  pairs: number;
  verdict: EffectVerdict;
  /** How many repetitions more an interval needs; 0 where there is one or none could be. */
  repetitionsMissing: number;
}

/** One run: a level, measured once on a cluster of its own. */
export interface AblationRun {
  factor: FactorName;
  level: string;
  /** From 1; runs of one factor and repetition are paired. */
  repetition: number;
  startedAt: string;
  /** Null if it failed. */
  figures: RunFigures | null;
  /** Errors and unknown outcomes among its operations. */
  errors: number;
  /** Why its figures are to be doubted, as sentences; empty for none. */
  doubts: string[];
  /** Something that was read was wrong. */
  dataWrong: boolean;
}

/** One level with the runs that it was measured by. */
export interface LevelResult {
  level: string;
  label: string;
  isBaseline: boolean;
  /** Medians of the runs. */
  figures: RunFigures;
  runs: AblationRun[];
  effect: Record<MetricName, Effect>;
}

/** One factor. */
export interface FactorResult {
  name: FactorName;
  about: string;
  /** The level that the others are held against. */
  baseline: string;
  levels: LevelResult[];
}

/** A whole ablation. */
export interface AblationResult {
  schemaVersion: number;
  startedAt: string;
  gitCommit: string | null;
  dirty: boolean;
  machine: Machine;
  /** What all runs have in common, but for the factor's own setting. */
  plan: LoadPlan;
  repetitions: number;
  factors: FactorResult[];
  /** The runs in the order they were measured. */
  order: Pick<AblationRun, 'factor' | 'level' | 'repetition'>[];
  /** Stopped by the user: what is there was complete by then. */
  interrupted: boolean;
  /** Runs that failed, as sentences; empty for none. */
  failures: string[];
}

/** The exit code that it calls for. A run whose generator was at its end makes no verdict certain. */
export function exitCodeOfAblation({ factors, interrupted, failures }: AblationResult): number {
  const runs = factors.flatMap(({ levels }) => levels.flatMap((level) => level.runs));
  if (runs.some(({ dataWrong }) => dataWrong)) return ExitCode.dataWrong;
  if (interrupted) return ExitCode.interrupted;
  return failures.length > 0 || runs.some(({ doubts }) => doubts.length > 0) ? ExitCode.notValid : ExitCode.passed;
}
