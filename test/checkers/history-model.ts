// A history as the checkers reason about it: each operation as the cells it reads and writes. Decides which unknown
// outcomes certainly took effect, and what a scan says about keys it did not return. Knows no consistency property.

import type { HistoryEvent, Violation } from './history.js';

/** A key together with what it holds; null is absence. */
export interface Cell {
  key: string;
  value: string | null;
}

/** One operation that took effect or may have. Failed operations and reads without an answer are not in the model. */
export interface Operation {
  event: HistoryEvent;
  /** Its place in the model's operations; -1 for what is not in a model. Copies keep it. */
  index: number;
  session: number;
  /** Writes: own seq. Reads: the session's last write seq when the read was issued. */
  seq: number;
  strong: boolean;
  /** Whether it is numbered in its session's sequence of writes (also a compare-and-set that did not match). */
  numbered: boolean;
  invoke: number;
  /** Infinity if no answer came, so that it bounds nothing. */
  returned: number;
  reads: Cell[];
  writes: Cell[];
  /** Nobody saw it and its outcome is unknown: it may explain an absence, and it obliges nobody. */
  optional: boolean;
  /**
   * Perhaps never in the log: a write of unknown outcome that at most its own session's weak reads saw, or a weak write
   * acknowledged behind such a one. If the client died, neither has to be in the final state: `local` is only as good
   * as the session's earlier writes.
   */
  fragile: boolean;
}

/** The whole history in that form. */
export interface HistoryModel {
  operations: Operation[];
  /** Who wrote a cell, by `cellName`; absence is never in it. */
  writers: Map<string, Operation>;
  /** All operations, also optional ones, that delete a key. */
  deletes: Map<string, Operation[]>;
  /** Operations that certainly failed, by the cells they would have written. */
  failed: Map<string, HistoryEvent>;
  /** All keys that anything wrote, in byte order. */
  keys: string[];
  /** Where the history breaks its own promise that values are unique per key; checking goes on with the first. */
  malformed: Violation[];
}

/** One string for a cell that holds a value. Base64 has no colon. */
export function cellName(key: string, value: string): string {
  return `${key}:${value}`;
}

/** A key or value for a message: its text if it is printable, its base64 otherwise. */
export function showBytes(base64: string | null): string {
  if (base64 === null) return 'absent';
  const bytes = Buffer.from(base64, 'base64');
  return bytes.length > 0 && bytes.every((byte) => byte > 0x20 && byte < 0x7f)
    ? bytes.toString('latin1')
    : `base64 "${base64}"`;
}

/** `x=5`, for messages. */
export function describeCell({ key, value }: Cell): string {
  return `${showBytes(key)}=${showBytes(value)}`;
}

/** `session 3's weak put of x=5`, for messages. */
export function describeEvent(event: HistoryEvent): string {
  const what = `session ${event.session}'s ${event.consistency} ${event.op}`;
  if (event.op === 'scan') return `${what} from ${event.key === '' ? 'the first key' : showBytes(event.key)}`;
  if (event.op === 'batch') return `${what} #${event.seq}`;
  const key = showBytes(event.key);
  if (event.op === 'get')
    return `${what} of ${key} → ${typeof event.result === 'string' || event.result === null ? showBytes(event.result) : 'no answer'}`;
  return event.value === undefined
    ? `${what} #${event.seq} of ${key}`
    : `${what} #${event.seq} of ${key}=${showBytes(event.value)}`;
}

/** Reads a history into the model. `finalState` counts as having been seen: it shows which unknown writes happened. */
export function buildModel(history: readonly HistoryEvent[], finalState?: ReadonlyMap<string, string>): HistoryModel {
  const model: HistoryModel = {
    operations: [],
    writers: new Map(),
    deletes: new Map(),
    failed: new Map(),
    keys: [],
    malformed: [],
  };
  const keys = new Map<string, string>();
  for (const event of history) {
    for (const cell of intendedWrites(event)) {
      keys.set(cell.key, keyOrder(cell.key));
      if (event.outcome === 'failed' && cell.value !== null) model.failed.set(cellName(cell.key, cell.value), event);
    }
  }
  const ordered = [...keys].sort(([, left], [, right]) => (left < right ? -1 : left > right ? 1 : 0));
  model.keys = ordered.map(([key]) => key);
  const candidates = history.flatMap((event) => readOperation(event, ordered) ?? []);
  for (const operation of candidates) nameWriter(model, operation);
  const seen = seenOperations(candidates, model.writers, finalState, () => true);
  markFragile(
    candidates,
    seenOperations(
      candidates,
      model.writers,
      finalState,
      (reader, writer) => reader.strong || reader.session !== writer.session,
    ),
  );
  for (const operation of candidates) {
    if (operation.event.outcome === 'unknown' && !seen.has(operation)) {
      if (!operation.writes.some((cell) => cell.value === null)) continue;
      operation.optional = true;
    }
    operation.index = model.operations.length;
    model.operations.push(operation);
    for (const { key, value } of operation.writes) {
      if (value !== null) continue;
      const deletes = model.deletes.get(key);
      if (deletes) deletes.push(operation);
      else model.deletes.set(key, [operation]);
    }
  }
  return model;
}

/** What a write would change; empty for reads and for a compare-and-set that is known not to have matched. */
function intendedWrites(event: HistoryEvent): Cell[] {
  switch (event.op) {
    case 'put':
      return [{ key: event.key, value: event.value ?? '' }];
    case 'delete':
      return [{ key: event.key, value: null }];
    case 'cas':
      return casAnswer(event)?.applied === false ? [] : [{ key: event.key, value: event.value ?? '' }];
    case 'batch':
      // A later change of a key replaces an earlier one of the same batch.
      return [...new Map((event.writes ?? []).map(({ key, value }) => [key, { key, value }])).values()];
    case 'get':
    case 'scan':
      return [];
  }
}

function readOperation(event: HistoryEvent, keys: readonly [string, string][]): Operation | null {
  if (event.outcome === 'failed') return null;
  const numbered = event.op !== 'get' && event.op !== 'scan';
  if (event.outcome === 'unknown' && !numbered) return null;
  return {
    event,
    index: -1,
    session: event.session,
    seq: event.seq,
    strong: event.consistency === 'strong',
    numbered,
    invoke: event.invokeUs,
    returned: event.outcome === 'ok' ? (event.returnUs ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY,
    reads: observedCells(event, keys),
    writes: intendedWrites(event),
    optional: false,
    fragile: false,
  };
}

function observedCells(event: HistoryEvent, keys: readonly [string, string][]): Cell[] {
  if (event.op === 'get') return [{ key: event.key, value: typeof event.result === 'string' ? event.result : null }];
  if (event.op === 'cas') {
    // An unknown compare-and-set is kept only if its value was seen, and then it matched.
    const answer = casAnswer(event);
    const found = answer?.applied === false ? (answer.found ?? null) : (event.expected ?? null);
    return [{ key: event.key, value: found }];
  }
  return event.op === 'scan' ? scannedCells(event, keys) : [];
}

function casAnswer(event: HistoryEvent): { applied: boolean; found?: string | null } | null {
  const { result } = event;
  return typeof result === 'object' && result !== null && 'applied' in result ? result : null;
}

/** A scan reads each entry, and absence of each other key up to its end or, if it was cut, up to its last entry. */
function scannedCells(event: HistoryEvent, keys: readonly [string, string][]): Cell[] {
  const { result } = event;
  if (typeof result !== 'object' || result === null || !('entries' in result)) return [];
  const cells: Cell[] = result.entries.map(({ key, value }) => ({ key, value }));
  const returned = new Set(result.entries.map((entry) => entry.key));
  const last = result.entries.at(-1);
  if (result.more && !last) return cells;
  const start = keyOrder(event.key);
  const end = event.end ? keyOrder(event.end) : null;
  const cut = result.more && last ? keyOrder(last.key) : null;
  for (const [key, order] of keys) {
    if (returned.has(key) || order < start || (end !== null && order >= end) || (cut !== null && order > cut)) continue;
    cells.push({ key, value: null });
  }
  return cells;
}

/** A string that compares like the key's bytes. */
function keyOrder(key: string): string {
  return Buffer.from(key, 'base64').toString('latin1');
}

function nameWriter(model: HistoryModel, operation: Operation): void {
  for (const { key, value } of operation.writes) {
    if (value === null) continue;
    const name = cellName(key, value);
    const first = model.writers.get(name);
    if (first) {
      const detail = `${describeCell({ key, value })} is written twice, so that its readers cannot be told apart`;
      model.malformed.push({ property: 'history', detail, events: [first.event, operation.event] });
    } else {
      model.writers.set(name, operation);
    }
  }
}

/** Operations with a value that somebody who counts saw. A seen compare-and-set saw what it expected, and so on backwards. */
function seenOperations(
  candidates: readonly Operation[],
  writers: ReadonlyMap<string, Operation>,
  finalState: ReadonlyMap<string, string> | undefined,
  counts: (reader: Operation, writer: Operation) => boolean,
): Set<Operation> {
  const seen = new Set<Operation>();
  const pending: { cell: Cell; reader: Operation | null }[] = [...(finalState ?? [])].map(([key, value]) => ({
    cell: { key, value },
    reader: null,
  }));
  const readBy = (reader: Operation): void => {
    for (const cell of reader.reads) pending.push({ cell, reader });
  };
  for (const operation of candidates) if (operation.event.outcome === 'ok') readBy(operation);
  for (let next = pending.pop(); next; next = pending.pop()) {
    const { cell, reader } = next;
    const writer = cell.value === null ? undefined : writers.get(cellName(cell.key, cell.value));
    if (!writer || seen.has(writer) || (reader && !counts(reader, writer))) continue;
    seen.add(writer);
    if (writer.event.outcome === 'unknown') readBy(writer);
  }
  return seen;
}

function markFragile(candidates: readonly Operation[], established: ReadonlySet<Operation>): void {
  const doubtful = new Map<number, number>();
  for (const operation of candidates) {
    if (operation.event.outcome !== 'unknown' || established.has(operation)) continue;
    operation.fragile = true;
    doubtful.set(operation.session, Math.min(doubtful.get(operation.session) ?? operation.seq, operation.seq));
  }
  for (const operation of candidates) {
    const behind = operation.seq > (doubtful.get(operation.session) ?? Number.POSITIVE_INFINITY);
    if (behind && operation.numbered && !operation.strong && !established.has(operation)) operation.fragile = true;
  }
}
