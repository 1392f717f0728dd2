// The causal order of a history: session order and reads-from, closed under transitivity. Kept as clocks: a session's
// writes are in a line, so how far each session's line is known says everything. Clocks of writes are kept, all others
// only as long as something still builds on them. Judges nothing.

import { ClockTable } from './clock-table.js';
import { cellName, type HistoryModel, type Operation } from './history-model.js';
import { addSessionOrder, Precedence } from './precedence.js';

/** Most bytes of clocks; writes times writing sessions times four is what a history needs. */
const CLOCK_BYTES_LIMIT = 1 << 30;

/** How much of each session is known: the rank of its last known write, 1 for the first. */
export interface Known {
  rank(column: number): number;
}

/** Causal order over the certain operations of a model. */
export interface CausalOrder {
  /** The certain operations; their positions are the nodes of the graph. */
  operations: readonly Operation[];
  /** Per operation of the model (by its index) its node, -1 if it is optional. */
  nodes: Int32Array;
  /** Session order and reads-from; only valid to extend, not to reduce. */
  graph: Precedence;
  /** Operations of one cycle; if there is any, nothing else is known. */
  cycle: readonly Operation[];
  /** Whether a write is in the causal past of another one. */
  precedes(earlier: Operation, later: Operation): boolean;
  /** The session of a write as a column of clocks, and its rank there. */
  place(write: Operation): { column: number; rank: number };
  /** What a write and everything before it make known; the write comes before the reader that asks. */
  knownAfter(write: Operation): Known;
}

/**
 * Builds the causal order; optional operations are not in it. Each operation that reads is shown to `onReader` with its
 * past, after everything in that past. Throws `ClockTableFull`.
 */
export function causalOrder(model: HistoryModel, onReader?: CausalVisitor): CausalOrder {
  const operations = model.operations.filter((operation) => !operation.optional);
  const nodes = new Int32Array(model.operations.length).fill(-1);
  operations.forEach((operation, node) => {
    nodes[operation.index] = node;
  });
  const graph = new Precedence(operations.length);
  addSessionOrder(graph, operations);
  const earlierInSession = graph.inDegrees();
  operations.forEach((operation, node) => {
    for (const writer of writersRead(operation, model, nodes)) graph.addEdge(writer, node);
  });
  const cycle = graph.findCycle().map((node) => operations[node] as Operation);
  const clocks = new Clocks(operations);
  const precedes = (earlier: Operation, later: Operation): boolean =>
    earlier.index !== later.index && clocks.knowsAfter(nodes[later.index] ?? -1, nodes[earlier.index] ?? -1);
  const place = (write: Operation): { column: number; rank: number } => {
    const node = nodes[write.index] ?? -1;
    return { column: clocks.column[node] ?? -1, rank: clocks.rank[node] ?? 0 };
  };
  const knownAfter = (write: Operation): Known => clocks.known(clocks.after[nodes[write.index] ?? -1] ?? -1);
  const order: CausalOrder = { operations, nodes, graph, cycle, precedes, place, knownAfter };
  if (cycle.length === 0) fillClocks({ order, model, clocks, earlierInSession, onReader });
  return order;
}

/** Hears of each reader, its past and the order as far as it is known: as far as that past needs it. */
export type CausalVisitor = (reader: Operation, past: Known, order: CausalOrder) => void;

/**
 * Whether a weak read leaves this write out although later writes of its session are in its past: the outcome of an own
 * compare-and-set is not known before it returns, so that it is not laid over what the replica answered.
 */
export function isUndecidedFor(reader: Operation, write: Operation): boolean {
  return (
    !reader.strong && write.event.op === 'cas' && write.session === reader.session && !(write.returned < reader.invoke)
  );
}

/** The certain writers of what an operation read, as nodes. */
function writersRead(operation: Operation, model: HistoryModel, nodes: Int32Array): number[] {
  const found: number[] = [];
  for (const { key, value } of operation.reads) {
    const writer = value === null ? undefined : model.writers.get(cellName(key, value));
    const node = writer === undefined ? -1 : (nodes[writer.index] ?? -1);
    if (node >= 0 && !found.includes(node)) found.push(node);
  }
  return found;
}

/** The clocks of all nodes. A session counts by the ranks of its writes, 1 for the first. */
class Clocks {
  readonly table: ClockTable;
  /** Per operation the column of its session; -1 if that never writes. */
  readonly column: Int32Array;
  /** Per write its rank in its session; equal seqs have equal ranks. */
  readonly rank: Int32Array;
  /** Per write the row with its past, what it read, and itself; -1 before it is known. */
  readonly after: Int32Array;

  constructor(operations: readonly Operation[]) {
    const writes = operations.flatMap(({ numbered }, node) => (numbered ? node : []));
    const [session, seq] = [
      (node: number) => operations[node]?.session ?? 0,
      (node: number) => operations[node]?.seq ?? 0,
    ];
    writes.sort((left, right) => session(left) - session(right) || seq(left) - seq(right));
    const columns = new Map<number, number>();
    this.rank = new Int32Array(operations.length);
    this.after = new Int32Array(operations.length).fill(-1);
    writes.forEach((node, at) => {
      const before = writes[at - 1] ?? -1;
      if (before < 0 || session(before) !== session(node)) columns.set(session(node), columns.size);
      const follows = before >= 0 && session(before) === session(node);
      const step = follows && seq(before) === seq(node) ? 0 : 1;
      this.rank[node] = (follows ? (this.rank[before] ?? 0) : 0) + step;
    });
    this.column = Int32Array.from(operations, (operation) => columns.get(operation.session) ?? -1);
    this.table = new ClockTable(columns.size, CLOCK_BYTES_LIMIT);
  }

  /** Whether a row has a write; only writes have ranks. */
  knows(row: number, write: number): boolean {
    return (this.rank[write] ?? 0) <= this.table.get(row, this.column[write] ?? 0);
  }

  knowsAfter(later: number, earlier: number): boolean {
    const row = this.after[later] ?? -1;
    return row >= 0 && earlier >= 0 && this.knows(row, earlier);
  }

  known(row: number): Known {
    return { rank: (column) => this.table.get(row, column) };
  }

  raise(row: number, write: number): void {
    this.table.raise(row, this.column[write] ?? 0, this.rank[write] ?? 0);
  }
}

interface Filling {
  order: CausalOrder;
  model: HistoryModel;
  clocks: Clocks;
  /** Per node how many of its predecessors, the first ones, come from session order. */
  earlierInSession: Int32Array;
  onReader: CausalVisitor | undefined;
}

/**
 * Along session order two things are handed on. To whatever a session does later: what its answered reads saw. To its
 * next write or strong read also all that its last write had in its past, which for a compare-and-set in flight is more
 * than a weak read has to know.
 */
function fillClocks({ order, model, clocks, earlierInSession, onReader }: Filling): void {
  const { operations, graph } = order;
  const { table, after } = clocks;
  const seen = new Int32Array(graph.nodeCount).fill(-1);
  const left = Int32Array.from(seen, (_, node) => graph.successorsOf(node).length);
  for (const node of graph.topologicalOrder()) {
    const operation = operations[node];
    const past = table.create();
    const before = graph.predecessorsOf(node);
    for (const earlier of before.subarray(0, earlierInSession[node])) {
      if (earlier >= operations.length || !operation) {
        const row = seen[earlier] ?? -1;
        if (row >= 0) table.join(past, row);
      } else if (operation.strong || operation.numbered) table.join(past, after[earlier] ?? past);
      else clocks.raise(past, earlier);
    }
    if (operation) {
      if (operation.reads.length > 0) onReader?.(operation, clocks.known(past), order);
      seen[node] = addWhatItRead({ order, model, clocks }, node, past);
    } else seen[node] = past;
    for (const earlier of before) {
      left[earlier] = (left[earlier] ?? 0) - 1;
      if (left[earlier] === 0) release(table, seen, earlier);
    }
    if (left[node] === 0) release(table, seen, node);
  }
}

/** Answers the row of what the operation saw, -1 for nothing; its past becomes that of a write, or is given back. */
function addWhatItRead(
  { order, model, clocks }: Pick<Filling, 'order' | 'model' | 'clocks'>,
  node: number,
  past: number,
): number {
  const operation = order.operations[node] as Operation;
  const { table, after } = clocks;
  const writers = writersRead(operation, model, order.nodes);
  const saw = writers.length === 0 ? -1 : table.create();
  for (const writer of writers) {
    // A weak read may have its session's own write from the session itself: that says nothing about others' writes.
    if (!operation.strong && order.operations[writer]?.session === operation.session) clocks.raise(saw, writer);
    else table.join(saw, after[writer] ?? saw);
  }
  if (operation.numbered) {
    if (saw >= 0) table.join(past, saw);
    clocks.raise(past, node);
    after[node] = past;
  } else table.release(past);
  return saw;
}

function release(table: ClockTable, seen: Int32Array, node: number): void {
  const row = seen[node] ?? -1;
  if (row >= 0) table.release(row);
  seen[node] = -1;
}
