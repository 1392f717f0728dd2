// Finds the saved result that a command was pointed at. Knows that both the directory and the file in it are ways to
// name one; what is in the file is read-result.ts's business.

import path from 'node:path';

import { readResult } from '../outcome/read-result.js';
import type { RunResult } from '../outcome/result.js';

/** File name of a saved result in its directory. */
export const RESULT_FILE = 'result.json';

/** Directory of a result named by its directory or by its file. */
export function resultDirectory(place: string): string {
  return path.basename(place) === RESULT_FILE ? path.dirname(place) : place;
}

/** Reads the result; `asked` is the command or flag that names it. Throws `UsageError`. */
export function openSavedResult(place: string, asked: string): RunResult {
  return readResult(resultDirectory(place), asked);
}
