// Every acknowledged write took effect exactly once, as far as that can be seen: one id per write, one success per
// expected value, nothing of failed operations, and a final state in which no acknowledged write is missing or back.

import { causalOrder } from './causal-order.js';
import type { Checker, HistoryEvent, Violation } from './history.js';
import {
  buildModel,
  cellName,
  describeCell,
  describeEvent,
  type HistoryModel,
  type Operation,
  showBytes,
} from './history-model.js';
import { judgeKey, projectOntoKeys } from './linearizability.js';

/** Exactly once (F1–F8). `finalState` is to be taken when nothing is under way any more. */
export const exactlyOnce: Checker = (history, finalState) =>
  checkExactlyOnce(buildModel(history, finalState), finalState);

/** The same of a model that was built with the same final state. */
export function checkExactlyOnce(model: HistoryModel, finalState?: ReadonlyMap<string, string>): Violation[] {
  const violations = [...repeatedIds(model), ...doubleMatches(model), ...failedButSeen(model)];
  if (finalState) violations.push(...finalStateUnexplained(model, finalState));
  return violations;
}

function violation(detail: string, events: HistoryEvent[]): Violation {
  return { property: 'exactly-once', detail, events };
}

function repeatedIds(model: HistoryModel): Violation[] {
  const found: Violation[] = [];
  const ids = new Map<string, Operation>();
  for (const operation of model.operations) {
    if (!operation.numbered) continue;
    const id = `${operation.session}#${operation.seq}`;
    const first = ids.get(id);
    if (first)
      found.push(
        violation(`two writes have the id ${id}: ${describeEvent(first.event)} and ${describeEvent(operation.event)}`, [
          first.event,
          operation.event,
        ]),
      );
    else ids.set(id, operation);
  }
  return found;
}

/** A value is written once, so it can be replaced by a compare-and-set once. */
function doubleMatches(model: HistoryModel): Violation[] {
  const found: Violation[] = [];
  const matches = new Map<string, Operation>();
  for (const operation of model.operations) {
    const [read] = operation.reads;
    if (
      operation.event.op !== 'cas' ||
      operation.writes.length === 0 ||
      !read ||
      read.value === null ||
      operation.optional
    )
      continue;
    const name = cellName(read.key, read.value);
    const first = matches.get(name);
    const both = (one: Operation): string => `${describeEvent(one.event)} and ${describeEvent(operation.event)}`;
    if (first)
      found.push(
        violation(`${both(first)} both replaced ${describeCell(read)}, which was written once`, [
          first.event,
          operation.event,
        ]),
      );
    else matches.set(name, operation);
  }
  return found;
}

function failedButSeen(model: HistoryModel): Violation[] {
  const found: Violation[] = [];
  for (const { event, reads } of model.operations) {
    for (const { key, value } of reads) {
      const failed =
        value === null || model.writers.has(cellName(key, value)) ? undefined : model.failed.get(cellName(key, value));
      if (failed)
        found.push(
          violation(`${describeEvent(failed)} failed, but ${describeEvent(event)} saw its value`, [failed, event]),
        );
    }
  }
  return found;
}

function finalStateUnexplained(model: HistoryModel, finalState: ReadonlyMap<string, string>): Violation[] {
  const perKey = projectOntoKeys({
    ...model,
    operations: model.operations.map((operation) => (operation.fragile ? { ...operation, optional: true } : operation)),
  });
  const isAfter = certainOrder(model);
  return [...new Set([...model.keys, ...finalState.keys()])].flatMap((key) => {
    const value = finalState.get(key) ?? null;
    const operations = perKey.get(key) ?? [];
    const direct =
      value === null ? lost(key, operations, isAfter) : resurrected({ key, value }, operations, model, isAfter);
    return direct ?? unordered(key, value, operations) ?? [];
  });
}

type IsAfter = (later: Operation, earlier: Operation) => boolean;

/** What is certain about the order of two writes of one key: causality, real time of strong ones, replacement. */
function certainOrder(model: HistoryModel): IsAfter {
  const order = causalOrder(model);
  return (later, earlier) => {
    if (later.event === earlier.event) return false;
    if (earlier.strong && earlier.returned < later.invoke) return true;
    return order.cycle.length === 0 && order.precedes(earlier, later);
  };
}

/** A final value that a certain write had replaced. */
function resurrected(
  cell: { key: string; value: string },
  operations: readonly Operation[],
  model: HistoryModel,
  isAfter: IsAfter,
): Violation | null {
  const what = `the final state has ${describeCell(cell)}`;
  const name = cellName(cell.key, cell.value);
  const failed = model.failed.get(name);
  const writer = operations.find(({ writes }) => writes.some(({ value }) => value === cell.value));
  if (!writer)
    return failed
      ? violation(`${what}, but ${describeEvent(failed)} failed`, [failed])
      : violation(`${what}, which nothing wrote`, []);
  const newer = operations.find((other) => other.writes.length > 0 && !other.optional && isAfter(other, writer));
  if (!newer) return null;
  return violation(
    `${what}, although ${describeEvent(newer.event)} certainly came later: that write is lost, or the other took effect twice`,
    [writer.event, newer.event],
  );
}

/** A final absence that no delete explains. */
function lost(key: string, operations: readonly Operation[], isAfter: IsAfter): Violation | null {
  const writes = operations.filter(({ writes: [cell], optional }) => cell && cell.value !== null && !optional);
  const deletes = operations.filter(({ writes: [cell] }) => cell?.value === null);
  const [first] = writes;
  if (!first || deletes.some((candidate) => candidate.optional || !writes.some((write) => isAfter(write, candidate))))
    return null;
  const last = writes.find((write) => !writes.some((other) => isAfter(other, write))) ?? first;
  return violation(
    `${showBytes(key)} is absent in the final state, and no delete explains it: ${describeEvent(last.event)} is lost`,
    [last.event],
  );
}

/** The final value as a read after everything else, where each write has had its effect. */
function unordered(key: string, value: string | null, operations: readonly Operation[]): Violation | null {
  const times = operations
    .flatMap(({ invoke, returned }) => [invoke, returned])
    .filter((time) => time < Number.POSITIVE_INFINITY);
  const end = times.reduce((latest, time) => Math.max(latest, time), 0);
  const settled = operations.map((operation) =>
    operation.optional
      ? operation
      : { ...operation, strong: true, returned: operation.strong ? Math.min(operation.returned, end + 1) : end + 1 },
  );
  const event: HistoryEvent = {
    ...{ session: -1, seq: 0, op: 'get', consistency: 'strong', key, result: value, outcome: 'ok', slot: 0, epoch: 0 },
    ...{ invokeUs: end + 2, returnUs: end + 3 },
  };
  const read: Operation = {
    ...{
      event,
      index: -1,
      session: -1,
      seq: 0,
      strong: true,
      numbered: false,
      invoke: end + 2,
      returned: end + 3,
      optional: false,
      fragile: false,
    },
    ...{ reads: [{ key, value }], writes: [] },
  };
  if (judgeKey([...settled, read]) !== 'none' || judgeKey(settled) === 'none') return null;
  const events = operations.filter(({ writes }) => writes.length > 0).map((operation) => operation.event);
  return violation(
    `the final state has ${describeCell({ key, value })}, which is not the last write in any order that explains the answers`,
    events,
  );
}
