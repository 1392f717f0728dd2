// Random histories of a few operations, good and bad ones mixed, and the judgement of them by definition: all orders are
// tried. Shares nothing with the checkers but the form of a history.

import fc from 'fast-check';
import type { HistoryEvent } from '../../checkers/history.js';
import { bytes } from './story.js';

const DRAFT = fc.record({
  kind: fc.constantFrom(
    'put',
    'get',
    'cas',
    'put',
    'get',
    'delete',
    'weakPut',
    'weakGet',
    'weakPut',
    'weakGet',
    'weakDelete',
  ),
  session: fc.integer({ min: 1, max: 3 }),
  key: fc.integer({ min: 0, max: 1 }),
  invoke: fc.integer({ min: 0, max: 12 }),
  duration: fc.integer({ min: 1, max: 8 }),
  /** Which value is read or expected: 0 is absence, n the n-th operation's. */
  source: fc.nat({ max: 6 }),
  fate: fc.constantFrom('ok', 'ok', 'ok', 'ok', 'unknown'),
  matches: fc.boolean(),
});

type Draft = typeof DRAFT extends fc.Arbitrary<infer T> ? T : never;

/** What a family of random histories consists of. */
export interface TinyOptions {
  operations: number;
  keys: number;
  kinds: readonly Draft['kind'][];
}

/** Histories of at most `operations` operations of the given kinds. */
export function tinyHistories({ operations, keys, kinds }: TinyOptions): fc.Arbitrary<HistoryEvent[]> {
  const drafts = fc.array(DRAFT, { minLength: 2, maxLength: operations });
  return drafts.map((list) => {
    const kept = list.filter(({ kind }) => kinds.includes(kind)).map((draft) => ({ ...draft, key: draft.key % keys }));
    return toHistory(kept.sort((left, right) => left.invoke - right.invoke));
  });
}

function toHistory(drafts: readonly Draft[]): HistoryEvent[] {
  const seqs = new Map<number, number>();
  return drafts.map((draft, index) => {
    const { kind, session, key, invoke, duration, fate, matches } = draft;
    const isRead = kind === 'get' || kind === 'weakGet';
    const seq = (seqs.get(session) ?? 0) + (isRead ? 0 : 1);
    seqs.set(session, seq);
    const event: HistoryEvent = {
      ...{
        session,
        seq,
        op: operationOf(kind),
        consistency: kind.startsWith('weak') ? 'weak' : 'strong',
        key: bytes(`k${key}`),
      },
      ...{ invokeUs: invoke, outcome: fate, slot: 0, epoch: 0 },
    };
    if (fate === 'ok') event.returnUs = invoke + duration;
    const read = sourceValue(drafts, draft);
    if (event.op === 'put' || event.op === 'cas') event.value = writtenValue(index);
    if (event.op === 'cas') event.expected = read;
    if (fate !== 'ok') return event;
    if (event.op === 'get') event.result = read;
    if (event.op === 'cas') {
      event.result = matches ? { applied: true } : { applied: false, found: read };
      if (!matches) event.expected = bytes('never');
    }
    return event;
  });
}

function operationOf(kind: Draft['kind']): HistoryEvent['op'] {
  if (kind === 'put' || kind === 'weakPut') return 'put';
  if (kind === 'get' || kind === 'weakGet') return 'get';
  return kind === 'cas' ? 'cas' : 'delete';
}

function writtenValue(index: number): string {
  return bytes(`v${index}`);
}

/** A value that some operation on the key writes, mostly; sometimes absence. */
function sourceValue(drafts: readonly Draft[], { key, source }: Draft): string | null {
  const writers = drafts.flatMap(({ kind, ...other }, index) =>
    other.key === key && ['put', 'weakPut', 'cas'].includes(kind) ? [index] : [],
  );
  const choice = source % (writers.length + 1);
  return choice === 0 ? null : writtenValue(writers[choice - 1] ?? 0);
}

/** Whether `earlier` must come before `later` in the session's order. */
export function isSessionBefore(earlier: HistoryEvent, later: HistoryEvent): boolean {
  if (earlier === later || earlier.session !== later.session) return false;
  if ((earlier.returnUs ?? Number.POSITIVE_INFINITY) < later.invokeUs) return true;
  if (!isWrite(earlier)) return false;
  return isWrite(later) ? earlier.seq < later.seq : earlier.seq <= later.seq;
}

/** Whether the operation has a seq of its own. */
export function isWrite(event: HistoryEvent): boolean {
  return event.op !== 'get';
}

/**
 * Whether some order of the operations, unknown ones left out or not, explains all answers. `mustPrecede` gives the
 * order that is required between operations that take part.
 */
export function hasOrder(
  history: readonly HistoryEvent[],
  mustPrecede: (earlier: HistoryEvent, later: HistoryEvent) => boolean,
): boolean {
  const writes = history.filter((event) => isWrite(event) || event.outcome === 'ok');
  const unknown = writes.filter((event) => event.outcome === 'unknown');
  for (let subset = 0; subset < 2 ** unknown.length; subset += 1) {
    const taking = writes.filter((event) => event.outcome === 'ok' || (subset >> unknown.indexOf(event)) & 1);
    if (extend(taking, new Map(), mustPrecede)) return true;
  }
  return false;
}

function extend(
  left: readonly HistoryEvent[],
  state: ReadonlyMap<string, string>,
  mustPrecede: (earlier: HistoryEvent, later: HistoryEvent) => boolean,
): boolean {
  if (left.length === 0) return true;
  return left.some((event) => {
    const rest = left.filter((other) => other !== event);
    if (rest.some((other) => mustPrecede(other, event))) return false;
    const next = apply(event, state);
    return next !== null && extend(rest, next, mustPrecede);
  });
}

/** The state after an operation, or null if its answer does not fit. */
function apply(event: HistoryEvent, state: ReadonlyMap<string, string>): ReadonlyMap<string, string> | null {
  const held = state.get(event.key) ?? null;
  if (event.op === 'get') return held === event.result ? state : null;
  const next = new Map(state);
  if (event.op === 'delete') next.delete(event.key);
  else if (event.op === 'put' || held === event.expected) next.set(event.key, event.value ?? '');
  if (event.op !== 'cas' || event.outcome !== 'ok') return next;
  const { result } = event;
  if (typeof result !== 'object' || result === null || !('applied' in result)) return null;
  if (result.applied) return held === event.expected ? next : null;
  return held !== event.expected && held === result.found ? state : null;
}
