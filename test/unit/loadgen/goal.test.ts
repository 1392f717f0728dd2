// Goals: what can be said, what is refused, and when one is met.

import assert from 'node:assert/strict';
import { describeGoal, type GoalFigures, meetsGoal, parseGoal } from '../../../loadgen/outcome/goal.js';

const figures: GoalFigures = {
  opsPerSecond: 23_000,
  weakP50Ms: 1.99,
  weakP99Ms: 5,
  strongP50Ms: null,
  strongP99Ms: null,
  fastPathShare: 0.9,
  natsAckShare: 1,
  foundShare: 0.5,
  errors: 0,
  unknown: 0,
};

describe('goal', () => {
  it('parses conditions and says them again', () => {
    const goal = parseGoal('opsPerSecond>=23000, weakP50Ms<2');
    assert.deepEqual(goal, [
      { metric: 'opsPerSecond', operator: '>=', bound: 23_000 },
      { metric: 'weakP50Ms', operator: '<', bound: 2 },
    ]);
    assert.equal(describeGoal(goal), 'opsPerSecond>=23000, weakP50Ms<2');
  });

  for (const [text, isMet] of [
    ['opsPerSecond>=23000', true],
    ['opsPerSecond>23000', false],
    ['weakP50Ms<2', true],
    ['weakP50Ms<1.99', false],
    ['weakP50Ms<=1.99', true],
    ['opsPerSecond>=23000,weakP50Ms<1', false],
    ['errors<=0,fastPathShare>=0.9', true],
    ['strongP50Ms<1000', false],
  ] as const) {
    it(`${text} is ${isMet ? 'met' : 'missed'}`, () => {
      assert.equal(meetsGoal(parseGoal(text), figures), isMet);
    });
  }

  for (const text of [
    '',
    'opsPerSecond',
    'opsPerSecond=5',
    'opsPerSecond>=fast',
    'opsPerSecond>=5,',
    'weakP50Ms<2ms',
    'latency<2',
  ]) {
    it(`refuses '${text}'`, () => {
      assert.throws(() => parseGoal(text), /^UsageError: --goal: /);
    });
  }
});
