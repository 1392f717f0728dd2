// The axis that several charts share: how many streams issued load.

import { type Axis, logAxis } from '../charts/scale.js';

/** Beyond this factor between the ends, equal steps would press the small counts together. */
const LINEAR_FACTOR_MAX = 20;

/** An axis that is marked at the given stream counts, and no others. */
export function streamAxis(streams: readonly number[]): Axis {
  const counts = [...new Set(streams)].sort((a, b) => a - b);
  const first = counts[0] ?? 1;
  const last = counts.at(-1) ?? 1;
  const ticks = counts.map((at) => ({ at, label: String(at) }));
  if (last / first > LINEAR_FACTOR_MAX) return { ...logAxis(counts, 'streams (log scale)', String), ticks };
  const margin = last === first ? 1 : (last - first) * 0.07;
  return { kind: 'linear', from: first - margin, to: last + margin, ticks, title: 'streams' };
}
