// A judge is trusted only if it objects when it should: every rule that is broken on purpose must be noticed.

import assert from 'node:assert/strict';
import { CANARIES, runCanary } from '../simulation/canaries.js';
import { describeViolation, judgeSeed } from '../simulation/sweep.js';

const CONTROL_SEEDS = 8;

describe('canaries', function () {
  this.timeout(120_000);

  for (const canary of CANARIES) {
    it(`${canary.name}: caught`, () => {
      const report = runCanary(canary);
      assert.ok(report.caught, `not caught in ${report.histories} histories`);
      assert.ok(report.seed > 0);
      assert.notEqual(report.property, '');
      // Seeds go stale whenever the cores or the simulator change; the search is what counts, the record saves time.
      if (!report.isRecorded)
        console.warn(`      its recorded seed is stale: npm run simulate -- --canaries --record writes ${report.seed}`);
    });
  }

  it('control: under the same circumstances whole rules are not accused', () => {
    const circumstances = new Map(CANARIES.map(({ overrides }) => [JSON.stringify(overrides), overrides]));
    for (const overrides of circumstances.values()) {
      for (let seed = 1; seed <= CONTROL_SEEDS; seed++) {
        const { violations } = judgeSeed({ seed, overrides });
        assert.equal(violations.map(describeViolation).join('\n'), '', `seed ${seed} of ${JSON.stringify(overrides)}`);
      }
    }
  });
});
