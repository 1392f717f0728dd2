// From the runs of a factor to the effect of each of its levels: what was measured in the same repetition is paired, and
// a difference is called only where the interval over the pairs excludes no change. Pure.

import type { ChangeScale } from '../outcome/pair-interval.js';
import { PAIRS_LEAST, pairedChange, type ValuePair } from '../outcome/paired-interval.js';
import { median } from '../outcome/statistics.js';
import type { PlannedFactor } from './ablation-plan.js';
import type { AblationRun, Effect, FactorResult, LevelResult } from './ablation-result.js';
import { byMetric, METRICS, type MetricName } from './figures.js';

/** Puts the runs of one factor together; runs of other factors are left aside. */
export function summarizeFactor(factor: PlannedFactor, runs: readonly AblationRun[]): FactorResult {
  const own = runs.filter((run) => run.factor === factor.name);
  const baselineRuns = own.filter(({ level }) => level === factor.baseline.level);
  return {
    name: factor.name,
    about: factor.about,
    baseline: factor.baseline.level,
    levels: factor.levels.map(({ level, label }): LevelResult => {
      const isBaseline = level === factor.baseline.level;
      const levelRuns = own.filter((run) => run.level === level);
      return {
        level,
        label,
        isBaseline,
        figures: byMetric((name) => middle(levelRuns, name)),
        runs: levelRuns,
        effect: byMetric((name) =>
          isBaseline
            ? baselineEffect(METRICS[name].scale, levelRuns.length)
            : measuredEffect(baselineRuns, levelRuns, name),
        ),
      };
    }),
  };
}

/** A figure that there is nothing of, such as weak latency without weak operations, would not come with repetitions. */
function measuredEffect(
  baselineRuns: readonly AblationRun[],
  levelRuns: readonly AblationRun[],
  name: MetricName,
): Effect {
  const pairs = pairUp(baselineRuns, levelRuns, name);
  const effect = effectOf(METRICS[name].scale, pairs);
  const isMeasured = [baselineRuns, levelRuns].every((runs) => {
    const whole = runs.filter(({ figures }) => figures !== null);
    return whole.length === 0 || whole.some(({ figures }) => figures?.[name] !== null);
  });
  return isMeasured ? effect : { ...effect, repetitionsMissing: 0 };
}

/** The effect that a number of pairs shows. */
export function effectOf(scale: ChangeScale, pairs: readonly ValuePair[]): Effect {
  const paired = pairedChange(scale, pairs);
  const interval = paired?.interval ?? null;
  const none = scale === 'ratio' ? 1 : 0;
  const isDifference = interval !== null && (interval.low > none || interval.high < none);
  return {
    ratio: scale === 'ratio' ? (paired?.change ?? null) : null,
    difference: scale === 'difference' ? (paired?.change ?? null) : null,
    low: interval?.low ?? null,
    high: interval?.high ?? null,
    confidence: interval?.confidence ?? null,
    pairs: pairs.length,
    verdict: interval === null ? 'undecided' : isDifference ? 'difference' : 'alike',
    repetitionsMissing: Math.max(0, PAIRS_LEAST - pairs.length),
  };
}

function baselineEffect(scale: ChangeScale, pairs: number): Effect {
  const none = scale === 'ratio' ? 1 : 0;
  return {
    ratio: scale === 'ratio' ? 1 : null,
    difference: scale === 'difference' ? 0 : null,
    low: none,
    high: none,
    confidence: null,
    pairs,
    verdict: 'baseline',
    repetitionsMissing: 0,
  };
}

/** The values of all repetitions in which both measured the figure. */
function pairUp(
  baselineRuns: readonly AblationRun[],
  levelRuns: readonly AblationRun[],
  name: MetricName,
): ValuePair[] {
  return levelRuns.flatMap(({ repetition, figures }) => {
    const before = baselineRuns.find((run) => run.repetition === repetition)?.figures?.[name] ?? null;
    const after = figures?.[name] ?? null;
    return before === null || after === null ? [] : [{ before, after }];
  });
}

function middle(runs: readonly AblationRun[], name: MetricName): number | null {
  const values = runs.flatMap(({ figures }) => figures?.[name] ?? []);
  return values.length === 0 ? null : median(values);
}
