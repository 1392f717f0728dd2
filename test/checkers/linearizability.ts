// Strong operations are linearizable per key. Weak writes on the key take part as writes without an upper bound in time;
// unknown outcomes may take effect at any time after their invocation or never. Weak reads are no business of this file.

import type { Checker, HistoryEvent, SearchResult, Violation } from './history.js';
import {
  buildModel,
  type Cell,
  cellName,
  describeCell,
  describeEvent,
  type HistoryModel,
  type Operation,
  showBytes,
} from './history-model.js';
import { judgeBlocks } from './key-blocks.js';
import { type SearchVerdict, searchOrder } from './order-search.js';
import { addRealTime, addSessionOrder, Precedence } from './precedence.js';
import { shrink } from './shrink.js';

/** Choices to try for one key; reached only where many deletes and absences overlap. */
const BUDGET = 20_000;

/** Linearizability of strong operations per key, weak writes floating (G, H1). An exhausted search reports nothing. */
export const linearizability: Checker = (history) => checkLinearizability(buildModel(history)).violations;

/** The same, and how many keys could not be judged within the budget. */
export function checkLinearizability(model: HistoryModel): SearchResult {
  const violations: Violation[] = [];
  let exhausted = 0;
  for (const [key, operations] of projectOntoKeys(model)) {
    const { possible, violations: impossible } = impossibleReads(operations, model);
    violations.push(...impossible);
    const verdict = judgeKey(possible);
    if (verdict === 'exhausted') exhausted += 1;
    if (verdict === 'none') violations.push(explain(key, possible));
  }
  return { violations, exhausted };
}

/** Whether operations of one key, projected onto it, have an order that explains every answer. */
export function judgeKey(operations: readonly Operation[], budget = BUDGET + operations.length): SearchVerdict {
  const blocks = judgeBlocks(operations);
  if (blocks !== 'unclear') return blocks;
  const graph = new Precedence(operations.length);
  addSessionOrder(graph, operations);
  const all = [...operations.keys()];
  addRealTime(graph, operations, { from: all.filter((index) => operations[index]?.strong), to: all });
  return searchOrder({ operations, graph, priority: latestMoments(operations), budget });
}

/** Per key the strong operations and the weak writes, each with its cells of this key only. */
export function projectOntoKeys(model: HistoryModel): Map<string, Operation[]> {
  const perKey = new Map<string, Operation[]>();
  for (const operation of model.operations) {
    if (!operation.strong && !operation.numbered) continue;
    const keys = new Set([...operation.reads, ...operation.writes].map((cell) => cell.key));
    for (const key of keys) {
      const isOfKey = (cell: Cell): boolean => cell.key === key;
      const projected =
        keys.size === 1
          ? operation
          : { ...operation, reads: operation.reads.filter(isOfKey), writes: operation.writes.filter(isOfKey) };
      const operations = perKey.get(key);
      if (operations) operations.push(projected);
      else perKey.set(key, [projected]);
    }
  }
  return perKey;
}

/** For each operation the moment by which it, or the first strong reader of what it wrote, has certainly taken place. */
export function latestMoments(operations: readonly Operation[]): number[] {
  const moments = operations.map((operation) => (operation.strong ? operation.returned : Number.MAX_VALUE));
  const writers = new Map<string, number>();
  operations.forEach((operation, index) => {
    for (const { key, value } of operation.writes) if (value !== null) writers.set(cellName(key, value), index);
  });
  for (const operation of operations) {
    for (const { key, value } of operation.reads) {
      const writer = value === null ? undefined : writers.get(cellName(key, value));
      if (writer !== undefined)
        moments[writer] = Math.min(moments[writer] ?? 0, operation.strong ? operation.returned : Number.MAX_VALUE);
    }
  }
  return moments.map((moment) => Math.min(moment, Number.MAX_VALUE));
}

/** Answers that no order explains whatever else happened. They are taken out, so that the rest is judged too. */
function impossibleReads(
  operations: readonly Operation[],
  model: HistoryModel,
): { possible: Operation[]; violations: Violation[] } {
  const possible: Operation[] = [];
  const violations: Violation[] = [];
  const report = (operation: Operation, detail: string, others: HistoryEvent[] = []): void => {
    violations.push({
      property: 'linearizability',
      detail: `${describeEvent(operation.event)} ${detail}`,
      events: [...others, operation.event],
    });
  };
  for (const operation of operations) {
    const [read] = operation.reads;
    if (!read) {
      possible.push(operation);
      continue;
    }
    const { event } = operation;
    const unmatched = event.op === 'cas' && operation.writes.length === 0;
    if (unmatched && read.value === (event.expected ?? null))
      report(operation, `did not match, although it found what it expected: ${showBytes(read.value)}`);
    if (read.value === null || model.writers.has(cellName(read.key, read.value))) {
      possible.push(operation);
      continue;
    }
    const failed = model.failed.get(cellName(read.key, read.value));
    report(
      operation,
      `saw ${describeCell(read)}, which ${failed ? 'only a failed operation wrote' : 'nothing wrote'}`,
      failed ? [failed] : [],
    );
    // What a matched one wrote stands, so that its readers are not blamed as well.
    if (operation.writes.length > 0) possible.push({ ...operation, reads: [] });
  }
  return { possible, violations };
}

function explain(key: string, operations: readonly Operation[]): Violation {
  const few = shrink(
    [...operations].sort((left, right) => left.invoke - right.invoke),
    (fewer) => judgeKey(fewer, BUDGET / 20) === 'none',
  );
  const events = few.map((operation) => operation.event).sort((left, right) => left.invokeUs - right.invokeUs);
  const told = events.slice(0, 12).map(describeEvent).join('; ');
  const detail = `no order of the operations on key ${showBytes(key)} explains their answers, real time and session order kept: ${told}`;
  return { property: 'linearizability', detail, events };
}
