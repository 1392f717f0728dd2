// The fast judgements against the exhaustive search, on histories that are too large to try all orders and that mostly
// are right or wrong by one answer only.

import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { HistoryEvent } from '../../checkers/history.js';
import { buildModel, type Operation } from '../../checkers/history-model.js';
import { checkHybridOrder } from '../../checkers/hybrid-order.js';
import { judgeKey, latestMoments, projectOntoKeys } from '../../checkers/linearizability.js';
import { searchOrder } from '../../checkers/order-search.js';
import { addRealTime, addSessionOrder, Precedence } from '../../checkers/precedence.js';
import { HistoryMaker } from '../../support/history-maker.js';

const RUNS = 2000;
/** Large enough that these searches end. */
const BUDGET = 200_000;

interface Options {
  keys: number;
  deleteRatio: number;
  casRatio: number;
  operations: number;
}

/** A right history in which one answer, or none, is exchanged for another value of the key. */
function almostRight({ keys, deleteRatio, casRatio, operations }: Options): fc.Arbitrary<HistoryEvent[]> {
  return fc.record({ seed: fc.nat(), reader: fc.nat(), value: fc.nat() }).map(({ seed, reader, value }) => {
    const maker = new HistoryMaker({
      ...{ seed, operations, sessions: 4, keys, pendings: 3 },
      ...{ writeRatio: 0.5, deleteRatio, casRatio, valueBytes: 0 },
    });
    const history = [...maker.events()];
    const reads = history.filter(({ op, consistency }) => op === 'get' && consistency === 'strong');
    const altered = reads[reader % (reads.length * 2)];
    if (!altered) return history;
    const values = history.flatMap((event) =>
      event.key === altered.key && event.op === 'put' ? (event.value ?? []) : [],
    );
    const other = values[value % (values.length + 1)] ?? null;
    return history.map((event) => (event === altered ? { ...event, result: other } : event));
  });
}

function compare(
  histories: fc.Arbitrary<HistoryEvent[]>,
  fast: (history: HistoryEvent[]) => boolean,
  searched: (history: HistoryEvent[]) => boolean,
): void {
  const verdicts = { good: 0, bad: 0 };
  fc.assert(
    fc.property(histories, (history) => {
      const good = searched(history);
      verdicts[good ? 'good' : 'bad'] += 1;
      assert.equal(fast(history), good, JSON.stringify(history));
    }),
    { numRuns: RUNS },
  );
  assert.ok(Math.min(verdicts.good, verdicts.bad) > RUNS / 20, JSON.stringify(verdicts));
}

/** Operations of each key. */
function keysOf(history: HistoryEvent[]): Operation[][] {
  return [...projectOntoKeys(buildModel(history)).values()];
}

function isSearched(operations: Operation[], realTimeTo: (operation: Operation) => boolean): boolean {
  const graph = new Precedence(operations.length);
  addSessionOrder(graph, operations);
  const all = [...operations.keys()];
  const from = all.filter((index) => operations[index]?.strong);
  addRealTime(graph, operations, { from, to: all.filter((index) => realTimeTo(operations[index] as Operation)) });
  const verdict = searchOrder({ operations, graph, priority: latestMoments(operations), budget: BUDGET });
  assert.notEqual(verdict, 'exhausted');
  return verdict === 'found';
}

describe('fast judgements', () => {
  const isLinearizable = (history: HistoryEvent[]): boolean =>
    keysOf(history).every((operations) => judgeKey(operations) === 'found');
  const isLinearizableBySearch = (history: HistoryEvent[]): boolean =>
    keysOf(history).every((operations) => isSearched(operations, () => true));

  it('of one key agree with a search, without deletes', () => {
    const histories = almostRight({ keys: 2, deleteRatio: 0, casRatio: 0.3, operations: 40 });
    compare(histories, isLinearizable, isLinearizableBySearch);
  }).timeout(60_000);

  it('of one key agree with a search, with deletes', () => {
    const histories = almostRight({ keys: 2, deleteRatio: 0.3, casRatio: 0.2, operations: 40 });
    compare(histories, isLinearizable, isLinearizableBySearch);
  }).timeout(60_000);

  describe('of all keys', () => {
    const histories = almostRight({ keys: 3, deleteRatio: 0.2, casRatio: 0.2, operations: 40 });
    const hasOrder = (history: HistoryEvent[]): boolean => {
      const { violations, exhausted } = checkHybridOrder(buildModel(history));
      assert.equal(exhausted, 0);
      return violations.length === 0;
    };
    const hasOrderBySearch = (history: HistoryEvent[]): boolean =>
      isSearched(
        buildModel(history).operations.filter(({ strong, numbered }) => strong || numbered),
        ({ strong }) => strong,
      );

    it('agree with a search', () => {
      compare(histories, hasOrder, hasOrderBySearch);
    }).timeout(60_000);

    it('agree with a search where slots are told, left out or wrong', () => {
      const told = fc.tuple(histories, fc.array(fc.nat({ max: 9 }), { minLength: 40, maxLength: 40 }));
      const misled = told.map(([history, choices]) =>
        history.map((event, index) => {
          const choice = choices[index] ?? 0;
          const slot = choice < 6 ? event.slot : choice < 8 ? 0 : 1 + ((event.slot + choice * 5) % 40);
          return { ...event, slot };
        }),
      );
      compare(misled, hasOrder, hasOrderBySearch);
    }).timeout(60_000);
  });
});
