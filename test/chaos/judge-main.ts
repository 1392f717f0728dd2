// Judges a saved chaos run in a process of its own, so that the memory this takes is bounded by this process: directory
// in, one line of JSON out. Exit codes: 0 judged, whatever the verdict, 2 nothing there to judge.

import process from 'node:process';
import { judgeRun } from './judge.js';

try {
  process.stdout.write(`${JSON.stringify(judgeRun(process.argv[2] ?? ''))}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
