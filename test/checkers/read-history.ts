// Histories as text: one operation per line of JSON. Reading checks each field, because a recorder that writes nonsense
// would otherwise show up as a broken protocol.

import type { HistoryEvent } from './history.js';

type Fields = Record<string, unknown>;

/** What is wrong with a history as text; the message names the line (from 1) and the field. */
export class HistoryFormatError extends Error {
  override readonly name = 'HistoryFormatError';
}

/** Reads JSON lines; empty lines are skipped. Throws `HistoryFormatError`. */
export function parseHistory(text: string): HistoryEvent[] {
  return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parseLine(line, index + 1)]));
}

/** Writes a history as JSON lines, one newline after each. */
export function formatHistory(history: readonly HistoryEvent[]): string {
  return history.map((event) => `${JSON.stringify(event)}\n`).join('');
}

function parseLine(line: string, number: number): HistoryEvent {
  let fields: unknown;
  try {
    fields = JSON.parse(line);
  } catch (error) {
    throw new HistoryFormatError(`line ${number}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(fields)) throw new HistoryFormatError(`line ${number}: not an object`);
  const complaint = complain(fields);
  if (complaint !== null) throw new HistoryFormatError(`line ${number}: ${complaint}`);
  return fields as Fields & HistoryEvent;
}

const OPERATIONS = ['put', 'delete', 'cas', 'get', 'scan', 'batch'];
const NUMBERS = ['session', 'seq', 'invokeUs', 'slot', 'epoch'];

/** The first thing wrong with an event, or null. */
function complain(fields: Fields): string | null {
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
  if (Number(fields.returnUs ?? fields.invokeUs) < Number(fields.invokeUs))
    return expected('returnUs', `at least invokeUs ${String(fields.invokeUs)}`, fields.returnUs);
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
