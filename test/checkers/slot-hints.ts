// Guesses where in the log each write lies, from the slots that answers told and, where none did, from what was read
// around it. Only a hint: whoever plays an order back compares every answer, so that a wrong guess costs a verdict at
// most and never makes one. Knows nothing of real time beyond what strong answers told before an invocation.

import { type Cell, cellName, type Operation } from './history-model.js';

/** What a key held for a while, in the order of the log. */
interface Version {
  position: number;
  /** Index of the operation that wrote it; -1 for the absence at the start. */
  writer: number;
  /** Nothing else may come in between its position and this one: it is read there. */
  lastRead: number;
  /** Whether it was written without a look at what was there, so that anything may come just before it. */
  isBlind: boolean;
  value: string | null;
  next: Version | null;
}

/** Open on both sides. */
interface Window {
  low: number;
  high: number;
}

/** An absence that was read, and who made it. */
export interface ReadAbsence {
  key: string;
  /** Index of the operation; -1 for the start. */
  madeBy: number;
}

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
  const told = toldBefore(operations);
  const keys = new Timelines(operations, slots, told);
  for (const members of sessions) {
    let low = 0;
    members.forEach((index, at) => {
      const own = slots[index] ?? 0;
      if (own === 0) {
        const next = members.slice(at + 1, at + 1 + LOOK_AHEAD).find((later) => (slots[later] ?? 0) > 0);
        const high = next === undefined ? Number.POSITIVE_INFINITY : (slots[next] ?? 0);
        const from = Math.max(low, told[index] ?? 0);
        slots[index] = keys.place(operations[index] as Operation, index, { low: from, high });
      }
      low = Math.max(low, slots[index] ?? 0);
    });
  }
  const positions = slots.map((slot, index) => (slot === 0 ? (told[index] ?? 0) + 0.5 : slot));
  return { positions, absences: keys.readAbsences(operations, slots) };
}

/** How many writes of a session are looked at for one whose slot is known. */
const LOOK_AHEAD = 64;

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
function slotRanges(slots: readonly number[], sessions: readonly number[][]): Map<number, Window> {
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

/** The highest slot that any strong operation had answered when each operation was invoked: its own is above. */
function toldBefore(operations: readonly Operation[]): number[] {
  const known = operations
    .filter(({ strong, event: { slot } }) => strong && slot > 0)
    .sort((left, right) => left.returned - right.returned);
  const told = operations.map(() => 0);
  const invoke = (index: number): number => operations[index]?.invoke ?? 0;
  let highest = 0;
  let next = 0;
  for (const index of [...operations.keys()].sort((left, right) => invoke(left) - invoke(right))) {
    for (let one = known[next]; one && one.returned < invoke(index); one = known[next]) {
      highest = Math.max(highest, one.event.slot);
      next += 1;
    }
    told[index] = highest;
  }
  return told;
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

/** What each key held and until when it was read, as far as slots tell. */
class Timelines {
  /** Per key, versions whose slots were told, in their order; those that are put between hang on their `next`. */
  readonly #keys = new Map<string, Version[]>();
  /** Where the readers of a cell stand of which the slot is known: the first and the last. */
  readonly #readers = new Map<string, { first: number; last: number }>();

  constructor(operations: readonly Operation[], slots: readonly number[], told: readonly number[]) {
    operations.forEach((operation, index) => {
      const position = slots[index] ?? 0;
      if (position === 0 || !operation.numbered) return;
      for (const cell of operation.writes)
        this.#versionsOf(cell.key).push(createVersion(operation, index, cell, position));
    });
    for (const versions of this.#keys.values()) {
      versions.sort((left, right) => left.position - right.position);
      versions.forEach((version, at) => {
        version.next = versions[at + 1] ?? null;
      });
    }
    operations.forEach((operation, index) => this.#noteReads(operation, slots[index] ?? 0, told[index] ?? 0));
  }

  /** Finds room for a write between two positions, and takes it. 0 if there is none. */
  place(operation: Operation, index: number, { low, high }: Window): number {
    const certain = operation.optional ? [] : [...operation.writes, ...operation.reads];
    const room = certain.length === 0 ? null : this.#findRoom(operation, { low, high });
    if (room === null) return 0;
    const position =
      room.high === Number.POSITIVE_INFINITY ? room.low + 0.5 : (room.low + Math.min(room.high, room.low + 1)) / 2;
    if (position <= room.low || position >= room.high) return 0;
    for (const cell of operation.writes) this.#insert(operation, index, cell, position);
    return position;
  }

  /** Whose absence it was that readers found. To be asked when everything has its place. */
  readAbsences(operations: readonly Operation[], slots: readonly number[]): Map<number, ReadAbsence[]> {
    const absences = new Map<number, ReadAbsence[]>();
    operations.forEach(({ event, numbered, optional, reads }, index) => {
      const at = numbered ? (slots[index] ?? 0) : event.slot;
      if (optional || (numbered && at === 0)) return;
      const found = reads.flatMap(({ key, value }): ReadAbsence[] => {
        const version = value === null ? this.#at(key, numbered ? at - 0.01 : at + 0.01) : null;
        return version === null || version.value !== null ? [] : [{ key, madeBy: version.writer }];
      });
      if (found.length > 0) absences.set(index, found);
    });
    return absences;
  }

  #versionsOf(key: string): Version[] {
    let versions = this.#keys.get(key);
    if (versions === undefined) {
      // Absence comes before everything.
      versions = [{ position: 0, writer: -1, lastRead: 0, isBlind: true, value: null, next: null }];
      this.#keys.set(key, versions);
    }
    return versions;
  }

  #noteReads(operation: Operation, own: number, told: number): void {
    const { event, reads, numbered, optional } = operation;
    if (optional) return;
    // What is numbered reads what was there before it; others say up to which slot they saw.
    const at = numbered ? own : event.slot;
    for (const { key, value } of reads) {
      const version = at > 0 ? this.#at(key, numbered ? at - 0.25 : at + 0.25) : null;
      if (version?.value === value) version.lastRead = Math.max(version.lastRead, at, numbered ? 0 : told);
      if (value === null || at === 0) continue;
      const name = cellName(key, value);
      const known = this.#readers.get(name) ?? { first: Number.POSITIVE_INFINITY, last: 0 };
      const last = Math.max(known.last, at, numbered ? 0 : told);
      this.#readers.set(name, { first: Math.min(known.first, at), last });
    }
  }

  /** The version that a key had at a position. */
  #at(key: string, position: number): Version | null {
    const versions = this.#versionsOf(key);
    let from = 0;
    let to = versions.length;
    while (to - from > 1) {
      const middle = (from + to) >> 1;
      if ((versions[middle]?.position ?? 0) <= position) from = middle;
      else to = middle;
    }
    let version = versions[from] ?? null;
    while (version?.next && version.next.position <= position) version = version.next;
    return version;
  }

  #findRoom(operation: Operation, within: Window): Window | null {
    let { low, high } = within;
    const keys = new Set([...operation.writes, ...operation.reads].map(({ key }) => key));
    for (let tries = 0; tries < TRIES_LIMIT; tries++) {
      let from = low;
      let to = high;
      for (const key of keys) {
        const room = this.#roomOf(key, operation, Math.max(low, from));
        if (room === null) return null;
        from = Math.max(from, room.low);
        to = Math.min(to, room.high);
      }
      if (from >= within.high) return null;
      if (from < to) return { low: from, high: to };
      low = from;
    }
    return null;
  }

  /** The first place on one key, not before `low`, where nobody has to read what would be replaced. */
  #roomOf(key: string, operation: Operation, low: number): Window | null {
    const written = operation.writes.find((cell) => cell.key === key);
    const read = operation.reads.find((cell) => cell.key === key);
    const readers = written && written.value !== null ? this.#readers.get(cellName(key, written.value)) : undefined;
    let version = this.#at(key, readers === undefined ? low : readers.first - 0.25);
    for (let tries = 0; version !== null && tries < TRIES_LIMIT; tries++) {
      const end = version.next?.position ?? Number.POSITIVE_INFINITY;
      const from = Math.max(low, version.position, written === undefined ? 0 : version.lastRead);
      const until = Math.min(end, readers?.first ?? Number.POSITIVE_INFINITY);
      const isFree = written === undefined || readers !== undefined || version.next === null || version.next.isBlind;
      const isMatch = read === undefined || read.value === version.value;
      if (isFree && isMatch && from < until) return { low: from, high: until };
      if (readers !== undefined) return null;
      version = version.next;
    }
    return null;
  }

  #insert(operation: Operation, index: number, cell: Cell, position: number): void {
    const before = this.#at(cell.key, position);
    if (before === null) return;
    const version = createVersion(operation, index, cell, position);
    if (cell.value !== null)
      version.lastRead = Math.max(position, this.#readers.get(cellName(cell.key, cell.value))?.last ?? 0);
    version.next = before.next;
    before.next = version;
  }
}

/** Places that are tried for one write. */
const TRIES_LIMIT = 1000;

function createVersion(operation: Operation, writer: number, { key, value }: Cell, position: number): Version {
  const isBlind = !operation.reads.some((read) => read.key === key);
  return { position, writer, lastRead: position, isBlind, value, next: null };
}
