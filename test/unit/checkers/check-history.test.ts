// All checkers together: silent on what a correct store does, and loud about each rule that it forgets.

import assert from 'node:assert/strict';
import { checkHistory } from '../../checkers/index.js';
import { type Forgotten, runMachine } from './little-machine.js';
import { Story } from './story.js';

const SHAPE = { sessions: 4, keys: 3, pendings: 3 };

describe('all checkers', () => {
  it('accept every history of a correct store', () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const { history, finalState } = runMachine({ ...SHAPE, seed, operations: 60 });
      const { violations } = checkHistory(history, finalState);
      assert.deepEqual(violations, [], `seed ${seed}`);
    }
  }).timeout(60_000);

  it('judge nearly every history without exhausting their budgets', () => {
    let exhausted = 0;
    for (let seed = 1; seed <= 20; seed += 1) {
      const { history, finalState } = runMachine({ seed, operations: 400, sessions: 8, keys: 8, pendings: 4 });
      const report = checkHistory(history, finalState);
      assert.deepEqual(report.violations, [], `seed ${seed}`);
      assert.deepEqual([report.counts.operations, report.counts.keys], [400, 8]);
      exhausted += report.counts.exhausted;
    }
    assert.ok(exhausted <= 2, `${exhausted} searches were exhausted`);
  }).timeout(60_000);

  const forgotten: Forgotten[] = [
    'token',
    'overlay',
    'acknowledged',
    'dedup',
    'freshness',
    'sequence',
    'comparison',
    'atomicity',
  ];
  for (const forget of forgotten) {
    it(`catch a store that forgets: ${forget}`, () => {
      const caught = [...Array(20).keys()].filter((seed) => {
        const { history, finalState } = runMachine({ ...SHAPE, seed, operations: 200, forget });
        return checkHistory(history, finalState).violations.length > 0;
      });
      assert.ok(caught.length > 10, `${caught.length} of 20`);
    }).timeout(60_000);
  }

  it('name a broken guarantee once', () => {
    const { history } = new Story().weakPut(1, 'x', 'a').weakGet(1, 'x', null);
    assert.deepEqual(
      checkHistory(history).violations.map((violation) => violation.property),
      ['session'],
    );
  });

  it('report a value that two operations write', () => {
    const { history } = new Story().put(1, 'x', 'a').put(2, 'x', 'a');
    assert.ok(checkHistory(history).violations.some((violation) => violation.property === 'history'));
  });
});
