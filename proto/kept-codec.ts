// Entries and writes as nodes keep them on disk: the same bytes as on the wire, without a frame around them. What a disk
// gives back has passed a checksum, so nothing is checked here but that it is well-formed.

import type { CheckedWrite, ClusterConfig, LogEntry } from '../protocol/messages.js';
import { LogEntry as LogEntryWire } from './gen/curpho/v1/replica.js';
import { ClusterConfig as ClusterConfigWire, Write as WriteWire } from './gen/curpho/v1/types.js';
import { NumberReader, NumberWriter } from './number-wire.js';

/** Kept for its buffer; `finish` copies out of it. */
let writer = new NumberWriter();

function encode<T>(message: { encode(value: T, writer: NumberWriter): unknown }, value: T): Uint8Array {
  try {
    message.encode(value, writer);
  } catch (error) {
    // Half a record is left in the writer.
    writer = new NumberWriter();
    throw error;
  }
  return writer.finish();
}

export function encodeLogEntry(entry: LogEntry): Uint8Array {
  return encode(LogEntryWire, entry);
}

/** @throws Error if the bytes are no entry. */
export function decodeLogEntry(bytes: Uint8Array): LogEntry {
  return LogEntryWire.decode(new NumberReader(bytes));
}

export function encodeWrite(write: CheckedWrite): Uint8Array {
  return encode(WriteWire, write);
}

/** @throws Error if the bytes are no write with a command. */
export function decodeWrite(bytes: Uint8Array): CheckedWrite {
  const write = WriteWire.decode(new NumberReader(bytes));
  const { command } = write;
  if (command === undefined) throw new Error('a write without a command');
  return { ...write, command };
}

export function encodeConfig(config: ClusterConfig): Uint8Array {
  ClusterConfigWire.encode(config, writer);
  return writer.finish();
}

/** @throws Error if the bytes are no configuration. */
export function decodeConfig(bytes: Uint8Array): ClusterConfig {
  return ClusterConfigWire.decode(new NumberReader(bytes));
}
