// The budget of spans against a clock that the test turns.

import assert from 'node:assert/strict';
import { SpanBudget } from '../../../tracing/span-budget.js';

describe('span budget', () => {
  let nowMs = 0;
  const create = (limits: { spansPerSecondLimit?: number; unsentLimit?: number } = {}): SpanBudget => {
    nowMs = 0;
    return new SpanBudget({ spansPerSecondLimit: 10, unsentLimit: 100, ...limits }, () => nowMs);
  };
  const startMany = (budget: SpanBudget, traceId: string, spans: number): number =>
    Array.from({ length: spans }, () => budget.maybeStart(traceId)).filter((mayStart) => mayStart).length;

  it('lets a second’s worth of spans start at once, and no more', () => {
    const budget = create();
    assert.equal(startMany(budget, 'a', 15), 10);
    assert.deepEqual(budget.counts(), { exported: 0, dropped: 5 });
  });

  it('gives back the allowance as time passes, up to one second’s worth', () => {
    const budget = create();
    startMany(budget, 'a', 10);
    nowMs = 500;
    assert.equal(startMany(budget, 'b', 7), 5);
    nowMs = 60_000;
    assert.equal(startMany(budget, 'c', 20), 10);
  });

  it('refuses the rest of a trace that lost a span, though there is allowance again', () => {
    const budget = create();
    startMany(budget, 'lost', 11);
    nowMs = 300;
    assert.equal(budget.maybeStart('lost'), false);
    assert.equal(budget.maybeStart('other'), true);
  });

  it('refuses a trace for as long as its spans keep coming, and forgets it afterwards', () => {
    const budget = create();
    startMany(budget, 'lost', 11);
    for (nowMs = 900; nowMs <= 6300; nowMs += 900) assert.equal(budget.maybeStart('lost'), false, `at ${nowMs} ms`);
    nowMs += 2000;
    assert.equal(budget.maybeStart('lost'), true);
  });

  it('stays of bounded size under any number of refused traces', () => {
    const budget = create({ spansPerSecondLimit: 1 });
    for (let i = 0; i < 10_000; i++) budget.maybeStart(`trace ${i}`);
    nowMs = 999.5;
    assert.equal(budget.maybeStart('trace 4000'), false, 'remembered');
    nowMs = 1000.5;
    assert.equal(budget.maybeStart('trace 9000'), true, 'beyond what is remembered');
  });

  it('bounds the spans that wait for the collector, and refuses what follows of a trace that lost one there', () => {
    const budget = create({ unsentLimit: 2 });
    assert.deepEqual(
      ['a', 'a', 'b'].map((traceId) => budget.maybeQueue(traceId)),
      [true, true, false],
    );
    assert.equal(budget.maybeStart('b'), false);
    budget.settle(2, true);
    assert.equal(budget.maybeQueue('c'), true);
    assert.deepEqual(budget.counts(), { exported: 2, dropped: 2 });
  });

  it('counts as exported only what the collector took', () => {
    const budget = create();
    for (let i = 0; i < 5; i++) budget.maybeQueue('a');
    budget.settle(3, true);
    budget.settle(2, false);
    assert.deepEqual(budget.counts(), { exported: 3, dropped: 2 });
  });

  it('counts every span once around its close', () => {
    const budget = create();
    for (let i = 0; i < 5; i++) budget.maybeQueue('a');
    budget.close();
    assert.equal(budget.maybeQueue('late'), false);
    budget.settle(1, true);
    budget.giveUp();
    budget.settle(4, true);
    assert.deepEqual(budget.counts(), { exported: 1, dropped: 5 });
  });
});
