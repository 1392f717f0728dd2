// Which charts a result is shown with.

import type { RunResult } from '../../outcome/result.js';
import type { Chart } from '../charts/chart.js';
import { fastPathChart } from './fast-path.js';
import { mediansChart } from './medians.js';
import { percentilesChart } from './percentiles.js';
import { processesChart } from './processes.js';
import { stagesChart } from './stages.js';
import { throughputChart } from './throughput.js';
import { timelineCharts } from './timelines.js';

/** The charts by the part of a report in which they stand; parts without figures are empty. */
export interface ChartGroups {
  scaling: Chart[];
  latency: Chart[];
  stages: Chart[];
  timelines: Chart[];
  processes: Chart[];
}

/** All names that a chart may have. They become names of files, which a new report replaces. */
const CHART_NAME = /^(?:throughput|medians|percentiles|fast-path|processes|stages|timeline-\d+)$/;

/** Whether a chart may be called so. */
export function isChartName(name: string): boolean {
  return CHART_NAME.test(name);
}

/** Draws up all charts that the result has figures for. */
export function composeCharts(result: RunResult): ChartGroups {
  const present = (charts: readonly (Chart | null)[]) => charts.filter((chart) => chart !== null);
  return {
    scaling: [throughputChart(result), mediansChart(result)],
    latency: present([percentilesChart(result), fastPathChart(result)]),
    stages: present([stagesChart(result)]),
    timelines: timelineCharts(result),
    processes: present([processesChart(result)]),
  };
}
