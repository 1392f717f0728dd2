// Judges one history property by property: what each checker says, which lines show it, and how long it took. Knows
// nothing of files and of how a verdict is told.

import { performance } from 'node:perf_hooks';
import { checkCausal } from './causal.js';
import { checkExactlyOnce } from './exactly-once.js';
import type { HistoryEvent, SearchResult, Violation } from './history.js';
import { buildModel, type HistoryModel } from './history-model.js';
import { checkHybridOrder } from './hybrid-order.js';
import { checkLinearizability } from './linearizability.js';
import type { HistoryFile } from './read-history.js';
import { checkSessionGuarantees } from './session-guarantees.js';

const certain = (violations: Violation[]): SearchResult => ({ violations, exhausted: 0 });

/** What can be judged, in the order in which it is; `undecided` says what a checker that gave up could not do. */
const CHECKS = {
  values: { check: (model: HistoryModel) => certain(model.malformed), undecided: '' },
  'exactly-once': { check: (model: HistoryModel) => certain(checkExactlyOnce(model)), undecided: '' },
  session: { check: (model: HistoryModel) => certain(checkSessionGuarantees(model)), undecided: '' },
  linearizability: {
    check: (model: HistoryModel) => checkLinearizability(model),
    undecided: 'the search of a key with deletes and absences ended at its budget',
  },
  causal: {
    check: (model: HistoryModel) => checkCausal(model),
    undecided: 'too many sessions or concurrent writes to remember what each write knew',
  },
  hybrid: {
    check: (model: HistoryModel) => checkHybridOrder(model),
    undecided: 'the slots do not give an order, and no contradiction was found either',
  },
} as const;

/** A property that a history can be judged by. */
export type Property = keyof typeof CHECKS;

/** All properties, in the order in which they are judged. */
export const PROPERTIES = Object.keys(CHECKS) as Property[];

/** What was found wrong, with the lines of the operations that show it. */
export interface ShownViolation {
  detail: string;
  operations: { line: number; event: HistoryEvent }[];
}

/** What a checker says about a history. */
export interface Verdict {
  property: Property;
  verdict: 'ok' | 'violated' | 'undecided';
  /** Why, if it is undecided. */
  reason: string | null;
  /** How many violations there are; only the first are shown. */
  violationCount: number;
  violations: ShownViolation[];
  seconds: number;
}

/** The verdicts and what they are about. */
export interface Verification {
  operations: number;
  keys: number;
  sessions: number;
  unknown: number;
  failed: number;
  verdicts: Verdict[];
}

/** Violations of one property that are shown. */
const SHOWN_LIMIT = 3;

/** Judges a history; `onProperty` hears of each property before it is judged. */
export function verifyHistory(
  { history, lines }: HistoryFile,
  properties: readonly Property[],
  onProperty: (property: Property) => void = () => {},
): Verification {
  const model = buildModel(history);
  const count = (outcome: HistoryEvent['outcome']): number =>
    history.reduce((sum, event) => sum + (event.outcome === outcome ? 1 : 0), 0);
  const verdicts = PROPERTIES.filter((property) => properties.includes(property)).map((property): Verdict => {
    onProperty(property);
    const startMs = performance.now();
    const { violations, exhausted } = CHECKS[property].check(model);
    const verdict = violations.length > 0 ? 'violated' : exhausted > 0 ? 'undecided' : 'ok';
    return {
      property,
      verdict,
      reason: verdict === 'undecided' ? CHECKS[property].undecided : null,
      violationCount: violations.length,
      violations: violations.slice(0, SHOWN_LIMIT).map(({ detail, events }) => ({
        detail,
        operations: events.map((event) => ({ line: lines[history.indexOf(event)] ?? 0, event })),
      })),
      seconds: (performance.now() - startMs) / 1000,
    };
  });
  return {
    operations: history.length,
    keys: model.keys.length,
    sessions: new Set(history.map(({ session }) => session)).size,
    unknown: count('unknown'),
    failed: count('failed'),
    verdicts,
  };
}
