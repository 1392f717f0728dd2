// The chart of strong operations that left the fast path, by reason.

import type { SlowReason } from '../../../client/types.js';
import type { PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import type { Chart } from '../charts/chart.js';
import { SERIES_TONES } from '../charts/palette.js';
import { axisFromZero } from '../charts/scale.js';
import { SLOW_REASONS } from '../content.js';
import { formatCount, formatShare, formatStreams, formatTick } from '../format.js';

/** What each reason means, in few words. */
const REASON_WORDS: Record<SlowReason, string> = {
  leaderConflict: 'conflict at the leader',
  witnessConflict: 'conflict at a witness',
  witnessGap: 'a witness had a gap',
  witnessFull: 'a witness was full',
  witnessDown: 'a witness was down',
  witnessLate: 'a witness answered late',
  readMismatch: 'a witness knew of another write',
  uncovered: 'a witness lagged behind',
  epochChange: 'view change',
  scan: 'scans are never fast',
  overtaken: 'the commit came first',
};

/** What is shown of one reason, or of all the rare ones together. */
interface Group {
  name: string;
  countOf: (point: PointResult) => number;
}

/** Shares of strong operations off the fast path; null without strong operations. */
export function fastPathChart({ points }: RunResult): Chart | null {
  const measured = points.filter((point) => point.fastPathShare !== null);
  if (measured.length === 0) return null;
  const groups = groupReasons(measured);
  const most = Math.max(...measured.map((point) => 1 - (point.fastPathShare ?? 1)));
  return {
    name: 'fast-path',
    title: 'Strong operations that left the fast path',
    caption: describeFastPath(measured),
    legend: groups.map(({ name }, at) => ({ name, tone: SERIES_TONES[at] ?? 'grey' })),
    stacks: [
      [
        {
          kind: 'bars',
          title: '',
          x: axisFromZero(Math.max(most, 0.001) * 100, 5, 'share of strong operations', (at) => `${formatTick(at)} %`),
          bars: measured.map((point) => ({
            label: formatStreams(point.streams),
            note: `${formatShare(point.fastPathShare, 1)} fast`,
            parts: groups.map(({ name, countOf }) => ({
              value: (countOf(point) / point.strong.count) * 100,
              hint: `${formatStreams(point.streams)}, ${name}: ${formatCount(countOf(point))} operations`,
            })),
          })),
        },
      ],
    ],
    size: 'full',
    columns: 1,
    table: {
      title: 'Strong operations by path',
      heads: ['Streams', 'Fast path', ...groups.map(({ name }) => name)],
      rows: measured.map((point) => [
        String(point.streams),
        formatShare(point.fastPathShare, 2),
        ...groups.map(({ countOf }) => formatShare(countOf(point) / point.strong.count, 2)),
      ]),
    },
  };
}

/** The finding in sentences. */
export function describeFastPath(points: readonly PointResult[]): string {
  const shares = points.flatMap(({ fastPathShare: share, streams }) => (share === null ? [] : [{ share, streams }]));
  const first = shares[0];
  if (first === undefined) return 'There were no strong operations.';
  const low = shares.reduce((least, each) => (each.share < least.share ? each : least));
  const high = shares.reduce((most, each) => (each.share > most.share ? each : most));
  const sum = (reason: SlowReason) => points.reduce((total, point) => total + (point.slowReasons[reason] ?? 0), 0);
  const left = SLOW_REASONS.reduce((total, reason) => total + sum(reason), 0);
  const range =
    low === high
      ? `${formatShare(low.share, 1)} of strong operations took the fast path at ${formatStreams(low.streams)}.`
      : `Between ${formatShare(low.share, 1)} (${formatStreams(low.streams)}) and ${formatShare(high.share, 1)} (${formatStreams(high.streams)}) of strong operations took the fast path.`;
  if (left === 0) return range;
  const top = SLOW_REASONS.reduce((most, reason) => (sum(reason) > sum(most) ? reason : most));
  return `${range} The most frequent reason for leaving it, ${formatShare(sum(top) / left)} of all cases: ${REASON_WORDS[top]}.`;
}

/** The frequent reasons one by one, in descending order, and the others together, so that there is a colour for each. */
function groupReasons(points: readonly PointResult[]): Group[] {
  const sum = (reason: SlowReason) => points.reduce((total, point) => total + (point.slowReasons[reason] ?? 0), 0);
  const seen = SLOW_REASONS.filter((reason) => sum(reason) > 0).sort((a, b) => sum(b) - sum(a));
  const own = seen.length > SERIES_TONES.length ? seen.slice(0, SERIES_TONES.length - 1) : seen;
  const others = seen.slice(own.length);
  const groups: Group[] = own.map((reason) => ({
    name: REASON_WORDS[reason],
    countOf: (point) => point.slowReasons[reason] ?? 0,
  }));
  if (others.length === 0) return groups;
  const countOf = (point: PointResult) => others.reduce((total, reason) => total + (point.slowReasons[reason] ?? 0), 0);
  return [...groups, { name: `${others.length} other reasons`, countOf }];
}
