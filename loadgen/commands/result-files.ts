// Says where the files of a result are and what to do with them. Writes none of them.

import path from 'node:path';
import type { RunResult } from '../outcome/result.js';
import type { ReportFiles } from '../report/write-report.js';
import { RESULT_FILE } from './saved-result.js';

/** One line per file, each with a newline. */
export function describeFiles({ html, markdown }: ReportFiles, { traces }: RunResult, out: string): string {
  const lines = [`report   ${html}`, `         ${markdown}`, `result   ${path.join(out, RESULT_FILE)}`];
  if (traces !== null) {
    lines.push(`traces   ${path.join(out, traces.file)}`);
    lines.push('         to see them: start Jaeger, open its UI, choose Upload and give it this file');
  }
  return `${lines.join('\n')}\n`;
}
