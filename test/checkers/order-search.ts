// Looks for one order of operations on registers that respects a precedence graph and in which every read finds what
// it answered: Wing and Gong's search with memory. Values are unique per key, so a value that is overwritten before its
// last reader came can never be read again; that prunes nearly everything. Knows no consistency property.

import { type Cell, cellName, type Operation } from './history-model.js';
import { optionalPredecessors, type Precedence } from './precedence.js';

/** What a search found. `exhausted`: the budget ran out before an answer. */
export type SearchVerdict = 'found' | 'none' | 'exhausted';

/** What to search. */
export interface OrderProblem {
  operations: readonly Operation[];
  /** Created for exactly these operations. */
  graph: Precedence;
  /** Where there is a choice, the write with the smallest number is tried first. */
  priority: readonly number[];
  /** Most choices to try. */
  budget: number;
}

/** Searches for an order; optional operations may take part or not, all others must. */
export function searchOrder(problem: OrderProblem): SearchVerdict {
  const state = new SearchState(problem);
  const failed = new Set<string>();
  const stack: { mark: number; choices: number[]; next: number; name: string }[] = [];
  const enter = (mark: number): boolean => {
    state.placeForced();
    if (state.isComplete()) return true;
    const name = state.describe();
    if (failed.has(name)) state.undo(mark);
    else stack.push({ mark, choices: state.choices(), next: 0, name });
    return false;
  };
  if (enter(0)) return 'found';
  let tried = 0;
  for (let frame = stack.at(-1); frame; frame = stack.at(-1)) {
    const choice = frame.choices[frame.next];
    if (choice === undefined) {
      failed.add(frame.name);
      state.undo(frame.mark);
      stack.pop();
      continue;
    }
    if (tried === problem.budget) return 'exhausted';
    tried += 1;
    frame.next += 1;
    const mark = state.mark();
    state.place(choice);
    if (enter(mark)) return 'found';
  }
  return 'none';
}

/** A read or write of a cell, both by number. */
interface Access {
  key: number;
  cell: number;
}

/** One placed or cancelled node and what it replaced. */
interface Step {
  node: number;
  cancelled: boolean;
  replaced: Access[];
}

/** The order so far: what is placed, what each key holds, who still waits to read it. */
class SearchState {
  private readonly reads: Access[][];
  private readonly writes: Access[][];
  private readonly cancels: number[][];
  private readonly waiting: number[];
  private readonly done: Uint8Array;
  private readonly ready = new Set<number>();
  /** Per key: the cell it holds. The cell of absence has the key's own number. */
  private readonly current: number[] = [];
  /** Per cell: certain operations that read it and are not placed. */
  private readonly readersLeft: number[] = [];
  /** Per key: deletes that are not placed. */
  private readonly deletesLeft: number[] = [];
  private readonly steps: Step[] = [];
  private left: number;

  constructor(private readonly problem: OrderProblem) {
    const { operations, graph } = problem;
    const keys = new Map<string, number>();
    for (const { key } of operations.flatMap((operation) => [...operation.reads, ...operation.writes])) {
      if (!keys.has(key)) keys.set(key, keys.size);
    }
    const cells = new Map<string, number>();
    const access = ({ key, value }: Cell): Access => {
      const keyNumber = keys.get(key) ?? 0;
      if (value === null) return { key: keyNumber, cell: keyNumber };
      const name = cellName(key, value);
      const cell = cells.get(name) ?? keys.size + cells.size;
      cells.set(name, cell);
      return { key: keyNumber, cell };
    };
    this.reads = operations.map((operation) => operation.reads.map(access));
    this.writes = operations.map((operation) => operation.writes.map(access));
    this.current = [...keys.values()];
    this.deletesLeft = this.current.map(() => 0);
    this.readersLeft = new Array<number>(keys.size + cells.size).fill(0);
    operations.forEach((operation, node) => {
      for (const { cell } of this.reads[node] ?? []) if (!operation.optional) this.add(this.readersLeft, cell, 1);
      for (const { key, cell } of this.writes[node] ?? []) if (cell === key) this.add(this.deletesLeft, key, 1);
    });
    this.cancels = optionalPredecessors(operations);
    this.waiting = graph.predecessors.map((nodes) => nodes.length);
    this.done = new Uint8Array(graph.nodeCount);
    this.left = operations.filter((operation) => !operation.optional).length;
    this.waiting.forEach((count, node) => {
      if (count === 0) this.ready.add(node);
    });
  }

  isComplete(): boolean {
    return this.left === 0;
  }

  mark(): number {
    return this.steps.length;
  }

  /** Places everything of which it is certain that placing it now cannot spoil an order that exists. */
  placeForced(): void {
    for (let moved = true; moved; ) {
      moved = false;
      for (const node of [...this.ready]) {
        if (!this.isForced(node)) continue;
        this.place(node);
        moved = true;
      }
    }
  }

  /** Operations that may come next, best first. */
  choices(): number[] {
    const { priority } = this.problem;
    return [...this.ready]
      .filter((node) => this.readsMatch(node) && this.harmsNoReader(node))
      .sort((left, right) => (priority[left] ?? 0) - (priority[right] ?? 0));
  }

  place(node: number): void {
    const operation = this.problem.operations[node];
    for (const optional of this.cancels[node] ?? []) if (this.done[optional] === 0) this.finish(optional, true);
    for (const { cell } of this.reads[node] ?? []) if (!operation?.optional) this.add(this.readersLeft, cell, -1);
    this.finish(node, false);
  }

  undo(mark: number): void {
    while (this.steps.length > mark) {
      const step = this.steps.pop();
      if (step) this.revert(step);
    }
  }

  /** One string for what matters about the state: who is placed, and what may still be read where. */
  describe(): string {
    const codes: number[] = [];
    for (let node = 0; node < this.problem.operations.length; node += 16) {
      let bits = 0;
      for (let bit = 0; bit < 16; bit += 1) bits |= (this.done[node + bit] ?? 0) << bit;
      codes.push(bits & 0xffff);
    }
    // Of a value that nobody waits for, only its presence matters, and of absence that there is none.
    const held = this.current.map((cell, key) => ((this.readersLeft[cell] ?? 0) > 0 || cell === key ? cell : '-'));
    return `${String.fromCharCode(...codes)}|${held.join(',')}`;
  }

  private finish(node: number, cancelled: boolean): void {
    const replaced: Access[] = [];
    for (const { key, cell } of this.writes[node] ?? []) {
      if (cell === key) this.add(this.deletesLeft, key, -1);
      if (cancelled) continue;
      replaced.push({ key, cell: this.current[key] ?? key });
      this.current[key] = cell;
    }
    this.done[node] = 1;
    this.ready.delete(node);
    if (node < this.problem.operations.length && !this.problem.operations[node]?.optional) this.left -= 1;
    for (const next of this.problem.graph.successors[node] ?? []) {
      this.add(this.waiting, next, -1);
      if (this.waiting[next] === 0 && this.done[next] === 0) this.ready.add(next);
    }
    this.steps.push({ node, cancelled, replaced });
  }

  private revert({ node, cancelled, replaced }: Step): void {
    const operation = this.problem.operations[node];
    for (const next of this.problem.graph.successors[node] ?? []) {
      this.add(this.waiting, next, 1);
      this.ready.delete(next);
    }
    for (const { key, cell } of replaced) this.current[key] = cell;
    for (const { key, cell } of this.writes[node] ?? []) if (cell === key) this.add(this.deletesLeft, key, 1);
    if (!cancelled && !operation?.optional)
      for (const { cell } of this.reads[node] ?? []) this.add(this.readersLeft, cell, 1);
    if (operation && !operation.optional) this.left += 1;
    this.done[node] = 0;
    if (this.waiting[node] === 0) this.ready.add(node);
  }

  /** Moments in time, reads that match, and writes that nobody reads and that hide nothing. */
  private isForced(node: number): boolean {
    const operation = this.problem.operations[node];
    if (!operation) return true;
    if (operation.optional || !this.readsMatch(node)) return false;
    // An optional write that its session issued before can no longer take part afterwards.
    if ((this.cancels[node] ?? []).some((optional) => this.done[optional] === 0)) return false;
    const writes = this.writes[node] ?? [];
    if (writes.length === 0) return true;
    if (operation.reads.length > 0) return false;
    return writes.every(
      ({ key, cell }) => this.readersLeft[cell] === 0 && this.readersLeft[this.current[key] ?? key] === 0,
    );
  }

  private readsMatch(node: number): boolean {
    return (this.reads[node] ?? []).every(({ key, cell }) => this.current[key] === cell);
  }

  /** Whether nobody but the node itself still has to read what it overwrites. Only absence can come back. */
  private harmsNoReader(node: number): boolean {
    const own = this.problem.operations[node]?.optional ? [] : (this.reads[node] ?? []);
    return (this.writes[node] ?? []).every(({ key, cell }) => {
      const held = this.current[key] ?? key;
      if (held === cell) return true;
      const others = (this.readersLeft[held] ?? 0) - (own.some((read) => read.cell === held) ? 1 : 0);
      return others === 0 || (held === key && (this.deletesLeft[key] ?? 0) > 0);
    });
  }

  private add(counts: number[], at: number, change: number): void {
    counts[at] = (counts[at] ?? 0) + change;
  }
}
