// Level H3: one total order of all strong operations and all writes over all keys, in which strong operations respect
// real time among themselves and every operation its session's order. Weak writes have no place in real time; weak reads
// are not in the order. What certain answers imply is derived first; only the rest is searched, within a budget.

import type { Checker, SearchResult, Violation } from './history.js';
import { buildModel, type Cell, cellName, describeEvent, type HistoryModel, type Operation } from './history-model.js';
import { impliedOrder } from './implied-order.js';
import { latestMoments } from './linearizability.js';
import { type SearchVerdict, searchOrder } from './order-search.js';
import { addRealTime, addSessionOrder, Precedence } from './precedence.js';
import { shrink } from './shrink.js';
import { slotHints } from './slot-hints.js';
import { replay } from './slot-replay.js';

/** Choices to try before a search is given up. */
const BUDGET = 20_000;
/** Deriving implied order takes cubic time; longer histories are only searched. */
const DERIVED_OPERATIONS_LIMIT = 1500;
/** Beyond it no search is begun: it would seldom end within its budget. */
const SEARCHED_OPERATIONS_LIMIT = 20_000;

/** One total order of strong operations and writes (H3). An exhausted search reports nothing. */
export const hybridOrder: Checker = (history) => checkHybridOrder(buildModel(history)).violations;

/** The same, and whether the search was exhausted. */
export function checkHybridOrder(model: HistoryModel, budget = BUDGET): SearchResult {
  const operations = model.operations
    .filter((operation) => operation.strong || operation.numbered)
    .map((operation) => explicable(operation, model));
  const { verdict, shown } = judge(operations, budget);
  if (verdict === 'exhausted') return { violations: [], exhausted: 1 };
  return { violations: verdict === 'none' ? [explain(shown)] : [], exhausted: 0 };
}

/** Without its reads of what nobody wrote: those are reported elsewhere, and would hide all else here. */
function explicable(operation: Operation, model: HistoryModel): Operation {
  const isExplicable = ({ key, value }: Cell): boolean => value === null || model.writers.has(cellName(key, value));
  return operation.reads.every(isExplicable)
    ? operation
    : { ...operation, reads: operation.reads.filter(isExplicable) };
}

/** What was found, and the operations that show it: few where a replay got stuck, otherwise all. */
interface Judgement {
  verdict: SearchVerdict;
  shown: readonly Operation[];
}

function judge(operations: readonly Operation[], budget: number): Judgement {
  // The log usually is the order: it is tried before anything is derived or searched.
  const graph = promisedOrder(operations);
  const { positions: priority, absences } = slotHints(operations);
  if (replay({ operations, graph, priority, absences }) === null) return { verdict: 'found', shown: [] };
  const stuck = replay({ operations, graph, priority, absences: new Map() });
  if (stuck === null) return { verdict: 'found', shown: [] };
  const around = surroundings(stuck, operations);
  if (around.length < operations.length && around.length <= DERIVED_OPERATIONS_LIMIT) {
    // What the stuck ones cannot do by themselves, they cannot do among others.
    if (search(around, promisedOrder(around), budget) === 'none') return { verdict: 'none', shown: around };
  }
  if (operations.length > SEARCHED_OPERATIONS_LIMIT) return { verdict: 'exhausted', shown: [] };
  return { verdict: search(operations, graph, budget), shown: operations };
}

function search(operations: readonly Operation[], graph: Precedence, budget: number): SearchVerdict {
  if (operations.length <= DERIVED_OPERATIONS_LIMIT && !impliedOrder(operations, graph)) return 'none';
  const priorities = [slotHints(operations).positions, latestMoments(operations)];
  for (const priority of priorities) {
    const verdict = searchOrder({ operations, graph, priority, budget: Math.floor(budget / priorities.length) });
    if (verdict !== 'exhausted') return verdict;
  }
  return 'exhausted';
}

/** Operations together with all that may explain what they read: its writers and, for absence, all deletes of the key. */
function surroundings(some: readonly Operation[], all: readonly Operation[]): Operation[] {
  const writers = new Map<string, Operation>();
  const deletes = new Map<string, Operation[]>();
  for (const operation of all) {
    for (const { key, value } of operation.writes) {
      if (value !== null) writers.set(cellName(key, value), operation);
      else deletes.set(key, [...(deletes.get(key) ?? []), operation]);
    }
  }
  const found = new Set<Operation>();
  const left = [...some];
  for (let operation = left.pop(); operation; operation = left.pop()) {
    if (found.has(operation)) continue;
    found.add(operation);
    for (const { key, value } of operation.reads) {
      if (value === null) left.push(...(deletes.get(key) ?? []));
      else left.push(...(writers.has(cellName(key, value)) ? [writers.get(cellName(key, value)) as Operation] : []));
    }
  }
  return [...found].sort((left, right) => left.invoke - right.invoke);
}

function promisedOrder(operations: readonly Operation[]): Precedence {
  const graph = new Precedence(operations.length);
  addSessionOrder(graph, operations);
  const strong = [...operations.keys()].filter((index) => operations[index]?.strong);
  addRealTime(graph, operations, { from: strong, to: strong });
  return graph;
}

function explain(operations: readonly Operation[]): Violation {
  const few = shrink(operations, (fewer) => judge(fewer, BUDGET / 40).verdict === 'none');
  const events = few.map((operation) => operation.event).sort((left, right) => left.invokeUs - right.invokeUs);
  const told = events.slice(0, 12).map(describeEvent).join('; ');
  const detail = `no single order of strong operations and writes keeps real time, session order and all answers: ${told}`;
  return { property: 'hybrid', detail, events };
}
