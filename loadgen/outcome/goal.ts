// Goals of a run, such as `opsPerSecond>=23000,weakP50Ms<2`: parsing and judging. Knows result figures by name only.

import { UsageError } from '../flag-values.js';

/** Figures that a goal may name. */
export const GOAL_METRICS = [
  'opsPerSecond',
  'weakP50Ms',
  'weakP99Ms',
  'strongP50Ms',
  'strongP99Ms',
  'fastPathShare',
  'natsAckShare',
  'foundShare',
  'errors',
  'unknown',
] as const;

/** One of `GOAL_METRICS`. */
export type GoalMetric = (typeof GOAL_METRICS)[number];

/** How a figure is held against a bound. */
export const GOAL_OPERATORS = ['>=', '<=', '>', '<'] as const;

/** One condition of a goal. */
export interface GoalCondition {
  metric: GoalMetric;
  operator: (typeof GOAL_OPERATORS)[number];
  bound: number;
}

/** The figures of one measured point; null where nothing was measured, which meets no condition. */
export type GoalFigures = Record<GoalMetric, number | null>;

const CONDITION = /^([A-Za-z0-9]+)\s*(>=|<=|>|<)\s*(\d+(?:\.\d+)?)$/;

/** Parses conditions separated by commas. Throws `UsageError` naming the part that is wrong. */
export function parseGoal(text: string): GoalCondition[] {
  return text.split(',').map((part) => {
    const match = CONDITION.exec(part.trim());
    if (match === null) {
      throw new UsageError(
        `--goal: '${part.trim()}' is not of the form METRIC>=NUMBER (operators ${GOAL_OPERATORS.join(' ')})`,
      );
    }
    const metric = GOAL_METRICS.find((name) => name === match[1]);
    if (metric === undefined)
      throw new UsageError(`--goal: unknown metric '${match[1]}'; known: ${GOAL_METRICS.join(', ')}`);
    const operator = GOAL_OPERATORS.find((name) => name === match[2]) ?? '>=';
    return { metric, operator, bound: Number(match[3]) };
  });
}

/** Whether one condition holds. */
export function meetsCondition(condition: GoalCondition, figures: GoalFigures): boolean {
  const value = figures[condition.metric];
  if (value === null) return false;
  switch (condition.operator) {
    case '>=':
      return value >= condition.bound;
    case '<=':
      return value <= condition.bound;
    case '>':
      return value > condition.bound;
    case '<':
      return value < condition.bound;
  }
}

/** Whether all conditions hold together. */
export function meetsGoal(goal: readonly GoalCondition[], figures: GoalFigures): boolean {
  return goal.every((condition) => meetsCondition(condition, figures));
}

/** The goal as it would be typed. */
export function describeGoal(goal: readonly GoalCondition[]): string {
  return goal.map(({ metric, operator, bound }) => `${metric}${operator}${bound}`).join(', ');
}
