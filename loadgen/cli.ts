// The command line of the load generator: flags in, exit code out. Knows every flag and which error means which exit
// code; measuring and reporting are done elsewhere.

import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { Command, CommanderError, Option } from 'commander';

import { UsageError } from './flag-values.js';
import {
  type OutputPlan,
  type PlanDefaults,
  parseOutput,
  parsePlan,
  type RawFlags,
  RUN_DEFAULTS,
  SWEEP_DEFAULTS,
} from './plan.js';
import { Progress, type ProgressSink } from './progress.js';
import { composeReport } from './report/content.js';
import { renderMarkdown } from './report/markdown.js';
import { renderTerminal } from './report/table.js';
import { ExitCode, exitCodeOf, type RunResult, readResult } from './result.js';
import { plannedMs, runSweep } from './sweep.js';
import { ClusterError } from './target-cluster.js';
import { WORKER_ENTRY, WorkerError } from './worker-pool.js';

/** What the command line needs from its process. */
export interface CliDoors {
  stdout: NodeJS.WritableStream;
  stderr: ProgressSink;
  /** Aborts on the user's interrupt. */
  signal: AbortSignal;
  /** Module of the client processes; default the real one. */
  workerEntry?: URL;
}

const EXAMPLES = `
Examples:
  loadgen run --clients 2 --threads 8 --duration 10s          one point on a local cluster
  loadgen sweep --threads 2,8 --iterations 1 --json           two points, one JSON document on stdout
  loadgen sweep --goal 'opsPerSecond>=23000,weakP50Ms<2'      exit code 1 unless one point meets both
  loadgen run --target host-a:7400,host-b:7400 --requests 10000
  loadgen sweep --baseline results/2030-01-01T12-00-00        change against an earlier run

Exit codes: 0 passed, 1 goal missed, 2 bad usage, 3 unreachable, 4 run not valid, 5 data wrong, 130 interrupted`;

/** Runs one command line, without the program's name. Resolves with the exit code; never throws. */
export async function runCli(args: readonly string[], doors: CliDoors): Promise<number> {
  let exitCode: number = ExitCode.passed;
  const program = new Command('loadgen').description(
    'Measures a curpho cluster with a closed loop of strong and weak operations, and checks every value read.',
  );
  program.exitOverride().addHelpText('after', EXAMPLES);
  program.configureOutput({
    writeOut: (text) => doors.stdout.write(text),
    writeErr: (text) => doors.stderr.write(text),
  });
  const add = (name: string, description: string, defaults: PlanDefaults) => {
    const command = addFlags(program.command(name).description(description), defaults).addHelpText('after', EXAMPLES);
    command.action(async (flags: RawFlags) => {
      exitCode = await measure(name, flags, defaults, doors);
    });
  };
  add('run', 'measure one point', RUN_DEFAULTS);
  add('sweep', 'measure several stream counts on one cluster, in rotating order', SWEEP_DEFAULTS);
  add('study', 'the sweep with its defaults: the scaling study, as npm start runs it', SWEEP_DEFAULTS);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportFailure(error, doors);
  }
}

function addFlags(command: Command, defaults: PlanDefaults): Command {
  const points = defaults.manyPoints ? 'list of sessions per process, one point each' : 'sessions per process';
  return command
    .option('--clients <n>', 'client processes (default 2)')
    .option('--threads <n>', `${points} (default ${defaults.threads.join(',')})`)
    .option('--pendings <n>', 'operations in flight per session (default 10)')
    .option('--duration <time>', 'length of a measuring window (default 5s)')
    .option('--requests <n>', 'operations per session and window; replaces --duration')
    .option('--warmup <time>', 'load before the first window, at the largest stream count (default 10s)')
    .option('--iterations <n>', `windows per point (default ${defaults.iterations})`)
    .option('--weak-ratio <fraction>', 'share of weak operations (default 0.5)')
    .option('--write-ratio <fraction>', 'share of writes in weak and in strong operations (default 0.1)')
    .option('--keys <n>', 'number of keys (default 1000000)')
    .option('--zipf <exponent>', 'popularity of keys; 0 is uniform (default 0.9)')
    .option('--value-bytes <n>', 'length of values (default 100)')
    .option('--preload', 'write all keys first')
    .option('--seed <n>', 'same seed, same operations (default 1)')
    .option('--target <host:port,…>', 'coordinators of an existing cluster (default: a local cluster of its own)')
    .option('--out <directory>', 'where result.json and report.md go (default results/<time>)')
    .option('--history <file>', 'write every operation as a line of JSON; costs speed')
    .option('--descriptor-limit <n>', 'commands admitted and not committed, per replica (default 200)')
    .option('--shards <n>', 'parts of the key map and of the witness pool')
    .option('--batch-delay <µs>', 'gathering time of a frame; 0 ends it with the event-loop turn (default 0)')
    .addOption(new Option('--ack-transport <way>', 'nats or stream (default nats)'))
    .addOption(new Option('--scheduling <policy>', 'batch or normal, for every process started here (default batch)'))
    .option('--goal <conditions>', "what one point has to meet, such as 'opsPerSecond>=23000,weakP50Ms<2'")
    .option('--baseline <directory>', 'an earlier result to compare with')
    .option('--json', 'print one JSON document instead of the tables');
}

async function measure(name: string, flags: RawFlags, defaults: PlanDefaults, doors: CliDoors): Promise<number> {
  const plan = parsePlan(flags, defaults);
  const output = parseOutput(flags, new Date());
  // Before anything is started: a run must not end with nowhere to put its result.
  const baseline = output.baseline === null ? null : readResult(output.baseline);
  prepareOutput(output);
  const progress = new Progress(doors.stderr, plannedMs(plan));
  progress.start();
  let result: RunResult;
  try {
    result = await runSweep(plan, output.history, {
      progress,
      workerEntry: doors.workerEntry ?? WORKER_ENTRY,
      signal: doors.signal,
    });
  } finally {
    progress.stop();
  }
  publish(name, result, baseline, output, doors);
  return exitCodeOf(result);
}

function publish(
  name: string,
  result: RunResult,
  baseline: RunResult | null,
  output: OutputPlan,
  { stdout, stderr }: CliDoors,
): void {
  const content = composeReport(result, baseline);
  const files = { result: path.join(output.out, 'result.json'), report: path.join(output.out, 'report.md') };
  const json = `${JSON.stringify(result, null, 2)}\n`;
  writeFileSync(files.result, json);
  writeFileSync(files.report, renderMarkdown(content));
  if (output.json) {
    stdout.write(json);
    stderr.write(`saved ${files.result} and ${files.report}\n`);
    return;
  }
  stdout.write(`${renderTerminal(content)}\n\nreport   ${files.report}\nresult   ${files.result}\n`);
  if (name === 'study')
    stdout.write(
      `\nThe whole study is in ${files.report}. Compare a later run with it: npm start -- --baseline ${output.out}\n`,
    );
}

function prepareOutput({ out, history }: OutputPlan): void {
  attempt('--out', out, () => {
    mkdirSync(out, { recursive: true });
    accessSync(out, constants.W_OK);
  });
  if (history !== null) attempt('--history', history, () => writeFileSync(history, ''));
}

function attempt(flag: string, file: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw new UsageError(`${flag}: cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** SDK errors that mean that the cluster cannot be used from here. */
const UNREACHABLE_CODES = new Set(['UNREACHABLE', 'DEADLINE_EXCEEDED', 'WRONG_CLUSTER', 'CLOSED']);

function reportFailure(error: unknown, { stderr, signal }: CliDoors): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.passed : ExitCode.badUsage;
  if (signal.aborted) return ExitCode.interrupted;
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`loadgen: ${message}\n`);
  if (error instanceof UsageError) return ExitCode.badUsage;
  if (error instanceof ClusterError) return ExitCode.unreachable;
  if (error instanceof WorkerError && UNREACHABLE_CODES.has(error.code)) return ExitCode.unreachable;
  if (error instanceof WorkerError && error.code === 'INVALID_ARGUMENT') return ExitCode.badUsage;
  if (!(error instanceof WorkerError) && error instanceof Error) stderr.write(`${error.stack ?? ''}\n`);
  return ExitCode.notValid;
}
