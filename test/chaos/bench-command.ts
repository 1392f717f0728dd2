// The measuring programs of this room as one command: `npm run bench -- failover`. Programs, not tests: what they say
// depends on the machine. Each prints a table, and with --json one document.

import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { parseDuration, parseWhole, UsageError } from '../../loadgen/flag-values.js';
import { ExitCode } from '../../loadgen/outcome/result.js';
import type { BenchContext, BenchReport } from './bench-context.js';
import { benchFailover } from './bench-failover.js';
import { benchNatsLoss } from './bench-nats-loss.js';
import { benchQuiet } from './bench-quiet.js';
import { benchStore } from './bench-store.js';
import { benchWitnessLoss } from './bench-witness-loss.js';

const BENCHES = {
  failover: benchFailover,
  'witness-loss': benchWitnessLoss,
  'nats-loss': benchNatsLoss,
  quiet: benchQuiet,
  store: benchStore,
} as const;

const HELP = `Measures what users notice of faults, under the load of the scaling study: 2 processes with 8 sessions each.

  bench failover      the leader is killed, or halted: time until strong operations are answered again
  bench witness-loss  a witness is killed and comes back: errors, and how many strong operations are fast
  bench nats-loss     NATS is killed, and halted, for a window each: throughput, and how acknowledgements travel
  bench quiet         nothing is broken: how many leaders are replaced for nothing
  bench store         durability disk: batches kept in a second, and how soon a replica with a million keys serves again

  --times <n>         failover: kills, and as many halts (default 10)
  --window <time>     witness-loss, nats-loss, store: length of a window (default 10s)
  --duration <time>   quiet: length of the run (default 600s)
  --threads <n>       sessions per load process (default 8)
  --json              print one JSON document instead of the table

Examples
  npm run bench -- failover
  npm run --silent bench -- nats-loss --window 5s --json

Exit codes: 0 measured, 1 what the program waits for did not happen (a view change, fast operations again, none without
a fault, a restart within 10 s), 2 bad usage, 3 the cluster did not start, 5 something read was wrong or something written is gone, 130
interrupted.
`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  ...{ times: TEXT, window: TEXT, duration: TEXT, threads: TEXT },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Where the command reads and writes. */
export interface BenchDoors {
  stdout: { write(text: string): unknown };
  stderr: { write(text: string): unknown };
  signal: AbortSignal;
}

/** Runs one command line, without the program's name. */
export async function runBenchCommand(
  args: readonly string[],
  { stdout, stderr, signal }: BenchDoors,
): Promise<number> {
  try {
    const log = (line: string): void => void stderr.write(`bench: ${line}\n`);
    const command = parseBenchFlags(args);
    if (command === 'help') {
      stdout.write(HELP);
      return ExitCode.passed;
    }
    const { name, json, context } = command;
    const report = await BENCHES[name]({ ...context, signal, log });
    stdout.write(json ? `${JSON.stringify({ bench: name, ...report })}\n` : describeReport(report));
    if (!report.isRight) return ExitCode.dataWrong;
    if (signal.aborted) return ExitCode.interrupted;
    return report.isComplete ? ExitCode.passed : ExitCode.goalMissed;
  } catch (error) {
    if (signal.aborted) return ExitCode.interrupted;
    stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? ExitCode.badUsage : ExitCode.unreachable;
  }
}

function parseBenchFlags(args: readonly string[]) {
  const { values, positionals } = readFlags(args);
  if (values.help) return 'help';
  const [word, more] = positionals;
  const name = (Object.keys(BENCHES) as (keyof typeof BENCHES)[]).find((bench) => bench === word);
  if (name === undefined || more !== undefined) {
    throw new UsageError(`expected one of ${Object.keys(BENCHES).join(', ')}; --help says what they are`);
  }
  const time = (flag: 'window' | 'duration', fallback: string): number =>
    parseDuration(`--${flag}`, values[flag] ?? fallback, { minMs: 1000, maxMs: 3_600_000 }) / 1000;
  const context: Omit<BenchContext, 'signal' | 'log'> = {
    times: parseWhole('--times', values.times ?? '10', { min: 1, max: 1000 }),
    windowS: time('window', '10s'),
    durationS: time('duration', '600s'),
    threads: parseWhole('--threads', values.threads ?? '8', { min: 1, max: 64 }),
  };
  return { name, json: values.json, context };
}

function readFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
}

function describeReport({ rows, details }: BenchReport): string {
  const head = Object.keys(rows[0] ?? {});
  const table = new Table({ head, style: { head: [], border: [] } });
  for (const row of rows) table.push(head.map((name) => String(row[name] ?? '')));
  const rest = Array.isArray(details) ? '' : `${JSON.stringify(details)}\n`;
  return `${table.toString()}\n${rest}`;
}
