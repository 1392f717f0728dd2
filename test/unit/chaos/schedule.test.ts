// The schedule of a seed: repeatable, within its time, every kind before any comes again; names of kinds; and the gaps
// that a fault is charged with.

import assert from 'node:assert/strict';
import { ALL_KINDS, drawSchedule, nameKind, parseKinds } from '../../chaos/schedule.js';
import { longestGapS } from '../../chaos/service-gaps.js';

const ALL = { durationS: 600, kinds: ALL_KINDS, durability: 'disk' } as const;

describe('chaos schedule', () => {
  it('is the same for the same seed and another for another', () => {
    assert.deepEqual(drawSchedule({ seed: 1, ...ALL }), drawSchedule({ seed: 1, ...ALL }));
    assert.notDeepEqual(drawSchedule({ seed: 1, ...ALL }), drawSchedule({ seed: 2, ...ALL }));
  });

  it('draws one fault after the other, each over before the load ends, every kind before any comes again', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const faults = drawSchedule({ seed, ...ALL });
      const kinds = faults.slice(0, ALL_KINDS.length).map(nameKind);
      assert.equal(new Set(kinds).size, ALL_KINDS.length);
      faults.forEach(({ atS, durationS }, index) => {
        const next = faults[index + 1]?.atS ?? ALL.durationS;
        assert.ok(atS + durationS < next, `seed ${seed}: fault ${index} is not over at ${next} s`);
      });
    }
  });

  it('wipes only processes that are killed and keep something', () => {
    const wiped = (durability: 'memory' | 'disk'): Set<string> =>
      new Set(
        Array.from({ length: 30 }, (_, seed) => drawSchedule({ seed, ...ALL, durability }))
          .flat()
          .filter(({ isWiped }) => isWiped)
          .map(nameKind),
      );
    assert.deepEqual([...wiped('memory')], ['kill-nats']);
    assert.deepEqual([...wiped('disk')].sort(), ['kill-follower', 'kill-leader', 'kill-nats', 'kill-witness']);
  });

  it('loses what is under way only together with a leader, mostly but not always', () => {
    const kinds = parseKinds('kill,pause');
    const faults = Array.from({ length: 30 }, (_, seed) => drawSchedule({ seed, ...ALL, kinds })).flat();
    const losing = faults.filter(({ lostMs }) => lostMs > 0);
    assert.deepEqual([...new Set(losing.map(nameKind))].sort(), ['kill-leader', 'pause-leader']);
    const ofLeaders = faults.filter(({ target }) => target === 'leader').length;
    assert.ok(losing.length > 0.4 * ofLeaders && losing.length < 0.8 * ofLeaders);
  });

  it('takes kinds by action, by target or by both, each once, and refuses others', () => {
    const names = (text: string): string[] => parseKinds(text).map(nameKind);
    assert.deepEqual(names('kill-leader,kill-leader'), ['kill-leader']);
    assert.equal(names('kill').length, 5);
    assert.equal(
      names('partition').every((name) => /^partition-(?!in-|out-)/.test(name)),
      true,
    );
    assert.equal(new Set(names('kill,leader')).size, names('kill,leader').length);
    assert.throws(() => parseKinds('kill,flood'), /'flood' is none of kill, /);
  });
});

describe('gaps in service', () => {
  const answers = Float64Array.from([0, 1_000_000, 1_200_000, 4_200_000, 4_300_000, 9_000_000]);

  it('charges a fault with gaps that it touches, whole, and with no others', () => {
    assert.equal(longestGapS(answers, { fromUs: 1_100_000, untilUs: 4_250_000 }), 3);
    assert.equal(longestGapS(answers, { fromUs: 1_100_000, untilUs: 1_200_000 }), 0.2);
    assert.equal(longestGapS(answers, { fromUs: 4_250_000, untilUs: 4_400_000 }), 4.7);
    assert.equal(longestGapS(answers, { fromUs: 0, untilUs: 500_000 }), 1);
  });

  it('charges nothing where nothing was measured', () => {
    assert.equal(longestGapS(new Float64Array(0), { fromUs: 0, untilUs: 10 }), 0);
  });
});
