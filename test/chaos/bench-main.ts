// The program behind `npm run bench`.

import process from 'node:process';
import { hearInterrupts } from '../../loadgen/interrupt.js';
import { runBenchCommand } from './bench-command.js';

const signal = hearInterrupts(process, process.stderr, (exitCode) => process.exit(exitCode));

process.exitCode = await runBenchCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal,
});
