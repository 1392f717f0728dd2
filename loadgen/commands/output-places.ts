// Makes sure that there is a place for what a command will write, before anything is measured that could then be lost.
// Knows flags and paths, no contents.

import { accessSync, constants, mkdirSync } from 'node:fs';
import { UsageError } from '../flag-values.js';

/** Makes the directory of `--out` unless it is there. Throws `UsageError` if nothing can be written into it. */
export function prepareDirectory(out: string): void {
  attemptWriting('--out', out, () => {
    mkdirSync(out, { recursive: true });
    accessSync(out, constants.W_OK);
  });
}

/** Does it; a failure is the fault of the flag that named the file. */
export function attemptWriting(flag: string, file: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw new UsageError(`${flag}: cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
