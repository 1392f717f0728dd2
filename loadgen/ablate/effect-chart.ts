// The chart of one factor: for every figure a panel, in which each level is a point with its interval against the
// baseline. Decides what is drawn; how is charts/' business.

import type { ChangeScale } from '../outcome/pair-interval.js';
import type { Chart, ChartPoint, Mark, Panel, Series } from '../report/charts/chart.js';
import { type Axis, axisAround } from '../report/charts/scale.js';
import type { EffectVerdict, FactorResult } from './ablation-result.js';
import {
  changeOf,
  describeLevel,
  describeVerdict,
  factorTable,
  formatEffect,
  intervalOf,
} from './describe-ablation.js';
import { METRIC_NAMES, METRICS, type MetricName } from './figures.js';

const PANEL_HEIGHT = 190;
/** Beyond so many levels their names need more room below the axis. */
const LEVELS_IN_A_THIRD = 5;
const LEVELS_IN_A_HALF = 8;

/** Title and marks of the value axis. A change of a share is in points, lest it be taken for a part of that share. */
const AXIS_WORDS: Record<ChangeScale, [string, (change: number) => string]> = {
  ratio: ['change', (change) => `${formatSigned(change)} %`],
  difference: ['change in percentage points', formatSigned],
};

/** Verdicts are told apart by shape and filling besides colour. */
const SERIES: readonly { verdict: EffectVerdict; name: string; mark: Mark }[] = [
  { verdict: 'baseline', name: 'baseline', mark: { tone: 'grey', dash: 'solid', marker: 'square', hollow: true } },
  {
    verdict: 'difference',
    name: 'difference',
    mark: { tone: 'orange', dash: 'solid', marker: 'diamond', hollow: false },
  },
  {
    verdict: 'alike',
    name: 'no difference shown',
    mark: { tone: 'blue', dash: 'solid', marker: 'circle', hollow: true },
  },
  {
    verdict: 'undecided',
    name: 'undecided',
    mark: { tone: 'purple', dash: 'solid', marker: 'triangle', hollow: true },
  },
];

/** The chart of a factor; null if nothing of it was measured. */
export function effectChart(factor: FactorResult): Chart | null {
  const { name, about, levels } = factor;
  const measured = METRIC_NAMES.filter((metric) =>
    levels.some(({ isBaseline, effect }) => !isBaseline && changeOf(effect[metric]) !== null),
  );
  if (measured.length === 0) return null;
  const panels = measured.map((metric) => effectPanel(factor, metric));
  const used = new Set(levels.flatMap(({ effect }) => measured.map((metric) => effect[metric].verdict)));
  return {
    name: `ablation-${name}`,
    title: name,
    caption: `${about}. ${levels
      .filter(({ isBaseline }) => !isBaseline)
      .map((level) => `${describeLevel(factor, level)}.`)
      .join(' ')}`,
    legend: SERIES.filter(({ verdict }) => used.has(verdict)).map(({ name, mark }) => ({ name, mark })),
    stacks: panels.map((panel) => [panel]),
    size: 'full',
    columns: levels.length <= LEVELS_IN_A_THIRD ? 3 : levels.length <= LEVELS_IN_A_HALF ? 2 : 1,
    table: factorTable(factor, false),
  };
}

function effectPanel({ levels }: FactorResult, metric: MetricName): Panel {
  const { words, scale } = METRICS[metric];
  const bounds = levels.flatMap(({ effect }) => {
    const interval = intervalOf(effect[metric]);
    return [changeOf(effect[metric]) ?? 0, interval?.low ?? 0, interval?.high ?? 0];
  });
  return {
    kind: 'lines',
    title: words,
    x: levelAxis(levels.map(({ label }) => label)),
    y: axisAround(bounds, 4, ...AXIS_WORDS[scale]),
    series: SERIES.map(
      ({ verdict, name, mark }): Series => ({ name, mark, points: pointsOf(levels, metric, verdict) }),
    ),
    guides: [{ at: 0, label: '' }],
    height: PANEL_HEIGHT,
  };
}

/** Each point stands by itself: a gap before it keeps lines from joining levels that have no order. */
function pointsOf(levels: FactorResult['levels'], metric: MetricName, verdict: EffectVerdict): ChartPoint[] {
  return levels.flatMap(({ label, effect }, x): ChartPoint[] => {
    const shown = effect[metric];
    const y = changeOf(shown);
    if (shown.verdict !== verdict || y === null) return [];
    const interval = verdict === 'baseline' ? null : intervalOf(shown);
    const isTold = verdict === 'difference';
    return [
      { x, y: null, marked: false },
      {
        x,
        y,
        ...(interval === null ? {} : { range: [interval.low, interval.high] }),
        ...(isTold ? { label: AXIS_WORDS[METRICS[metric].scale][1](Math.round(y * 1000) / 1000) } : {}),
        hint: `${label}: ${formatEffect(shown)}, ${describeVerdict(shown)}`,
        marked: true,
      },
    ];
  });
}

/** Levels side by side, at equal distances whatever they are. */
function levelAxis(labels: readonly string[]): Axis {
  const ticks = labels.map((label, at) => ({ at, label }));
  return { kind: 'linear', from: -0.5, to: labels.length - 0.5, ticks, title: '' };
}

function formatSigned(change: number): string {
  const percent = Number((change * 100).toPrecision(6));
  return `${percent > 0 ? '+' : percent < 0 ? '−' : ''}${Math.abs(percent)}`;
}
