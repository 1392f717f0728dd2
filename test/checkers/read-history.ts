// Histories as text: one JSON object per line, as docs/HISTORY.md describes it. Reading checks each field, because a
// recorder that writes nonsense would otherwise show up as a broken protocol.

import { hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import type { HistoryEvent } from './history.js';

/** The version of the form that is read here. */
export const HISTORY_VERSION = 1;

/** Longer lines are refused rather than held in memory. */
const LINE_BYTES_LIMIT = 64 << 20;
const CHUNK_BYTES = 1 << 20;
/** Base64 of more characters is replaced by its digest, so that an operation costs the same whatever it wrote. */
const VALUE_CHARACTERS_LIMIT = 44;

type Fields = Record<string, unknown>;

/** What is wrong with a history as text; the message names the line (from 1) and the field. */
export class HistoryFormatError extends Error {
  override readonly name = 'HistoryFormatError';
}

/** A history that was read from a file. */
export interface HistoryFile {
  history: HistoryEvent[];
  /** Per event the number of its line, from 1. */
  lines: number[];
}

/** Reads a history; empty lines are skipped. Throws `HistoryFormatError`. */
export function parseHistory(text: string): HistoryEvent[] {
  const reader = new LineReader();
  const lines = text.split('\n');
  return lines.flatMap((line, index) => reader.read(line, { isCut: index === lines.length - 1 }) ?? []);
}

/** Writes a history with its head, one newline after each line. */
export function formatHistory(history: readonly HistoryEvent[]): string {
  return [{ curphoHistory: HISTORY_VERSION }, ...history].map((line) => `${JSON.stringify(line)}\n`).join('');
}

/**
 * Reads a history from a file as a stream. Long values are replaced by digests, and equal texts are held once, so that
 * memory grows with the number of operations only. Throws `HistoryFormatError` and what the file system throws.
 */
export function readHistoryFile(path: string): HistoryFile {
  const file: HistoryFile = { history: [], lines: [] };
  const reader = new LineReader();
  const texts = new TextTable();
  for (const { text, isCut } of linesOf(path)) {
    const event = reader.read(text, { isCut });
    if (event === null) continue;
    file.history.push(compact(event, texts));
    file.lines.push(reader.line);
  }
  reader.assertHead();
  return file;
}

/** Lines of a file; `isCut` if the file ends without ending the line. */
function* linesOf(path: string): Generator<{ text: string; isCut: boolean }> {
  const descriptor = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest: Buffer[] = [];
    let restBytes = 0;
    for (let length = readSync(descriptor, chunk); length > 0; length = readSync(descriptor, chunk)) {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0 && end < length; end = chunk.indexOf(10, start)) {
        const text = Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8');
        rest = [];
        restBytes = 0;
        start = end + 1;
        yield { text, isCut: false };
      }
      restBytes += length - start;
      if (restBytes > LINE_BYTES_LIMIT) throw new HistoryFormatError(`a line is longer than ${LINE_BYTES_LIMIT} bytes`);
      rest.push(Buffer.from(chunk.subarray(start, length)));
    }
    if (restBytes > 0) yield { text: Buffer.concat(rest).toString('utf8'), isCut: true };
  } finally {
    closeSync(descriptor);
  }
}

/** A value as `readHistoryFile` holds it: base64 as it is, or its digest if it is long. */
export function shortenValue(base64: string): string {
  return base64.length > VALUE_CHARACTERS_LIMIT ? `#${hash('sha256', base64, 'base64')}` : base64;
}

/** Holds each text once. */
class TextTable {
  readonly #texts = new Map<string, string>();

  once(text: string): string {
    const short = shortenValue(text);
    const known = this.#texts.get(short);
    if (known !== undefined) return known;
    this.#texts.set(short, short);
    return short;
  }
}

function compact(event: HistoryEvent, texts: TextTable): HistoryEvent {
  // Keys keep their order only as they are, so that they are not replaced by digests.
  const entry = <V extends string | null>({ key, value }: { key: string; value: V }) => ({
    key,
    value: value === null ? value : texts.once(value),
  });
  const { value, expected, writes, result } = event;
  if (value !== undefined) event.value = texts.once(value);
  if (typeof expected === 'string') event.expected = texts.once(expected);
  if (writes !== undefined) event.writes = writes.map(entry);
  if (typeof result === 'string') event.result = texts.once(result);
  else if (result && 'entries' in result)
    event.result = { entries: result.entries.map(entry) as never, more: result.more };
  else if (typeof result?.found === 'string')
    event.result = { applied: result.applied, found: texts.once(result.found) };
  return event;
}

/** Reads line after line and knows where it is. */
class LineReader {
  /** The line that was read last. */
  line = 0;
  #hasHead = false;

  /** The line's event, or null for one without. */
  read(text: string, { isCut }: { isCut: boolean }): HistoryEvent | null {
    this.line += 1;
    if (text.trim() === '') return null;
    let fields: unknown;
    try {
      fields = JSON.parse(text);
    } catch (error) {
      if (isCut) throw this.#error('is truncated: the file ends before the line does');
      throw this.#error(`not JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (!isObject(fields)) throw this.#error('not an object');
    if ('curphoHistory' in fields) return this.#readHead(fields);
    this.assertHead();
    const complaint = complain(fields);
    if (complaint !== null) throw this.#error(complaint);
    return fields as Fields & HistoryEvent;
  }

  assertHead(): void {
    if (!this.#hasHead) throw this.#error(`expected {"curphoHistory":${HISTORY_VERSION}} before the first operation`);
  }

  #readHead(fields: Fields): null {
    if (fields.curphoHistory !== HISTORY_VERSION)
      throw this.#error(expected('curphoHistory', `version ${HISTORY_VERSION}`, fields.curphoHistory));
    this.#hasHead = true;
    return null;
  }

  #error(what: string): HistoryFormatError {
    return new HistoryFormatError(`line ${this.line}: ${what}`);
  }
}

const OPERATIONS = ['put', 'delete', 'cas', 'get', 'scan', 'batch'];
const NUMBERS = ['session', 'seq', 'invokeUs', 'slot', 'epoch'];

const FIELDS = new Set([
  ...NUMBERS,
  ...['op', 'consistency', 'key', 'value', 'expected', 'writes', 'end', 'limit', 'result', 'returnUs', 'outcome'],
]);

/** The first thing wrong with an event, or null. */
function complain(fields: Fields): string | null {
  for (const name in fields) if (!FIELDS.has(name)) return `field "${name}": a history has no such field`;
  for (const name of NUMBERS) if (!isCount(fields[name])) return expected(name, 'a whole number from 0', fields[name]);
  if (!OPERATIONS.includes(String(fields.op))) return expected('op', OPERATIONS.join(', '), fields.op);
  if (fields.consistency !== 'strong' && fields.consistency !== 'weak')
    return expected('consistency', 'strong or weak', fields.consistency);
  if (!['ok', 'failed', 'unknown'].includes(String(fields.outcome)))
    return expected('outcome', 'ok, failed or unknown', fields.outcome);
  if (!isBase64(fields.key)) return expected('key', 'base64', fields.key);
  if (fields.returnUs !== undefined && !isCount(fields.returnUs))
    return expected('returnUs', 'a whole number from 0', fields.returnUs);
  if (fields.outcome === 'ok' && fields.returnUs === undefined)
    return expected('returnUs', 'a whole number, as the outcome is ok', undefined);
  if (fields.outcome === 'unknown' && fields.returnUs !== undefined)
    return expected('returnUs', 'nothing, as the outcome is unknown', fields.returnUs);
  if (Number(fields.returnUs ?? fields.invokeUs) < Number(fields.invokeUs))
    return expected('returnUs', `at least invokeUs ${String(fields.invokeUs)}`, fields.returnUs);
  if (fields.outcome !== 'ok' && fields.result !== undefined)
    return expected('result', `nothing, as the outcome is ${String(fields.outcome)}`, fields.result);
  return complainOfArguments(fields) ?? (fields.outcome === 'ok' ? complainOfResult(fields) : null);
}

function complainOfArguments(fields: Fields): string | null {
  const { op, value, writes, end, limit } = fields;
  if ((op === 'put' || op === 'cas') && !isBase64(value)) return expected('value', 'base64', value);
  if (op === 'cas' && !isValue(fields.expected)) return expected('expected', 'base64 or null', fields.expected);
  if (op === 'cas' && fields.consistency !== 'strong')
    return expected('consistency', 'strong for a cas', fields.consistency);
  if (op === 'scan' && end !== undefined && !isBase64(end)) return expected('end', 'base64', end);
  if (op === 'scan' && limit !== undefined && !isCount(limit)) return expected('limit', 'a whole number from 0', limit);
  if (op !== 'batch') return null;
  if (!Array.isArray(writes)) return expected('writes', 'a list', writes);
  const wrong = writes.findIndex((write) => !isObject(write) || !isBase64(write.key) || !isValue(write.value));
  return wrong < 0 ? null : expected(`writes[${wrong}]`, '{key, value}, value null for a delete', writes[wrong]);
}

function complainOfResult(fields: Fields): string | null {
  const { op, result } = fields;
  if ((op === 'put' || op === 'delete' || op === 'batch') && result !== undefined)
    return expected('result', `nothing for a ${op}`, result);
  if (op === 'get') return isValue(result) ? null : expected('result', 'base64 or null', result);
  if (op === 'cas') {
    const valid = isObject(result) && typeof result.applied === 'boolean' && (result.applied || isValue(result.found));
    return valid ? null : expected('result', '{applied, found}, found null for absence', result);
  }
  if (op !== 'scan') return null;
  if (!isObject(result) || typeof result.more !== 'boolean' || !Array.isArray(result.entries))
    return expected('result', '{entries, more}', result);
  const wrong = result.entries.findIndex((entry) => !isObject(entry) || !isBase64(entry.key) || !isBase64(entry.value));
  return wrong < 0 ? null : expected(`result.entries[${wrong}]`, '{key, value}', result.entries[wrong]);
}

function expected(field: string, what: string, found: unknown): string {
  return `field "${field}": expected ${what}, found ${found === undefined ? 'nothing' : JSON.stringify(found)}`;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function isBase64(value: unknown): boolean {
  return typeof value === 'string' && value.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(value);
}

function isValue(value: unknown): boolean {
  return value === null || isBase64(value);
}
