// Causal consistency of all operations over all keys, found by its bad patterns: a cycle in the causal order, a value
// out of thin air, a read of what was overwritten in its past, and readers that disagree about the order of two writes.
// Real time plays no part, except that nothing is read before it is written.

import { type CausalOrder, causalOrder, type Known } from './causal-order.js';
import { ClockTableFull } from './clock-table.js';
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
import { ShownSwaps } from './shown-swaps.js';

/** Most pairs of writes in conflict that are kept; a set of JavaScript holds 2²⁴. */
const CONFLICTS_LIMIT = 12_000_000;

/** No bad pattern of causal consistency in any read, scan or compare-and-set (G, E4–E6). */
export const causal: Checker = (history) => checkCausal(buildModel(history)).violations;

/** The same, and whether the history was too large to judge. */
export function checkCausal(model: HistoryModel): SearchResult {
  const violations = [...thinAir(model)];
  const stale: Violation[] = [];
  const conflicts = new Conflicts(model);
  let lines: Map<string, Line[]> | undefined;
  let shown: ShownSwaps | undefined;
  let order: CausalOrder;
  try {
    order = causalOrder(model, (reader, past, known) => {
      lines ??= linesByKey(known);
      shown ??= new ShownSwaps(model, known);
      for (const cell of reader.reads) {
        const source = cell.value === null ? undefined : model.writers.get(cellName(cell.key, cell.value));
        const writer = source && known.knownAfter(source);
        const inPast = latestInPast({ reader, past, writer, shown }, lines.get(cell.key) ?? []);
        if (cell.value === null) stale.push(...absenceUnexplained(model, known, { reader, key: cell.key, inPast }));
        else stale.push(...overwritten(model, known, { reader, cell, inPast, conflicts }));
      }
    });
  } catch (error) {
    if (!(error instanceof ClockTableFull)) throw error;
    return { violations: [...violations, ...stale], exhausted: 1 };
  }
  if (order.cycle.length > 0) {
    const events = order.cycle.map((operation) => operation.event);
    violations.push(violation(`the causal order has a cycle: ${events.map(describeEvent).join(' → ')}`, events));
    return { violations, exhausted: 0 };
  }
  violations.push(...stale);
  // A stale read makes the writes it confuses look unordered; one report of it is enough.
  if (stale.length === 0) violations.push(...disagreement(order, conflicts));
  return { violations, exhausted: conflicts.isFull ? 1 : 0 };
}

/** Pairs of writes that a reader puts in order: with the earlier one in its past it saw the later one. */
class Conflicts {
  /** By both writes' indexes, the index of the first such reader. */
  readonly #readers = new Map<number, number>();
  isFull = false;

  constructor(private readonly model: HistoryModel) {}

  add(earlier: Operation, later: Operation, reader: Operation): void {
    const pair = this.#pair(earlier, later);
    if (this.#readers.has(pair)) return;
    if (this.#readers.size < CONFLICTS_LIMIT) this.#readers.set(pair, reader.index);
    else this.isFull = true;
  }

  reader(earlier: Operation, later: Operation): Operation | undefined {
    return this.model.operations[this.#readers.get(this.#pair(earlier, later)) ?? -1];
  }

  *pairs(): Generator<[earlier: number, later: number]> {
    const { length } = this.model.operations;
    for (const pair of this.#readers.keys()) yield [Math.floor(pair / length), pair % length];
  }

  #pair(earlier: Operation, later: Operation): number {
    return earlier.index * this.model.operations.length + later.index;
  }
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

/** The writes of one key by one session, in the order of their ranks. */
interface Line {
  column: number;
  ranks: Int32Array;
  writes: Operation[];
  /** Where the last search ended: the next one mostly ends nearby. */
  found: number;
}

/** Per key the lines of all sessions. */
function linesByKey(order: CausalOrder): Map<string, Line[]> {
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
  const toLine = (unsorted: Operation[]): Line => {
    const writes = unsorted.sort((left, right) => left.seq - right.seq);
    const places = writes.map((write) => order.place(write));
    return { column: places[0]?.column ?? -1, ranks: Int32Array.from(places, ({ rank }) => rank), writes, found: 0 };
  };
  return new Map([...perKey].map(([key, sessions]) => [key, [...sessions.values()].map(toLine)]));
}

/**
 * Of each session the last write of a key that is in the reader's past: earlier ones are in that one's past. Leaves out
 * what is known to `writer` as well, whose value the reader found: that is nothing new.
 */
function latestInPast(
  { reader, past, writer, shown }: { reader: Operation; past: Known; writer: Known | undefined; shown: ShownSwaps },
  lines: readonly Line[],
): Operation[] {
  const found: Operation[] = [];
  for (const line of lines) {
    const after = writer?.rank(line.column) ?? 0;
    for (let at = countKnown(line, past.rank(line.column)) - 1; at >= 0; at -= 1) {
      if ((line.ranks[at] ?? 0) <= after) break;
      const write = line.writes[at] as Operation;
      if (write === reader || shown.isHidden(write, reader, past)) continue;
      found.push(write);
      break;
    }
  }
  return found;
}

/** How many writes of a line have a rank of at most `rank`. */
function countKnown(line: Line, rank: number): number {
  const { ranks, found } = line;
  let low = 0;
  let high = ranks.length;
  if (found > 0 && (ranks[found - 1] ?? 0) > rank) high = found - 1;
  else {
    low = found;
    if (low < high && (ranks[low] ?? 0) > rank) high = low;
    else if (low + 1 < high && (ranks[low + 1] ?? 0) > rank) low = high = low + 1;
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranks[middle] ?? 0) <= rank) low = middle + 1;
    else high = middle;
  }
  line.found = low;
  return low;
}

interface ReadOfValue {
  reader: Operation;
  cell: Cell;
  inPast: readonly Operation[];
  conflicts: Conflicts;
}

function overwritten(
  model: HistoryModel,
  order: CausalOrder,
  { reader, cell, inPast, conflicts }: ReadOfValue,
): Violation[] {
  const writer = model.writers.get(cellName(cell.key, cell.value ?? ''));
  if (!writer) return [];
  const newer = inPast.find((write) => order.precedes(writer, write));
  if (newer) {
    const saw = `${describeEvent(reader.event)} saw ${describeCell(cell)}`;
    const detail = `${saw}, which ${describeEvent(newer.event)}, in its causal past, had overwritten`;
    return [violation(detail, [writer.event, newer.event, reader.event])];
  }
  for (const earlier of inPast) conflicts.add(earlier, writer, reader);
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
  // The last delete explains most absences, and a list may hold very many.
  const explained = (model.deletes.get(key) ?? []).findLast((candidate) => {
    if (candidate.invoke > reader.returned) return false;
    return candidate.optional || !inPast.some((newer) => order.precedes(candidate, newer));
  });
  if (explained) return [];
  const culprit = inPast.find(({ writes }) => writes.some((cell) => cell.key === key && cell.value !== null)) ?? write;
  const past = `${describeEvent(culprit.event)} is in its causal past`;
  const detail = `${describeEvent(reader.event)} found ${showBytes(key)} absent, although ${past} and no delete explains it`;
  return [violation(detail, [culprit.event, reader.event])];
}

/** Reads that together put two writes both ways round. */
function disagreement(order: CausalOrder, conflicts: Conflicts): Violation[] {
  const node = (index: number): number => order.nodes[index] ?? -1;
  for (const [earlier, later] of conflicts.pairs()) order.graph.addEdge(node(earlier), node(later));
  const cycle = order.graph.findCycle();
  if (cycle.length === 0) return [];
  const events = new Set<HistoryEvent>();
  const seen: string[] = [];
  cycle.forEach((from, at) => {
    const [earlier, later] = [order.operations[from], order.operations[cycle[(at + 1) % cycle.length] ?? from]];
    const reader = earlier && later && conflicts.reader(earlier, later);
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
