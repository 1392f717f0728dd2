// Entry of the load generator: gives the command line its process and ends with its exit code.

import { runCli } from './cli.js';
import { ExitCode } from './outcome/result.js';

const interrupt = new AbortController();
process.on('SIGINT', () => {
  // The first interrupt ends the measuring and reports what there is; the second ends the process.
  if (interrupt.signal.aborted) process.exit(ExitCode.interrupted);
  interrupt.abort();
  process.stderr.write('\ninterrupted: stopping; once more to leave at once\n');
});

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  signal: interrupt.signal,
});
