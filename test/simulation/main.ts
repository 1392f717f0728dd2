// The command line of the simulator: sweeps seeds, replays one, or proves that broken rules are caught. Exit codes:
// 0 all well, 1 a canary was not caught, 2 bad usage, 5 a violation was found.

import { parseArgs } from 'node:util';
import { runCanaries } from './canaries.js';
import { createPlan } from './plan.js';
import { describeViolation, judgeSeed, replayCommand, sweep } from './sweep.js';

const HELP = `Runs the production cores in virtual time and judges the histories.

  simulate [--seeds 200] [--from 1] [--json]   sweep seeds
  simulate --seed N                            replay one seed, with every message
  simulate --canaries [--json]                 break rules on purpose; each must be caught
`;

function main(args: string[]): number {
  const flags = parseFlags(args);
  if (typeof flags === 'string') {
    process.stderr.write(`${flags}\n\n${HELP}`);
    return 2;
  }
  if (flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (flags.canaries) return reportCanaries(flags.json);
  return flags.seed === null ? reportSweep(flags.from, flags.seeds, flags.json) : replay(flags.seed);
}

function parseFlags(args: string[]) {
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean', default: false } as const;
    const options = { seeds: text, from: text, seed: text, json: flag, canaries: flag, help: flag };
    const { values } = parseArgs({ args, options });
    const number = (name: 'seeds' | 'from' | 'seed', fallback: number): number => {
      const value = Number(values[name] ?? fallback);
      if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number from 1`);
      return value;
    };
    const { json, canaries, help } = values;
    const seed = values.seed === undefined ? null : number('seed', 1);
    return { seeds: number('seeds', 200), from: number('from', 1), seed, json, canaries, help };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function reportSweep(from: number, count: number, asJson: boolean): number {
  const report = sweep(from, count, ({ seed, violations: [first] }) => {
    if (first !== undefined)
      process.stderr.write(`seed ${seed}: ${describeViolation(first)}\n  ${replayCommand(seed)}\n`);
  });
  const { faults, events, ...totals } = report;
  const counts = [...Object.entries(faults), ...Object.entries(events)].map((pair) => pair.join(' '));
  const text = [JSON.stringify(totals, null, 2), ...counts].join('\n');
  process.stdout.write(`${asJson ? JSON.stringify(report) : text}\n`);
  return report.violations > 0 ? 5 : 0;
}

function replay(seed: number): number {
  const transcript = [JSON.stringify(createPlan(seed))];
  const { violations } = judgeSeed({ seed, transcript });
  const lines = [...transcript, ...violations.map(describeViolation), `${violations.length} violations`];
  process.stdout.write(`${lines.join('\n')}\n`);
  return violations.length > 0 ? 5 : 0;
}

function reportCanaries(asJson: boolean): number {
  const canaries = runCanaries();
  if (asJson) process.stdout.write(`${JSON.stringify({ canaries })}\n`);
  else
    for (const { name, caught, seed, histories } of canaries)
      process.stdout.write(`${caught ? 'caught' : 'MISSED'} ${name} (seed ${seed}, ${histories} histories)\n`);
  return canaries.every(({ caught }) => caught) ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
