// Runs all checkers on one history. What each of them promises is in README.md of this folder.

import { checkCausal } from './causal.js';
import { checkExactlyOnce } from './exactly-once.js';
import type { HistoryEvent, Violation } from './history.js';
import { buildModel } from './history-model.js';
import { checkHybridOrder } from './hybrid-order.js';
import { checkLinearizability } from './linearizability.js';
import { checkSessionGuarantees } from './session-guarantees.js';

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
  const settled = buildModel(history, finalState);
  const model = finalState ? buildModel(history) : settled;
  const linearizable = checkLinearizability(model);
  const hybrid = checkHybridOrder(model);
  const order = checkCausal(model);
  const named = [...checkExactlyOnce(settled, finalState), ...checkSessionGuarantees(model)];
  // Where a guarantee has been named, the general finding about the same operation adds nothing.
  const blamed = new Set(named.map((violation) => violation.events.at(-1)));
  const general = order.violations.filter((violation) => !blamed.has(violation.events.at(-1)));
  const keys = new Set(history.flatMap((event) => [event.key, ...(event.writes ?? []).map((write) => write.key)]));
  keys.delete('');
  return {
    violations: [...settled.malformed, ...linearizable.violations, ...named, ...general, ...hybrid.violations],
    counts: {
      operations: history.length,
      keys: keys.size,
      exhausted: linearizable.exhausted + hybrid.exhausted + order.exhausted,
    },
  };
}

export type { HistoryEvent, Violation } from './history.js';
export { formatHistory, parseHistory } from './read-history.js';
