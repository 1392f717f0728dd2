// The order of a merged replay (q < m): how many copies are enough, what is left out, what must come before what.

import assert from 'node:assert/strict';
import { orderReplay } from '../../../protocol/coordinator/replay.js';
import { coordinatorRules } from '../../../protocol/coordinator/rules.js';
import type { CommandId, Write } from '../../../protocol/messages.js';
import { createQuorums } from '../../../protocol/quorum.js';

/** `s1#2 x` is session 1's second write, strong, of key x; `w` for weak ones. */
function parse(text: string, dependencies: CommandId[] = []): Write {
  const [, kind, session, seq, key] = /^([sw])(\d+)#(\d+) (\w)$/.exec(text) ?? [];
  const mutations = [{ key: new TextEncoder().encode(key), value: new Uint8Array([1]), deletes: false }];
  const id = { session: Number(session), seq: Number(seq) };
  const command = { ...id, strong: kind === 's', mutations, condition: undefined, ackedThrough: 0 };
  return { command, committedThrough: 0, bound: 0, dependencies };
}

/** Replays pools of 5 witnesses of which 4 must accept; `log` holds the last write of sessions in the chosen log. */
function replay(pools: (string | Write)[][], log: Record<number, number> = {}): string[] {
  const ordered = orderReplay({
    pools: pools.map((pool) => pool.map((entry) => (typeof entry === 'string' ? parse(entry) : entry))),
    quorums: createQuorums({ replicas: 3, witnesses: 5, fastQuorum: 4 }),
    orderedThrough: (session) => log[session] ?? 0,
    ...coordinatorRules,
  });
  return ordered.map(({ command }) => `${command?.session}#${command?.seq}`);
}

describe('replay of one pool', () => {
  it('P1, P2: where every accept is needed the pool is replayed in its arrival order, whatever sessions and classes say', () => {
    const pool = ['w2#1 x', 's1#2 x', 'w3#1 x', 's1#1 y'].map((entry) => parse(entry));
    const quorums = createQuorums({ replicas: 3, witnesses: 3, fastQuorum: 3 });
    assert.deepEqual(orderReplay({ pools: [pool], quorums, orderedThrough: () => 0, ...coordinatorRules }), pool);
  });
});

describe('replay of several pools', () => {
  it('D2: strong commands need copies on all but one of the sealed witnesses, weak ones a single copy', () => {
    assert.deepEqual(replay([['s1#1 x'], ['s1#1 x'], []]), ['1#1']);
    assert.deepEqual(replay([['s1#1 x'], [], []]), []);
    assert.deepEqual(replay([['w1#1 x'], [], []]), ['1#1']);
    assert.deepEqual(replay([['s1#1 x'], ['s1#1 x'], [], []]), []);
  });

  it('D4: a session’s writes go as far as they have no hole', () => {
    assert.deepEqual(replay([['w1#1 x', 'w1#3 x'], [], []]), ['1#1']);
    assert.deepEqual(replay([['w1#2 x', 'w1#3 x'], [], []], { 1: 1 }), ['1#2', '1#3']);
  });

  it('D3: session order and recorded dependencies hold against arrival', () => {
    assert.deepEqual(replay([['w1#2 x', 'w1#1 y'], [], []]), ['1#1', '1#2']);
    const dependent = parse('w2#1 z', [{ session: 1, seq: 1 }]);
    assert.deepEqual(replay([[dependent], ['w1#1 x'], []]), ['1#1', '2#1']);
    assert.deepEqual(replay([[parse('w2#1 z', [{ session: 7, seq: 4 }])], [], []]), ['2#1']);
  });

  it('A4: a strong command precedes the weak writes of others on its key, unless they are its ancestors', () => {
    assert.deepEqual(replay([['w1#1 x', 's2#1 x'], ['s2#1 x'], ['w1#1 x']]), ['2#1', '1#1']);
    const reader = parse('s2#1 x', [{ session: 1, seq: 1 }]);
    assert.deepEqual(replay([['w1#1 x', reader], [reader], ['w1#1 x']]), ['1#1', '2#1']);
  });

  it('keeps what every sealed pool agrees on', () => {
    assert.deepEqual(replay([['w2#1 y', 'w1#1 x'], ['w2#1 y', 'w1#1 x'], ['w2#1 y']]), ['2#1', '1#1']);
  });

  it('leaves out what the chosen log holds, which could otherwise close a circle', () => {
    // s1#1 is committed and gone from two pools; what is left of it would have to come after w2#1 and before it.
    const pools = [['w2#1 x', 's1#1 x'], ['w2#1 x', 's1#1 x'], ['w2#1 x']];
    assert.throws(() => replay(pools), /precede each other/);
    assert.deepEqual(replay(pools, { 1: 1 }), ['2#1']);
  });
});
