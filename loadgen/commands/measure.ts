// `loadgen run`, `sweep` and `study`: flags to a plan, the plan carried out, the result saved and shown. How anything is
// measured is sweep.ts's business.

import { writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Command } from 'commander';
import { Progress } from '../driver/progress.js';
import { PROBES_MS, runProbes } from '../driver/run-probes.js';
import { plannedMs, runSweep, type SweepDoors } from '../driver/sweep.js';
import { WORKER_ENTRY } from '../driver/worker-pool.js';
import { judgeHypotheses } from '../outcome/hypotheses.js';
import { exitCodeOf, type RunResult } from '../outcome/result.js';
import {
  type LoadPlan,
  type OutputPlan,
  type PlanDefaults,
  parseOutput,
  parsePlan,
  type RawFlags,
  RUN_DEFAULTS,
  STUDY_DEFAULTS,
  SWEEP_DEFAULTS,
} from '../plan.js';
import { composeReport } from '../report/content.js';
import { renderTerminal } from '../report/table.js';
import { writeReport } from '../report/write-report.js';
import { type CliDoors, EXIT_CODES, type Finish } from './doors.js';
import { addMeasureFlags } from './measure-flags.js';
import { attemptWriting, prepareDirectory } from './output-places.js';
import { describeFiles } from './result-files.js';
import { openSavedResult, RESULT_FILE } from './saved-result.js';

const LOOPS = `
Closed loop (the default): every stream keeps --pendings operations in flight and sends the next when one is answered.
It answers what the cluster can carry. Open loop (--rate): operations arrive by the clock, whatever is answered; latency
counts from the moment an operation was due, waiting included. It answers what users see at that rate.
`;

const RUN_EXAMPLES = `
Examples:
  loadgen run --clients 2 --threads 8 --duration 10s           one point on a local cluster
  loadgen run --rate 2000/s --duration 10s                     open loop: latency at 2,000 operations a second
  loadgen run --rate 2k/s --arrivals constant --json           evenly spaced arrivals, one JSON document on stdout
  loadgen run --target host-a:7400,host-b:7400 --requests 10000
  loadgen run --target host-a:7400 --workers load-a:7500,load-b:7500
                                                               load from two machines; on each of them runs
                                                               node dist/loadgen/worker-main.js (see its --help)
  loadgen run --otlp http://127.0.0.1:4317 --trace-ratio 0.01  spans of every hundredth operation to a collector
`;

const SWEEP_EXAMPLES = `
Examples:
  loadgen sweep --threads 2,8 --iterations 1 --json            two points, one JSON document on stdout
  loadgen sweep --goal 'opsPerSecond>=23000,weakP50Ms<2'       exit code 1 unless one point meets both
  loadgen sweep --iterations 5 --out before                    enough iterations for 'loadgen compare'
  loadgen sweep --rate 5k/s --threads 2,8                      the same rate over few and over many streams
  loadgen sweep --baseline results/2030-01-01T12-00-00         change against an earlier run
`;

const STUDY_EXAMPLES = `
Examples:
  loadgen study                                                as npm start runs it
  loadgen study --trace-ratio 0                                without the few traces it takes
  loadgen study --otlp http://127.0.0.1:4317                   spans to a collector of your own
`;

/** Adds the three commands to the program. */
export function addMeasureCommands(program: Command, doors: CliDoors, finish: Finish): void {
  const add = (name: string, description: string, defaults: PlanDefaults, examples: string) => {
    addMeasureFlags(program.command(name).description(description), defaults)
      .addHelpText('after', LOOPS + examples + EXIT_CODES)
      .action(async (flags: RawFlags) => finish(await measure(name, flags, defaults, doors)));
  };
  add('run', 'measure one point', RUN_DEFAULTS, RUN_EXAMPLES);
  add('sweep', 'measure several stream counts on one cluster, in rotating order', SWEEP_DEFAULTS, SWEEP_EXAMPLES);
  add('study', 'the sweep with a few traces: the scaling study, as npm start runs it', STUDY_DEFAULTS, STUDY_EXAMPLES);
}

async function measure(name: string, flags: RawFlags, defaults: PlanDefaults, doors: CliDoors): Promise<number> {
  const plan = parsePlan(flags, defaults);
  const output = parseOutput(flags, new Date());
  // Before anything is started: a run must not end with nowhere to put its result.
  const baseline = output.baseline === null ? null : openSavedResult(output.baseline, '--baseline');
  prepareOutput(output);
  const progress = new Progress(doors.stderr, plannedMs(plan) + (plan.probes ? PROBES_MS : 0));
  progress.start();
  let result: RunResult;
  try {
    result = await measureAndProbe(plan, output, {
      progress,
      workerEntry: doors.workerEntry ?? WORKER_ENTRY,
      signal: doors.signal,
      out: output.out,
    });
  } finally {
    progress.stop();
  }
  await publish(name, result, baseline, output, doors);
  return exitCodeOf(result);
}

/** A run that failed is not probed: its figures will not be believed anyway. */
async function measureAndProbe(plan: LoadPlan, output: OutputPlan, doors: SweepDoors): Promise<RunResult> {
  const result = await runSweep(plan, output.history, doors);
  if (!plan.probes || result.interrupted || result.failures.length > 0) return result;
  const probes = await runProbes(plan, doors);
  if (doors.signal.aborted) return { ...result, interrupted: true };
  const warnings = [...result.warnings, ...probes.failures.map((failure) => `not probed: ${failure}`)];
  return { ...result, probes, warnings, hypotheses: judgeHypotheses(result.points, probes) };
}

async function publish(
  name: string,
  result: RunResult,
  baseline: RunResult | null,
  { out, json }: OutputPlan,
  { stdout, stderr }: CliDoors,
): Promise<void> {
  const document = `${JSON.stringify(result, null, 2)}\n`;
  // First: whatever becomes of the report, it can be made again from this.
  writeFileSync(path.join(out, RESULT_FILE), document);
  const files = describeFiles(await writeReport(result, { baseline, out }), result, out);
  if (json) {
    stdout.write(document);
    stderr.write(files);
    return;
  }
  stdout.write(`${renderTerminal(composeReport(result, baseline))}\n\n${files}`);
  if (name === 'study') stdout.write(`\nHold a later run against this one: npm start -- --baseline ${out}\n`);
}

function prepareOutput({ out, history }: OutputPlan): void {
  prepareDirectory(out);
  if (history !== null) attemptWriting('--history', history, () => writeFileSync(history, ''));
}
