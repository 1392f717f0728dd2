// Takes away operations from a bad history while it stays bad, so that a report shows few. Only takes what a correct
// history can lose and stay correct: reads, and writes that no remaining read needs.

import { cellName, type Operation } from './history-model.js';

/** Most attempts; what is left then is reported as it is. */
const ATTEMPTS = 600;

/** The smallest history found for which `isBad` still holds. `isBad` holds for `operations`. */
export function shrink(
  operations: readonly Operation[],
  isBad: (fewer: readonly Operation[]) => boolean,
): readonly Operation[] {
  let kept = operations;
  let attempts = 0;
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < kept.length && attempts < ATTEMPTS; ) {
      const fewer = without(kept, new Set(kept.slice(start, start + size)));
      if (fewer.length < kept.length && isBad(fewer)) kept = fewer;
      else start += size;
      attempts += 1;
    }
  }
  return kept;
}

/** Removes of `unwanted` what nothing else needs, readers first so that their writers may follow. */
function without(operations: readonly Operation[], unwanted: ReadonlySet<Operation>): readonly Operation[] {
  const rest = operations.filter((operation) => !unwanted.has(operation) || operation.writes.length > 0);
  const needed = new Set<string>();
  const absences = new Set<string>();
  for (const operation of rest) {
    if (unwanted.has(operation) && operation.reads.length === 0) continue;
    for (const { key, value } of operation.reads) {
      if (value === null) absences.add(key);
      else needed.add(cellName(key, value));
    }
  }
  return rest.filter((operation) => {
    if (!unwanted.has(operation)) return true;
    return operation.writes.some(({ key, value }) =>
      value === null ? absences.has(key) : needed.has(cellName(key, value)),
    );
  });
}
