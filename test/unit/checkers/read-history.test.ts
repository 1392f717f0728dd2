// Histories as text: what is written can be read again, and what is wrong is named.

import assert from 'node:assert/strict';
import { formatHistory, HistoryFormatError, parseHistory } from '../../checkers/read-history.js';
import { Story } from './story.js';

const GOOD = new Story()
  .put(1, 'x', 'a', { slot: 3 })
  .weakDelete(1, 'x')
  .cas(2, 'x', [null, 'b'])
  .casMissed(2, 'x', ['a', 'c', 'b'])
  .batch(1, { x: 'd', y: null })
  .get(2, 'x', null)
  .weakGet(2, 'x', 'd')
  .scan(1, { x: 'd' }, { more: true })
  .put(3, 'x', 'e', { at: [100] })
  .put(3, 'x', 'f', { outcome: 'failed' }).history;

/** A history of which one field of the second line is replaced. */
function broken(index: number, change: Record<string, unknown>): string {
  const [first] = GOOD;
  return `${JSON.stringify(first)}\n${JSON.stringify({ ...GOOD[index], ...change })}\n`;
}

describe('history as text', () => {
  it('reads back what it wrote', () => {
    assert.deepEqual(parseHistory(formatHistory(GOOD)), GOOD);
  });

  it('skips empty lines', () => {
    assert.deepEqual(parseHistory(`\n${formatHistory(GOOD)}\n\n`), GOOD);
  });

  const cases: [string, number, Record<string, unknown>, RegExp][] = [
    ['a missing number', 0, { seq: undefined }, /line 2: field "seq": expected a whole number from 0, found nothing/],
    ['a fraction', 0, { invokeUs: 1.5 }, /field "invokeUs"/],
    ['an unknown operation', 0, { op: 'increment' }, /field "op": .* found "increment"/],
    ['an unknown consistency', 0, { consistency: 'eventual' }, /field "consistency"/],
    ['an unknown outcome', 0, { outcome: 'maybe' }, /field "outcome"/],
    ['a key that is not base64', 0, { key: '~' }, /field "key"/],
    ['a put without a value', 0, { value: undefined }, /field "value"/],
    ['an answer without a return', 0, { returnUs: undefined }, /field "returnUs"/],
    [
      'a return before the invocation',
      0,
      { invokeUs: 50, returnUs: 49 },
      /field "returnUs": expected at least invokeUs 50/,
    ],
    ['a compare-and-set without an expectation', 2, { expected: undefined }, /field "expected"/],
    ['a compare-and-set without a result', 2, { result: 'yes' }, /field "result"/],
    ['a compare-and-set that missed without what it found', 3, { result: { applied: false } }, /field "result"/],
    ['a weak compare-and-set', 2, { consistency: 'weak' }, /field "consistency"/],
    ['a batch with a wrong change', 4, { writes: [{ key: 'eA==', value: 1 }] }, /field "writes\[0\]"/],
    ['a get without a result', 5, { result: undefined }, /field "result"/],
    [
      'a scan with a wrong entry',
      7,
      { result: { entries: [{ key: 'eA==' }], more: false } },
      /field "result.entries\[0\]"/,
    ],
  ];
  for (const [what, index, change, message] of cases) {
    it(`names line and field of ${what}`, () => {
      assert.throws(
        () => parseHistory(broken(index, change)),
        (error) => error instanceof HistoryFormatError && message.test(error.message),
      );
    });
  }

  it('names the line that is not JSON', () => {
    assert.throws(() => parseHistory(`${JSON.stringify(GOOD[0])}\n{"session":`), /line 2: not JSON/);
    assert.throws(() => parseHistory('[]'), /line 1: not an object/);
  });
});
