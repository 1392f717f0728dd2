// What a replica keeps, as records of a store, and the image that it begins from. The state has room for two: the one
// that counts, and one that a snapshot builds beside it (persistence.ts). Decides nothing.

import { decodeLogEntry, encodeLogEntry } from '../../proto/kept-codec.js';
import type { LogEntry, SessionRange } from '../../protocol/messages.js';
import type { ExecutedResult, SessionRecord } from '../../protocol/replica/dedup.js';
import type { Checkpoint, ReplicaBatch, ReplicaImage, ReplicaPromises } from '../../protocol/replica/persistence.js';
import type { Version } from '../../protocol/replica/store.js';
import { DamageError } from '../host/store/examination.js';
import { decodeInquiry, encodeInquiry } from '../host/store/kept-inquiry.js';
import { kindKey, numberKey, numberOfKey, textKey, textOfKey } from '../host/store/keys.js';
import type { NodeStore } from '../host/store/node-store.js';
import { type ChangeWriter, RecordReader, RecordWriter } from '../host/store/records.js';

/** Number of the format that this file writes; a later one is refused. */
export const REPLICA_FORMAT = 1;

/** Kinds of records. Those of the state have a second number for the other side. */
const Kind = { promises: 1, head: 2, entry: 3, asked: 4, stateA: 16, stateB: 32 } as const;
/** Added to the kind of a side; `end` is where the side ends. */
const Part = { expired: 0, forgottenSlots: 1, session: 2, key: 3, end: 4 } as const;
const Flag = { value: 0, tombstone: 1, applied: 1, present: 2 } as const;

/** Which state counts, and where it and the log stand. */
interface Head {
  side: number;
  slot: number;
  floor: number;
  floorEpoch: number;
}

const EMPTY_HEAD: Head = { side: Kind.stateA, slot: 0, floor: 0, floorEpoch: 0 };

/** Translates between a replica's batches and images, and the records of one store. */
export class KeptReplica {
  private head: Head;
  private readonly writer = new RecordWriter();

  constructor(private readonly store: NodeStore) {
    const bytes = store.get(kindKey(Kind.head));
    this.head = bytes === undefined ? EMPTY_HEAD : decodeHead(bytes);
  }

  /** What was found; undefined if nothing was ever kept. To be used up before the first batch. */
  readImage(): ReplicaImage | undefined {
    const { store, head } = this;
    const promises = store.get(kindKey(Kind.promises));
    if (promises === undefined) return undefined;
    const { side, slot, floor, floorEpoch } = head;
    const expired = store.get(kindKey(side + Part.expired));
    const forgotten = store.get(kindKey(side + Part.forgottenSlots));
    return {
      promises: decodePromises(promises),
      asked: decodeInquiry(store.get(kindKey(Kind.asked))),
      ...{ slot, floor, floorEpoch },
      keys: this.keys(side),
      sessions: this.sessions(side),
      expired: expired === undefined ? [] : decodeRanges(expired),
      forgottenSlots: forgotten === undefined ? [] : decodeNumbers(forgotten),
      entries: this.entries(floor),
    };
  }

  /** Writes a batch's changes. */
  write(batch: ReplicaBatch, changes: ChangeWriter): void {
    const { promises, cutAfter, firstSlot, entries, checkpoint, asked } = batch;
    const { epoch, ledEpoch, commitSlot } = promises;
    changes.put(kindKey(Kind.promises), this.writer.number(epoch).number(ledEpoch).number(commitSlot).view());
    if (cutAfter !== undefined) changes.clear(numberKey(Kind.entry, cutAfter + 1), kindKey(Kind.entry + 1));
    let slot = firstSlot;
    for (const entry of entries) changes.put(numberKey(Kind.entry, slot++), encodeLogEntry(entry));
    if (checkpoint !== undefined) this.writeCheckpoint(checkpoint, changes);
    if (asked !== undefined) changes.put(kindKey(Kind.asked), encodeInquiry(asked));
  }

  private writeCheckpoint(checkpoint: Checkpoint, changes: ChangeWriter): void {
    const { side } = this.head;
    const other = side === Kind.stateA ? Kind.stateB : Kind.stateA;
    switch (checkpoint.step) {
      case 'begin':
        clearSide(other, changes);
        return this.writeState(checkpoint, other, changes);
      case 'build':
        return this.writeState(checkpoint, other, changes);
      case 'install':
        this.writeState(checkpoint, other, changes);
        clearSide(side, changes);
        return this.writeHead({ ...checkpoint, side: other }, changes);
      case 'move':
        this.writeState(checkpoint, side, changes);
        return this.writeHead({ ...checkpoint, side }, changes);
    }
  }

  private writeHead({ side, slot, floor, floorEpoch }: Head, changes: ChangeWriter): void {
    changes.clear(numberKey(Kind.entry, 0), numberKey(Kind.entry, floor + 1));
    const which = side === Kind.stateA ? 0 : 1;
    const bytes = this.writer.number(which).number(slot).number(floor).number(floorEpoch).view();
    changes.put(kindKey(Kind.head), bytes);
    this.head = { side, slot, floor, floorEpoch };
  }

  private writeState(checkpoint: Checkpoint, side: number, changes: ChangeWriter): void {
    const { keys, sessions, expired, forgottenSlots } = checkpoint;
    for (const [name, version] of keys) {
      const key = textKey(side + Part.key, name);
      if (version === null) changes.delete(key);
      else changes.put(key, this.encodeVersion(version));
    }
    for (const [session, record] of sessions) {
      const key = numberKey(side + Part.session, session);
      if (record === null) changes.delete(key);
      else changes.put(key, this.encodeSession(record));
    }
    if (expired !== undefined) {
      for (const { first, last } of expired) this.writer.number(first).number(last);
      changes.put(kindKey(side + Part.expired), this.writer.view());
    }
    if (forgottenSlots !== undefined) {
      for (const slot of forgottenSlots) this.writer.number(slot);
      changes.put(kindKey(side + Part.forgottenSlots), this.writer.view());
    }
  }

  private encodeVersion({ value, slot, session, seq }: Version): Buffer {
    const { writer } = this;
    writer.number(value === null ? Flag.tombstone : Flag.value);
    writer.number(slot).number(session).number(seq);
    return writer.text(value ?? '').view();
  }

  private encodeSession({ lastSeq, lastSlot, ackedThrough, results }: SessionRecord): Buffer {
    const { writer } = this;
    writer.number(lastSeq).number(lastSlot).number(ackedThrough).number(results.size);
    for (const [seq, { slot, result }] of results) {
      const { applied, present, value, version } = result;
      writer
        .number(seq)
        .number(slot)
        .number((applied ? Flag.applied : 0) + (present ? Flag.present : 0));
      writer.number(version).number(value.length).raw(value);
    }
    return writer.view();
  }

  private *keys(side: number): Generator<readonly [string, Version]> {
    const kind = side + Part.key;
    for (const [key, bytes] of this.store.read(kindKey(kind), kindKey(kind + 1)))
      yield [textOfKey(key), decodeVersion(bytes)];
  }

  private *sessions(side: number): Generator<readonly [number, SessionRecord]> {
    const kind = side + Part.session;
    for (const [key, bytes] of this.store.read(kindKey(kind), kindKey(kind + 1)))
      yield [numberOfKey(key), decodeSession(bytes)];
  }

  /** @throws DamageError if one is missing: what follows a gap is not where it says. */
  private *entries(floor: number): Generator<LogEntry> {
    let slot = floor;
    for (const [key, bytes] of this.store.read(kindKey(Kind.entry), kindKey(Kind.entry + 1))) {
      if (numberOfKey(key) !== ++slot) throw new DamageError(`the kept log has a gap at slot ${slot}`);
      yield decodeLogEntry(bytes);
    }
  }
}

function clearSide(side: number, changes: ChangeWriter): void {
  changes.clear(kindKey(side), kindKey(side + Part.end));
}

function decodeHead(bytes: Buffer): Head {
  const reader = new RecordReader(bytes);
  const side = reader.number() === 0 ? Kind.stateA : Kind.stateB;
  return { side, slot: reader.number(), floor: reader.number(), floorEpoch: reader.number() };
}

function decodePromises(bytes: Buffer): ReplicaPromises {
  const reader = new RecordReader(bytes);
  return { epoch: reader.number(), ledEpoch: reader.number(), commitSlot: reader.number() };
}

function decodeNumbers(bytes: Buffer): number[] {
  const reader = new RecordReader(bytes);
  const numbers: number[] = [];
  while (!reader.isAtEnd) numbers.push(reader.number());
  return numbers;
}

function decodeRanges(bytes: Buffer): SessionRange[] {
  const reader = new RecordReader(bytes);
  const ranges: SessionRange[] = [];
  while (!reader.isAtEnd) ranges.push({ first: reader.number(), last: reader.number() });
  return ranges;
}

function decodeVersion(bytes: Buffer): Version {
  const reader = new RecordReader(bytes);
  const isTombstone = reader.number() === Flag.tombstone;
  const [slot, session, seq] = [reader.number(), reader.number(), reader.number()];
  return { value: isTombstone ? null : reader.restAsText(), slot, session, seq };
}

function decodeSession(bytes: Buffer): SessionRecord {
  const reader = new RecordReader(bytes);
  const [lastSeq, lastSlot, ackedThrough] = [reader.number(), reader.number(), reader.number()];
  const results = new Map<number, ExecutedResult>();
  for (let left = reader.number(); left > 0; left--) {
    const [seq, slot, flags, version] = [reader.number(), reader.number(), reader.number(), reader.number()];
    const value = reader.raw(reader.number());
    const [applied, present] = [(flags & Flag.applied) !== 0, (flags & Flag.present) !== 0];
    results.set(seq, { slot, result: { applied, present, value, version } });
  }
  return { lastSeq, lastSlot, ackedThrough, results };
}
