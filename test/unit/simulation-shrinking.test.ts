// Failures are made small before anybody reads them: what is left still fails, replays, and is short.

import assert from 'node:assert/strict';
import { CANARIES, type Canary, runCanary } from '../simulation/canaries.js';
import { NO_FAULTS } from '../simulation/plan.js';
import { shrinkRun } from '../simulation/plan-shrinker.js';
import { judgeSeed, replayCommand } from '../simulation/sweep.js';

function canaryNamed(start: string): Canary {
  const canary = CANARIES.find(({ name }) => name.startsWith(start));
  assert.ok(canary !== undefined, `no canary ${start}`);
  return canary;
}

describe('shrinking', function () {
  this.timeout(120_000);

  it('leaves a quarter of the transcript at most, and the same property violated', () => {
    const { overrides, rules } = canaryNamed('A3: witnesses agree');
    const { seed, property } = runCanary(canaryNamed('A3: witnesses agree'));
    const shrunk = shrinkRun({ seed, overrides, base: overrides, rules, costLimit: 40 });
    assert.ok(shrunk !== null);
    assert.ok(
      shrunk.transcript.length * 4 <= shrunk.linesBefore,
      `${shrunk.transcript.length} of ${shrunk.linesBefore} lines`,
    );
    assert.equal(shrunk.violation.property, property);
    const replayed = judgeSeed({ seed, overrides: { ...overrides, ...shrunk.overrides }, rules });
    assert.ok(replayed.violations.some((violation) => violation.property === property));
    assert.match(
      replayCommand(seed, { keys: 2, faults: { ...NO_FAULTS, drop: 0.1 } }),
      /\{"keys":2,"faults":\{"drop":0.1\}\}/,
    );
  });

  it('is deterministic', () => {
    const { overrides, rules } = canaryNamed('A1');
    const { seed } = runCanary(canaryNamed('A1'));
    const [one, other] = [1, 2].map(() => shrinkRun({ seed, overrides, rules, costLimit: 8 }));
    assert.deepEqual(one, other);
  });

  it('finds nothing to do in a sound run', () => {
    assert.equal(shrinkRun({ seed: 3 }), null);
  });
});
