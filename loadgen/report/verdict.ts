// Whether a result may be believed, and whether it shows what it was asked for: one check after the other. Terminal,
// Markdown and page say the same checks. Knows results, no output format.

import { describeGoal } from '../outcome/goal.js';
import type { PointResult } from '../outcome/point.js';
import type { RunResult } from '../outcome/result.js';
import { STUDY_GOAL_OPS_PER_SECOND, STUDY_WEAK_P50_MS_MAX } from '../outcome/seed-study.js';
import { formatChange, formatCount, formatCounts, formatShare, joinWords } from './format.js';

/** One thing that was checked. An alarm means that figures must not be used; its name is in capitals. */
export interface Check {
  name: string;
  state: 'good' | 'bad' | 'plain' | 'alarm';
  text: string;
  examples: string[];
}

/** All checks of a result: whether it is whole, right and valid, then what it shows. */
export function judgeRun(result: RunResult): Check[] {
  const { points, plan } = result;
  const checks: Check[] = [];
  if (result.interrupted) checks.push(check('INTERRUPTED', 'alarm', 'these are the windows that were complete.'));
  checks.push(checkData(result), ...checkValidity(result), checkErrors(result));
  if (points.length > 0) checks.push(checkSteadiness(points));
  checks.push(...checkOverload(points));
  for (const warning of result.warnings) checks.push(check('warning', 'bad', warning));
  // An open loop answers for latency at a given rate; how much could be had it does not ask.
  if (plan.rate === null) checks.push(checkStudyGoal(points));
  if (plan.goal.length > 0) {
    const isMet = result.goalMet === true;
    checks.push(check('goal', isMet ? 'good' : 'bad', `${isMet ? 'met' : 'MISSED'}: ${describeGoal(plan.goal)}`));
  }
  return checks;
}

/** A check as lines of text. */
export function describeCheck({ name, state, text, examples }: Check): string[] {
  const line = state === 'alarm' ? `${name}: ${text}` : `${name.padEnd(9)}${text}`;
  return [line, ...examples.map((example) => `         ${example}`)];
}

/** The verdict in one sentence; the worst decides. */
export function describeVerdict(result: RunResult): { state: Check['state']; text: string } {
  const checks = judgeRun(result);
  const hasAlarm = (start: string) => checks.some(({ state, name }) => state === 'alarm' && name.startsWith(start));
  if (hasAlarm(DATA_WRONG)) return { state: 'alarm', text: 'DATA WRONG: reads showed what they must not' };
  if (hasAlarm(NOT_VALID)) return { state: 'alarm', text: 'NOT VALID: do not use these figures' };
  if (result.interrupted) return { state: 'alarm', text: 'INTERRUPTED: the measurement is not complete' };
  if (result.goalMet === false) return { state: 'bad', text: 'Valid, but the goal was missed' };
  if (checks.some(({ state, name }) => state === 'bad' && name !== 'target'))
    return { state: 'plain', text: 'Valid, with remarks' };
  return {
    state: 'good',
    text: result.goalMet === true ? 'Valid, and the goal was met' : 'Valid: these figures can be used',
  };
}

const DATA_WRONG = 'DATA WRONG';
const NOT_VALID = 'NOT VALID';
const EXAMPLES_LIMIT = 10;

function check(name: string, state: Check['state'], text: string, examples: string[] = []): Check {
  return { name, state, text, examples };
}

function checkData({ points, warmup }: RunResult): Check {
  const checks = [warmup.verification, ...points.map((point) => point.verification)];
  const checked = checks.reduce((sum, each) => sum + each.checked, 0);
  const wrong = checks.reduce((sum, each) => sum + each.wrong, 0);
  if (wrong === 0) return check('data', 'good', `all ${formatCount(checked)} reads checked, none wrong`);
  const examples = checks.flatMap((each) => each.examples).slice(0, EXAMPLES_LIMIT);
  return check(DATA_WRONG, 'alarm', `${formatCount(wrong)} of ${formatCount(checked)} reads`, examples);
}

function checkValidity({ failures, points }: RunResult): Check[] {
  const alarms = failures.map((failure) => check(NOT_VALID, 'alarm', failure));
  for (const { streams, selfCheck } of points) {
    for (const reason of selfCheck.reasons) alarms.push(check(`${NOT_VALID} at ${streams} streams`, 'alarm', reason));
  }
  if (alarms.length > 0) return alarms;
  if (points.length === 0) return [check('valid', 'plain', 'nothing was measured')];
  return [check('valid', 'good', 'the load generator kept up and did not set the pace')];
}

function checkErrors({ points, viewChanges }: RunResult): Check {
  const errors = points.reduce((sum, point) => sum + point.errors, 0);
  const unknown = points.reduce((sum, point) => sum + point.unknown, 0);
  const sums: Record<string, number> = {};
  for (const point of points) {
    for (const [code, count] of Object.entries(point.errorCodes)) sums[code] = (sums[code] ?? 0) + count;
  }
  const codes = formatCounts(sums);
  const text = `${formatCount(errors)}, unknown outcomes ${formatCount(unknown)}${codes === 'none' ? '' : ` (${codes})`}, view changes ${viewChanges}`;
  return check('errors', errors + unknown === 0 ? 'good' : 'bad', text);
}

function checkSteadiness(points: readonly PointResult[]): Check {
  const moving = points.filter((point) => !point.steady);
  if (moving.length > 0) {
    const words = moving.map((point) => `${point.streams} streams (trend ${formatChange(point.trend)})`);
    return check('steady', 'bad', `not at ${joinWords(words)}: more iterations or a longer --warmup would tell`);
  }
  if (points.every((point) => point.iterations.length < 2))
    return check('steady', 'plain', 'not known: one iteration shows no trend');
  return check('steady', 'good', 'at every point iterations trend by 10 % or less');
}

function checkOverload(points: readonly PointResult[]): Check[] {
  return points.flatMap(({ streams, openLoop }) => {
    if (openLoop?.overloaded !== true) return [];
    const { dropped, intended, completed, waitingAtEnd, unansweredAtEnd } = openLoop;
    const share = (part: number) => formatShare(intended === 0 ? null : part / intended, 1);
    const text = `at ${streams} streams: ${share(completed)} of the intended operations completed in their windows, ${formatCount(dropped)} dropped (${share(dropped)}), ${formatCount(waitingAtEnd)} still waiting and ${formatCount(unansweredAtEnd)} unanswered at the end of a window; latencies grow with its length`;
    return [check('overload', 'bad', text)];
  });
}

/** The study's own target, reached at some stream count or missed by how much. */
function checkStudyGoal(points: readonly PointResult[]): Check {
  const goal = `${formatCount(STUDY_GOAL_OPS_PER_SECOND)} ops/s with a weak median < ${STUDY_WEAK_P50_MS_MAX} ms`;
  const fitting = points.filter((point) => point.weak.p50Ms !== null && point.weak.p50Ms < STUDY_WEAK_P50_MS_MAX);
  const reached = fitting.find((point) => point.opsPerSecond >= STUDY_GOAL_OPS_PER_SECOND);
  if (reached !== undefined) return check('target', 'good', `${goal}: reached at ${reached.streams} streams`);
  const best = Math.max(0, ...fitting.map((point) => point.opsPerSecond));
  return check('target', 'bad', `${goal}: missed by ${formatCount(STUDY_GOAL_OPS_PER_SECOND - best)} ops/s`);
}
