// Causal consistency of all operations over all keys, found by its bad patterns: a cycle in the causal order, a value
// out of thin air, a read of what was overwritten in its past, and readers that disagree about the order of two writes.
// Real time plays no part, except that nothing is read before it is written.

import { type CausalOrder, causalOrder, isKnown, isUndecidedFor } from './causal-order.js';
import type { Checker, HistoryEvent, Violation } from './history.js';
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

/** No bad pattern of causal consistency in any read, scan or compare-and-set (G, E4–E6). */
export const causal: Checker = (history) => {
  const model = buildModel(history);
  const violations = [...thinAir(model)];
  const order = causalOrder(model);
  if (order.cycle.length > 0) {
    const events = order.cycle.map((operation) => operation.event);
    violations.push(violation(`the causal order has a cycle: ${events.map(describeEvent).join(' → ')}`, events));
    return violations;
  }
  const stale: Violation[] = [];
  const conflicts: Conflict[] = [];
  const latest = writesByKey(order);
  for (const reader of order.operations) {
    for (const cell of reader.reads) {
      const inPast = latestInPast(order, latest.get(cell.key) ?? [], reader);
      if (cell.value === null) stale.push(...absenceUnexplained(model, order, { reader, key: cell.key, inPast }));
      else stale.push(...overwritten(model, order, { reader, cell, inPast, conflicts }));
    }
  }
  violations.push(...stale);
  // A stale read makes the writes it confuses look unordered; one report of it is enough.
  if (stale.length === 0) violations.push(...disagreement(order, conflicts));
  return violations;
};

/** A reader with `earlier` in its past saw `later`, so everybody has to order them so. */
interface Conflict {
  earlier: Operation;
  later: Operation;
  reader: Operation;
}

function violation(detail: string, events: HistoryEvent[]): Violation {
  return { property: 'causal', detail, events };
}

/** Values that nothing wrote, that only a failed operation wrote, or that were written after they were read. */
function thinAir(model: HistoryModel): Violation[] {
  const found: Violation[] = [];
  for (const { event, reads, returned } of model.operations) {
    for (const { key, value } of reads) {
      if (value === null) continue;
      const writer = model.writers.get(cellName(key, value));
      const failed = model.failed.get(cellName(key, value));
      const what = `${describeEvent(event)} saw ${describeCell({ key, value })}`;
      if (writer && returned < writer.invoke)
        found.push(violation(`${what} before it was written`, [event, writer.event]));
      else if (!writer && failed)
        found.push(violation(`${what}, which only a failed operation wrote`, [failed, event]));
      else if (!writer) found.push(violation(`${what}, which nothing wrote`, [event]));
    }
  }
  return found;
}

/** Per key the writes of each session, in the order of their seqs. */
function writesByKey(order: CausalOrder): Map<string, Operation[][]> {
  const perKey = new Map<string, Map<number, Operation[]>>();
  for (const operation of order.operations) {
    for (const { key } of operation.writes) {
      const sessions = perKey.get(key) ?? new Map<number, Operation[]>();
      perKey.set(key, sessions);
      const writes = sessions.get(operation.session);
      if (writes) writes.push(operation);
      else sessions.set(operation.session, [operation]);
    }
  }
  const sorted = (writes: Operation[]): Operation[] => writes.sort((left, right) => left.seq - right.seq);
  return new Map([...perKey].map(([key, sessions]) => [key, [...sessions.values()].map(sorted)]));
}

/** Of each session the last write of a key that is in the reader's past: earlier ones are in that one's past. */
function latestInPast(order: CausalOrder, sessions: readonly Operation[][], reader: Operation): Operation[] {
  const past = order.past[order.position.get(reader) ?? -1];
  return sessions.flatMap((writes) => {
    let low = 0;
    for (let high = writes.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (isKnown(order, past, writes[middle] as Operation)) low = middle + 1;
      else high = middle;
    }
    for (let at = low - 1; at >= 0; at -= 1) {
      const write = writes[at] as Operation;
      if (write !== reader && !isUndecidedFor(reader, write)) return [write];
    }
    return [];
  });
}

/** Whether `earlier` is in the causal past of `later`. */
function precedes(order: CausalOrder, earlier: Operation, later: Operation): boolean {
  return earlier !== later && isKnown(order, order.after[order.position.get(later) ?? -1], earlier);
}

interface ReadOfValue {
  reader: Operation;
  cell: Cell;
  inPast: readonly Operation[];
  conflicts: Conflict[];
}

function overwritten(
  model: HistoryModel,
  order: CausalOrder,
  { reader, cell, inPast, conflicts }: ReadOfValue,
): Violation[] {
  const writer = model.writers.get(cellName(cell.key, cell.value ?? ''));
  if (!writer) return [];
  const newer = inPast.find((write) => precedes(order, writer, write));
  if (newer) {
    const saw = `${describeEvent(reader.event)} saw ${describeCell(cell)}`;
    const detail = `${saw}, which ${describeEvent(newer.event)}, in its causal past, had overwritten`;
    return [violation(detail, [writer.event, newer.event, reader.event])];
  }
  for (const earlier of inPast)
    if (earlier !== writer && !precedes(order, earlier, writer)) conflicts.push({ earlier, later: writer, reader });
  return [];
}

interface ReadOfAbsence {
  reader: Operation;
  key: string;
  inPast: readonly Operation[];
}

/** Absence needs a delete that nothing in the reader's past had overwritten, unless no write is in its past. */
function absenceUnexplained(
  model: HistoryModel,
  order: CausalOrder,
  { reader, key, inPast }: ReadOfAbsence,
): Violation[] {
  const [write] = inPast;
  if (!write) return [];
  const explained = (model.deletes.get(key) ?? []).some((candidate) => {
    if (candidate.invoke > reader.returned) return false;
    return candidate.optional || !inPast.some((newer) => precedes(order, candidate, newer));
  });
  if (explained) return [];
  const culprit = inPast.find(({ writes }) => writes.some((cell) => cell.key === key && cell.value !== null)) ?? write;
  const past = `${describeEvent(culprit.event)} is in its causal past`;
  const detail = `${describeEvent(reader.event)} found ${showBytes(key)} absent, although ${past} and no delete explains it`;
  return [violation(detail, [culprit.event, reader.event])];
}

/** Reads that together put two writes both ways round. */
function disagreement(order: CausalOrder, conflicts: readonly Conflict[]): Violation[] {
  const readers = new Map<string, Operation>();
  for (const { earlier, later, reader } of conflicts) {
    const [from, to] = [order.position.get(earlier) ?? -1, order.position.get(later) ?? -1];
    if (readers.has(`${from}>${to}`)) continue;
    readers.set(`${from}>${to}`, reader);
    order.graph.addEdge(from, to);
  }
  const cycle = order.graph.findCycle();
  if (cycle.length === 0) return [];
  const events = new Set<HistoryEvent>();
  const seen: string[] = [];
  cycle.forEach((from, at) => {
    const to = cycle[(at + 1) % cycle.length] ?? from;
    const [earlier, later, reader] = [order.operations[from], order.operations[to], readers.get(`${from}>${to}`)];
    if (earlier) events.add(earlier.event);
    if (reader && earlier && later) {
      events.add(reader.event);
      seen.push(
        `${describeEvent(reader.event)} puts ${describeEvent(earlier.event)} before ${describeEvent(later.event)}`,
      );
    }
  });
  return [violation(`reads disagree about the order of writes: ${seen.join('; ')}`, [...events])];
}
