// Ablations made of given figures, for tests of effects, words and drawings. Nothing is measured.

import {
  type AblationPlan,
  listRuns,
  type PlannedRun,
  parseAblation,
  type RawAblationFlags,
} from '../../../loadgen/ablate/ablation-plan.js';
import {
  ABLATION_SCHEMA_VERSION,
  type AblationResult,
  type AblationRun,
} from '../../../loadgen/ablate/ablation-result.js';
import { summarizeFactor } from '../../../loadgen/ablate/effects.js';
import type { RunFigures } from '../../../loadgen/ablate/figures.js';

/** What a run measures that is like the baseline in everything. */
export const PLAIN_FIGURES: RunFigures = {
  opsPerSecond: 20_000,
  weakP50Ms: 2,
  weakP99Ms: 10,
  strongP50Ms: 3,
  strongP99Ms: 12,
  cpuUsPerOperation: 40,
  fastPathShare: 0.95,
};

/** The figures of one run of a plan. */
export type FiguresOf = (run: PlannedRun) => Partial<RunFigures> | null;

/** A run of a plan with the figures that are given; all others are plain. */
export function sampleRun(planned: PlannedRun, figuresOf: FiguresOf, changes: Partial<AblationRun> = {}): AblationRun {
  const { factor, level, repetition } = planned;
  const figures = figuresOf(planned);
  return {
    factor,
    level,
    repetition,
    startedAt: '2030-01-01T00:00:00.000Z',
    figures: figures === null ? null : { ...PLAIN_FIGURES, ...figures },
    errors: 0,
    doubts: [],
    dataWrong: false,
    ...changes,
  };
}

/** The ablation that flags ask for, with figures by run. */
export function sampleAblation(
  flags: RawAblationFlags,
  figuresOf: FiguresOf,
  changes: Partial<AblationResult> = {},
): AblationResult {
  const plan: AblationPlan = parseAblation(flags);
  const runs = listRuns(plan).map((planned) => sampleRun(planned, figuresOf));
  return {
    schemaVersion: ABLATION_SCHEMA_VERSION,
    startedAt: '2030-01-01T00:00:00.000Z',
    gitCommit: null,
    dirty: false,
    machine: { cpus: 2, cpuModel: 'test', memoryBytes: 1 << 30, platform: 'test', node: 'v20', loadAverage: 0 },
    plan: plan.base,
    repetitions: plan.repetitions,
    factors: plan.factors.map((factor) => summarizeFactor(factor, runs)),
    order: runs.map(({ factor, level, repetition }) => ({ factor, level, repetition })),
    interrupted: false,
    failures: [],
    ...changes,
  };
}

/** A value that scatters by a few percent, the same for the same run. */
export function scatter({ level, repetition }: PlannedRun): number {
  const seed = [...level].reduce((sum, character) => sum + character.charCodeAt(0), repetition * 7);
  return 1 + ((seed * 37) % 11) / 200;
}
