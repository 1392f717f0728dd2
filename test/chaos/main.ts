// The program behind `npm run chaos`.

import process from 'node:process';
import { hearInterrupts } from '../../loadgen/interrupt.js';
import { runChaosCommand } from './chaos-command.js';

const signal = hearInterrupts(process, process.stderr, (exitCode) => process.exit(exitCode));

process.exitCode = await runChaosCommand(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal,
});
