// The event loop around a core: what is stepped when, and in which order outputs are carried out.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import type { Core } from '../../../protocol/core.js';
import { monotonicUs } from '../../../services/host/clock.js';
import { CoreLoop, type CoreLoopOptions, type TurnInput } from '../../../services/host/loop.js';

type Input = { kind: 'message'; text: string };

/** Echoes messages at once and announces each end of a turn. */
class EchoCore implements Core<Input | TurnInput, string> {
  readonly seen: string[] = [];
  readonly stamps: number[] = [];

  step(input: Input | TurnInput, nowUs: number, outputs: string[]): void {
    this.seen.push(input.kind === 'message' ? input.text : input.kind);
    this.stamps.push(nowUs);
    if (input.kind === 'message' && input.text === 'break') throw new Error('broken on purpose');
    if (input.kind === 'message') outputs.push(`${input.text}/1`, `${input.text}/2`);
    if (input.kind === 'turnEnd') outputs.push('turn');
  }
}

function message(text: string): Input {
  return { kind: 'message', text };
}

/** A loop that records its outputs and tells of turns. */
function createLoop(options: Partial<CoreLoopOptions<string>> = {}) {
  const core = new EchoCore();
  const performed: string[] = [];
  const events = new EventEmitter();
  const loop = new CoreLoop<Input, string>(core, {
    perform: (output) => performed.push(output),
    onTurn: () => events.emit('turn'),
    onBroken: (error) => events.emit('broken', error),
    ...options,
  });
  return { core, loop, performed, events, nextTurn: () => once(events, 'turn') };
}

describe('core loop', () => {
  it('steps at once, carries outputs out in order, and ends each turn once', async () => {
    const { core, loop, performed, nextTurn } = createLoop();
    loop.push(message('a'));
    loop.push(message('b'));
    assert.deepEqual(performed, ['a/1', 'a/2', 'b/1', 'b/2']);
    await nextTurn();
    assert.deepEqual(core.seen, ['a', 'b', 'turnEnd']);
    assert.deepEqual(performed, ['a/1', 'a/2', 'b/1', 'b/2', 'turn']);
    loop.push(message('c'));
    await nextTurn();
    assert.deepEqual(core.seen, ['a', 'b', 'turnEnd', 'c', 'turnEnd']);
    assert.equal(loop.stats().turns, 2);
    assert.equal(loop.stats().steps, 5);
    loop.close();
  });

  it('carries out what waited in its place: before the input that tells of it, and never between outputs of another', async () => {
    const performed: string[] = [];
    const core = new EchoCore();
    const events = new EventEmitter();
    const loop: CoreLoop<Input, string> = new CoreLoop<Input, string>(core, {
      perform: (output) => {
        performed.push(output);
        if (output === 'a/1') loop.carryOut(['kept/1', 'kept/2'], message('told'));
      },
      onTurn: () => events.emit('turn'),
      onBroken: (error) => events.emit('broken', error),
    });
    const turn = once(events, 'turn');
    loop.push(message('a'));
    assert.deepEqual(performed, ['a/1', 'a/2', 'kept/1', 'kept/2', 'told/1', 'told/2']);
    await turn;
    const next = once(events, 'turn');
    loop.carryOut(['late'], message('b'));
    assert.deepEqual(performed.slice(6), ['turn', 'late', 'b/1', 'b/2']);
    await next;
    loop.close();
    loop.carryOut(['never'], message('c'));
    assert.ok(!performed.includes('never'));
  });

  it('ends no turn in which nothing came in', async () => {
    const { loop, core } = createLoop();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.deepEqual(core.seen, []);
    loop.close();
  });

  it('steps what an output pushes after the outputs of the step that caused it', async () => {
    const performed: string[] = [];
    const { core, loop, nextTurn } = createLoop({
      perform: (output) => {
        if (output === 'a/1') loop.push(message('b'));
        performed.push(output);
      },
    });
    loop.push(message('a'));
    assert.deepEqual(performed, ['a/1', 'a/2', 'b/1', 'b/2']);
    assert.equal(loop.stats().queueLengthMax, 1);
    loop.resetPeaks();
    assert.equal(loop.stats().queueLengthMax, 0, 'forgotten, so that a later window has a highest value of its own');
    await nextTurn();
    assert.deepEqual(core.seen, ['a', 'b', 'turnEnd']);
    loop.close();
  });

  it('gives what the end of a turn pushes a turn of its own', async () => {
    const { core, loop, nextTurn } = createLoop({
      perform: (output) => {
        if (output === 'turn' && core.seen.length === 2) loop.push(message('late'));
      },
    });
    loop.push(message('a'));
    await nextTurn();
    assert.deepEqual(core.seen, ['a', 'turnEnd', 'late']);
    await nextTurn();
    assert.deepEqual(core.seen, ['a', 'turnEnd', 'late', 'turnEnd']);
    loop.close();
  });

  it('hands an error of the core over once and does nothing more', async () => {
    const errors: unknown[] = [];
    const { core, loop, events } = createLoop({ onBroken: (error) => errors.push(error) });
    loop.push(message('break'));
    loop.push(message('after'));
    await new Promise(setImmediate);
    assert.equal(errors.length, 1);
    assert.match(String(errors[0]), /broken on purpose/);
    assert.deepEqual(core.seen, ['break']);
    assert.equal(events.listenerCount('turn'), 0);
  });

  it('treats an output that cannot be carried out like an error of the core', () => {
    const errors: unknown[] = [];
    const { core, loop } = createLoop({
      perform: () => {
        throw new Error('cannot encode');
      },
      onBroken: (error) => errors.push(error),
    });
    loop.push(message('a'));
    loop.push(message('b'));
    assert.match(String(errors[0]), /cannot encode/);
    assert.deepEqual(core.seen, ['a']);
  });

  it('ticks', async () => {
    const { core, loop, nextTurn } = createLoop();
    loop.start();
    await nextTurn();
    assert.deepEqual(core.seen, ['tick', 'turnEnd']);
    loop.close();
  });

  for (const batchDelayUs of [300, 2000]) {
    it(`gathers for ${batchDelayUs} µs before a turn ends`, async () => {
      const { core, loop, nextTurn } = createLoop({ batchDelayUs });
      const startUs = monotonicUs();
      loop.push(message('a'));
      await new Promise(process.nextTick);
      loop.push(message('b'));
      await nextTurn();
      assert.deepEqual(core.seen, ['a', 'b', 'turnEnd']);
      const elapsedUs = (core.stamps[2] ?? 0) - startUs;
      // A timer may fire up to one millisecond early by the finer clock.
      const least = batchDelayUs < 1000 ? batchDelayUs : batchDelayUs - 1000;
      assert.ok(elapsedUs >= least, `the turn ended after ${elapsedUs} µs`);
      loop.close();
    });
  }

  it('hands the core whole microseconds that never decrease', async () => {
    const { core, loop, nextTurn } = createLoop();
    for (let i = 0; i < 1000; i++) loop.push(message('x'));
    await nextTurn();
    for (let i = 1; i < core.stamps.length; i++) {
      assert.ok(Number.isSafeInteger(core.stamps[i]));
      assert.ok((core.stamps[i] as number) >= (core.stamps[i - 1] as number));
    }
    loop.close();
  });

  it('is silent after it was closed', async () => {
    const { core, loop } = createLoop();
    loop.push(message('a'));
    loop.close();
    loop.push(message('b'));
    await new Promise(setImmediate);
    assert.deepEqual(core.seen, ['a']);
  });
});
