// `loadgen compare BEFORE AFTER`: refuses unlike runs, prints the rest. What a difference is, is decided in compare.ts.

import type { Command } from 'commander';
import { UsageError } from '../flag-values.js';
import { type Comparison, compareResults } from '../outcome/compare.js';
import {
  type ComparedResult,
  describeComparison,
  describeOverall,
  describePoint,
} from '../outcome/describe-comparison.js';
import { ExitCode } from '../outcome/result.js';
import { renderTerminal } from '../report/table.js';
import { type CliDoors, EXIT_CODES, type Finish } from './doors.js';
import { openSavedResult } from './saved-result.js';

const HELP = `
BEFORE and AFTER are directories of results, or the result.json files in them.

Each stream count that both have is compared: throughput, weak and strong median and p99, share of the fast path. A
difference is called one only where it exceeds what the spread of the iterations explains; with fewer than 3 iterations
on a side no interval can be given, and nothing is called. Runs that measured different things are refused: exit code 2
and the settings in which they differ.

Examples:
  loadgen compare results/2030-01-01T12-00-00 results/2030-01-02T12-00-00
  loadgen compare before/result.json after/result.json --json
  loadgen sweep --iterations 5 --out before                   more iterations, narrower intervals`;

/** Adds the command to the program. */
export function addCompareCommand(program: Command, { stdout }: CliDoors, finish: Finish): void {
  program
    .command('compare <before> <after>')
    .description('compare two saved results, stream count by stream count')
    .option('--json', 'print one JSON document instead of the table')
    .addHelpText('after', HELP + EXIT_CODES)
    .action((beforePlace: string, afterPlace: string, { json }: { json?: boolean }) => {
      const before = { place: beforePlace, result: openSavedResult(beforePlace, 'compare') };
      const after = { place: afterPlace, result: openSavedResult(afterPlace, 'compare') };
      const comparison = compareResults(before.result, after.result);
      refuseUnlike(comparison, before, after);
      stdout.write(
        json === true
          ? `${JSON.stringify(toDocument(comparison, before, after), null, 2)}\n`
          : `${renderTerminal(describeComparison(comparison, before, after))}\n`,
      );
      finish(ExitCode.passed);
    });
}

function refuseUnlike(comparison: Comparison, before: ComparedResult, after: ComparedResult): void {
  const { differences, points } = comparison;
  if (differences.length > 0) {
    const lines = differences.map(({ field, before: was, after: is }) => `  ${field}: ${was} before, ${is} after`);
    throw new UsageError(`compare: the two runs measured different things\n${lines.join('\n')}`);
  }
  if (points.length > 0) return;
  const streams = ({ result }: ComparedResult) => result.points.map((point) => point.streams).join(', ') || 'none';
  throw new UsageError(
    `compare: no stream count was measured by both: before ${streams(before)}, after ${streams(after)}`,
  );
}

/** The comparison with the sentences that a reader of the table would see. */
function toDocument(comparison: Comparison, before: ComparedResult, after: ComparedResult): object {
  const side = ({ place, result: { startedAt, gitCommit, dirty } }: ComparedResult) => ({
    place,
    startedAt,
    gitCommit,
    dirty,
  });
  return {
    ...comparison,
    points: comparison.points.map((point) => ({ ...point, sentence: describePoint(point) })),
    sentence: describeOverall(comparison),
    before: side(before),
    after: side(after),
  };
}
