// Histories as text: what is written can be read again, and what is wrong is named.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { formatHistory, HistoryFormatError, parseHistory, readHistoryFile } from '../../checkers/read-history.js';
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

const HEAD = '{"curphoHistory":1}';

/** A history of which one field of the third line is replaced. */
function broken(index: number, change: Record<string, unknown>): string {
  const [first] = GOOD;
  return `${HEAD}\n${JSON.stringify(first)}\n${JSON.stringify({ ...GOOD[index], ...change })}\n`;
}

describe('history as text', () => {
  it('reads back what it wrote', () => {
    assert.deepEqual(parseHistory(formatHistory(GOOD)), GOOD);
  });

  it('skips empty lines', () => {
    assert.deepEqual(parseHistory(`\n${formatHistory(GOOD)}\n\n`), GOOD);
  });

  const cases: [string, number, Record<string, unknown>, RegExp][] = [
    ['a missing number', 0, { seq: undefined }, /line 3: field "seq": expected a whole number from 0, found nothing/],
    ['a fraction', 0, { invokeUs: 1.5 }, /field "invokeUs"/],
    ['an unknown operation', 0, { op: 'increment' }, /field "op": .* found "increment"/],
    ['an unknown consistency', 0, { consistency: 'eventual' }, /field "consistency"/],
    ['an unknown outcome', 0, { outcome: 'maybe' }, /field "outcome"/],
    ['a key that is not base64', 0, { key: '~' }, /field "key"/],
    ['a put without a value', 0, { value: undefined }, /field "value"/],
    ['a field that no history has', 0, { return_us: 5 }, /field "return_us": a history has no such field/],
    ['an unknown outcome that returned', 8, { returnUs: 120 }, /field "returnUs": expected nothing/],
    ['a result of a put', 0, { result: null }, /field "result": expected nothing for a put/],
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
    assert.throws(() => parseHistory(`${HEAD}\n${JSON.stringify(GOOD[0])}\n{"session":\n`), /line 3: not JSON/);
    assert.throws(() => parseHistory(`${HEAD}\n[]`), /line 2: not an object/);
  });

  it('tells a line that the file ends within from one that is wrong', () => {
    assert.throws(() => parseHistory(`${HEAD}\n{"session":`), /line 2: is truncated/);
    assert.deepEqual(parseHistory(formatHistory(GOOD).trimEnd()), GOOD);
  });

  it('wants to know the version first, and takes histories that were put together', () => {
    assert.throws(() => parseHistory(JSON.stringify(GOOD[0])), /line 1: expected \{"curphoHistory":1\}/);
    assert.throws(() => parseHistory('{"curphoHistory":2}'), /field "curphoHistory": expected version 1, found 2/);
    assert.deepEqual(parseHistory(formatHistory(GOOD) + formatHistory(GOOD)), [...GOOD, ...GOOD]);
  });
});

describe('history in a file', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'curpho-history-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  function fileOf(text: string): string {
    const file = path.join(directory, 'history.ndjson');
    writeFileSync(file, text);
    return file;
  }

  it('is read with the numbers of its lines', () => {
    const { history, lines } = readHistoryFile(fileOf(`\n${formatHistory(GOOD)}`));
    assert.deepEqual(history, GOOD);
    assert.deepEqual(
      lines,
      GOOD.map((_, index) => index + 3),
    );
  });

  it('may be longer than what is read at a time', () => {
    const history = new Story();
    for (let number = 0; number < 12_000; number += 1) history.put(1, 'x', `${number}`.padStart(30, '0'));
    assert.deepEqual(readHistoryFile(fileOf(formatHistory(history.history))).history, history.history);
  });

  it('keeps of a long value what tells it from others', () => {
    const long = (end: string): string => `${'v'.repeat(5000)}${end}`;
    const story = new Story().put(1, 'x', long('1')).get(2, 'x', long('1')).get(2, 'x', long('2'));
    const [put, same, other] = readHistoryFile(fileOf(formatHistory(story.history))).history;
    assert.equal(same?.result, put?.value);
    assert.notEqual(other?.result, put?.value);
    assert.ok((put?.value ?? '').length < 50);
  });

  it('is refused where it is cut off or empty', () => {
    assert.throws(() => readHistoryFile(fileOf(formatHistory(GOOD).slice(0, -5))), /line 11: is truncated/);
    assert.throws(() => readHistoryFile(fileOf('')), /expected \{"curphoHistory":1\}/);
  });
});
