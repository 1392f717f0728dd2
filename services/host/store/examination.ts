// Finding damage before the node trusts its data file: what can be seen from outside, then what a process of its own
// finds by reading all of it.

import { spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What the node has kept is not what it wrote; the process ends with 74. */
export class DamageError extends Error {
  override readonly name = 'DamageError';
}

/** What is wrong with a data file, in words that follow its name; null if nothing is. */
export async function findDamage(path: string): Promise<string | null> {
  const { size } = statSync(path);
  if (size === 0) return 'is empty';
  const program = fileURLToPath(new URL('./examine.js', import.meta.url));
  const child = spawn(process.execPath, [program, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  let complaint = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = `${complaint}${text}`.slice(-500);
  });
  const end = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  const problem = parseProblem(said);
  if (problem === undefined)
    return `cannot be read to its end (${size} bytes): reading it ended with ${end} ${complaint.trim()}`.trimEnd();
  return problem === null ? null : `is damaged (${size} bytes): ${problem}`;
}

/** Undefined if the program did not come to say anything. */
function parseProblem(said: string): string | null | undefined {
  try {
    const { problem } = JSON.parse(said) as { problem: string | null };
    return problem;
  } catch {
    return undefined;
  }
}
