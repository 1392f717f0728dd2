// The checkers that search for an order, against all orders of tiny histories.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import { causal } from '../../checkers/causal.js';
import type { HistoryEvent } from '../../checkers/history.js';
import { buildModel } from '../../checkers/history-model.js';
import { checkHybridOrder } from '../../checkers/hybrid-order.js';
import { checkLinearizability } from '../../checkers/linearizability.js';
import { hasOrder, isSessionBefore, isWrite, tinyHistories } from './tiny-histories.js';

const RUNS = 4000;

function returnedBefore(earlier: HistoryEvent, later: HistoryEvent): boolean {
  return earlier.consistency === 'strong' && (earlier.returnUs ?? Number.POSITIVE_INFINITY) < later.invokeUs;
}

/** Compares on many histories, and makes sure that good and bad ones were among them. */
function compare(
  histories: fc.Arbitrary<HistoryEvent[]>,
  found: (history: HistoryEvent[]) => boolean,
  expected: (history: HistoryEvent[]) => boolean,
): void {
  const verdicts = { good: 0, bad: 0 };
  fc.assert(
    fc.property(histories, (history) => {
      const good = expected(history);
      verdicts[good ? 'good' : 'bad'] += 1;
      assert.equal(found(history), good, JSON.stringify(history));
    }),
    { numRuns: RUNS },
  );
  assert.ok(Math.min(verdicts.good, verdicts.bad) > RUNS / 20, JSON.stringify(verdicts));
}

function isLinearizable(history: HistoryEvent[]): boolean {
  const { violations, exhausted } = checkLinearizability(buildModel(history));
  assert.equal(exhausted, 0);
  return violations.length === 0;
}

function isLinearizableByDefinition(history: HistoryEvent[]): boolean {
  return ['k0', 'k1'].every((name) => {
    const key = Buffer.from(name).toString('base64');
    const operations = history.filter(
      (event) => event.key === key && (event.consistency === 'strong' || isWrite(event)),
    );
    return hasOrder(operations, (earlier, later) => isSessionBefore(earlier, later) || returnedBefore(earlier, later));
  });
}

function hasHybridOrderByDefinition(history: HistoryEvent[]): boolean {
  const operations = history.filter((event) => event.consistency === 'strong' || isWrite(event));
  const strong = (earlier: HistoryEvent, later: HistoryEvent): boolean =>
    later.consistency === 'strong' && returnedBefore(earlier, later);
  return hasOrder(operations, (earlier, later) => isSessionBefore(earlier, later) || strong(earlier, later));
}

/** Values out of thin air are not the business of the hybrid order, and it leaves such reads out. */
function readsOnlyWhatWasWritten(history: HistoryEvent[]): boolean {
  return causal(history).every(({ detail }) => !detail.endsWith('which nothing wrote'));
}

function hasHybridOrder(history: HistoryEvent[]): boolean {
  const { violations, exhausted } = checkHybridOrder(buildModel(history));
  assert.equal(exhausted, 0);
  return violations.length === 0;
}

describe('checkers of order', () => {
  it('find a linearization exactly where one exists, with puts, weak puts and compare-and-sets', () => {
    const kinds = ['put', 'get', 'cas', 'weakPut'] as const;
    compare(tinyHistories({ operations: 6, keys: 2, kinds }), isLinearizable, isLinearizableByDefinition);
  }).timeout(60_000);

  it('find a linearization exactly where one exists, with deletes as well', () => {
    const kinds = ['put', 'get', 'cas', 'delete', 'weakPut', 'weakDelete'] as const;
    compare(tinyHistories({ operations: 6, keys: 1, kinds }), isLinearizable, isLinearizableByDefinition);
  }).timeout(60_000);

  it('find one order over all keys exactly where one exists', () => {
    const kinds = ['put', 'get', 'cas', 'delete', 'weakPut', 'weakDelete'] as const;
    compare(
      tinyHistories({ operations: 6, keys: 2, kinds }).filter(readsOnlyWhatWasWritten),
      hasHybridOrder,
      hasHybridOrderByDefinition,
    );
  }).timeout(60_000);

  it('find one order over all keys exactly where one exists, whatever slots say', () => {
    const kinds = ['put', 'get', 'cas', 'delete', 'weakPut', 'weakDelete'] as const;
    const plain = tinyHistories({ operations: 6, keys: 2, kinds }).filter(readsOnlyWhatWasWritten);
    // Missing, wrong, contradictory, and now and then right.
    const slots = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 6, maxLength: 6 });
    const histories = fc
      .tuple(plain, slots)
      .map(([history, told]) => history.map((event, index) => ({ ...event, slot: told[index] ?? 0 })));
    compare(histories, hasHybridOrder, hasHybridOrderByDefinition);
  }).timeout(60_000);
});
