// Plays a history back in one given order of its writes, mostly that of the slots, and says whether every answer comes
// out. Takes O(n log n) and never goes back on a choice: what it plays to the end has an order; where it gets stuck it
// shows a circle of operations that wait for each other, which proves nothing by itself.

import { type Cell, cellName, type Operation } from './history-model.js';
import { MinHeap } from './min-heap.js';
import type { Precedence } from './precedence.js';
import type { ReadAbsence } from './slot-timelines.js';

/** What to play. */
export interface ReplayProblem {
  operations: readonly Operation[];
  /** Created for exactly these operations. */
  graph: Precedence;
  /** Of the writes that may come next, the one with the smallest number does. */
  priority: readonly number[];
  /** Absences that wait for their readers, by the index of the reader; other readers take whichever they find. */
  absences: ReadonlyMap<number, readonly ReadAbsence[]>;
}

/** Null if the replay came to its end, otherwise the operations that stand in each other's way. */
export function replay(problem: ReplayProblem): Operation[] | null {
  const stage = new Stage(problem);
  return stage.play() ? null : stage.circle();
}

interface Access {
  key: number;
  cell: number;
}

class Stage {
  readonly #operations: readonly Operation[];
  readonly #graph: Precedence;
  readonly #keys = new Map<string, number>();
  readonly #cells = new Map<string, number>();
  /** Per key, the cell it holds; the cell of absence is −1 − key. */
  readonly #held: number[] = [];
  readonly #deletesLeft: number[] = [];
  /** Per key, who made it hold what it holds; -1 for the start. */
  readonly #heldBy: number[] = [];
  readonly #absences: ReplayProblem['absences'];
  /** Per key and maker of an absence, readers that are to find just this one. */
  readonly #absencesLeft = new Map<string, number>();
  /** Absences that turned out to go on from an earlier one, under the name of that one. */
  readonly #sameAbsence = new Map<string, string>();
  /** Per cell, certain operations that read it and are not placed. */
  readonly #readersLeft = new Map<number, number>();
  /** Per cell, operations that wait until a key holds it, and writes that wait until nobody has to read it. */
  readonly #waitingFor = new Map<number, number[]>();
  readonly #waitingToReplace = new Map<number, number[]>();
  readonly #waiting: Int32Array;
  readonly #placed: Uint8Array;
  readonly #writes: MinHeap;
  #left: number;

  constructor({ operations, graph, priority, absences }: ReplayProblem) {
    this.#absences = absences;
    for (const read of [...absences.values()].flat()) change(this.#absencesLeft, absenceName(read), 1);
    this.#operations = operations;
    this.#graph = graph;
    this.#waiting = graph.inDegrees();
    this.#placed = new Uint8Array(graph.nodeCount);
    this.#writes = new MinHeap((node) => priority[node] ?? 0);
    const certain = operations.filter((operation) => !operation.optional);
    this.#left = certain.length;
    for (const { reads, writes } of certain) {
      for (const cell of reads) change(this.#readersLeft, this.#access(cell).cell, 1);
      for (const cell of writes) {
        const { key } = this.#access(cell);
        if (cell.value === null) this.#deletesLeft[key] = (this.#deletesLeft[key] ?? 0) + 1;
      }
    }
  }

  play(): boolean {
    this.#enterAll([...this.#waiting.keys()].filter((node) => this.#waiting[node] === 0));
    for (let node = this.#writes.pop(); node !== undefined; node = this.#writes.pop()) {
      if (this.#park(node)) continue;
      this.#enterAll(this.#place(node));
    }
    return this.#left === 0;
  }

  /** Takes in what has become possible; reads are placed at once. */
  #enterAll(nodes: number[]): void {
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const operation = this.#operations[node];
      if (operation?.optional) continue;
      if (operation && operation.writes.length > 0) this.#writes.push(node);
      else if (!operation || !this.#park(node)) nodes.push(...this.#place(node));
    }
  }

  /** Whether an operation cannot be placed now; it is then woken when the obstacle is gone. */
  #park(node: number): boolean {
    const mismatch = this.#mismatch(node);
    if (mismatch) add(this.#waitingFor, mismatch.cell, node);
    else {
      const blocked = this.#unreadCell(node);
      if (blocked === undefined) return false;
      add(this.#waitingToReplace, blocked, node);
    }
    return true;
  }

  /** What the operation read and its key does not hold. */
  #mismatch(node: number): Access | undefined {
    for (const cell of this.#operations[node]?.reads ?? []) {
      const access = this.#access(cell);
      if (this.#held[access.key] !== access.cell) return access;
    }
    return undefined;
  }

  /** A cell that the operation would replace although others still have to read it. Only absence can come back. */
  #unreadCell(node: number): number | undefined {
    const { reads, writes } = this.#operations[node] as Operation;
    for (const cell of writes) {
      const { key } = this.#access(cell);
      const held = this.#held[key] ?? 0;
      if (held < 0 && cell.value !== null && this.#hasAbsenceLeft(node, cell.key, key)) return held;
      const own = reads.some((read) => this.#access(read).cell === held) ? 1 : 0;
      if ((this.#readersLeft.get(held) ?? 0) > own && !(held < 0 && (this.#deletesLeft[key] ?? 0) > 0)) return held;
    }
    return undefined;
  }

  /** Whether others than a node itself are still to find the absence that a key holds. */
  #hasAbsenceLeft(node: number, key: string, number: number): boolean {
    const name = absenceName({ key, madeBy: this.#heldBy[number] ?? -1 });
    const own = this.#absences.get(node)?.some((read) => this.#absenceOf(read) === name) ? 1 : 0;
    return (this.#absencesLeft.get(name) ?? 0) > own;
  }

  #absenceOf(read: ReadAbsence): string {
    const name = absenceName(read);
    return this.#sameAbsence.get(name) ?? name;
  }

  /** A delete where nothing is: who was to find either absence now finds the one that is there. */
  #prolongAbsence(key: string, number: number, node: number): void {
    const own = absenceName({ key, madeBy: node });
    const held = absenceName({ key, madeBy: this.#heldBy[number] ?? -1 });
    this.#sameAbsence.set(own, held);
    change(this.#absencesLeft, held, this.#absencesLeft.get(own) ?? 0);
  }

  /** Answers the nodes that this makes possible. */
  #place(node: number): number[] {
    const possible: number[] = [];
    const operation = this.#operations[node];
    this.#placed[node] = 1;
    if (operation) this.#left -= 1;
    for (const read of this.#absences.get(node) ?? []) change(this.#absencesLeft, this.#absenceOf(read), -1);
    for (const cell of operation?.reads ?? []) {
      const { cell: read } = this.#access(cell);
      change(this.#readersLeft, read, -1);
      // One that also reads the cell itself has to wait for the others only.
      possible.push(...take(this.#waitingToReplace, read));
    }
    for (const cell of operation?.writes ?? []) {
      const { key, cell: written } = this.#access(cell);
      if (written < 0) this.#deletesLeft[key] = (this.#deletesLeft[key] ?? 0) - 1;
      if (written < 0 && (this.#held[key] ?? 0) < 0) this.#prolongAbsence(cell.key, key, node);
      else this.#heldBy[key] = node;
      this.#held[key] = written;
      possible.push(...take(this.#waitingFor, written));
    }
    for (const next of this.#graph.successorsOf(node)) {
      const left = (this.#waiting[next] ?? 0) - 1;
      this.#waiting[next] = left;
      if (left === 0) possible.push(next);
    }
    return possible;
  }

  /** Operations of which each waits for the next, with what they read and what they would replace. */
  circle(): Operation[] {
    const readers = new Map<number, number[]>();
    const writers = new Map<number, number>();
    this.#operations.forEach((operation, node) => {
      for (const cell of operation.optional ? [] : operation.reads)
        if (this.#placed[node] === 0) add(readers, this.#access(cell).cell, node);
      for (const cell of operation.writes) writers.set(this.#access(cell).cell, node);
    });
    const at = new Map<number, number>();
    const walk: number[] = [];
    const involved = new Set<number>();
    let node: number | undefined = this.#operations.findIndex(
      ({ optional }, index) => !optional && !this.#placed[index],
    );
    while (node !== undefined && node >= 0 && !at.has(node)) {
      at.set(node, walk.length);
      walk.push(node);
      node = this.#blocker(node, { readers, writers, involved });
    }
    const members = node === undefined || node < 0 ? walk : walk.slice(at.get(node));
    for (const member of members) if (member < this.#operations.length) involved.add(member);
    return [...involved].map((member) => this.#operations[member] as Operation);
  }

  #blocker(
    node: number,
    known: { readers: Map<number, number[]>; writers: Map<number, number>; involved: Set<number> },
  ): number | undefined {
    if ((this.#waiting[node] ?? 0) > 0)
      return this.#graph.predecessorsOf(node).find((before) => this.#placed[before] === 0);
    const involve = (cell: number): void => {
      const writer = known.writers.get(cell);
      if (writer !== undefined) known.involved.add(writer);
    };
    const mismatch = this.#mismatch(node);
    if (mismatch) {
      involve(this.#held[mismatch.key] ?? 0);
      const writer = known.writers.get(mismatch.cell);
      return writer !== undefined && this.#placed[writer] === 0 ? writer : undefined;
    }
    const unread = this.#operations[node] ? this.#unreadCell(node) : undefined;
    if (unread === undefined) return undefined;
    involve(unread);
    return known.readers.get(unread)?.find((reader) => reader !== node);
  }

  #access({ key, value }: Cell): Access {
    let number = this.#keys.get(key);
    if (number === undefined) {
      number = this.#keys.size;
      this.#keys.set(key, number);
      this.#held[number] = -1 - number;
    }
    if (value === null) return { key: number, cell: -1 - number };
    const name = cellName(key, value);
    let cell = this.#cells.get(name);
    if (cell === undefined) {
      cell = this.#cells.size;
      this.#cells.set(name, cell);
    }
    return { key: number, cell };
  }
}

function absenceName({ key, madeBy }: ReadAbsence): string {
  return `${madeBy} ${key}`;
}

function change<Name>(counts: Map<Name, number>, at: Name, by: number): void {
  counts.set(at, (counts.get(at) ?? 0) + by);
}

function add(lists: Map<number, number[]>, at: number, item: number): void {
  const list = lists.get(at);
  if (list) list.push(item);
  else lists.set(at, [item]);
}

function take(lists: Map<number, number[]>, at: number): number[] {
  const list = lists.get(at);
  if (!list) return [];
  lists.delete(at);
  return list;
}
