// The command line that repeats a measurement, from its plan alone. Every setting is written out: defaults may change,
// a result may not.

import { describeGoal } from '../outcome/goal.js';
import type { LoadPlan } from '../plan.js';

/** The command as it is typed in a shell, in pieces that belong together. Where the result goes is left to the defaults. */
export function commandLinePieces(plan: LoadPlan): string[] {
  const flags = listFlags(plan).map(([flag, value]) => (value === true ? flag : `${flag} ${quoteWord(String(value))}`));
  return ['npm run --silent loadgen --', plan.threads.length === 1 ? 'run' : 'sweep', ...flags];
}

function listFlags(plan: LoadPlan): [string, string | number | true][] {
  const flags: [string, string | number | boolean | null][] = [
    ['--clients', plan.workers === null ? plan.clients : null],
    ['--workers', plan.workers?.join(',') ?? null],
    ['--threads', plan.threads.join(',')],
    ...(plan.rate === null ? closedLoopFlags(plan) : openLoopFlags(plan, plan.rate)),
    ['--warmup', `${plan.warmupMs}ms`],
    ['--iterations', plan.iterations],
    ['--weak-ratio', plan.weakRatio],
    ['--write-ratio', plan.writeRatio],
    ['--keys', plan.keys],
    ['--zipf', plan.zipf],
    ['--value-bytes', plan.valueBytes],
    ['--preload', plan.preload],
    ['--seed', plan.seed],
    ['--target', plan.target],
    ['--descriptor-limit', plan.descriptorLimit],
    ['--shards', plan.shards],
    ['--batch-delay', plan.batchDelayUs],
    ['--ack-transport', plan.ackTransport],
    ['--durability', plan.durability],
    ['--scheduling', plan.scheduling],
    ['--otlp', plan.otlpUrl],
    ['--trace-ratio', plan.traceRatio],
    ['--attribute-every', plan.attributeEvery],
    [plan.probes ? '--probes' : '--no-probes', true],
    ['--goal', plan.goal.length === 0 ? null : describeGoal(plan.goal).replaceAll(', ', ',')],
  ];
  return flags.flatMap(([flag, value]) => (value === null || value === false ? [] : [[flag, value]]));
}

function closedLoopFlags(plan: LoadPlan): [string, string | number][] {
  const length: [string, string | number] =
    plan.requests === null ? ['--duration', `${plan.durationMs}ms`] : ['--requests', plan.requests];
  return [['--pendings', plan.pendings], length];
}

function openLoopFlags(plan: LoadPlan, rate: number): [string, string | number][] {
  return [
    ['--rate', `${rate}/s`],
    ['--arrivals', plan.arrivals],
    ['--in-flight-limit', plan.inFlightLimit],
    ['--waiting-limit', plan.waitingLimit],
    ['--duration', `${plan.durationMs}ms`],
  ];
}

/** A word as a POSIX shell takes it. */
function quoteWord(word: string): string {
  return /^[\w./:,%+@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
