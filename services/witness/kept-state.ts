// What a witness keeps, as records of a store, and the image that it begins from. Decides nothing.

import { decodeWrite, encodeWrite } from '../../proto/kept-codec.js';
import type { Inquiry, SessionWatermark } from '../../protocol/messages.js';
import type { KeptWrite, WitnessBatch, WitnessImage, WitnessPromises } from '../../protocol/witness/persistence.js';
import { kindKey, numberKey, numberOfKey } from '../host/store/keys.js';
import type { NodeStore } from '../host/store/node-store.js';
import { type ChangeWriter, RecordReader, RecordWriter } from '../host/store/records.js';

/** Number of the format that this file writes; a later one is refused. */
export const WITNESS_FORMAT = 1;

/** Kinds of records; those of the pool stand together. */
const Kind = { promises: 1, write: 2, session: 3, asked: 4, end: 5 } as const;

/** Translates between a witness's batches and images, and the records of one store. */
export class KeptWitness {
  private readonly writer = new RecordWriter();

  constructor(private readonly store: NodeStore) {}

  /** What was found; undefined if nothing was ever kept. To be used up before the first batch. */
  readImage(): WitnessImage | undefined {
    const promises = this.store.get(kindKey(Kind.promises));
    if (promises === undefined) return undefined;
    const asked = this.store.get(kindKey(Kind.asked));
    return {
      promises: decodePromises(promises),
      entries: this.entries(),
      sessions: this.sessions(),
      asked: asked && decodeInquiry(asked),
    };
  }

  /** Writes a batch's changes. */
  write({ promises, isFresh, added, removed, sessions, asked }: WitnessBatch, changes: ChangeWriter): void {
    changes.put(kindKey(Kind.promises), this.encodePromises(promises));
    if (isFresh) changes.clear(kindKey(Kind.write), kindKey(Kind.end));
    for (const { arrival, write } of added) changes.put(numberKey(Kind.write, arrival), encodeWrite(write));
    for (const arrival of removed) changes.delete(numberKey(Kind.write, arrival));
    for (const { session, committedThrough } of sessions) {
      const key = numberKey(Kind.session, session);
      if (committedThrough === 0) changes.delete(key);
      else changes.put(key, this.writer.number(committedThrough).view());
    }
    if (asked !== undefined) changes.put(kindKey(Kind.asked), this.encodeInquiry(asked));
  }

  private encodeInquiry({ number, sessions }: Inquiry): Buffer {
    this.writer.number(number);
    for (const session of sessions) this.writer.number(session);
    return this.writer.view();
  }

  private encodePromises({ epoch, lifeEpoch, isSealed, index, leader }: WitnessPromises): Buffer {
    const { writer } = this;
    writer
      .number(epoch)
      .number(lifeEpoch)
      .number(isSealed ? 1 : 0);
    return writer.number(index).number(leader).view();
  }

  private *entries(): Generator<KeptWrite> {
    for (const [key, bytes] of this.store.read(kindKey(Kind.write), kindKey(Kind.write + 1)))
      yield { arrival: numberOfKey(key), write: decodeWrite(bytes) };
  }

  private *sessions(): Generator<SessionWatermark> {
    for (const [key, bytes] of this.store.read(kindKey(Kind.session), kindKey(Kind.session + 1)))
      yield { session: numberOfKey(key), committedThrough: new RecordReader(bytes).number() };
  }
}

function decodeInquiry(bytes: Buffer): Inquiry {
  const reader = new RecordReader(bytes);
  const inquiry: Inquiry = { number: reader.number(), sessions: [] };
  while (!reader.isAtEnd) inquiry.sessions.push(reader.number());
  return inquiry;
}

function decodePromises(bytes: Buffer): WitnessPromises {
  const reader = new RecordReader(bytes);
  const [epoch, lifeEpoch, sealed] = [reader.number(), reader.number(), reader.number()];
  return { epoch, lifeEpoch, isSealed: sealed !== 0, index: reader.number(), leader: reader.number() };
}
