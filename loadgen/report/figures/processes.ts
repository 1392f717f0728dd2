// The chart of processor time by role.

import type { PointResult } from '../../outcome/point.js';
import type { RunResult } from '../../outcome/result.js';
import { mean } from '../../outcome/statistics.js';
import type { Chart } from '../charts/chart.js';
import { SERIES_TONES } from '../charts/palette.js';
import { axisFromZero } from '../charts/scale.js';
import { formatMib, formatShare, formatStreams, formatTick } from '../format.js';

/** Processor time by role; null where nothing but the clients was observed. */
export function processesChart({ points, machine }: RunResult): Chart | null {
  const observed = points.filter((point) => point.processes.length > 0);
  if (observed.length === 0) return null;
  const roles = [...new Set(observed.flatMap((point) => point.processes.map(({ role }) => role)))];
  const names = ['clients', ...roles];
  const most = Math.max(...observed.map(coresOf));
  return {
    name: 'processes',
    title: 'Processor time by role',
    caption: describeProcesses(observed, machine.cpus),
    legend: names.map((name, at) => ({ name, tone: SERIES_TONES[at] ?? 'grey' })),
    stacks: [
      [
        {
          kind: 'bars',
          title: '',
          x: axisFromZero(most, 5, 'cores in use', formatTick),
          bars: observed.map((point) => ({
            label: formatStreams(point.streams),
            note: coresOf(point).toFixed(2),
            parts: names.map((name) => {
              const cores = name === 'clients' ? clientCores(point) : roleCores(point, name);
              return { value: cores, hint: `${formatStreams(point.streams)}, ${name}: ${cores.toFixed(2)} cores` };
            }),
          })),
        },
      ],
    ],
    size: 'full',
    columns: 1,
    table: {
      title: 'Processor time and memory by role',
      heads: ['Streams', 'clients', ...roles],
      rows: observed.map((point) => [
        String(point.streams),
        formatShare(clientCores(point)),
        ...roles.map((role) => `${formatShare(roleCores(point, role))}, ${formatMib(roleBytes(point, role))}`),
      ]),
    },
  };
}

/** The finding in sentences. */
export function describeProcesses(points: readonly PointResult[], cpus: number): string {
  const busiest = points.reduce((most, point) => (coresOf(point) > coresOf(most) ? point : most));
  const [hottest, ...others] = busiest.processes.toSorted((a, b) => b.cpuShare - a.cpuShare);
  const all = `At ${formatStreams(busiest.streams)} everything together used ${coresOf(busiest).toFixed(2)} of ${cpus} cores, the clients ${clientCores(busiest).toFixed(2)} of them.`;
  if (hottest === undefined) return all;
  const next = others[0] === undefined ? '' : `, then ${others[0].name} with ${formatShare(others[0].cpuShare)}`;
  return `${all} The busiest service is ${hottest.name} with ${formatShare(hottest.cpuShare)} of a core${next}.`;
}

function clientCores(point: PointResult): number {
  return mean(point.iterations.map((iteration) => iteration.clientCpuShare));
}

function roleCores(point: PointResult, role: string): number {
  return point.processes.reduce((sum, share) => sum + (share.role === role ? share.cpuShare : 0), 0);
}

function roleBytes(point: PointResult, role: string): number {
  return point.processes.reduce((sum, share) => sum + (share.role === role ? share.rssBytes : 0), 0);
}

function coresOf(point: PointResult): number {
  return point.processes.reduce((sum, share) => sum + share.cpuShare, clientCores(point));
}
