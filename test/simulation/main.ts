// The command line of the simulator: sweeps seeds, replays one, or proves that broken rules are caught. Exit codes:
// 0 all well, 1 a canary was not caught, 2 bad usage, 5 a violation was found.

import { type Command, HELP, parseCommand } from './command-line.js';
import { reportCanaries, reportSeed, reportSweep } from './reports.js';

async function main(args: string[]): Promise<number> {
  let command: Command;
  try {
    command = parseCommand(args);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return 2;
  }
  if (command.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (command.canaries) return reportCanaries(command);
  return command.seed === null ? reportSweep(command) : reportSeed(command);
}

process.exitCode = await main(process.argv.slice(2));
