// What the processes of a run told of themselves, as a table for each point, and in words who told nothing and how many
// threads wanted a core. Knows results, no output format.

import type { MissingProcess, ProcessDiagnostics } from '../outcome/diagnostics.js';
import type { PointResult } from '../outcome/point.js';
import type { RunResult } from '../outcome/result.js';
import { formatCount, formatMib, formatMs, formatShare, formatStreams } from './format.js';
import type { ReportTable } from './report-table.js';

/** How the columns of the tables are to be read, in a sentence or two. */
export const PROCESS_COLUMNS =
  'CPU is of one core, all threads of the process together. Loop busy is the share of the time in which its event loop did not wait for anything to do, and waiting for a core is part of it; core wait is the share in which the loop could have run and no core was free. Frames are those of all its streams, in and out; operations are counted in frames that carry any, received by nodes, sent by clients.';

/** One table for each point of which anything is known. */
export function processTables({ points }: RunResult): ReportTable[] {
  return points.flatMap((point) => {
    const absent = absentNames(point);
    if (point.diagnostics.length + absent.length === 0) return [];
    return [
      {
        title: `Processes at ${formatStreams(point.streams)}`,
        heads: [
          'Process',
          'CPU',
          'Loop busy',
          'Loop delay p99',
          'Core wait',
          'GC',
          'Memory',
          'Frames/s',
          'Operations/frame',
        ],
        rows: [
          ...point.diagnostics.map((process) => processRow(process, point)),
          ...absent.map((name) => [`${name} (missing)`, ...Array.from({ length: 8 }, () => '–')]),
        ],
      },
    ];
  });
}

/** Who is missing where and why, and how many threads wanted a core. */
export function describeProcesses({ points }: RunResult): [string, string][] {
  const missing = points.flatMap((point) =>
    point.diagnosticsMissing.map(({ iteration, reason, ...process }): [string, string] => [
      'missing',
      `${nameOf(process)} at ${formatStreams(point.streams)}, iteration ${iteration}: ${reason}`,
    ]),
  );
  const load = points.flatMap(({ streams, machineLoad }) =>
    machineLoad === null
      ? []
      : [
          `${formatStreams(streams)}: ${machineLoad.runnableMean.toFixed(1)}, most ${machineLoad.runnableMax}, on ${machineLoad.cores} cores`,
        ],
  );
  return [
    ...(load.length === 0 ? [] : [['runnable', `threads at ${load.join('; ')}`] as [string, string]]),
    ...missing,
  ];
}

function processRow(process: ProcessDiagnostics, point: PointResult): string[] {
  const { processor, eventLoop, garbage, traffic, elapsedMs } = process;
  const collectedMs = Object.values(garbage).reduce((sum, { totalMs }) => sum + totalMs, 0);
  const frames = traffic.framesIn + traffic.framesOut;
  const absences = point.diagnosticsMissing.filter((missing) => isSame(missing, process)).length;
  return [
    `${nameOf(process)}${absences === 0 ? '' : ` (missing in ${absences} of ${point.iterations.length} windows)`}`,
    formatShare(processor.share),
    formatShare(eventLoop.utilization),
    formatMs(eventLoop.delayP99Ms),
    formatShare(processor.runDelayShare, 1),
    formatMs(collectedMs),
    formatMib(process.residentBytes),
    frames === 0 ? '–' : formatCount((frames * 1000) / elapsedMs),
    traffic.operationsPerFrame === null ? '–' : traffic.operationsPerFrame.toFixed(1),
  ];
}

/** Processes that are missing in every window. */
function absentNames({ diagnostics, diagnosticsMissing }: PointResult): string[] {
  const absent = diagnosticsMissing.filter((missing) => !diagnostics.some((process) => isSame(missing, process)));
  return [...new Set(absent.map(nameOf))];
}

function isSame(missing: MissingProcess, { role, nodeId }: ProcessDiagnostics): boolean {
  return missing.role === role && missing.nodeId === nodeId;
}

/** A coordinator has no name until it answers. */
function nameOf({ role, nodeId, address = '' }: { role: string; nodeId: string; address?: string }): string {
  return nodeId === '' ? `${role} ${address}`.trim() : nodeId;
}
