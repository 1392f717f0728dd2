// Judges what a chaos run left behind: the verdict of every checker, writes that were acknowledged and are gone, and how
// long nobody was served around each fault. Reads files of the run only, so that a saved run can be judged again.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { checkExactlyOnce } from '../checkers/exactly-once.js';
import type { HistoryEvent, Violation } from '../checkers/history.js';
import { buildModel } from '../checkers/history-model.js';
import { readHistoryFile, shortenValue } from '../checkers/read-history.js';
import { PROPERTIES, type Property, type Verdict, verifyHistory } from '../checkers/verify.js';
import type { LoadCounts } from './chaos-load.js';
import type { ExecutedFault } from './fault-runner.js';
import { isLedgerKey } from './load-mix.js';
import { longestGapS } from './service-gaps.js';

/** Files of a run, in its directory. */
export const RUN_FILES = { history: 'history.ndjson', finalState: 'final-state.json', run: 'run.json' } as const;

/** What the run itself knew, as it is saved. */
export interface RunRecord {
  seed: number;
  durationS: number;
  durability: string;
  /** Command line that repeats the run. */
  command: string;
  beganUs: number;
  endedUs: number;
  faults: ExecutedFault[];
  counts: LoadCounts;
  /** What did not come back to life although everything was healed, as sentences. */
  stalls: string[];
  /** Whether everything under way came to its end and the final state could be read. */
  isSettled: boolean;
}

/** A fault with what it did to users; seconds from the beginning of the load. */
export interface FaultFigures {
  kind: string;
  target: string;
  atS: number;
  durationS: number;
  /** Until the cluster was as before; null if it did not get there. */
  recoveredS: number | null;
  /** Longest time without an answered strong operation, weak write, weak read, from the fault until it settled. */
  unavailableStrongS: number;
  unavailableWeakS: number;
  unavailableWeakReadS: number;
  epochs: number;
  note: string;
}

/** What is said about a run: the JSON of `npm run chaos`. */
export interface ChaosVerdict {
  seed: number;
  durationS: number;
  durability: string;
  operations: number;
  unknown: number;
  failed: number;
  dropped: number;
  faults: FaultFigures[];
  /** Acknowledged writes of keys that are written once, and are not there; and final states that no order explains. */
  lost: number;
  /** Violations of exactly-once other than those. */
  duplicated: number;
  /** All violations of all properties, the lost and the duplicated too, and what did not come back to life. */
  violations: number;
  verdicts: Record<Property | 'final-state' | 'liveness', Verdict['verdict']>;
  /** Violations as sentences, the first of each property. */
  details: string[];
}

/** After a fault was healed, what is not answered for so long may still be its doing. */
const SETTLE_US = 1_000_000;
const DETAILS_LIMIT = 5;

/** Judges the run in a directory. @throws what reading its files throws. */
export function judgeRun(directory: string): ChaosVerdict {
  const run: RunRecord = JSON.parse(readFileSync(path.join(directory, RUN_FILES.run), 'utf8'));
  const file = readHistoryFile(path.join(directory, RUN_FILES.history));
  const { verdicts, operations } = verifyHistory(file, PROPERTIES);
  const details = verdicts.flatMap(({ property, violations }) =>
    violations.slice(0, DETAILS_LIMIT).map(({ detail, operations: shown }) => {
      const lines = shown.map(({ line }) => line).join(', ');
      return `${property}: ${detail}${lines === '' ? '' : ` (lines ${lines})`}`;
    }),
  );
  const finalState = run.isSettled ? readFinalState(directory) : null;
  const lost = finalState === null ? [] : findLost(file.history, finalState, run.counts.uncommitted === 0);
  const unexplained = finalState === null ? [] : judgeFinalState(file.history, finalState);
  const liveness = [...run.stalls, ...(run.isSettled ? [] : ['operations under way did not come to their end'])];
  const count = (property: Property): number =>
    verdicts.find((verdict) => verdict.property === property)?.violationCount ?? 0;
  const finalViolations = [...lost, ...unexplained.map(({ detail }) => detail)];
  details.push(...finalViolations.slice(0, DETAILS_LIMIT).map((detail) => `final state: ${detail}`));
  details.push(...liveness.map((sentence) => `liveness: ${sentence}`));
  const inHistory = verdicts.reduce((sum, { violationCount }) => sum + violationCount, 0);
  const { seed, durationS, durability, counts } = run;
  return {
    ...{ seed, durationS, durability, operations },
    ...{ unknown: counts.unknown, failed: counts.failed, dropped: counts.dropped },
    faults: judgeFaults(run, file.history),
    lost: lost.length + unexplained.length,
    duplicated: count('exactly-once'),
    violations: inHistory + finalViolations.length + liveness.length,
    verdicts: {
      ...(Object.fromEntries(verdicts.map(({ property, verdict }) => [property, verdict])) as Record<
        Property,
        Verdict['verdict']
      >),
      'final-state': finalViolations.length > 0 ? 'violated' : finalState === null ? 'undecided' : 'ok',
      liveness: liveness.length > 0 ? 'violated' : 'ok',
    },
    details,
  };
}

function readFinalState(directory: string): Map<string, string> {
  const entries: [string, string][] = JSON.parse(readFileSync(path.join(directory, RUN_FILES.finalState), 'utf8'));
  return new Map(entries.map(([key, value]) => [key, shortenValue(value)]));
}

/** Puts of keys that are written once: each that is in the log for good has to be there, with its value. */
function findLost(
  history: readonly HistoryEvent[],
  finalState: ReadonlyMap<string, string>,
  areAllCommitted: boolean,
): string[] {
  return history.flatMap((event) => {
    const name = Buffer.from(event.key, 'base64').toString();
    // Some commits are learnt without their slot.
    const isCommitted = event.consistency === 'strong' || event.slot > 0 || areAllCommitted;
    if (event.op !== 'put' || !isLedgerKey(name) || event.outcome !== 'ok' || !isCommitted) return [];
    const found = finalState.get(event.key);
    if (found === event.value) return [];
    return [`write ${event.session}#${event.seq} of ${name} was acknowledged in slot ${event.slot} and is not there`];
  });
}

/** What only the final state shows. */
function judgeFinalState(history: HistoryEvent[], finalState: ReadonlyMap<string, string>): Violation[] {
  const before = new Set(checkExactlyOnce(buildModel(history)).map(({ detail }) => detail));
  const after = checkExactlyOnce(buildModel(history, finalState), finalState);
  return after.filter(({ detail }) => !before.has(detail));
}

function judgeFaults(run: RunRecord, history: readonly HistoryEvent[]): FaultFigures[] {
  const times = (accept: (event: HistoryEvent) => boolean): Float64Array => {
    const returned = history.flatMap((event) => (event.outcome === 'ok' && accept(event) ? [event.returnUs ?? 0] : []));
    return Float64Array.from([run.beganUs, ...returned, run.endedUs]).sort();
  };
  const isRead = ({ op }: HistoryEvent): boolean => op === 'get' || op === 'scan';
  const strong = times(({ consistency }) => consistency === 'strong');
  const weakWrites = times((event) => event.consistency === 'weak' && !isRead(event));
  const weakReads = times((event) => event.consistency === 'weak' && isRead(event));
  return run.faults.map(({ kind, target, beganUs, healedUs, recoveredUs, epochs, note }) => {
    const window = { fromUs: beganUs, untilUs: (recoveredUs ?? healedUs) + SETTLE_US };
    const isDone = target !== '';
    const gap = (sorted: Float64Array): number => (isDone ? longestGapS(sorted, window) : 0);
    return {
      ...{ kind, target, epochs, note },
      atS: seconds(beganUs - run.beganUs),
      durationS: seconds(healedUs - beganUs),
      recoveredS: recoveredUs === null ? null : seconds(recoveredUs - beganUs),
      unavailableStrongS: gap(strong),
      unavailableWeakS: gap(weakWrites),
      unavailableWeakReadS: gap(weakReads),
    };
  });
}

function seconds(us: number): number {
  return Math.round(us / 1000) / 1000;
}
