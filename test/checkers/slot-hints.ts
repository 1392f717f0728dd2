// Guesses where in the log each write lies, from the slots that answers told and, where none did, from what was read
// around it. Only a hint: whoever plays an order back compares every answer, so that a wrong guess costs a verdict at
// most and never makes one. Of real time it knows what strong operations had returned when another was invoked.

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

/** Between two slots there is room for many writes of one session. */
const FRACTION = 1 / 256;

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

/** What each key held and until when it was read, as far as slots tell. */
class Timelines {
  /** Per key, versions whose slots were told, in their order; those that are put between hang on their `next`. */
  readonly #keys = new Map<string, Version[]>();
  /** Where the readers of a cell stand of which the slot is known: the first and the last. */
  readonly #readers = new Map<string, Readers>();

  constructor(operations: readonly Operation[], slots: readonly number[], bounds: readonly number[]) {
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
    operations.forEach((operation, index) => this.#noteReads(operation, slots[index] ?? 0, bounds[index] ?? 0));
  }

  /**
   * A reader of absence where slots tell of a value shows that a delete lies between, one of those without a slot. If
   * there are several, the one that may begin last.
   */
  noteDemands(operations: readonly Operation[], slots: readonly number[], ranges: ReadonlyMap<number, Window>): void {
    const deletes = new Map<string, number[]>();
    operations.forEach(({ writes }, index) => {
      if (!ranges.has(index)) return;
      for (const { key, value } of writes) {
        if (value === null) deletes.set(key, [...(deletes.get(key) ?? []), index]);
      }
    });
    if (deletes.size === 0) return;
    operations.forEach(({ event, numbered, optional, reads, returned }, reader) => {
      const at = numbered ? (slots[reader] ?? 0) : event.slot;
      if (optional || at === 0) return;
      for (const { key, value } of reads) {
        const version = value === null ? this.#at(key, numbered ? at - NEAR : at + NEAR) : null;
        if (version === null || version.value === null) continue;
        const able = (deletes.get(key) ?? []).filter((index) => {
          const { low, high } = ranges.get(index) as Window;
          return low < at && high > version.position && (operations[index]?.invoke ?? 0) < returned;
        });
        const begins = (index: number): number => operations[index]?.invoke ?? 0;
        const [first, ...others] = able;
        if (first === undefined) continue;
        const chosen = others.reduce((best, index) => (begins(index) > begins(best) ? index : best), first);
        this.#noteReader(deleteName(key, chosen), at, at);
      }
    });
  }

  /** Whether somebody whose place is known saw what an operation wrote. */
  isRead({ writes }: Operation, index: number): boolean {
    return writes.some((cell) => this.#readersOf(cell, index) !== undefined);
  }

  /** Finds room for a write between two positions, and takes it, at the end of it if that is wanted. 0 if there is none. */
  place(operation: Operation, index: number, { low, high }: Window, isLate: boolean): number {
    const room =
      operation.optional || operation.writes.length === 0 ? null : this.#findRoom(operation, index, { low, high });
    if (room === null) return 0;
    const step = Math.min(FRACTION, (room.high - room.low) / 2);
    const position = isLate && room.high < Number.POSITIVE_INFINITY ? room.high - step : room.low + step;
    if (position <= room.low || position >= room.high) return 0;
    for (const cell of operation.writes) this.#insert(operation, index, cell, position);
    return position;
  }

  #readersOf({ key, value }: Cell, index: number): Readers | undefined {
    return this.#readers.get(value === null ? deleteName(key, index) : cellName(key, value));
  }

  #noteReader(name: string, first: number, last: number): void {
    const known = this.#readers.get(name) ?? { first: Number.POSITIVE_INFINITY, last: 0 };
    this.#readers.set(name, { first: Math.min(known.first, first), last: Math.max(known.last, last) });
  }

  /** Whose absence it was that readers found. To be asked when everything has its place. */
  readAbsences(operations: readonly Operation[], slots: readonly number[]): Map<number, ReadAbsence[]> {
    const absences = new Map<number, ReadAbsence[]>();
    operations.forEach(({ event, numbered, optional, reads }, index) => {
      const at = numbered ? (slots[index] ?? 0) : event.slot;
      if (optional || (numbered && at === 0)) return;
      const found = reads.flatMap(({ key, value }): ReadAbsence[] => {
        const version = value === null ? this.#at(key, numbered ? at - NEAR : at + NEAR) : null;
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

  #noteReads(operation: Operation, own: number, bound: number): void {
    const { event, reads, numbered, optional } = operation;
    if (optional) return;
    // What is numbered reads what was there before it; others say up to which slot they saw.
    const at = numbered ? own : event.slot;
    for (const { key, value } of reads) {
      const version = at > 0 ? this.#at(key, numbered ? at - NEAR : at + NEAR) : null;
      if (version?.value === value) version.lastRead = Math.max(version.lastRead, at, numbered ? 0 : bound);
      if (value === null || at === 0) continue;
      this.#noteReader(cellName(key, value), at, Math.max(at, numbered ? 0 : bound));
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

  #findRoom(operation: Operation, index: number, within: Window): Window | null {
    let { low, high } = within;
    const keys = new Set([...operation.writes, ...operation.reads].map(({ key }) => key));
    for (let tries = 0; tries < TRIES_LIMIT; tries++) {
      let from = low;
      let to = high;
      for (const key of keys) {
        const room = this.#roomOf(key, operation, index, Math.max(low, from));
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
  #roomOf(key: string, operation: Operation, index: number, low: number): Window | null {
    const written = operation.writes.find((cell) => cell.key === key);
    const read = operation.reads.find((cell) => cell.key === key);
    const readers = written && this.#readersOf(written, index);
    let version = this.#at(key, readers === undefined ? low : readers.first - NEAR);
    for (let tries = 0; version !== null && tries < TRIES_LIMIT; tries++) {
      const end = version.next?.position ?? Number.POSITIVE_INFINITY;
      // Where nothing is, another delete changes nothing.
      const isIdle = written === undefined || (written.value === null && version.value === null);
      const from = Math.max(low, version.position, isIdle ? 0 : version.lastRead);
      const until = Math.min(end, readers?.first ?? Number.POSITIVE_INFINITY);
      const isFree = isIdle || readers !== undefined || version.next === null || version.next.isBlind;
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
    version.lastRead = Math.max(position, this.#readersOf(cell, index)?.last ?? 0);
    version.next = before.next;
    before.next = version;
  }
}

/** Just before or just after a slot. */
const NEAR = 2 ** -20;

/** The first and the last of those who saw a cell. */
interface Readers {
  first: number;
  last: number;
}

/** Absences are told apart by who made them. Base64 has no space. */
function deleteName(key: string, index: number): string {
  return `${index} ${key}`;
}

/** Places that are tried for one write. */
const TRIES_LIMIT = 1000;

function createVersion(operation: Operation, writer: number, { key, value }: Cell, position: number): Version {
  const isBlind = !operation.reads.some((read) => read.key === key);
  return { position, writer, lastRead: position, isBlind, value, next: null };
}
