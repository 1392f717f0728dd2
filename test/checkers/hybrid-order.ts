// Level H3: one total order of all strong operations and all writes over all keys, in which strong operations respect
// real time among themselves and every operation its session's order. Weak writes have no place in real time; weak reads
// are not in the order. What certain answers imply is derived first; only the rest is searched, within a budget.

import type { Checker, HistoryEvent, SearchResult, Violation } from './history.js';
import { buildModel, cellName, describeEvent, type HistoryModel, type Operation } from './history-model.js';
import { impliedOrder } from './implied-order.js';
import { latestMoments } from './linearizability.js';
import { type SearchVerdict, searchOrder } from './order-search.js';
import { addRealTime, addSessionOrder, Precedence } from './precedence.js';
import { shrink } from './shrink.js';

/** Choices to try before a search is given up. */
const BUDGET = 20_000;
/** Deriving implied order takes cubic time; longer histories are only searched. */
const DERIVED_OPERATIONS_LIMIT = 1500;

/** One total order of strong operations and writes (H3). An exhausted search reports nothing. */
export const hybridOrder: Checker = (history) => checkHybridOrder(history).violations;

/** The same, and whether the search was exhausted. */
export function checkHybridOrder(history: readonly HistoryEvent[], budget = BUDGET): SearchResult {
  const model = buildModel(history);
  const operations = model.operations
    .filter((operation) => operation.strong || operation.numbered)
    .map((operation) => explicable(operation, model));
  const verdict = judge(operations, budget);
  if (verdict === 'exhausted') return { violations: [], exhausted: 1 };
  return { violations: verdict === 'none' ? [explain(operations)] : [], exhausted: 0 };
}

/** Without its reads of what nobody wrote: those are reported elsewhere, and would hide all else here. */
function explicable(operation: Operation, model: HistoryModel): Operation {
  return {
    ...operation,
    reads: operation.reads.filter(({ key, value }) => value === null || model.writers.has(cellName(key, value))),
  };
}

function judge(operations: readonly Operation[], budget: number): SearchVerdict {
  // The log usually is the order: it is tried before anything is derived.
  const priorities = [slotOrder(operations), latestMoments(operations)];
  const quick = searchOrder({
    operations,
    graph: promisedOrder(operations),
    priority: priorities[0] ?? [],
    budget: operations.length,
  });
  if (quick !== 'exhausted') return quick;
  const graph = promisedOrder(operations);
  if (operations.length <= DERIVED_OPERATIONS_LIMIT && !impliedOrder(operations, graph)) return 'none';
  for (const priority of priorities) {
    const verdict = searchOrder({ operations, graph, priority, budget: Math.floor(budget / priorities.length) });
    if (verdict !== 'exhausted') return verdict;
  }
  return 'exhausted';
}

function promisedOrder(operations: readonly Operation[]): Precedence {
  const graph = new Precedence(operations.length);
  addSessionOrder(graph, operations);
  const strong = (operation: Operation): boolean => operation.strong;
  addRealTime(graph, operations, strong, strong);
  return graph;
}

/** The slot of each write, as it or a reader was told; without one, just after what had returned at its invocation. */
function slotOrder(operations: readonly Operation[]): number[] {
  const slots = operations.map(({ event, numbered }) => (numbered ? event.slot : 0));
  const writers = new Map<string, number>();
  operations.forEach(({ writes }, index) => {
    for (const { key, value } of writes) if (value !== null) writers.set(cellName(key, value), index);
  });
  for (const { event, reads } of operations) {
    const [read] = reads;
    const writer =
      event.op === 'get' && read && read.value !== null ? writers.get(cellName(read.key, read.value)) : undefined;
    if (writer !== undefined && slots[writer] === 0) slots[writer] = event.slot;
  }
  const known = operations
    .map(({ returned }, index) => ({ returned, slot: slots[index] ?? 0 }))
    .filter(({ slot }) => slot > 0)
    .sort((left, right) => left.returned - right.returned);
  const invoked = [...operations.keys()].sort(
    (left, right) => (operations[left]?.invoke ?? 0) - (operations[right]?.invoke ?? 0),
  );
  let highest = 0;
  let next = 0;
  for (const index of invoked) {
    for (let told = known[next]; told && told.returned < (operations[index]?.invoke ?? 0); told = known[next]) {
      highest = Math.max(highest, told.slot);
      next += 1;
    }
    if (slots[index] === 0) slots[index] = highest + 0.5;
  }
  return slots;
}

function explain(operations: readonly Operation[]): Violation {
  const few = shrink(operations, (fewer) => judge(fewer, BUDGET / 40) === 'none');
  const events = few.map((operation) => operation.event).sort((left, right) => left.invokeUs - right.invokeUs);
  const told = events.slice(0, 12).map(describeEvent).join('; ');
  const detail = `no single order of strong operations and writes keeps real time, session order and all answers: ${told}`;
  return { property: 'hybrid', detail, events };
}
