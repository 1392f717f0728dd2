// What the simulator's command line says: flags, their checks, and the help.

import { parseArgs } from 'node:util';
import { createPlan, NO_FAULTS, NO_OPERATIONS, type PlanOverrides, type SimulationPlan } from './plan.js';

/** Printed on request and with every misuse. */
export const HELP = `Runs the production cores in virtual time and judges the histories.

  simulate [--seeds 200] [--from 1] [--workers 1] [--json]   sweep seeds; the first failure is made small (--no-shrink: not)
  simulate --seed N                              replay one seed, with every message
           [--plan '{"operations":12}']          with these parts of the plan set otherwise
           [--canary 'A1']                       with the first canary whose name begins so
           [--shrink]                            make the failure small: the fewest operations, faults and members found
           [--history FILE]                      also write the history, as docs/HISTORY.md has it
  simulate --canaries [--json] [--record]        break rules on purpose; each must be caught
`;

/** What was asked for. */
export interface Command {
  seeds: number;
  from: number;
  workers: number;
  /** Null for a sweep. */
  seed: number | null;
  plan: PlanOverrides;
  /** Beginning of a canary's name, empty for whole rules. */
  canary: string;
  /** File to write, empty for none. */
  history: string;
  shrink: boolean;
  shrinksFailure: boolean;
  json: boolean;
  canaries: boolean;
  record: boolean;
  help: boolean;
}

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean', default: false } as const;
const OPTIONS = {
  ...{ seeds: TEXT, from: TEXT, workers: TEXT, seed: TEXT, plan: TEXT, canary: TEXT, history: TEXT },
  ...{ shrink: FLAG, 'no-shrink': FLAG, json: FLAG, canaries: FLAG, record: FLAG, help: FLAG },
};

/** Throws an Error that says what is wrong with the arguments. */
export function parseCommand(args: string[]): Command {
  const { values } = parseArgs({ args, options: OPTIONS });
  const number = (name: 'seeds' | 'from' | 'seed' | 'workers', fallback: number): number => {
    const value = Number(values[name] ?? fallback);
    if (!Number.isSafeInteger(value) || value < 1) throw new RangeError(`--${name} must be a whole number from 1`);
    return value;
  };
  const seed = values.seed === undefined ? null : number('seed', 1);
  for (const name of ['plan', 'canary', 'history', 'shrink'] as const) {
    if (seed === null && values[name] !== undefined && values[name] !== false)
      throw new RangeError(`--${name} needs --seed`);
  }
  const { plan, canary = '', history = '', shrink, json, canaries, record, help } = values;
  return {
    ...{ seeds: number('seeds', 200), from: number('from', 1), workers: number('workers', 1), seed },
    ...{ plan: plan === undefined ? {} : parsePlan(plan), canary, history, shrink, json, canaries, record, help },
    shrinksFailure: !values['no-shrink'],
  };
}

/** Only what a plan has, each of the type that it has there. Faults and kinds of operations that are not named are off. */
function parsePlan(text: string): PlanOverrides {
  const overrides: unknown = JSON.parse(text);
  if (typeof overrides !== 'object' || overrides === null) throw new TypeError('--plan must be an object');
  const base = createPlan(1, { faults: NO_FAULTS, mix: NO_OPERATIONS });
  return Object.fromEntries(
    Object.entries(overrides).map(([name, value]) => [
      name,
      checkPart(base[name as keyof SimulationPlan], name, value),
    ]),
  );
}

function checkPart(expected: unknown, name: string, value: unknown): unknown {
  if (expected === undefined) throw new RangeError(`--plan: a plan has no ${name}`);
  if (typeof value !== typeof expected || value === null)
    throw new TypeError(`--plan: ${name} must be a ${typeof expected}`);
  if (typeof expected !== 'object' || typeof value !== 'object') return value;
  const known = new Map(Object.entries(expected ?? {}));
  const parts = Object.entries(value).map(([part, given]) => [part, checkPart(known.get(part), part, given)]);
  return { ...expected, ...Object.fromEntries(parts) };
}
