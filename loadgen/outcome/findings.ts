// What the time lines of a run say, in few words: stages that have the same cause taken together, and findings as
// sentences made from the figures. Pure.

import { formatShare, formatStreams } from '../report/format.js';
import type { OperationClass } from '../worker/workload.js';
import type { StageSummary } from './attribution.js';
import type { PointResult } from './point.js';

/** Stages with one cause, in the order of the bars. */
export const STAGE_GROUPS: readonly { name: string; stages: readonly StageSummary['name'][] }[] = [
  { name: 'work in the client', stages: ['client queue', 'client decode', 'client step'] },
  { name: 'on its way', stages: ['request transit', 'answer transit'] },
  { name: 'event loops busy with others', stages: ['client loop', 'node loop'] },
  { name: 'work in the node', stages: ['node decode', 'node step', 'node turn'] },
  { name: 'waiting in the node', stages: ['node wait'] },
  { name: 'not attributed', stages: ['unattributed'] },
];

/** Classes as words. */
export const CLASS_WORDS: Record<OperationClass, string> = {
  strongRead: 'strong read',
  strongWrite: 'strong write',
  weakRead: 'weak read',
  weakWrite: 'weak write',
};
/** All classes, in order. */
export const CLASSES = Object.keys(CLASS_WORDS) as OperationClass[];

/** Fewer operations with a time line say nothing of a median. */
export const OPERATIONS_LEAST = 20;

/** The operations around the median, or the slowest hundredth. */
export type StagePart = 'medianUs' | 'slowestUs';

/**
 * The findings in sentences: for each class what takes most of the median operation's time where there are most streams,
 * and what has grown most since the point with the fewest.
 */
export function describeFindings(points: readonly PointResult[]): string[] {
  return CLASSES.flatMap((name) => {
    const seen = points.filter((point) => point.attributed[name] >= OPERATIONS_LEAST);
    const [first] = seen;
    const last = seen.at(-1);
    if (first === undefined || last === undefined) return [];
    const totalUs = totalOf(last, name, 'medianUs');
    const ranked = STAGE_GROUPS.map((group, at) => ({
      name: group.name,
      us: groupUs(last, name, at, 'medianUs'),
    })).sort((a, b) => b.us - a.us);
    const [most, next] = ranked;
    if (most === undefined || next === undefined) return [];
    const shares = `${most.name} ${formatShare(most.us / totalUs)}, ${next.name} ${formatShare(next.us / totalUs)}`;
    const sentence = `A ${CLASS_WORDS[name]} around the median takes ${formatUs(totalUs)} at ${formatStreams(last.streams)}: ${shares}.`;
    if (first === last) return [sentence];
    const grown = STAGE_GROUPS.map((group, at) => ({
      name: group.name,
      us: groupUs(last, name, at, 'medianUs') - groupUs(first, name, at, 'medianUs'),
    })).reduce((a, b) => (b.us > a.us ? b : a));
    const moreUs = totalUs - totalOf(first, name, 'medianUs');
    if (moreUs <= 0) return [sentence];
    return [
      sentence,
      `That is ${formatUs(moreUs)} more than at ${formatStreams(first.streams)}, of which ${grown.name} ${formatUs(grown.us)}.`,
    ];
  });
}

/** Time in a group of stages. */
export function groupUs(point: PointResult, name: OperationClass, group: number, part: StagePart): number {
  const stages = STAGE_GROUPS[group]?.stages ?? [];
  return point.stages[name].reduce((sum, stage) => sum + (stages.includes(stage.name) ? stage[part] : 0), 0);
}

/** All of an operation's time. */
export function totalOf(point: PointResult, name: OperationClass, part: StagePart): number {
  return point.stages[name].reduce((sum, stage) => sum + stage[part], 0);
}

/** A time as people read it. */
export function formatUs(us: number): string {
  return us < 1000 ? `${Math.round(us)} µs` : `${(us / 1000).toFixed(2)} ms`;
}
