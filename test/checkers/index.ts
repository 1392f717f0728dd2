// Runs all checkers on one history. What each of them promises is in README.md of this folder.

import { causal } from './causal.js';
import { exactlyOnce } from './exactly-once.js';
import type { HistoryEvent, Violation } from './history.js';
import { buildModel } from './history-model.js';
import { checkHybridOrder } from './hybrid-order.js';
import { checkLinearizability } from './linearizability.js';
import { sessionGuarantees } from './session-guarantees.js';

/** What all checkers together say about a history. */
export interface HistoryReport {
  violations: Violation[];
  counts: {
    /** Operations in the history, failed ones too. */
    operations: number;
    /** Keys that the history names. */
    keys: number;
    /** Searches that ended without a verdict. */
    exhausted: number;
  };
}

/** Checks a history; `finalState` (key to value, base64) is what all replicas ended with, where it is known. */
export function checkHistory(
  history: readonly HistoryEvent[],
  finalState?: ReadonlyMap<string, string>,
): HistoryReport {
  const model = buildModel(history, finalState);
  const linearizable = checkLinearizability(history);
  const hybrid = checkHybridOrder(history);
  const named = [...exactlyOnce(history, finalState), ...sessionGuarantees(history)];
  // Where a guarantee has been named, the general finding about the same operation adds nothing.
  const blamed = new Set(named.map((violation) => violation.events.at(-1)));
  const general = causal(history).filter((violation) => !blamed.has(violation.events.at(-1)));
  const keys = new Set(history.flatMap((event) => [event.key, ...(event.writes ?? []).map((write) => write.key)]));
  keys.delete('');
  return {
    violations: [...model.malformed, ...linearizable.violations, ...named, ...general, ...hybrid.violations],
    counts: { operations: history.length, keys: keys.size, exhausted: linearizable.exhausted + hybrid.exhausted },
  };
}

export type { HistoryEvent, Violation } from './history.js';
export { formatHistory, parseHistory } from './read-history.js';
