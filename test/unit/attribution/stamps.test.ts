// What time lines are made of: stamps of frames at both ends, over clocks that the test moves.

import assert from 'node:assert/strict';
import { ClientStamps } from '../../../attribution/client-stamps.js';
import { hostUs } from '../../../attribution/host-clock.js';
import { LoopWatch } from '../../../attribution/loop-watch.js';
import { NodeStamps } from '../../../attribution/node-stamps.js';
import { coveredUs, STAGES, type StageName, type TimeLine } from '../../../attribution/stages.js';
import type { FrameTrace, TakenFrame } from '../../../protocol/messages.js';

/** A frame of a node, as the client gets it. */
function answer(changes: Partial<FrameTrace>): FrameTrace {
  return { sentUs: 0, operations: [], turn: 7, stampUs: 0, taken: [], ...changes };
}

/** What a node says of a frame that it read so long after it was sent. */
function taken(request: FrameTrace, afterUs: number, changes: Partial<TakenFrame> = {}): TakenFrame {
  const { turn, stampUs } = request;
  const times = { sentUs: stampUs, receivedUs: stampUs + afterUs, loopUs: 0, decodeUs: 10, stepUs: 20 };
  return { turn, ...times, nodeTurn: 7, ...changes };
}

function stageUs(line: TimeLine | null, name: StageName): number | undefined {
  return line?.stagesUs[STAGES.indexOf(name)];
}

/** An operation that leaves in its first turn, and the frame that it leaves with. */
function begin(stamps: ClientStamps): {
  operation: NonNullable<ReturnType<ClientStamps['begin']>>;
  request: FrameTrace;
} {
  const operation = stamps.begin();
  assert.ok(operation !== null);
  stamps.onLeaving(operation);
  const request = stamps.stamp(undefined);
  assert.ok(request !== undefined);
  stamps.onTurn();
  return { operation, request };
}

function busyWait(us: number): void {
  const fromUs = hostUs();
  while (hostUs() - fromUs < us);
}

describe('time lines', () => {
  it('have every stage between the stamps, and the whole time', () => {
    const stamps = new ClientStamps(1);
    const { operation, request } = begin(stamps);
    busyWait(3000);
    stamps.onArrival();
    const answeredUs = request.stampUs + 1500;
    stamps.onAnswers('replica', 2, answer({ stampUs: answeredUs, taken: [taken(request, 1000, { loopUs: 400 })] }));
    const line = stamps.complete(operation);
    const wholeUs = hostUs() - operation.beganUs;
    assert.deepEqual([line?.role, line?.node], ['replica', 2]);
    assert.deepEqual(
      (['request transit', 'node loop', 'node decode', 'node step', 'node turn', 'node wait'] as const).map((name) =>
        stageUs(line, name),
      ),
      [600, 400, 10, 20, 470, 0],
    );
    assert.ok(line !== null && Math.abs(coveredUs(line) - wholeUs) <= 200, 'no time between two stages is lost');
  });

  it('call it waiting where the answer is of a later turn than the frame', () => {
    const stamps = new ClientStamps(1);
    const { operation, request } = begin(stamps);
    stamps.onAnswers('replica', 0, answer({ stampUs: request.stampUs + 40, taken: [taken(request, 5)] }));
    assert.equal(stageUs(stamps.complete(operation), 'node wait'), 0);
    busyWait(1000);
    stamps.onArrival();
    stamps.onAnswers('replica', 0, answer({ turn: 9, stampUs: request.stampUs + 835 }));
    const line = stamps.complete(operation);
    assert.deepEqual([stageUs(line, 'node turn'), stageUs(line, 'node wait')], [0, 800]);
  });

  it('do not exist where a frame does not tell enough', () => {
    const stamps = new ClientStamps(1);
    const { operation, request } = begin(stamps);
    assert.equal(stamps.complete(operation), null, 'by no frame at all');
    stamps.onAnswers('replica', 0, answer({ stampUs: request.stampUs + 40, taken: [taken(request, 5)] }));
    stamps.onAnswers('witness', 0, answer({ stampUs: request.stampUs + 40 }));
    assert.equal(stamps.complete(operation), null, 'another node has said when it had it');
    stamps.onAnswers('replica', 0, undefined);
    assert.equal(stamps.complete(operation), null, 'an answer without stamps');
    stamps.onAnswers('replica', 0, answer({ turn: 8 }));
    assert.notEqual(stamps.complete(operation), null);
    stamps.onStepped();
    assert.equal(stamps.complete(operation), null, 'the frame is done with');
  });

  it('are asked for of all operations of a turn or of none, and of the wanted share of turns', () => {
    let drawn = 0;
    const stamps = new ClientStamps(4, () => (drawn = (drawn + 0.37) % 1));
    const turns = Array.from({ length: 4000 }, () => {
      const begun = [stamps.begin(), stamps.begin()].map((operation) => operation !== null);
      stamps.onTurn();
      return begun;
    });
    assert.ok(turns.every(([first, second]) => first === second));
    const share = turns.filter(([first]) => first).length / turns.length;
    assert.ok(Math.abs(share - 0.25) < 0.01, `${share}`);
    const all = new ClientStamps(1);
    for (let turn = 0; turn < 5; turn++) {
      assert.notEqual(all.begin(), null);
      all.onTurn();
    }
  });

  it('cost other frames nothing', () => {
    const stamps = new ClientStamps(2, () => 0.9);
    const { operation } = begin(stamps);
    assert.equal(stamps.stamp(undefined), undefined);
    stamps.onLeaving(operation);
    assert.ok((stamps.stamp(undefined)?.turn ?? 0) > operation.turn - 1, 'it leaves once more');
    stamps.onTurn();
    const traced = answer({ turn: 0 });
    assert.equal(stamps.stamp(traced), traced);
    assert.equal(traced.turn, 0);
  });

  it('take a clock that is far off for one that is far off', () => {
    const stamps = new ClientStamps(1);
    const { operation, request } = begin(stamps);
    busyWait(2000);
    stamps.onArrival();
    const offsetUs = 5_000_000;
    const far = taken(request, 500 + offsetUs);
    stamps.onAnswers('replica', 0, answer({ stampUs: request.stampUs + 600 + offsetUs, taken: [far] }));
    const line = stamps.complete(operation);
    const there = stageUs(line, 'request transit') ?? -1;
    const back = (stageUs(line, 'answer transit') ?? -1) + (stageUs(line, 'client loop') ?? 0);
    assert.ok(there >= 0 && back >= 0 && there + back < 2_500_000, `${there} there, ${back} back`);
    assert.ok(Math.abs(there - back) <= 1, 'half of the way each: nothing else can be told from one pair');
  });
});

describe('stamps of a node', () => {
  const request = (turn: number): FrameTrace => answer({ turn, stampUs: hostUs() });

  it('name every frame once on each way to the client, and none of another client', () => {
    const stamps = new NodeStamps();
    for (const turn of [3, 4]) {
      stamps.onArrival();
      stamps.onDecoded(request(turn));
      stamps.onStepped(5, request(turn));
    }
    stamps.onArrival();
    stamps.onStepped(6, request(9));
    const turns = (way: 'stream' | 'bus', client = 5): number[] =>
      stamps.stamp(client, way, undefined)?.taken.map(({ turn }) => turn) ?? [];
    assert.deepEqual([turns('stream'), turns('stream'), turns('bus'), turns('bus')], [[3, 4], [], [3, 4], []]);
    assert.deepEqual(turns('stream', 6), [9]);
    stamps.forget(6);
    assert.equal(stamps.stamp(6, 'bus', undefined), undefined);
  });

  it('say in which turn a frame was stepped through, and in which it is answered', () => {
    const stamps = new NodeStamps();
    stamps.onArrival();
    stamps.onDecoded(request(1));
    stamps.onStepped(5, request(1));
    const now = stamps.stamp(5, 'stream', undefined);
    stamps.onTurn();
    const later = stamps.stamp(5, 'bus', undefined);
    assert.deepEqual([now?.turn, now?.taken[0]?.nodeTurn], [1, 1]);
    assert.deepEqual([later?.turn, later?.taken[0]?.nodeTurn], [2, 1]);
  });

  it('are none for clients that do not stamp, and bounded for those that are not answered', () => {
    const stamps = new NodeStamps();
    stamps.onStepped(5, undefined);
    stamps.onStepped(5, request(0));
    assert.equal(stamps.stamp(5, 'stream', undefined), undefined);
    for (let turn = 1; turn <= 100; turn++) stamps.onStepped(5, request(turn));
    const untold = stamps.stamp(5, 'stream', undefined)?.taken ?? [];
    assert.deepEqual([untold.length, untold[0]?.turn, untold.at(-1)?.turn], [64, 37, 100]);
  });
});

describe('the watch over the event loop', () => {
  it('counts as waiting what passed while the loop was busy', () => {
    let idleMs = 0;
    const watch = new LoopWatch(() => idleMs);
    const arrive = (sentUs: number, nowUs: number): number => {
      watch.onArrival(nowUs);
      return watch.waited(sentUs, nowUs);
    };
    idleMs = 5;
    assert.equal(arrive(900, 1000), 0, 'the frame has ended a pause');
    assert.equal(arrive(950, 1400), 400, 'busy since the frame before, at 1000');
    assert.equal(arrive(1300, 1500), 200, 'it came while the loop was busy');
    idleMs = 5.01;
    assert.equal(arrive(1450, 1600), 150, 'a look that takes no time is no pause');
    idleMs = 6;
    assert.equal(arrive(1450, 2000), 0);
  });
});
