// What the commands share: their process, and how one leaves its exit code. Knows no command.

import type { ProgressSink } from '../driver/progress.js';

/** What the command line needs from its process. */
export interface CliDoors {
  stdout: NodeJS.WritableStream;
  stderr: ProgressSink;
  /** Aborts on the user's interrupt. */
  signal: AbortSignal;
  /** Module of the client processes; default the real one. */
  workerEntry?: URL;
}

/** A command that ran to its end says which exit code that calls for. */
export type Finish = (exitCode: number) => void;

/** Ends the help of every command. */
export const EXIT_CODES = `
Exit codes: 0 passed, 1 goal missed, 2 bad usage, 3 unreachable, 4 run not valid, 5 data wrong, 130 interrupted`;
