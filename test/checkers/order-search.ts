// Looks for one order of operations on registers that respects a precedence graph and in which every read finds what
// it answered: Wing and Gong's search with memory. Values are unique per key, so a value that is overwritten before its
// last reader came can never be read again; that prunes nearly everything. Knows no consistency property.

import { type Cell, cellName, type Operation } from './history-model.js';
import { optionalPredecessors, type Precedence } from './precedence.js';

/** What a search found. `exhausted`: the budget ran out before an answer. */
export type SearchVerdict = 'found' | 'none' | 'exhausted';

const FINGERPRINT_WORDS = 4;

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
  private readonly cancels: ReadonlyMap<number, number[]>;
  private readonly waiting: Int32Array;
  /** A fingerprint of the state; see `describe`. */
  private readonly print = new Int32Array(FINGERPRINT_WORDS);
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
    this.waiting = graph.inDegrees();
    this.done = new Uint8Array(graph.nodeCount);
    this.left = operations.filter((operation) => !operation.optional).length;
    this.waiting.forEach((count, node) => {
      if (count === 0) this.ready.add(node);
    });
    for (const key of keys.values()) this.toggleHeld(key);
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
    for (const optional of this.cancels.get(node) ?? []) if (this.done[optional] === 0) this.finish(optional, true);
    this.toggleAccessed(node);
    for (const { cell } of this.reads[node] ?? []) if (!operation?.optional) this.add(this.readersLeft, cell, -1);
    this.finish(node, false);
    this.toggleAccessed(node);
  }

  undo(mark: number): void {
    while (this.steps.length > mark) {
      const step = this.steps.pop();
      if (step) this.revert(step);
    }
  }

  /**
   * What matters about the state: who is placed, and what may still be read where. 128 bits that every step updates, as
   * writing out the placed operations would take as long as the history at each choice.
   */
  describe(): string {
    return String.fromCharCode(...new Uint16Array(this.print.buffer));
  }

  /** Puts what a key holds into the fingerprint, or takes it out again. */
  private toggleHeld(key: number): void {
    const cell = this.current[key] ?? key;
    // Of a value that nobody waits for, only its presence matters, and of absence that there is none.
    const code = (this.readersLeft[cell] ?? 0) > 0 || cell === key ? cell + 1 : 0;
    this.toggle(key * 2 + 1, code);
  }

  private toggle(subject: number, state: number): void {
    for (let word = 0; word < FINGERPRINT_WORDS; word += 1) {
      let mixed = Math.imul(subject + 1, 0x9e3779b1) ^ Math.imul(state + word * 0x51ed27 + 1, 0x85ebca6b);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d + word * 2);
      mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
      this.print[word] = (this.print[word] ?? 0) ^ mixed ^ (mixed >>> 15);
    }
  }

  private toggleAccessed(node: number): void {
    const accesses = [...(this.reads[node] ?? []), ...(this.writes[node] ?? [])];
    const [first] = accesses;
    if (accesses.length === 1 && first) this.toggleHeld(first.key);
    else for (const key of new Set(accesses.map((access) => access.key))) this.toggleHeld(key);
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
    if (node < this.problem.operations.length) this.toggle(node * 2, 1);
    this.ready.delete(node);
    if (node < this.problem.operations.length && !this.problem.operations[node]?.optional) this.left -= 1;
    for (const next of this.problem.graph.successorsOf(node)) {
      this.add(this.waiting, next, -1);
      if (this.waiting[next] === 0 && this.done[next] === 0) this.ready.add(next);
    }
    this.steps.push({ node, cancelled, replaced });
  }

  private revert({ node, cancelled, replaced }: Step): void {
    const operation = this.problem.operations[node];
    for (const next of this.problem.graph.successorsOf(node)) {
      this.add(this.waiting, next, 1);
      this.ready.delete(next);
    }
    if (operation) this.toggle(node * 2, 1);
    if (!cancelled) this.toggleAccessed(node);
    for (const { key, cell } of replaced.reverse()) this.current[key] = cell;
    for (const { key, cell } of this.writes[node] ?? []) if (cell === key) this.add(this.deletesLeft, key, 1);
    if (!cancelled && !operation?.optional)
      for (const { cell } of this.reads[node] ?? []) this.add(this.readersLeft, cell, 1);
    if (!cancelled) this.toggleAccessed(node);
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
    if ((this.cancels.get(node) ?? []).some((optional) => this.done[optional] === 0)) return false;
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

  private add(counts: number[] | Int32Array, at: number, change: number): void {
    counts[at] = (counts[at] ?? 0) + change;
  }
}
