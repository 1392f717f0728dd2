// Guesses where in the log each write lies, from the slots that answers told and, where none did, from what was read
// around it. Only a hint: whoever plays an order back compares every answer, so that a wrong guess costs a verdict at
// most and never makes one. Of real time it knows what strong operations had returned when another was invoked.

import { cellName, type Operation } from './history-model.js';
import { FRACTION, type ReadAbsence, Timelines, type Window } from './slot-timelines.js';

/** What slots tell of an order. */
export interface SlotHints {
  /** A position for each operation: slots where they are known, fractions between them where not. */
  positions: number[];
  /** By the index of the reader. */
  absences: Map<number, ReadAbsence[]>;
}

/** Derives all hints. */
export function slotHints(operations: readonly Operation[]): SlotHints {
  const slots = toldSlots(operations);
  const sessions = numberedBySession(operations);
  tellDeletes(operations, slots, sessions);
  const bounds = lowerBounds(operations, slots);
  const keys = new Timelines(operations, slots, bounds);
  keys.noteDemands(operations, slots, slotRanges(slots, sessions));
  // What was read has the least choice. It goes as far back as its readers allow, which leaves room to those before it.
  for (const members of sessions) placeRead(operations, members, { slots, bounds, keys });
  for (const members of sessions) placeUnread(operations, members, { slots, bounds, keys });
  const positions = slots.map((slot, index) => (slot === 0 ? (bounds[index] ?? 0) + 0.5 : slot));
  return { positions, absences: keys.readAbsences(operations, slots) };
}

/** What is known of all operations while the rest is placed. */
interface Placement {
  /** 0 for what has no place yet. */
  slots: number[];
  bounds: readonly number[];
  keys: Timelines;
}

/** Places the writes of one session that somebody saw, the last one first. */
function placeRead(operations: readonly Operation[], members: readonly number[], placement: Placement): void {
  const { slots, bounds, keys } = placement;
  let high = Number.POSITIVE_INFINITY;
  for (const index of [...members].reverse()) {
    if (slots[index] === 0 && keys.isRead(operations[index] as Operation, index)) {
      slots[index] = keys.place(operations[index] as Operation, index, { low: bounds[index] ?? 0, high }, true);
    }
    if ((slots[index] ?? 0) > 0) high = Math.min(high, slots[index] ?? 0);
  }
}

/** Places all others, the first one first, each as soon as may be. */
function placeUnread(operations: readonly Operation[], members: readonly number[], placement: Placement): void {
  const { slots, bounds, keys } = placement;
  const ranges = slotRanges(slots, [members]);
  let low = 0;
  for (const index of members) {
    const range = ranges.get(index);
    if (range !== undefined) {
      const from = Math.max(low, bounds[index] ?? 0);
      const within = { low: from, high: range.high };
      // Where no room is found it is tried as soon as its turn may come.
      slots[index] = keys.place(operations[index] as Operation, index, within, false) || from + FRACTION;
    }
    low = Math.max(low, slots[index] ?? 0);
  }
}

/** The slot of each numbered operation, as it or a reader was told; 0 where nobody was. */
function toldSlots(operations: readonly Operation[]): number[] {
  const slots = operations.map(({ event, numbered }) => (numbered ? event.slot : 0));
  const writers = new Map<string, number>();
  operations.forEach(({ writes }, index) => {
    for (const { key, value } of writes) if (value !== null) writers.set(cellName(key, value), index);
  });
  for (const { event, reads } of operations) {
    const [read] = reads;
    const writer =
      event.op === 'get' && read && read.value !== null ? writers.get(cellName(read.key, read.value)) : undefined;
    if (writer !== undefined && slots[writer] === 0) slots[writer] = event.slot;
  }
  return slots;
}

/** A delete is told by those who found nothing, if only one can be in the slot that they name. */
function tellDeletes(operations: readonly Operation[], slots: number[], sessions: readonly number[][]): void {
  const untold = new Map<string, number[]>();
  operations.forEach(({ writes }, index) => {
    if (slots[index] !== 0) return;
    for (const { key, value } of writes) {
      if (value !== null) continue;
      const known = untold.get(key);
      if (known) known.push(index);
      else untold.set(key, [index]);
    }
  });
  if (untold.size === 0) return;
  const ranges = slotRanges(slots, sessions);
  const taken = new Set(slots);
  for (const { event, reads } of operations) {
    const [read] = reads;
    if (event.op !== 'get' || read?.value !== null || event.slot === 0 || taken.has(event.slot)) continue;
    const [only, ...others] = (untold.get(read.key) ?? []).filter((index) => {
      const { low, high } = ranges.get(index) ?? { low: 0, high: 0 };
      return slots[index] === 0 && low < event.slot && event.slot < high;
    });
    if (only === undefined || others.length > 0) continue;
    slots[only] = event.slot;
    taken.add(event.slot);
  }
}

/** For each numbered operation without a slot those of its session around it. */
function slotRanges(slots: readonly number[], sessions: readonly (readonly number[])[]): Map<number, Window> {
  const ranges = new Map<number, Window>();
  for (const members of sessions) {
    let low = 0;
    for (const index of members) {
      low = Math.max(low, slots[index] ?? 0);
      if (slots[index] === 0) ranges.set(index, { low, high: Number.POSITIVE_INFINITY });
    }
    let high = Number.POSITIVE_INFINITY;
    for (const index of [...members].reverse()) {
      const range = ranges.get(index);
      if (range !== undefined) range.high = high;
      else high = Math.min(high, slots[index] ?? 0);
    }
  }
  return ranges;
}

/**
 * A slot below the place of each operation, except that a known slot may be its own: what its session wrote before, and
 * where strong operations stand at least that had returned when it was invoked.
 */
function lowerBounds(operations: readonly Operation[], slots: readonly number[]): number[] {
  const invoke = (index: number): number => operations[index]?.invoke ?? 0;
  const returned = (index: number): number => operations[index]?.returned ?? 0;
  const strong = [...operations.keys()].filter((index) => operations[index]?.strong);
  strong.sort((left, right) => returned(left) - returned(right));
  const bounds = operations.map(() => 0);
  const sessions = new Map<number, number>();
  let highest = 0;
  let next = 0;
  for (const index of [...operations.keys()].sort((left, right) => invoke(left) - invoke(right))) {
    for (let one = strong[next]; one !== undefined && returned(one) < invoke(index); one = strong[next]) {
      highest = Math.max(highest, bounds[one] ?? 0);
      next += 1;
    }
    const { session, numbered, event } = operations[index] as Operation;
    const before = sessions.get(session) ?? 0;
    bounds[index] = Math.max(highest, before, numbered ? (slots[index] ?? 0) : event.slot);
    if (numbered) sessions.set(session, bounds[index] ?? 0);
  }
  return bounds;
}

function numberedBySession(operations: readonly Operation[]): number[][] {
  const sessions = new Map<number, number[]>();
  operations.forEach(({ session, numbered }, index) => {
    if (!numbered) return;
    const members = sessions.get(session);
    if (members) members.push(index);
    else sessions.set(session, [index]);
  });
  const seq = (index: number): number => operations[index]?.seq ?? 0;
  return [...sessions.values()].map((members) => members.sort((left, right) => seq(left) - seq(right)));
}
