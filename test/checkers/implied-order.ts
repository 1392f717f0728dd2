// Derives order that every valid order must have: a write that comes before a read of another value comes before that
// value's writer too, and one that comes after the writer comes after its readers. Repeats until nothing new follows.
// What it derives is certain; that it finds no contradiction proves nothing.

import { cellName, type Operation } from './history-model.js';
import type { Precedence } from './precedence.js';

/** A value of a key: who wrote it (null: it was there at the start) and who read it. */
interface Register {
  writer: number | null;
  readers: number[];
}

/** Adds implied edges to `graph`; false if they contradict each other, so that no order exists. */
export function impliedOrder(operations: readonly Operation[], graph: Precedence): boolean {
  const keys = gatherRegisters(operations);
  for (const { registers } of keys) {
    for (const { writer, readers } of registers) {
      for (const reader of readers) if (writer !== null && writer !== reader) graph.addEdge(writer, reader);
    }
  }
  for (;;) {
    const reach = reachability(graph);
    if (!reach) return false;
    let added = 0;
    const order = (from: number, to: number): void => {
      if (from === to || reach.has(from, to)) return;
      graph.addEdge(from, to);
      added += 1;
    };
    for (const { registers, writes } of keys) {
      for (const register of registers) for (const other of writes) orderAround(register, other, reach, order);
    }
    if (added === 0) return true;
  }
}

function orderAround(
  { writer, readers }: Register,
  other: number,
  reach: Reach,
  order: (from: number, to: number) => void,
): void {
  if (other === writer) return;
  const before =
    writer !== null &&
    (reach.has(other, writer) || readers.some((reader) => reader !== other && reach.has(other, reader)));
  if (before) order(other, writer);
  const after = writer === null || reach.has(writer, other) || readers.includes(other);
  if (after) for (const reader of readers) order(reader, other);
}

/** Values that only one write, or only the start, can explain. Optional operations bind nobody. */
function gatherRegisters(operations: readonly Operation[]): { registers: Register[]; writes: number[] }[] {
  const keys = new Map<string, { registers: Map<string, Register>; writes: number[]; deletes: boolean }>();
  const ofKey = (key: string): { registers: Map<string, Register>; writes: number[]; deletes: boolean } => {
    const known = keys.get(key) ?? { registers: new Map<string, Register>(), writes: [], deletes: false };
    keys.set(key, known);
    return known;
  };
  operations.forEach((operation, index) => {
    for (const { key, value } of operation.writes) {
      const own = ofKey(key);
      if (!operation.optional) own.writes.push(index);
      if (value === null) own.deletes = true;
      else own.registers.set(cellName(key, value), { writer: index, readers: [] });
    }
  });
  operations.forEach((operation, index) => {
    for (const { key, value } of operation.optional ? [] : operation.reads) {
      const own = ofKey(key);
      const name = value === null ? 'start' : cellName(key, value);
      if (value === null && own.deletes) continue;
      if (value === null && !own.registers.has(name)) own.registers.set(name, { writer: null, readers: [] });
      own.registers.get(name)?.readers.push(index);
    }
  });
  return [...keys.values()].map(({ registers, writes }) => ({ registers: [...registers.values()], writes }));
}

interface Reach {
  has(from: number, to: number): boolean;
}

/** Who reaches whom, one row of bits per node; null if there is a cycle. */
function reachability(graph: Precedence): Reach | null {
  const order = graph.topologicalOrder();
  if (order.length < graph.nodeCount) return null;
  const words = Math.ceil(graph.operationCount / 32);
  const rows = new Uint32Array(graph.nodeCount * words);
  for (const node of order.reverse()) {
    for (const next of graph.successorsOf(node)) {
      for (let word = 0; word < words; word += 1)
        rows[node * words + word] = (rows[node * words + word] ?? 0) | (rows[next * words + word] ?? 0);
      const at = node * words + (next >>> 5);
      if (next < graph.operationCount) rows[at] = (rows[at] ?? 0) | (1 << (next & 31));
    }
  }
  return { has: (from, to) => (((rows[from * words + (to >>> 5)] ?? 0) >>> (to & 31)) & 1) === 1 };
}
