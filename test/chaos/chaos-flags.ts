// The command line of `npm run chaos`: its flags, their limits, its help text.

import { parseArgs } from 'node:util';
import { parseChoice, parseDuration, parseRate, parseWhole, UsageError } from '../../loadgen/flag-values.js';
import { ACTIONS, ALL_KINDS, type FaultKind, parseKinds, TARGETS } from './schedule.js';

/** What a run is to do. */
export interface ChaosPlan {
  seed: number;
  durationS: number;
  /** Operations per second. */
  rate: number;
  keys: number;
  kinds: readonly FaultKind[];
  /** Most faults. */
  count: number;
  durability: 'memory' | 'disk';
  /** Where everything goes; null for `results/chaos-<seed>`, removed if all is well. */
  out: string | null;
  /** Where the history is copied to. */
  history: string | null;
}

/** What the command line asks for. */
export type ChaosCommand =
  | { kind: 'help' }
  | { kind: 'run'; json: boolean; plan: ChaosPlan }
  | { kind: 'judge'; json: boolean; directory: string };

/** Text of `--help`. */
export const CHAOS_HELP = `Breaks a local cluster of real processes under load, and judges what its clients saw.

  chaos [flags]           3 replicas, 3 witnesses, 2 coordinators and a nats-server; faults one after the other
  chaos --judge DIR       judges a saved run again

  --seed <n>              draws the faults and the operations (default 1); when faults hit depends on the machine too
  --duration <time>       how long the load runs (default 120s)
  --rate <operations/s>   load, open loop (default 3000)
  --keys <n>              keys that are written again and again (default 64)
  --faults <list>         kinds of faults, by action, target or both (default all)
                          actions: ${ACTIONS.join(', ')}
                          targets: ${TARGETS.join(', ')}
  --count <n>             most faults (default as many as fit)
  --durability <where>    memory or disk (default memory)
  --history <file>        keep the history (docs/HISTORY.md) there
  --out <directory>       keep history, logs and schedule there; default results/chaos-<seed>, kept unless all is well
  --json                  print one JSON document instead of the table

cut, partition… and delay happen at a proxy in front of a process, to what others send to it: such a process still
reaches the others. kill is kill -9, and the process is started again; pause is SIGSTOP and SIGCONT.

Examples
  npm run chaos -- --duration 60s
  npm run chaos -- --faults kill,pause-leader --seed 7
  npm run --silent chaos -- --faults partition --duration 30s --json
  npm run chaos -- --judge results/chaos-7

Exit codes: 0 passed, 2 bad usage, 3 the cluster did not start, 4 not valid (the load was not driven), 5 data check
failed, 130 interrupted.
`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  ...{ seed: TEXT, duration: TEXT, rate: TEXT, keys: TEXT, faults: TEXT, count: TEXT, durability: TEXT },
  ...{ history: TEXT, out: TEXT, judge: TEXT },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** @throws UsageError naming the flag and what it must be. */
export function parseChaosFlags(argv: readonly string[]): ChaosCommand {
  const values = readValues(argv);
  if (values.help) return { kind: 'help' };
  if (values.judge !== undefined) return { kind: 'judge', json: values.json, directory: values.judge };
  const whole = (flag: 'seed' | 'keys' | 'count', fallback: string, min: number, max: number): number =>
    parseWhole(`--${flag}`, values[flag] ?? fallback, { min, max });
  const plan: ChaosPlan = {
    seed: whole('seed', '1', 1, Number.MAX_SAFE_INTEGER),
    durationS: parseDuration('--duration', values.duration ?? '120s', { minMs: 5000, maxMs: 3_600_000 }) / 1000,
    rate: parseRate('--rate', values.rate ?? '3000', { min: 1, max: 100_000 }),
    keys: whole('keys', '64', 2, 10_000),
    kinds: readKinds(values.faults),
    count: whole('count', '1000', 0, 1000),
    durability: parseChoice('--durability', values.durability ?? 'memory', ['memory', 'disk']),
    out: values.out ?? null,
    history: values.history ?? null,
  };
  return { kind: 'run', json: values.json, plan };
}

/** The command that repeats a run. */
export function describeCommand({ seed, durationS, rate, keys, kinds, count, durability }: ChaosPlan): string {
  const names = kinds.length === ALL_KINDS.length ? '' : ` --faults ${kinds.map((k) => `${k.action}-${k.target}`)}`;
  const most = count === 1000 ? '' : ` --count ${count}`;
  const load = `--seed ${seed} --duration ${durationS}s --rate ${rate} --keys ${keys} --durability ${durability}`;
  return `npm run chaos -- ${load}${names}${most}`;
}

function readKinds(text: string | undefined): readonly FaultKind[] {
  try {
    return text === undefined ? ALL_KINDS : parseKinds(text);
  } catch (error) {
    throw new UsageError(`--faults: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readValues(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? (error.message.split('. ')[0] ?? error.message) : String(error));
  }
}
