// `loadgen calibrate`: what this machine can carry at best, as tables and as what follows for operations. How it is
// measured is calibrate.ts's business.

import type { Command } from 'commander';

import { defaultScheduling } from '../../deploy/scheduling.js';
import {
  CALIBRATION_MS_MAX,
  type CalibrationResult,
  calibrate,
  type FrameResult,
  planSteps,
  STEP_MS_MAX,
  WINDOW_FRAMES,
} from '../calibrate/calibrate.js';
import { Progress } from '../driver/progress.js';
import { parseChoice, parseDuration } from '../flag-values.js';
import { ExitCode } from '../outcome/result.js';
import type { ReportContent } from '../report/content.js';
import { formatCount, formatMib, formatShare } from '../report/format.js';
import { renderTerminal } from '../report/table.js';
import { type CliDoors, EXIT_CODES, type Finish } from './doors.js';

const HELP = `
Two processes, a driver and a service that sends every frame back, pass frames over the streams that the SDK uses: one
frame per stream and event-loop turn, ${WINDOW_FRAMES} in flight, for several frame sizes. No operation can be cheaper than its part
of a frame, so these figures tell what is left for a protocol here. Takes less than ${CALIBRATION_MS_MAX / 1000} s.

Examples:
  loadgen calibrate                              under the scheduling of a local cluster
  loadgen calibrate --scheduling normal          as the operating system schedules by itself
  loadgen calibrate --duration 500ms --json      quicker, one JSON document on stdout
`;

/** Operations that share a frame in the example of the report. */
const OPERATIONS_PER_FRAME = 20;
const SHARED_FRAME_BYTES = 4096;
const LONE_FRAME_BYTES = 100;
/** Below this share of a core on both sides it was not the processor that set the pace. */
const BUSY_SHARE = 0.9;
const STEP_MS_MIN = 50;

/** Adds the command to the program. */
export function addCalibrateCommand(program: Command, doors: CliDoors, finish: Finish): void {
  program
    .command('calibrate')
    .description('measure how many frames per second this machine can pass between two processes')
    .option('--duration <time>', 'length of a step (default 1s)')
    .option('--scheduling <policy>', 'batch or normal, for both processes (default batch)')
    .option('--json', 'print one JSON document instead of the tables')
    .addHelpText('after', HELP + EXIT_CODES)
    .action(async (flags: { duration?: string; scheduling?: string; json?: boolean }) => {
      const durationMs = parseDuration('--duration', flags.duration ?? '1s', {
        minMs: STEP_MS_MIN,
        maxMs: STEP_MS_MAX,
      });
      const scheduling = parseChoice('--scheduling', flags.scheduling ?? defaultScheduling(), ['batch', 'normal']);
      const { warmup, ceilings, roundTrips } = planSteps(durationMs);
      const steps = [warmup, ...ceilings, ...roundTrips];
      const progress = new Progress(
        doors.stderr,
        steps.reduce((sum, step) => sum + step.settleMs + step.durationMs, 0),
      );
      progress.start();
      let result: CalibrationResult;
      try {
        const onStep = (label: string, ms: number) => progress.step(label, ms);
        result = await calibrate({ durationMs, scheduling, signal: doors.signal, onStep });
      } finally {
        progress.stop();
      }
      const text = flags.json === true ? JSON.stringify(result, null, 2) : renderTerminal(describeCalibration(result));
      doors.stdout.write(`${text}\n`);
      finish(ExitCode.passed);
    });
}

/** A calibration as a report. */
export function describeCalibration(result: CalibrationResult): ReportContent {
  const { machine, timers } = result;
  return {
    tables: [
      {
        title: `Frames, ${WINDOW_FRAMES} in flight per stream; each process sends and receives every frame once`,
        heads: ['Frame', 'Streams', 'Frames', 'Spread', 'Each way', 'CPU per frame: driver', 'echo', 'Cores used'],
        rows: result.ceilings.map((row) => [
          `${formatCount(row.frameBytes)} B`,
          String(row.streams),
          `${formatCount(row.framesPerSecond)}/s`,
          formatShare(row.spread),
          `${row.mibPerSecond.toFixed(1)} MiB/s`,
          formatUs(row.driverCpuUs),
          formatUs(row.echoCpuUs),
          `${row.driverCpuShare.toFixed(2)} + ${row.echoCpuShare.toFixed(2)}`,
        ]),
      },
      {
        title: 'Round trip of a frame, one in flight',
        heads: ['Frame', 'Median', 'p99', 'CPU per frame: driver', 'echo'],
        rows: result.roundTrips.map((row) => [
          `${formatCount(row.frameBytes)} B`,
          formatUs(row.roundTripP50Us),
          formatUs(row.roundTripP99Us),
          formatUs(row.driverCpuUs),
          formatUs(row.echoCpuUs),
        ]),
      },
    ],
    verdict: [...describeMeaning(result.ceilings), ...describeDoubts(result.ceilings)],
    facts: [
      [
        'timers',
        `setTimeout of 1 ms takes ${timers.oneMsTimeoutP50Ms.toFixed(2)} ms, p99 ${timers.oneMsTimeoutP99Ms.toFixed(2)} ms; an empty event-loop turn ${formatUs(timers.turnUs)}`,
      ],
      [
        'machine',
        `${machine.cpus} × ${machine.cpuModel}, ${formatMib(machine.memoryBytes)}, ${machine.platform}, Node ${machine.node}, load ${machine.loadAverage.toFixed(2)} at the start; ${result.scheduling} scheduling`,
      ],
    ],
  };
}

/** What the measured frames mean for operations that share them, or have one each. */
function describeMeaning(ceilings: readonly FrameResult[]): string[] {
  const lone = ceilings.find((row) => row.frameBytes === LONE_FRAME_BYTES && row.streams === 1);
  const shared = ceilings.find((row) => row.frameBytes === SHARED_FRAME_BYTES && row.streams === 1);
  if (lone === undefined || shared === undefined) return [];
  const cost = (row: FrameResult, operations: number) => formatUs((row.driverCpuUs + row.echoCpuUs) / operations);
  const operationBytes = Math.floor(SHARED_FRAME_BYTES / OPERATIONS_PER_FRAME);
  return [
    `alone    a frame for every operation (${LONE_FRAME_BYTES} B): ${formatCount(lone.framesPerSecond)} operations/s on one stream, ${cost(lone, 1)} of CPU each, both sides together`,
    `shared   with ${OPERATIONS_PER_FRAME} operations of ${operationBytes} B per frame (${formatCount(SHARED_FRAME_BYTES)} B): ${formatCount(shared.framesPerSecond * OPERATIONS_PER_FRAME)} operations/s, ${cost(shared, OPERATIONS_PER_FRAME)} each, before anything is done with them`,
  ];
}

function describeDoubts(ceilings: readonly FrameResult[]): string[] {
  const heldUp = ceilings.filter((row) => row.driverCpuShare < BUSY_SHARE && row.echoCpuShare < BUSY_SHARE);
  if (heldUp.length === 0) return [];
  const steps = heldUp.map((row) => `${formatCount(row.frameBytes)} B × ${row.streams}`).join(', ');
  const where = heldUp.length === ceilings.length ? 'in any step' : `with ${steps}`;
  return [
    `WARNING  neither process used a whole core ${where}: they waited, for each other or for other work on this machine, so the processor could carry more`,
  ];
}

function formatUs(us: number): string {
  return us < 10 ? `${us.toFixed(1)} µs` : `${Math.round(us)} µs`;
}
