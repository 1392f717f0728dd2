// The fast, search-free judgement of one key. Unique values group its operations into blocks: a write, its readers, the
// compare-and-set that consumes it, that one's readers, and so on. Between the first and the last of a block nothing
// else may write, so an order exists iff the blocks can be ordered (after Gibbons and Korach). Absence that deletes may
// explain is left out.

import { cellName, type Operation } from './history-model.js';
import { MinHeap } from './min-heap.js';
import { sequenceEdges } from './precedence.js';

/** `none`: no order exists. `found`: one does. `unclear`: absences were left out, and the rest can be ordered. */
export type BlockVerdict = 'found' | 'none' | 'unclear';

/** An operation's place: which block, and how far from its start. */
interface Place {
  block: number;
  position: number;
}

interface Block {
  earliestReturn: number;
  latestInvoke: number;
  /** Blocks that session order puts before it. */
  after: Set<number>;
}

const INITIAL = 0;

/** Judges the operations of one key, projected onto it. Takes O(n log n) for n operations. */
export function judgeBlocks(operations: readonly Operation[]): BlockVerdict {
  const deletes = operations.some((operation) => operation.writes.some((cell) => cell.value === null));
  const absences = operations.some((operation) => operation.reads.some((cell) => cell.value === null));
  const ambiguous = deletes && absences;
  const certain = operations.filter(
    (operation) => !operation.optional && !(ambiguous && readsAbsence(operation) && operation.writes.length === 0),
  );
  const places = placeOperations(certain, ambiguous);
  if (!places || !isOrderedWithin(certain, places)) return 'none';
  if (!canOrder(gatherBlocks(certain, places, !ambiguous))) return 'none';
  return ambiguous ? 'unclear' : 'found';
}

function readsAbsence(operation: Operation): boolean {
  return operation.reads.some((cell) => cell.value === null);
}

/** Null if a value has no writer, or two operations consume one value: no order can explain that. */
function placeOperations(operations: readonly Operation[], ambiguous: boolean): Place[] | null {
  const writers = new Map<string, number>();
  operations.forEach((operation, index) => {
    for (const { key, value } of operation.writes) if (value !== null) writers.set(cellName(key, value), index);
  });
  const places: (Place | undefined)[] = operations.map(() => undefined);
  const consumed = new Set<number>();
  const entered = new Int32Array(operations.length).fill(-1);
  let blocks = INITIAL + 1;
  for (const start of operations.keys()) {
    // From here back to the write that the block starts with, then forward again with all places known.
    const path: number[] = [];
    let known: Place | undefined;
    for (let at: number | undefined = start; at !== undefined; ) {
      known = places[at];
      if (known) break;
      if (entered[at] === start) return null;
      entered[at] = start;
      path.push(at);
      const read: Operation['reads'][number] | undefined = operations[at]?.reads[0];
      if (!read) break;
      if (read.value === null) {
        if (!ambiguous) known = { block: INITIAL, position: 0 };
        break;
      }
      at = writers.get(cellName(read.key, read.value));
      if (at === undefined) return null;
    }
    for (const index of path.reverse()) {
      const before: Place | undefined = known;
      if (operations[index]?.writes.length === 0)
        known = { block: before?.block ?? INITIAL, position: (before?.position ?? 0) + 1 };
      else if (before) {
        // Each block is a line of writes two apart, readers between them.
        known = { block: before.block, position: before.position + 2 };
        const link = before.block * 2 ** 24 + before.position;
        if (consumed.has(link)) return null;
        consumed.add(link);
      } else {
        known = { block: blocks, position: 0 };
        blocks += 1;
      }
      places[index] = known;
    }
  }
  return places.map((place) => place ?? { block: INITIAL, position: 0 });
}

/** No operation of a block is forced before one that comes earlier in the block. */
function isOrderedWithin(operations: readonly Operation[], places: readonly Place[]): boolean {
  const place = (index: number): Place => places[index] ?? { block: INITIAL, position: 0 };
  const order = [...operations.keys()].sort((left, right) => place(right).position - place(left).position);
  const earliest = new Map<number, { position: number; current: number; later: number }>();
  for (const index of order) {
    const { block, position } = place(index);
    const seen = earliest.get(block) ?? {
      position,
      current: Number.POSITIVE_INFINITY,
      later: Number.POSITIVE_INFINITY,
    };
    if (seen.position !== position) {
      seen.later = Math.min(seen.later, seen.current);
      seen.current = Number.POSITIVE_INFINITY;
      seen.position = position;
    }
    if (seen.later < (operations[index]?.invoke ?? 0)) return false;
    seen.current = Math.min(seen.current, deadline(operations[index]));
    earliest.set(block, seen);
  }
  return sequenceEdges(operations).every(
    ([from, to]) => place(from).block !== place(to).block || place(from).position <= place(to).position,
  );
}

/** When an operation has taken effect at the latest: a weak write floats. */
function deadline(operation: Operation | undefined): number {
  return operation?.strong ? operation.returned : Number.POSITIVE_INFINITY;
}

function gatherBlocks(operations: readonly Operation[], places: readonly Place[], initialFirst: boolean): Block[] {
  const blocks: Block[] = [];
  const block = (number: number): Block => {
    while (blocks.length <= number) {
      blocks.push({
        earliestReturn: Number.POSITIVE_INFINITY,
        latestInvoke: Number.NEGATIVE_INFINITY,
        after: new Set(),
      });
    }
    return blocks[number] as Block;
  };
  if (initialFirst) block(INITIAL).earliestReturn = Number.NEGATIVE_INFINITY;
  operations.forEach((operation, index) => {
    const own = block(places[index]?.block ?? INITIAL);
    own.earliestReturn = Math.min(own.earliestReturn, deadline(operation));
    own.latestInvoke = Math.max(own.latestInvoke, operation.invoke);
  });
  for (const [from, to] of sequenceEdges(operations)) {
    const [before, after] = [places[from]?.block ?? INITIAL, places[to]?.block ?? INITIAL];
    if (before !== after) block(after).after.add(before);
  }
  return blocks;
}

/**
 * Whether the blocks have an order: always take one that nothing left over has to precede. What real time puts before a
 * block is seen from the earliest return among the others, so that only the block with the earliest invocations and the
 * one with the earliest return can be next.
 */
function canOrder(blocks: readonly Block[]): boolean {
  const waiting = blocks.map((block) => block.after.size);
  const followers: number[][] = blocks.map(() => []);
  blocks.forEach(({ after }, number) => {
    for (const before of after) followers[before]?.push(number);
  });
  const byReturn = [...blocks.keys()].sort(
    (one, other) => (blocks[one]?.earliestReturn ?? 0) - (blocks[other]?.earliestReturn ?? 0),
  );
  const taken = new Uint8Array(blocks.length);
  const ready = new MinHeap((number) => blocks[number]?.latestInvoke ?? 0);
  waiting.forEach((count, number) => {
    if (count === 0) ready.push(number);
  });
  let first = 0;
  let second = 0;
  for (let left = blocks.length; left > 0; left -= 1) {
    while (taken[byReturn[first] ?? 0] === 1) first += 1;
    const earliest = byReturn[first] ?? 0;
    second = Math.max(second, first + 1);
    while (second < byReturn.length && taken[byReturn[second] ?? 0] === 1) second += 1;
    const isFree = (number: number): boolean => {
      const other = blocks[number === earliest ? (byReturn[second] ?? -1) : earliest];
      return (other?.earliestReturn ?? Number.POSITIVE_INFINITY) >= (blocks[number]?.latestInvoke ?? 0);
    };
    while (ready.top !== undefined && taken[ready.top] === 1) ready.pop();
    let next = ready.top;
    if (next === undefined || !isFree(next)) next = waiting[earliest] === 0 && isFree(earliest) ? earliest : undefined;
    if (next === undefined) return false;
    taken[next] = 1;
    for (const follower of followers[next] ?? []) {
      const count = (waiting[follower] ?? 0) - 1;
      waiting[follower] = count;
      if (count === 0) ready.push(follower);
    }
  }
  return true;
}
