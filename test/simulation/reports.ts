// What the simulator prints: of a sweep, of one run, of the canaries. Knows the judges' findings, not how they come about.

import { writeFileSync } from 'node:fs';
import { formatHistory } from '../checkers/index.js';
import { CANARIES, runCanaries } from './canaries.js';
import { recordSeeds } from './canary-record.js';
import type { Command } from './command-line.js';
import { createPlan } from './plan.js';
import { type ShrinkOptions, shrinkRun } from './plan-shrinker.js';
import {
  describeViolation,
  type JudgedRun,
  judgeSeed,
  type RunOptions,
  replayCommand,
  type SweepReport,
  sweep,
} from './sweep.js';
import { sweepInWorkers } from './sweep-workers.js';

/** Exit code of a run with a violation. */
const VIOLATED = 5;

/** Sweeps seeds; answers the exit code. */
export async function reportSweep({ from, seeds, workers, json, shrinksFailure }: Command): Promise<number> {
  const report = workers > 1 ? await sweepApart(from, seeds, workers) : sweep(from, seeds, reportFailure);
  const { faults, events, ...totals } = report;
  const counts = [...Object.entries(faults), ...Object.entries(events)].map((pair) => pair.join(' '));
  const text = [JSON.stringify(totals, null, 2), ...counts].join('\n');
  process.stdout.write(`${json ? JSON.stringify(report) : text}\n`);
  const [first] = report.failed;
  if (first !== undefined && shrinksFailure) process.stderr.write(describeShrinking({ seed: first.seed }));
  return report.violations > 0 ? VIOLATED : 0;
}

async function sweepApart(from: number, seeds: number, workers: number): Promise<SweepReport> {
  const { report, messages } = await sweepInWorkers(from, seeds, workers);
  process.stderr.write(messages);
  return report;
}

function reportFailure({ seed, violations: [first] }: JudgedRun): void {
  if (first !== undefined)
    process.stderr.write(`seed ${seed}: ${describeViolation(first)}\n  ${replayCommand(seed)}\n`);
}

/** Replays one seed, or makes its failure small; answers the exit code. */
export function reportSeed(command: Command): number {
  const { seed, canary, plan, history, shrink } = command;
  if (seed === null) throw new Error('no seed');
  const broken = CANARIES.find(({ name }) => canary !== '' && name.startsWith(canary));
  if (canary !== '' && broken === undefined) {
    process.stderr.write(`no canary begins with ${canary}\n`);
    return 2;
  }
  const overrides = { ...broken?.overrides, ...plan };
  const options: RunOptions = { seed, overrides, rules: broken?.rules ?? {} };
  if (shrink) {
    process.stdout.write(describeShrinking({ ...options, base: broken?.overrides ?? {} }, canary));
    return judgeSeed(options).violations.length > 0 ? VIOLATED : 0;
  }
  const transcript = [JSON.stringify(createPlan(seed, overrides))];
  const { violations, result } = judgeSeed({ ...options, transcript });
  if (history !== '' && result !== null) writeFileSync(history, formatHistory(result.history));
  const lines = [...transcript, ...violations.map(describeViolation), `${violations.length} violations`];
  process.stdout.write(`${lines.join('\n')}\n`);
  return violations.length > 0 ? VIOLATED : 0;
}

/** The small run with its transcript, and the command that replays it. */
function describeShrinking(options: ShrinkOptions, canary = ''): string {
  const shrunk = shrinkRun(options);
  if (shrunk === null) return `seed ${options.seed} shows no violation\n`;
  const { seed, overrides, violation, runs, linesBefore, transcript } = shrunk;
  return [
    ...transcript,
    describeViolation(violation),
    `made small in ${runs} runs: ${transcript.length} of ${linesBefore} lines`,
    replayCommand(seed, overrides, canary),
    '',
  ].join('\n');
}

/** Runs all canaries; answers the exit code. */
export function reportCanaries({ json, record }: Command): number {
  const canaries = runCanaries();
  if (record) recordSeeds(canaries);
  if (json) process.stdout.write(`${JSON.stringify({ canaries })}\n`);
  else
    for (const { name, caught, seed, histories, property } of canaries)
      process.stdout.write(
        `${caught ? 'caught' : 'MISSED'} ${name} (seed ${seed}, ${histories} histories, ${property})\n`,
      );
  return canaries.every(({ caught }) => caught) ? 0 : 1;
}
