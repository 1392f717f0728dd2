// What each key held along the log, as far as slots tell, and where there is room for writes whose slots nobody told. A
// guess like all hints (slot-hints.ts); knows nothing of sessions.

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
export interface Window {
  low: number;
  high: number;
}

/** An absence that was read, and who made it. */
export interface ReadAbsence {
  key: string;
  /** Index of the operation; -1 for the start. */
  madeBy: number;
}

/** Between two slots there is room for many writes of one session. */
export const FRACTION = 1 / 256;

/** What each key held and until when it was read, as far as slots tell. */
export class Timelines {
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
