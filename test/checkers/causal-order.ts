// The causal order of a history: session order and reads-from, closed under transitivity. Kept as clocks: a session's
// writes are in a line, so how far each session's line is known says everything. Judges nothing.

import { cellName, type HistoryModel, type Operation } from './history-model.js';
import { addSessionOrder, Precedence } from './precedence.js';

/** Per session (by position) the highest seq of its writes that is known; 0 for none. */
export type Clock = Float64Array;

/** Causal order over the certain operations of a model. */
export interface CausalOrder {
  /** The certain operations; their positions are the nodes of the graph. */
  operations: Operation[];
  position: Map<Operation, number>;
  /** Session order and reads-from; only valid to extend, not to reduce. */
  graph: Precedence;
  /** Operations of one cycle; if there is any, the clocks are empty. */
  cycle: Operation[];
  /** What is in each operation's past before it reads. */
  past: Clock[];
  /** Past, what it read, and itself if it is a write. */
  after: Clock[];
  sessionPosition(session: number): number;
}

/** Builds the causal order. Optional operations are not in it. */
export function causalOrder(model: HistoryModel): CausalOrder {
  const operations = model.operations.filter((operation) => !operation.optional);
  const position = new Map(operations.map((operation, index) => [operation, index]));
  const sources = operations.map((operation) => readFrom(operation, model, position));
  const graph = new Precedence(operations.length);
  addSessionOrder(graph, operations);
  const earlierInSession = graph.predecessors.map((nodes) => [...nodes]);
  sources.forEach((writers, reader) => {
    for (const writer of writers) graph.addEdge(writer, reader);
  });
  const numbers = new Map<number, number>();
  for (const { session } of operations) if (!numbers.has(session)) numbers.set(session, numbers.size);
  const cycle = graph.findCycle().map((index) => operations[index] as Operation);
  const sessionPosition = (session: number): number => numbers.get(session) ?? -1;
  const order: CausalOrder = { operations, position, graph, cycle, past: [], after: [], sessionPosition };
  if (cycle.length === 0) fillClocks(order, earlierInSession, sources, numbers.size);
  return order;
}

/** Whether a write is in the past of a reader, or in its past and what it read if `clock` says that. */
export function isKnown(order: CausalOrder, clock: Clock | undefined, write: Operation): boolean {
  return write.seq <= (clock?.[order.sessionPosition(write.session)] ?? 0);
}

/**
 * Whether a weak read leaves this write out although later writes of its session are in its past: the outcome of an own
 * compare-and-set is not known before it returns, so that it is not laid over what the replica answered.
 */
export function isUndecidedFor(reader: Operation, write: Operation): boolean {
  return (
    !reader.strong && write.event.op === 'cas' && write.session === reader.session && !(write.returned < reader.invoke)
  );
}

function readFrom(operation: Operation, model: HistoryModel, position: ReadonlyMap<Operation, number>): number[] {
  const found = operation.reads.flatMap(({ key, value }) => {
    const writer = value === null ? undefined : model.writers.get(cellName(key, value));
    return writer === undefined ? [] : (position.get(writer) ?? []);
  });
  return [...new Set(found)];
}

/**
 * Along session order two things are handed on. To whatever a session does later: what its answered reads saw. To its
 * next write or strong read also all that its last write had in its past, which for a compare-and-set in flight is more
 * than a weak read has to know.
 */
function fillClocks(
  order: CausalOrder,
  earlierInSession: readonly number[][],
  sources: readonly number[][],
  sessions: number,
): void {
  const { operations } = order;
  const seen: Clock[] = [];
  for (const node of order.graph.topologicalOrder()) {
    const operation = operations[node];
    const past: Clock = new Float64Array(sessions);
    for (const before of earlierInSession[node] ?? []) {
      const write = operations[before];
      if (!operation || !write) join(past, seen[before]);
      else if (operation.strong || operation.numbered) join(past, order.after[before]);
      else raise(past, order.sessionPosition(write.session), write.seq);
    }
    if (!operation) {
      seen[node] = past;
      continue;
    }
    const saw: Clock = new Float64Array(sessions);
    for (const writer of sources[node] ?? []) {
      const source = operations[writer];
      // A weak read may have its session's own write from the session itself: that says nothing about others' writes.
      if (source && !operation.strong && source.session === operation.session)
        raise(saw, order.sessionPosition(source.session), source.seq);
      else join(saw, order.after[writer]);
    }
    const after = past.slice();
    join(after, saw);
    if (operation.numbered) raise(after, order.sessionPosition(operation.session), operation.seq);
    seen[node] = saw;
    order.past[node] = past;
    order.after[node] = after;
  }
}

function join(clock: Clock, other: Clock | undefined): void {
  if (!other) return;
  for (let session = 0; session < clock.length; session += 1) raise(clock, session, other[session] ?? 0);
}

function raise(clock: Clock, session: number, seq: number): void {
  if (seq > (clock[session] ?? 0)) clock[session] = seq;
}
