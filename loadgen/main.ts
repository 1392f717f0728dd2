// Entry of the load generator: gives the command line its process and ends with its exit code.

import { runCli } from './cli.js';
import { hearInterrupts } from './interrupt.js';

const signal = hearInterrupts(process, process.stderr, (exitCode) => process.exit(exitCode));

process.exitCode = await runCli(process.argv.slice(2), { stdout: process.stdout, stderr: process.stderr, signal });
