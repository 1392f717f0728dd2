// Who must come before whom, as a sparse graph: real time and session order with pipelining. "Everything that
// returned before this moment" is one extra node of a chain, so that a history of n operations has O(n) edges.

import type { Operation } from './history-model.js';

/** A graph whose first nodes are the operations it was created for; later nodes are moments in time. */
export class Precedence {
  readonly successors: number[][] = [];
  readonly predecessors: number[][] = [];

  constructor(readonly operationCount: number) {
    for (let node = 0; node < operationCount; node += 1) this.addNode();
  }

  get nodeCount(): number {
    return this.successors.length;
  }

  addNode(): number {
    this.successors.push([]);
    this.predecessors.push([]);
    return this.successors.length - 1;
  }

  addEdge(from: number, to: number): void {
    this.successors[from]?.push(to);
    this.predecessors[to]?.push(from);
  }

  /** Nodes in an order that respects all edges. Shorter than `nodeCount` iff there is a cycle. */
  topologicalOrder(): number[] {
    const waiting = this.predecessors.map((nodes) => nodes.length);
    const order = [...waiting.keys()].filter((node) => waiting[node] === 0);
    for (let at = 0; at < order.length; at += 1) {
      for (const next of this.successors[order[at] ?? -1] ?? []) {
        waiting[next] = (waiting[next] ?? 0) - 1;
        if (waiting[next] === 0) order.push(next);
      }
    }
    return order;
  }

  /** The operations of one cycle in its order; empty if there is none. */
  findCycle(): number[] {
    const ordered = new Set(this.topologicalOrder());
    let node = [...this.successors.keys()].find((candidate) => !ordered.has(candidate));
    // What the order leaves over has a predecessor that it leaves over too: walking backwards must come round.
    const at = new Map<number, number>();
    const walk: number[] = [];
    while (node !== undefined && !at.has(node)) {
      at.set(node, walk.length);
      walk.push(node);
      node = this.predecessors[node]?.find((candidate) => !ordered.has(candidate));
    }
    if (node === undefined) return [];
    return walk
      .slice(at.get(node))
      .reverse()
      .filter((member) => member < this.operationCount);
  }
}

/**
 * Adds real time: what returned before another was invoked comes first. `from` says whose return counts, `to` whose
 * invocation does; both get a position in `operations`.
 */
export function addRealTime(
  graph: Precedence,
  operations: readonly Operation[],
  from: (operation: Operation) => boolean,
  to: (operation: Operation) => boolean,
): void {
  const indexes = [...operations.keys()];
  const time = (index: number, which: 'invoke' | 'returned'): number => operations[index]?.[which] ?? 0;
  const returns = indexes
    .filter((index) => from(operations[index] as Operation) && time(index, 'returned') < Number.POSITIVE_INFINITY)
    .sort((left, right) => time(left, 'returned') - time(right, 'returned'));
  const invocations = indexes
    .filter((index) => to(operations[index] as Operation))
    .sort((left, right) => time(left, 'invoke') - time(right, 'invoke'));
  let moment: number | null = null;
  let next = 0;
  for (const invoked of invocations) {
    const gathered: number[] = [];
    for (
      let index = returns[next];
      index !== undefined && time(index, 'returned') < time(invoked, 'invoke');
      index = returns[next]
    ) {
      gathered.push(index);
      next += 1;
    }
    if (gathered.length > 0) {
      const node = graph.addNode();
      if (moment !== null) graph.addEdge(moment, node);
      for (const index of gathered) graph.addEdge(index, node);
      moment = node;
    }
    if (moment !== null) graph.addEdge(moment, invoked);
  }
}

/** Positions of the operations of each session that are certain, and of those that are optional. */
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
  for (const members of bySession(operations).values()) {
    // A write sorts before the reads that carry its seq.
    const rank = (index: number): number => (operations[index]?.seq ?? 0) + (operations[index]?.numbered ? 0 : 0.5);
    let last: number | null = null;
    for (const index of members.sort((left, right) => rank(left) - rank(right))) {
      if (last !== null) edges.push([last, index]);
      if (operations[index]?.numbered && !operations[index]?.optional) last = index;
    }
  }
  return edges;
}

/** Adds session order: the numbered order, and what returned before the session invoked the next. */
export function addSessionOrder(graph: Precedence, operations: readonly Operation[]): void {
  for (const [from, to] of sequenceEdges(operations)) graph.addEdge(from, to);
  for (const session of bySession(operations).keys()) {
    const own = (operation: Operation): boolean => operation.session === session;
    addRealTime(graph, operations, own, own);
  }
}

/** For each operation the optional writes that its session numbered before it. */
export function optionalPredecessors(operations: readonly Operation[]): number[][] {
  const sessions = bySession(operations.map((operation) => operation));
  return operations.map((operation) => {
    const members = sessions.get(operation.session) ?? [];
    return members.filter((index) => {
      const other = operations[index];
      if (!other?.optional || other === operation) return false;
      return operation.numbered ? other.seq < operation.seq : other.seq <= operation.seq;
    });
  });
}
