// The record in which a replica keeps what its leader last asked about (F5).

import type { KeptInquiry } from '../../../protocol/inquiry.js';
import { RecordReader, RecordWriter } from './records.js';

/** The record's value. */
export function encodeInquiry({ epoch, number, sessions }: KeptInquiry): Buffer {
  const writer = new RecordWriter().number(epoch).number(number);
  for (const session of sessions) writer.number(session);
  return writer.take();
}

/** What the record says; undefined if there is none. */
export function decodeInquiry(bytes: Buffer | undefined): KeptInquiry | undefined {
  if (bytes === undefined) return undefined;
  const reader = new RecordReader(bytes);
  const [epoch, number] = [reader.number(), reader.number()];
  const sessions: number[] = [];
  while (!reader.isAtEnd) sessions.push(reader.number());
  return { epoch, number, sessions };
}
