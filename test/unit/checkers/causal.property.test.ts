// The causal checker against the definition, on tiny histories: one order of all writes, which respects causality, has to
// explain every read as the last write of its key in the reader's past.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { causal } from '../../checkers/causal.js';
import type { HistoryEvent } from '../../checkers/history.js';
import { isSessionBefore, isWrite, tinyHistories } from './tiny-histories.js';

const RUNS = 6000;

/** What an operation read: undefined if nothing, null for absence. */
function readValue(event: HistoryEvent): string | null | undefined {
  if (event.op === 'get') return event.result === undefined ? undefined : (event.result as string | null);
  if (event.op !== 'cas') return undefined;
  const { result } = event;
  if (typeof result === 'object' && result !== null && 'applied' in result && !result.applied)
    return result.found ?? null;
  return event.expected ?? null;
}

function takesEffect(event: HistoryEvent): boolean {
  const { result } = event;
  return isWrite(event) && !(typeof result === 'object' && result !== null && 'applied' in result && !result.applied);
}

/** Whether the history is causally consistent, whichever delete each absence is due to. */
function isCausal(history: readonly HistoryEvent[]): boolean {
  const events = withoutUnseen(history);
  const absences = events.filter((event) => readValue(event) === null);
  const choices = absences.map((event) => [
    undefined,
    ...events.filter(
      (other) => other.op === 'delete' && other.key === event.key && other.invokeUs <= (event.returnUs ?? 0),
    ),
  ]);
  return combinations(choices).some((deletes) =>
    isCausalWith(events, new Map(absences.map((event, index) => [event, deletes[index]]))),
  );
}

function isCausalWith(
  events: readonly HistoryEvent[],
  deletes: ReadonlyMap<HistoryEvent, HistoryEvent | undefined>,
): boolean {
  const source = (event: HistoryEvent): HistoryEvent | undefined =>
    deletes.get(event) ??
    events.find(
      (other) =>
        takesEffect(other) && other.key === event.key && other.value !== undefined && other.value === readValue(event),
    );
  for (const event of events) {
    const value = readValue(event);
    if (typeof value !== 'string') continue;
    const writer = source(event);
    if (!writer || (event.returnUs ?? Number.POSITIVE_INFINITY) < writer.invokeUs) return false;
  }
  if (events.some((event) => past(events, source, event).has(event))) return false;
  const writes = events.filter(takesEffect);
  return permutations(writes).some((order) => {
    const rank = (write: HistoryEvent): number => order.indexOf(write);
    const causalFirst = order.every((write) =>
      [...past(events, source, write)].every((other) => !takesEffect(other) || rank(other) < rank(write)),
    );
    return causalFirst && events.every((event) => readValue(event) === undefined || readsLast(event));
    function readsLast(event: HistoryEvent): boolean {
      const known = [...past(events, source, event, true)].filter(
        (other) => takesEffect(other) && other.key === event.key,
      );
      const last = known.sort((left, right) => rank(right) - rank(left))[0];
      return last === source(event);
    }
  });
}

/**
 * Everything that leads to an operation. Its own session's order does not show a weak read the compare-and-sets in flight:
 * they may fail. What somebody read of one, the session itself included, shows it.
 */
function past(
  events: readonly HistoryEvent[],
  source: (event: HistoryEvent) => HistoryEvent | undefined,
  of: HistoryEvent,
  asReader = false,
): Set<HistoryEvent> {
  const found = new Set<HistoryEvent>();
  const left = [of];
  const isHidden = (event: HistoryEvent): boolean =>
    asReader &&
    of.consistency === 'weak' &&
    event.op === 'cas' &&
    event.session === of.session &&
    !((event.returnUs ?? Number.POSITIVE_INFINITY) < of.invokeUs);
  for (let event = left.pop(); event; event = left.pop()) {
    for (const other of events) {
      if (found.has(other)) continue;
      if (source(event) !== other && (!isSessionBefore(other, event) || isHidden(other))) continue;
      found.add(other);
      left.push(other);
    }
  }
  return found;
}

/** Unknown outcomes that nobody certain saw bind nobody. */
function withoutUnseen(history: readonly HistoryEvent[]): HistoryEvent[] {
  let certain = history.filter((event) => event.outcome === 'ok');
  for (;;) {
    const isSeen = (event: HistoryEvent): boolean =>
      event.value !== undefined &&
      certain.some((reader) => reader !== event && reader.key === event.key && readValue(reader) === event.value);
    const more = history.filter((event) => certain.includes(event) || (isWrite(event) && isSeen(event)));
    if (more.length === certain.length) return more;
    certain = more;
  }
}

function combinations<T>(choices: readonly T[][]): T[][] {
  const [first, ...rest] = choices;
  return first ? combinations(rest).flatMap((tail) => first.map((choice) => [choice, ...tail])) : [[]];
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}

describe('causal checker on tiny histories', () => {
  it('finds a bad pattern exactly where no causal explanation exists', () => {
    const verdicts = { good: 0, bad: 0 };
    const kinds = ['put', 'get', 'cas', 'weakPut', 'weakGet'] as const;
    fc.assert(
      fc.property(tinyHistories({ operations: 6, keys: 2, kinds }), (history) => {
        const good = isCausal(history);
        verdicts[good ? 'good' : 'bad'] += 1;
        assert.equal(causal(history).length === 0, good, JSON.stringify(history));
      }),
      { numRuns: RUNS },
    );
    assert.ok(Math.min(verdicts.good, verdicts.bad) > RUNS / 20, JSON.stringify(verdicts));
  }).timeout(60_000);

  it('never finds a bad pattern in what has a causal explanation, with deletes as well', () => {
    let accepted = 0;
    const kinds = ['put', 'get', 'cas', 'delete', 'weakDelete', 'weakPut', 'weakGet'] as const;
    fc.assert(
      fc.property(tinyHistories({ operations: 6, keys: 1, kinds }), (history) => {
        const certain = history.filter((event) => event.op !== 'delete' || event.outcome === 'ok');
        const good = isCausal(certain);
        accepted += good ? 1 : 0;
        assert.ok(!good || causal(certain).length === 0, JSON.stringify(certain));
      }),
      { numRuns: RUNS },
    );
    assert.ok(accepted > RUNS / 20, String(accepted));
  }).timeout(60_000);
});
