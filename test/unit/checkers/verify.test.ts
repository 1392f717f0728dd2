// The verdicts on a history, property by property: what each kind of fault is called, and that no fault is hidden by size.

import assert from 'node:assert/strict';
import type { HistoryEvent } from '../../checkers/history.js';
import { PROPERTIES, type Property, verifyHistory } from '../../checkers/verify.js';
import { HistoryMaker } from '../../support/history-maker.js';
import { bytes, Story } from './story.js';

const PLAN = {
  ...{ seed: 7, operations: 100_000, sessions: 24, keys: 300, pendings: 4 },
  ...{ writeRatio: 0.4, deleteRatio: 0, casRatio: 0, valueBytes: 20 },
};

function verify(history: HistoryEvent[], properties: readonly Property[] = PROPERTIES) {
  const lines = history.map((_, index) => index + 2);
  return verifyHistory({ history, lines }, properties);
}

function verdicts(history: HistoryEvent[]): Record<string, string> {
  return Object.fromEntries(verify(history).verdicts.map(({ property, verdict }) => [property, verdict]));
}

const ALL_OK = Object.fromEntries(PROPERTIES.map((property) => [property, 'ok']));

describe('verdicts', () => {
  const good: [string, Story][] = [
    ['an empty history', new Story()],
    [
      'a value that is read while it is written',
      new Story().put(1, 'x', 'a', { at: [1, 9] }).get(2, 'x', 'a', { at: [2, 3] }),
    ],
    [
      'an unknown write that shows later',
      new Story()
        .put(1, 'x', 'a', { at: [1] })
        .get(2, 'x', null)
        .get(2, 'x', 'a'),
    ],
    [
      'an unknown write that never shows',
      new Story()
        .put(1, 'x', 'a', { at: [1] })
        .get(2, 'x', null)
        .get(2, 'x', null),
    ],
    ['absence before and after', new Story().get(2, 'x', null).put(1, 'x', 'a').delete(1, 'x').get(2, 'x', null)],
    [
      'an absence that an unknown delete explains',
      new Story()
        .put(1, 'x', 'a')
        .delete(2, 'x', { at: [3] })
        .get(1, 'x', null),
    ],
    [
      'concurrent writes in either order',
      new Story()
        .put(1, 'x', 'a', { at: [1, 9] })
        .put(2, 'x', 'b', { at: [1, 9] })
        .get(3, 'x', 'b')
        .get(3, 'x', 'b'),
    ],
    [
      'a weak read that is behind',
      new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', 'a').weakGet(2, 'x', 'b'),
    ],
  ];
  for (const [what, { history }] of good) {
    it(`accept ${what}`, () => assert.deepEqual(verdicts(history), ALL_OK));
  }

  const bad: [string, Property, Story][] = [
    ['a value that was written twice', 'values', new Story().put(1, 'x', 'a').put(2, 'x', 'a')],
    ['a value that nothing wrote', 'causal', new Story().put(1, 'x', 'a').weakGet(2, 'x', 'b')],
    ['a value that nothing wrote, read strongly', 'linearizability', new Story().put(1, 'x', 'a').get(2, 'x', 'b')],
    ['what a failed write wrote', 'exactly-once', new Story().put(1, 'x', 'a', { outcome: 'failed' }).get(2, 'x', 'a')],
    [
      'a stale strong read by another session',
      'linearizability',
      new Story().put(1, 'x', 'a').put(1, 'x', 'b').get(2, 'x', 'a'),
    ],
    [
      'a value that comes back after it was overwritten',
      'linearizability',
      new Story()
        .put(1, 'x', 'a')
        .put(2, 'x', 'b', { at: [3, 20] })
        .get(3, 'x', 'b', { at: [5, 6] })
        .get(4, 'x', 'a', { at: [7, 8] }),
    ],
    ['an absence without a delete', 'linearizability', new Story().put(1, 'x', 'a').get(2, 'x', null)],
    ['an absence before the delete', 'linearizability', new Story().put(1, 'x', 'a').get(2, 'x', null).delete(1, 'x')],
    [
      'an own write that is not read',
      'session',
      new Story().put(2, 'x', 'a').weakPut(1, 'x', 'b').weakPut(1, 'x', 'c').weakGet(1, 'x', 'b'),
    ],
    [
      'a read that goes back',
      'session',
      new Story().put(1, 'x', 'a').put(1, 'x', 'b').weakGet(2, 'x', 'b').weakGet(2, 'x', 'a'),
    ],
    [
      'a stale read of what a third session had built on',
      'causal',
      new Story()
        .put(1, 'x', 'a')
        .put(1, 'x', 'b')
        .weakGet(2, 'x', 'b')
        .weakPut(2, 'y', 'c')
        .weakGet(3, 'y', 'c')
        .weakGet(3, 'x', 'a'),
    ],
    [
      'readers that disagree about two writes',
      'causal',
      new Story()
        .weakPut(1, 'x', 'a', { at: [1, 9] })
        .weakPut(2, 'x', 'b', { at: [1, 9] })
        .weakGet(3, 'x', 'a')
        .weakGet(3, 'x', 'b')
        .weakGet(4, 'x', 'b')
        .weakGet(4, 'x', 'a'),
    ],
    [
      'strong operations whose order differs between keys',
      'hybrid',
      new Story()
        .weakPut(1, 'x', 'a', { at: [1, 2] })
        .weakPut(2, 'y', 'b', { at: [1, 2] })
        .get(1, 'y', null, { at: [3, 4] })
        .get(2, 'x', null, { at: [3, 4] }),
    ],
  ];
  for (const [what, property, { history }] of bad) {
    it(`reject ${what} as ${property}`, () => {
      const verdict = verify(history, [property]).verdicts[0];
      assert.equal(verdict?.verdict, 'violated');
      const [violation] = verdict?.violations ?? [];
      assert.ok(violation && violation.operations.length > 0);
      for (const { line, event } of violation.operations) assert.equal(history[line - 2], event);
    });
  }
});

describe('verdicts on 100,000 operations', () => {
  let history: HistoryEvent[] = [];
  before(() => {
    history = [...new HistoryMaker(PLAN).events()];
  });

  it('are all reached', () => assert.deepEqual(verdicts(history), ALL_OK)).timeout(60_000);

  it('show one value that was altered, and show it by its line', () => {
    const at = history.findLastIndex(
      ({ op, consistency, result }) => op === 'get' && consistency === 'strong' && typeof result === 'string',
    );
    const altered = history.with(at, { ...(history[at] as HistoryEvent), result: bytes('altered') });
    for (const { verdict, violations } of verify(altered, ['linearizability', 'causal']).verdicts) {
      assert.equal(verdict, 'violated');
      assert.deepEqual(
        violations[0]?.operations.map(({ line }) => line),
        [at + 2],
      );
    }
  }).timeout(60_000);

  it('show one strong read that is stale, by few operations', () => {
    const at = history.findLastIndex(
      ({ op, consistency, result }) => op === 'get' && consistency === 'strong' && typeof result === 'string',
    );
    const read = history[at] as HistoryEvent;
    const old = history.find((event) => event.op === 'put' && event.consistency === 'strong' && event.key === read.key);
    const altered = history.with(at, { ...read, result: old?.value ?? null });
    const [verdict] = verify(altered, ['linearizability']).verdicts;
    assert.equal(verdict?.verdict, 'violated');
    const lines = verdict?.violations[0]?.operations.map(({ line }) => line) ?? [];
    assert.ok(lines.includes(at + 2) && lines.length <= 4, lines.join());
  }).timeout(60_000);

  it('show two strong operations that no order over all keys explains', () => {
    const end = Math.max(...history.map(({ returnUs }) => returnUs ?? 0)) + 10;
    const story = new Story()
      .weakPut(101, 'new-x', 'a', { at: [end, end + 1] })
      .weakPut(102, 'new-y', 'b', { at: [end, end + 1] })
      .get(101, 'new-y', null, { at: [end + 3, end + 4] })
      .get(102, 'new-x', null, { at: [end + 3, end + 4] });
    const [verdict] = verify([...history, ...story.history], ['hybrid']).verdicts;
    assert.equal(verdict?.verdict, 'violated');
    assert.deepEqual(verdict?.violations[0]?.operations.map(({ event }) => event.session).sort(), [101, 101, 102, 102]);
  }).timeout(60_000);
});
