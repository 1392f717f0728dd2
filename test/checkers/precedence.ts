// Who must come before whom, as a sparse graph: real time and session order with pipelining. "Everything that
// returned before this moment" is one extra node of a chain, so that a history of n operations has O(n) edges. Kept in
// flat arrays of numbers, because histories have millions of edges.

import type { Operation } from './history-model.js';
import { NumberList } from './number-list.js';

/** The other ends of all edges, gathered by node: those of node n lie from `starts[n]` to `starts[n + 1]`. */
interface Neighbours {
  starts: Int32Array;
  ends: Int32Array;
}

/** A graph whose first nodes are the operations it was created for; later nodes are moments in time. */
export class Precedence {
  readonly #from = new NumberList();
  readonly #to = new NumberList();
  #nodes: number;
  #successors: Neighbours | null = null;
  #predecessors: Neighbours | null = null;

  constructor(readonly operationCount: number) {
    this.#nodes = operationCount;
  }

  get nodeCount(): number {
    return this.#nodes;
  }

  addNode(): number {
    this.#forget();
    this.#nodes += 1;
    return this.#nodes - 1;
  }

  addEdge(from: number, to: number): void {
    this.#forget();
    this.#from.push(from);
    this.#to.push(to);
  }

  /** In the order in which their edges were added. */
  successorsOf(node: number): Int32Array {
    this.#successors ??= gather(this.#nodes, this.#from, this.#to);
    return slice(this.#successors, node);
  }

  /** In the order in which their edges were added. */
  predecessorsOf(node: number): Int32Array {
    this.#predecessors ??= gather(this.#nodes, this.#to, this.#from);
    return slice(this.#predecessors, node);
  }

  /** Per node the number of edges that end there. */
  inDegrees(): Int32Array {
    const degrees = new Int32Array(this.#nodes);
    for (let edge = 0; edge < this.#to.length; edge += 1) {
      const node = this.#to.at(edge);
      degrees[node] = (degrees[node] ?? 0) + 1;
    }
    return degrees;
  }

  /** Nodes in an order that respects all edges. Shorter than `nodeCount` iff there is a cycle. */
  topologicalOrder(): Int32Array {
    const waiting = this.inDegrees();
    const order = new Int32Array(this.#nodes);
    let length = 0;
    for (let node = 0; node < this.#nodes; node += 1) if (waiting[node] === 0) order[length++] = node;
    for (let at = 0; at < length; at += 1) {
      for (const next of this.successorsOf(order[at] ?? -1)) {
        const left = (waiting[next] ?? 0) - 1;
        waiting[next] = left;
        if (left === 0) order[length++] = next;
      }
    }
    return order.subarray(0, length);
  }

  /** The operations of one cycle in its order; empty if there is none. */
  findCycle(): number[] {
    const order = this.topologicalOrder();
    if (order.length === this.#nodes) return [];
    const ordered = new Uint8Array(this.#nodes);
    for (const node of order) ordered[node] = 1;
    let node: number | undefined = ordered.indexOf(0);
    // What the order leaves over has a predecessor that it leaves over too: walking backwards must come round.
    const at = new Map<number, number>();
    const walk: number[] = [];
    while (node !== undefined && !at.has(node)) {
      at.set(node, walk.length);
      walk.push(node);
      node = this.predecessorsOf(node).find((candidate) => ordered[candidate] === 0);
    }
    if (node === undefined) return [];
    return walk
      .slice(at.get(node))
      .reverse()
      .filter((member) => member < this.operationCount);
  }

  #forget(): void {
    this.#successors = null;
    this.#predecessors = null;
  }
}

function gather(nodes: number, by: NumberList, other: NumberList): Neighbours {
  const starts = new Int32Array(nodes + 1);
  for (let edge = 0; edge < by.length; edge += 1) {
    const node = by.at(edge) + 1;
    starts[node] = (starts[node] ?? 0) + 1;
  }
  for (let node = 0; node < nodes; node += 1) starts[node + 1] = (starts[node + 1] ?? 0) + (starts[node] ?? 0);
  const next = starts.slice();
  const ends = new Int32Array(by.length);
  for (let edge = 0; edge < by.length; edge += 1) {
    const node = by.at(edge);
    const place = next[node] ?? 0;
    next[node] = place + 1;
    ends[place] = other.at(edge);
  }
  return { starts, ends };
}

function slice({ starts, ends }: Neighbours, node: number): Int32Array {
  return ends.subarray(starts[node], starts[node + 1]);
}

/**
 * Adds real time: what returned before another was invoked comes first. `from` says whose return counts, `to` whose
 * invocation does; both hold positions in `operations`.
 */
export function addRealTime(
  graph: Precedence,
  operations: readonly Operation[],
  { from, to }: { from: readonly number[]; to: readonly number[] },
): void {
  const returned = (index: number): number => operations[index]?.returned ?? 0;
  const invoke = (index: number): number => operations[index]?.invoke ?? 0;
  const returns = from
    .filter((index) => returned(index) < Number.POSITIVE_INFINITY)
    .sort((left, right) => returned(left) - returned(right));
  let moment: number | null = null;
  let next = 0;
  for (const invoked of [...to].sort((left, right) => invoke(left) - invoke(right))) {
    const first = next;
    while (next < returns.length && returned(returns[next] ?? 0) < invoke(invoked)) next += 1;
    if (next > first) {
      const node = graph.addNode();
      if (moment !== null) graph.addEdge(moment, node);
      for (let at = first; at < next; at += 1) graph.addEdge(returns[at] ?? 0, node);
      moment = node;
    }
    if (moment !== null) graph.addEdge(moment, invoked);
  }
}

/** Positions of the operations of each session. */
function bySession(operations: readonly Operation[]): Map<number, number[]> {
  const sessions = new Map<number, number[]>();
  operations.forEach((operation, index) => {
    const members = sessions.get(operation.session);
    if (members) members.push(index);
    else sessions.set(operation.session, [index]);
  });
  return sessions;
}

/**
 * Edges of each session's numbered order: writes by seq, and each write before the reads issued after it. An optional
 * write comes after its predecessors, but nothing waits for it.
 */
export function sequenceEdges(operations: readonly Operation[]): [number, number][] {
  const edges: [number, number][] = [];
  for (const members of bySession(operations).values()) addSequence(operations, members, (...edge) => edges.push(edge));
  return edges;
}

function addSequence(
  operations: readonly Operation[],
  members: readonly number[],
  onEdge: (from: number, to: number) => void,
): void {
  // A write sorts before the reads that carry its seq.
  const rank = (index: number): number => (operations[index]?.seq ?? 0) + (operations[index]?.numbered ? 0 : 0.5);
  let last: number | null = null;
  for (const index of [...members].sort((left, right) => rank(left) - rank(right))) {
    if (last !== null) onEdge(last, index);
    if (operations[index]?.numbered && !operations[index]?.optional) last = index;
  }
}

/** Adds session order: the numbered order, and what returned before the session invoked the next. */
export function addSessionOrder(graph: Precedence, operations: readonly Operation[]): void {
  for (const members of bySession(operations).values()) {
    addSequence(operations, members, (from, to) => graph.addEdge(from, to));
    addRealTime(graph, operations, { from: members, to: members });
  }
}

/** For each operation the optional writes that its session numbered before it; only where there are any. */
export function optionalPredecessors(operations: readonly Operation[]): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const members of bySession(operations).values()) {
    const optional = members.filter((index) => operations[index]?.optional);
    if (optional.length === 0) continue;
    for (const index of members) {
      const { numbered, seq } = operations[index] as Operation;
      const before = optional.filter((other) => {
        const otherSeq = operations[other]?.seq ?? 0;
        return other !== index && (numbered ? otherSeq < seq : otherSeq <= seq);
      });
      if (before.length > 0) found.set(index, before);
    }
  }
  return found;
}
