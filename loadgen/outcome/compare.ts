// Compares two results point by point. A difference is called one only where it exceeds what the iterations' own spread
// explains; without enough iterations nothing is called. Knows results; reads no file and draws no table.

import { findCautions, findDifferences, type PlanDifference } from './likeness.js';
import { type ChangeInterval, type ChangeScale, changeInterval, SIDE_VALUES_LEAST } from './pair-interval.js';
import type { IterationResult, PointResult } from './point.js';
import type { RunResult } from './result.js';

/** Version of the document that `compare --json` prints. */
export const COMPARISON_SCHEMA_VERSION = 2;

/** Smaller changes are not called even where they are certain: nobody would act on them. A share, or a part of the whole. */
export const CHANGE_LEAST = 0.01;

/** `alike`: no difference was shown, which is not to say that there is none. `undecided`: nothing can be said. */
export type FigureVerdict = 'better' | 'worse' | 'alike' | 'undecided' | 'notJudged';
/** Of several figures or points together; `mixed` if some are better and some worse. */
export type JointVerdict = Exclude<FigureVerdict, 'notJudged'> | 'mixed';

/** The figures that are compared. */
export type FigureName = 'opsPerSecond' | 'weakP50Ms' | 'weakP99Ms' | 'strongP50Ms' | 'strongP99Ms' | 'fastPathShare';

/** One figure of one point. */
export interface FigureComparison {
  figure: FigureName;
  /** Null where a side did not measure it. */
  before: number | null;
  after: number | null;
  /** Shares are compared by their difference, since a share may be 0 and 0.01 is little of it; all else by its ratio. */
  scale: ChangeScale;
  /** after / before, or after − before; null where a side did not measure it or the ratio is to 0. */
  change: number | null;
  /** Of the change, from the iterations of both sides; null where they are too few or one of them lacks the figure. */
  interval: ChangeInterval | null;
  verdict: FigureVerdict;
}

/** One stream count that both results have. */
export interface PointComparison {
  streams: number;
  iterations: { before: number; after: number };
  /** Those that a side measured. */
  figures: FigureComparison[];
  verdict: JointVerdict;
}

/** Two results side by side. */
export interface Comparison {
  schemaVersion: number;
  /** Settings that make the two measure different things; not empty means that the rest must not be trusted. */
  differences: PlanDifference[];
  /** What the reader has to know before believing a verdict, as sentences. */
  warnings: string[];
  points: PointComparison[];
  /** Stream counts that only one side has. */
  streamsOnlyBefore: number[];
  streamsOnlyAfter: number[];
  verdict: JointVerdict;
}

interface Figure {
  name: FigureName;
  scale: ChangeScale;
  higherIsBetter: boolean;
  ofPoint(point: PointResult): number | null;
  ofIteration(iteration: IterationResult): number | null;
}

const FIGURES: readonly Figure[] = [
  {
    name: 'opsPerSecond',
    scale: 'ratio',
    higherIsBetter: true,
    ofPoint: (p) => p.opsPerSecond,
    ofIteration: (i) => i.opsPerSecond,
  },
  latency('weakP50Ms', (p) => p.weak.p50Ms),
  latency('weakP99Ms', (p) => p.weak.p99Ms),
  latency('strongP50Ms', (p) => p.strong.p50Ms),
  latency('strongP99Ms', (p) => p.strong.p99Ms),
  {
    name: 'fastPathShare',
    scale: 'difference',
    higherIsBetter: true,
    ofPoint: (p) => p.fastPathShare,
    ofIteration: (i) => i.fastPathShare,
  },
];

function latency(name: `${'weak' | 'strong'}${'P50' | 'P99'}Ms`, ofPoint: Figure['ofPoint']): Figure {
  return { name, scale: 'ratio', higherIsBetter: false, ofPoint, ofIteration: (iteration) => iteration[name] };
}

/** Compares by stream count; `before` is the reference. */
export function compareResults(before: RunResult, after: RunResult): Comparison {
  const points = before.points.flatMap((was) => {
    const is = after.points.find(({ streams }) => streams === was.streams);
    return is === undefined ? [] : [comparePoints(was, is)];
  });
  const streamsOnlyIn = (one: RunResult, other: RunResult) =>
    one.points
      .map(({ streams }) => streams)
      .filter((streams) => !other.points.some((each) => each.streams === streams));
  return {
    schemaVersion: COMPARISON_SCHEMA_VERSION,
    differences: findDifferences(before.plan, after.plan),
    warnings: [
      ...doubtsAbout('before', before),
      ...doubtsAbout('after', after),
      ...(before.startedAt === after.startedAt
        ? ['both sides began at the same moment: they are one and the same run']
        : []),
      ...findCautions(before, after),
    ],
    points,
    streamsOnlyBefore: streamsOnlyIn(before, after),
    streamsOnlyAfter: streamsOnlyIn(after, before),
    verdict: joinVerdicts(points.map(({ verdict }) => verdict)),
  };
}

function comparePoints(before: PointResult, after: PointResult): PointComparison {
  // An open loop that keeps up completes what arrives: its throughput is the plan's and tells nothing of the system.
  const isRateGiven = [before, after].every(({ openLoop }) => openLoop !== null && !openLoop.overloaded);
  const figures = FIGURES.flatMap((figure) => {
    const [was, is] = [figure.ofPoint(before), figure.ofPoint(after)];
    if (was === null && is === null) return [];
    const { name, scale, higherIsBetter } = figure;
    const change = changeOf(scale, was, is);
    const interval = change === null ? null : iterationInterval(before, after, figure);
    const verdict =
      name === 'opsPerSecond' && isRateGiven ? 'notJudged' : judgeFigure(scale, change, interval, higherIsBetter);
    return [{ figure: name, before: was, after: is, scale, change, interval, verdict } satisfies FigureComparison];
  });
  return {
    streams: before.streams,
    iterations: { before: before.iterations.length, after: after.iterations.length },
    figures,
    verdict: joinVerdicts(figures.map(({ verdict }) => verdict)),
  };
}

function changeOf(scale: ChangeScale, was: number | null, is: number | null): number | null {
  if (was === null || is === null) return null;
  if (scale === 'difference') return is - was;
  return was === 0 ? null : is / was;
}

function iterationInterval(before: PointResult, after: PointResult, figure: Figure): ChangeInterval | null {
  const values = ({ iterations }: PointResult) => iterations.flatMap((each) => figure.ofIteration(each) ?? []);
  const [was, is] = [values(before), values(after)];
  const isWhole = was.length === before.iterations.length && is.length === after.iterations.length;
  return isWhole ? changeInterval(figure.scale, was, is) : null;
}

function judgeFigure(
  scale: ChangeScale,
  change: number | null,
  interval: ChangeInterval | null,
  higherIsBetter: boolean,
): FigureVerdict {
  if (change === null || interval === null) return 'undecided';
  const none = scale === 'ratio' ? 1 : 0;
  const isHigher = interval.low > none && change >= none + CHANGE_LEAST;
  const isLower = interval.high < none && change <= none - CHANGE_LEAST;
  if (!isHigher && !isLower) return 'alike';
  return isHigher === higherIsBetter ? 'better' : 'worse';
}

/**
 * What several verdicts say together. One that is undecided takes nothing from those that are not; which ones are, the
 * sentences have to say.
 */
function joinVerdicts(verdicts: readonly (FigureVerdict | JointVerdict)[]): JointVerdict {
  const has = (verdict: FigureVerdict | JointVerdict) => verdicts.includes(verdict);
  if (has('mixed') || (has('better') && has('worse'))) return 'mixed';
  if (has('better')) return 'better';
  if (has('worse')) return 'worse';
  return has('alike') ? 'alike' : 'undecided';
}

/** Why the figures of one side may not mean what they say. */
function doubtsAbout(side: 'before' | 'after', result: RunResult): string[] {
  const doubts: string[] = [];
  if (result.warmup.verification.wrong > 0) doubts.push('DATA WRONG in the warm-up: no figure of it means anything');
  if (result.interrupted) doubts.push('it was interrupted: these are the windows that were complete');
  for (const failure of result.failures) doubts.push(`NOT VALID: ${failure}`);
  doubts.push(...result.warnings);
  for (const point of result.points) {
    const at = `at ${point.streams} streams`;
    if (!point.verified) doubts.push(`DATA WRONG ${at}: no figure of it means anything`);
    for (const reason of point.selfCheck.reasons) doubts.push(`NOT VALID ${at}: ${reason}`);
    if (point.openLoop?.overloaded === true) doubts.push(`overloaded ${at}: it could not keep up with the rate`);
    if (!point.steady) doubts.push(`not steady ${at}: throughput rises or falls from iteration to iteration`);
    if (point.errors + point.unknown > 0) doubts.push(`${point.errors + point.unknown} operations failed ${at}`);
    if (point.iterations.length < SIDE_VALUES_LEAST)
      doubts.push(
        `${describeCount(point.iterations.length)} ${at}: an interval needs ${SIDE_VALUES_LEAST} on each side`,
      );
  }
  if (result.viewChanges > 0) doubts.push(`the view changed ${result.viewChanges} times while it ran`);
  if (result.dirty) doubts.push('the working tree had local changes: the commit does not tell what was measured');
  return doubts.map((doubt) => `${side}: ${doubt}`);
}

function describeCount(iterations: number): string {
  return iterations === 1 ? 'only 1 iteration' : `only ${iterations} iterations`;
}
