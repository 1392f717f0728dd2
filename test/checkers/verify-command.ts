// The command line of the checkers: reads a history from a file and says of each property whether it holds. Exit codes:
// 0 all hold, 2 bad usage or a file that is no history, 4 something could not be decided, 5 something is violated.

import process from 'node:process';
import { parseArgs } from 'node:util';
import { FAST_PATH_RULES, judgeFastPath, type RuleVerdict } from './fast-path.js';
import { describeEvent } from './history-model.js';
import { HistoryFormatError, readHistoryFile } from './read-history.js';
import { readTraceFile, TraceFormatError } from './read-traces.js';
import { PROPERTIES, type Property, type Verdict, type Verification, verifyHistory } from './verify.js';

const HELP = `Judges a history of operations: what its clients saw, one line of JSON per operation (docs/HISTORY.md).

  verify FILE [--property NAME,NAME…] [--json]
  verify --traces FILE [--witnesses N] [--json]

With --traces: whether each operation on the fast path had the right to, rules A1 to A6, from the traces of a run
(OTLP JSON) in a cluster of N witnesses that must all accept (default 3).

Properties: ${PROPERTIES.join(', ')}. Default: all.
Exit codes: 0 all hold, 5 violated, 4 not decided, 2 bad usage or unreadable file.

Examples
  npm run --silent loadgen -- run --preload --history h.ndjson
  npm run --silent verify -- h.ndjson
  npm run --silent verify -- h.ndjson --property linearizability,causal --json
`;

/** Most violations of one rule that are printed. */
const SHOWN_VIOLATIONS = 5;

interface Flags {
  file: string;
  properties: Property[];
  json: boolean;
  /** The file holds traces of a cluster with so many witnesses; 0 for a history. */
  witnesses: number;
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
    if (flags.witnesses > 0) return verifyTraces(flags);
    const startMs = performance.now();
    const verification = verifyHistory(readHistoryFile(flags.file), flags.properties);
    const seconds = (performance.now() - startMs) / 1000;
    const residentMb = Math.ceil(process.resourceUsage().maxRSS / 1024);
    const totals = { file: flags.file, ...verification, seconds, residentMb };
    process.stdout.write(flags.json ? `${JSON.stringify(totals)}\n` : describe(verification, { seconds, residentMb }));
    return exitCode(verification.verdicts);
  } catch (error) {
    if (isOfFile(error)) return refuse(`${flags.file}: ${error.message}\n`);
    throw error;
  }
}

function verifyTraces({ file, witnesses, json }: Flags): number {
  const verdicts = judgeFastPath(readTraceFile(file), witnesses);
  process.stdout.write(json ? `${JSON.stringify({ file, verdicts })}\n` : `${verdicts.map(describeRule).join('\n')}\n`);
  return exitCode(verdicts);
}

function describeRule({ rule, verdict, decisions, undecided, violations }: RuleVerdict): string {
  const word = verdict === 'undecided' ? `not decided for ${undecided}` : verdict;
  const lines = [`${rule} ${word}, ${decisions} decisions: ${FAST_PATH_RULES[rule]}`];
  for (const { traceId, detail } of violations.slice(0, SHOWN_VIOLATIONS)) lines.push(`  trace ${traceId}: ${detail}`);
  if (violations.length > SHOWN_VIOLATIONS) lines.push(`  … and ${violations.length - SHOWN_VIOLATIONS} more`);
  return lines.join('\n');
}

function refuse(message: string): number {
  process.stderr.write(message);
  return 2;
}

function isOfFile(error: unknown): error is Error {
  if (error instanceof HistoryFormatError || error instanceof TraceFormatError) return true;
  return error instanceof Error && 'syscall' in error;
}

function parseFlags(args: string[]): Flags | 'help' | Error {
  try {
    const flag = { type: 'boolean', default: false } as const;
    const text = { type: 'string' } as const;
    const options = {
      property: text,
      traces: text,
      witnesses: text,
      json: flag,
      help: { ...flag, short: 'h' },
    } as const;
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    if (values.help) return 'help';
    const [file = values.traces, more] = positionals;
    const isOfTraces = values.traces !== undefined;
    if (isOfTraces && (file !== values.traces || values.property !== undefined)) {
      return new Error('--traces takes one file, and no history or property besides');
    }
    if (!isOfTraces && values.witnesses !== undefined) return new Error('--witnesses belongs to --traces');
    const witnesses = isOfTraces ? Number(values.witnesses ?? 3) : 0;
    if (isOfTraces && !(Number.isInteger(witnesses) && witnesses > 0)) {
      return new Error(`--witnesses: must be a whole number from 1, not '${values.witnesses}'`);
    }
    if (file === undefined || more !== undefined) return new Error('verify takes one file');
    const properties = values.property?.split(',') ?? PROPERTIES;
    const isProperty = (name: string): name is Property => PROPERTIES.some((property) => property === name);
    const wrong = properties.find((name) => !isProperty(name));
    if (wrong !== undefined) return new Error(`--property: '${wrong}' is none of ${PROPERTIES.join(', ')}`);
    return { file, properties: properties.filter(isProperty), json: values.json, witnesses };
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function exitCode(verdicts: readonly Pick<Verdict, 'verdict'>[]): number {
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
