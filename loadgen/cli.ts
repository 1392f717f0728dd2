// The command line of the load generator: arguments in, exit code out. Knows the commands and which error means which
// exit code; what a command does is in commands/.

import { Command, CommanderError } from 'commander';

import { CalibrationError } from './calibrate/calibrate.js';
import { addAblateCommand } from './commands/ablate.js';
import { addCalibrateCommand } from './commands/calibrate.js';
import { addCompareCommand } from './commands/compare.js';
import { type CliDoors, EXIT_CODES } from './commands/doors.js';
import { addMeasureCommands } from './commands/measure.js';
import { addReportCommand } from './commands/report.js';
import { ClusterError } from './driver/target-cluster.js';
import { UsageError } from './flag-values.js';
import { ExitCode } from './outcome/result.js';
import { WorkerError } from './worker-error.js';

const FIRST_STEPS = `
First steps:
  loadgen run --duration 10s             one point on a local cluster that is started and stopped for it
  loadgen run --rate 2000/s              latency at a given rate of arrivals
  loadgen sweep --threads 2,8            throughput and latency by number of streams
  loadgen ablate --factors batch-delay   what one setting does, with intervals
  loadgen compare before after           what changed between two saved results
  loadgen calibrate                      what this machine can carry at best
  loadgen run --help                     all flags of a command, with examples
`;

/** Runs one command line, without the program's name. Resolves with the exit code; never throws. */
export async function runCli(args: readonly string[], doors: CliDoors): Promise<number> {
  let exitCode: number = ExitCode.passed;
  const finish = (code: number) => {
    exitCode = code;
  };
  const program = new Command('loadgen').description(
    'Measures a curpho cluster with strong and weak operations, in a closed or an open loop, and checks every value read.',
  );
  program.exitOverride().addHelpText('after', FIRST_STEPS + EXIT_CODES);
  program.configureOutput({
    writeOut: (text) => doors.stdout.write(text),
    writeErr: (text) => doors.stderr.write(text),
  });
  addMeasureCommands(program, doors, finish);
  addAblateCommand(program, doors, finish);
  addReportCommand(program, doors, finish);
  addCompareCommand(program, doors, finish);
  addCalibrateCommand(program, doors, finish);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return reportFailure(error, doors);
  }
}

/** Failures of a client process or load worker that mean that something cannot be used from here. */
const UNREACHABLE_CODES: ReadonlySet<string> = new Set([
  'UNREACHABLE',
  'DEADLINE_EXCEEDED',
  'WRONG_CLUSTER',
  'CLOSED',
  'CLOCK_SKEW',
  'WORKER_BUSY',
]);

function reportFailure(error: unknown, { stderr, signal }: CliDoors): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.passed : ExitCode.badUsage;
  if (signal.aborted) return ExitCode.interrupted;
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`loadgen: ${message}\n`);
  if (error instanceof UsageError) return ExitCode.badUsage;
  if (error instanceof ClusterError) return ExitCode.unreachable;
  if (error instanceof WorkerError) {
    if (UNREACHABLE_CODES.has(error.code)) return ExitCode.unreachable;
    return error.code === 'INVALID_ARGUMENT' ? ExitCode.badUsage : ExitCode.notValid;
  }
  if (error instanceof Error && !(error instanceof CalibrationError)) stderr.write(`${error.stack ?? ''}\n`);
  return ExitCode.notValid;
}
