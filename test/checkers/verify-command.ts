// The command line of the checkers: reads a history from a file and says of each property whether it holds. Exit codes:
// 0 all hold, 2 bad usage or a file that is no history, 4 something could not be decided, 5 something is violated.

import process from 'node:process';
import { parseArgs } from 'node:util';
import { describeEvent } from './history-model.js';
import { HistoryFormatError, readHistoryFile } from './read-history.js';
import { PROPERTIES, type Property, type Verdict, type Verification, verifyHistory } from './verify.js';

const HELP = `Judges a history of operations: what its clients saw, one line of JSON per operation (docs/HISTORY.md).

  verify FILE [--property NAME,NAME…] [--json]

Properties: ${PROPERTIES.join(', ')}. Default: all.
Exit codes: 0 all hold, 5 violated, 4 not decided, 2 bad usage or unreadable file.

Examples
  npm run --silent loadgen -- run --preload --history h.ndjson
  npm run --silent verify -- h.ndjson
  npm run --silent verify -- h.ndjson --property linearizability,causal --json
`;

interface Flags {
  file: string;
  properties: Property[];
  json: boolean;
}

/** Runs the command line and answers the exit code. */
export function runVerify(args: string[]): number {
  const flags = parseFlags(args);
  if (flags === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (flags instanceof Error) return refuse(`${flags.message}\n\n${HELP}`);
  try {
    const startMs = performance.now();
    const verification = verifyHistory(readHistoryFile(flags.file), flags.properties);
    const seconds = (performance.now() - startMs) / 1000;
    const residentMb = Math.ceil(process.resourceUsage().maxRSS / 1024);
    const totals = { file: flags.file, ...verification, seconds, residentMb };
    process.stdout.write(flags.json ? `${JSON.stringify(totals)}\n` : describe(verification, { seconds, residentMb }));
    return exitCode(verification.verdicts);
  } catch (error) {
    if (error instanceof HistoryFormatError || isFileError(error)) return refuse(`${flags.file}: ${error.message}\n`);
    throw error;
  }
}

function refuse(message: string): number {
  process.stderr.write(message);
  return 2;
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error;
}

function parseFlags(args: string[]): Flags | 'help' | Error {
  try {
    const flag = { type: 'boolean', default: false } as const;
    const options = { property: { type: 'string' }, json: flag, help: { ...flag, short: 'h' } } as const;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values.help) return 'help';
    const [file, more] = positionals;
    if (file === undefined || more !== undefined) return new Error('verify takes one file');
    const properties = values.property?.split(',') ?? PROPERTIES;
    const isProperty = (name: string): name is Property => PROPERTIES.some((property) => property === name);
    const wrong = properties.find((name) => !isProperty(name));
    if (wrong !== undefined) return new Error(`--property: '${wrong}' is none of ${PROPERTIES.join(', ')}`);
    return { file, properties: properties.filter(isProperty), json: values.json };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function exitCode(verdicts: readonly Verdict[]): number {
  if (verdicts.some(({ verdict }) => verdict === 'violated')) return 5;
  return verdicts.some(({ verdict }) => verdict === 'undecided') ? 4 : 0;
}

function describe(
  { operations, keys, sessions, unknown, failed, verdicts }: Verification,
  { seconds, residentMb }: { seconds: number; residentMb: number },
): string {
  const about = `${operations} operations of ${sessions} sessions on ${keys} keys`;
  const lines = [`${about}; ${unknown} unknown, ${failed} failed`, ''];
  for (const verdict of verdicts) lines.push(...describeVerdict(verdict));
  return [...lines, '', `${seconds.toFixed(1)} s, ${residentMb} MB resident`, ''].join('\n');
}

function describeVerdict({ property, verdict, reason, violationCount, violations, seconds }: Verdict): string[] {
  const word = verdict === 'undecided' ? `not decided: ${reason}` : verdict;
  const lines = [`${property.padEnd(16)} ${word} (${seconds.toFixed(1)} s)`];
  for (const { detail, operations } of violations) {
    lines.push(`  ${detail}`);
    for (const { line, event } of operations) {
      const times = `${event.invokeUs}–${event.returnUs ?? '…'} µs`;
      lines.push(`    line ${line}: ${describeEvent(event)}, ${event.outcome}, ${times}`);
    }
  }
  if (violationCount > violations.length) lines.push(`  … and ${violationCount - violations.length} more`);
  return lines;
}
