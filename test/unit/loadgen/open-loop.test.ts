// The open loop in virtual time: what is sent when, from when latency counts, and what becomes of too much.

import assert from 'node:assert/strict';
import { ClientError } from '../../../client/client-error.js';
import type { Session } from '../../../client/types.js';
import { summarizePoint } from '../../../loadgen/outcome/point.js';
import { Arrivals } from '../../../loadgen/worker/arrivals.js';
import { decodeHistogram, mergeHistograms } from '../../../loadgen/worker/histograms.js';
import { MemoryClient } from '../../../loadgen/worker/memory-client.js';
import { OpenLoop, type OpenLoopLimits } from '../../../loadgen/worker/open-loop.js';
import { Random } from '../../../loadgen/worker/random.js';
import type { Recorder } from '../../../loadgen/worker/recorder.js';
import { ThreadWakeup, type Wakeup } from '../../../loadgen/worker/wakeup.js';
import { createDoors, openStreams } from './loop-stage.js';
import { samplePhase } from './sample-result.js';

const NO_LIMITS = { inFlightLimit: 1000, waitingLimit: 1000 };

/** A clock that moves when it is told to. */
class VirtualTime implements Wakeup {
  nowMs = 0;
  #appointment: { atMs: number; wake: () => void } | null = null;

  at(atMs: number, wake: () => void): void {
    this.#appointment = { atMs, wake };
  }

  cancel(): void {
    this.#appointment = null;
  }

  /** Keeps every appointment on the way. */
  advanceTo(timeMs: number): void {
    while (this.#appointment !== null && this.#appointment.atMs <= timeMs) {
      this.nowMs = Math.max(this.nowMs, this.#appointment.atMs);
      this.#keep();
    }
    this.nowMs = timeMs;
  }

  /** As after a pause of the whole process: the appointment is kept too late. */
  pauseUntil(timeMs: number): void {
    this.nowMs = timeMs;
    this.#keep();
  }

  #keep(): void {
    const appointment = this.#appointment;
    this.#appointment = null;
    appointment?.wake();
  }
}

/** A cluster that answers when it is told to. */
class HeldClient extends MemoryClient {
  readonly #held: (() => void)[] = [];

  override later(answer: () => void): void {
    this.#held.push(answer);
  }

  /** Answers the oldest and lets the caller hear it. */
  async answer(count = this.#held.length): Promise<void> {
    for (const answer of this.#held.splice(0, count)) answer();
    await new Promise(setImmediate);
  }
}

/** An operation a millisecond on two sessions, from 0 to 10 ms: ten, the first within the first millisecond. */
async function openStage(
  limits: OpenLoopLimits,
  countFromMs = 0,
  wrap: (session: Session) => Session = (session) => session,
  untilMs = 10,
) {
  const time = new VirtualTime();
  const client = new HeldClient();
  const doors = createDoors(() => time.nowMs);
  const schedule = () => new Arrivals({ rate: 1000, pattern: 'constant', random: new Random(7) });
  const span = { beginMs: 0, countFromMs, untilMs };
  const streams = await openStreams(client, doors, 2, wrap);
  const loop = new OpenLoop(doors, streams, { arrivals: schedule(), wakeup: time }, limits, span);
  return { time, client, doors, loop, firstMs: schedule().nextMs };
}

function latency(recorder: Recorder) {
  return mergeHistograms(
    recorder.result().histograms.map((bytes) => decodeHistogram(bytes, 3)),
    3,
  );
}

function isNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 0.002, `${actual} is not ${expected}`);
}

describe('OpenLoop', () => {
  it('sends every operation at its time, whether or not the ones before were answered', async () => {
    const { time, client, loop, firstMs } = await openStage(NO_LIMITS);
    const running = loop.run();
    const sent: number[] = [];
    for (let arrival = 0; arrival < 10; arrival++) {
      time.advanceTo(firstMs + arrival - 0.001);
      sent.push(loop.counts.sent);
      time.advanceTo(firstMs + arrival);
      sent.push(loop.counts.sent);
    }
    assert.deepEqual(sent, [0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10]);
    assert.equal(loop.inFlight, 10);
    time.advanceTo(10);
    await client.answer();
    await running;
    assert.deepEqual(loop.counts, {
      intended: 10,
      sent: 10,
      dropped: 0,
      inFlightMax: 10,
      waitingMax: 0,
      waitingAtEnd: 0,
      unansweredAtEnd: 10,
    });
  });

  it('goes round the sessions', async () => {
    const sessions: number[] = [];
    const { time, client, loop } = await openStage(NO_LIMITS, 0, (session) =>
      intercept(session, () => sessions.push(session.id)),
    );
    const running = loop.run();
    time.advanceTo(10);
    await client.answer();
    await running;
    assert.deepEqual(sessions, [1001, 1002, 1001, 1002, 1001, 1002, 1001, 1002, 1001, 1002]);
  });

  it('counts latency from the intended time through a stall of the cluster', async () => {
    const { time, client, doors, loop, firstMs } = await openStage(NO_LIMITS);
    const running = loop.run();
    time.advanceTo(110);
    await client.answer();
    await running;
    const { totalCount, maxValue, mean, minNonZeroValue } = latency(doors.recorder);
    assert.equal(totalCount, 10);
    isNear(maxValue, (110 - firstMs) * 1000);
    isNear(mean, (110 - firstMs - 4.5) * 1000);
    isNear(minNonZeroValue, (110 - firstMs - 9) * 1000);
    assert.equal(doors.sendLag.share(), 0);
  });

  it('does not lose a stall that outlasts the window', async () => {
    const { time, client, doors, loop } = await openStage(
      { inFlightLimit: 10_000, waitingLimit: 10 },
      0,
      undefined,
      5000,
    );
    doors.recorder.open(0, 5000, 'intended');
    const running = loop.run();
    for (let timeMs = 1; timeMs <= 3000; timeMs++) {
      time.advanceTo(timeMs);
      await client.answer();
    }
    time.advanceTo(6500);
    await client.answer();
    await running;
    const measured = samplePhase([], { ...doors.recorder.result(), windowMs: 5000, openLoop: loop.counts });
    const { openLoop, iterations, strong, weak } = summarizePoint(
      { clients: 1, threads: 2, pendings: 0 },
      [{ iteration: 1, results: [measured] }],
      [],
    );
    // All that was due is in the latencies; throughput is of what the window saw completed.
    assert.equal(strong.count + weak.count, 5000);
    assert.deepEqual([openLoop?.intended, openLoop?.completed, openLoop?.unansweredAtEnd], [5000, 3000, 2000]);
    isNear(latency(doors.recorder).getValueAtPercentile(90) / 1000, 3000);
    assert.ok((strong.maxMs ?? 0) > 3400 && (weak.maxMs ?? 0) > 3400);
    assert.deepEqual([openLoop?.dropped, openLoop?.waitingAtEnd, openLoop?.overloaded], [0, 0, true]);
    // The timeline shows the stall where it was: slow from 3 s on, and nothing completed.
    const { opsPerSecond, weakP50Ms } = iterations[0]?.timeline ?? assert.fail('no timeline');
    assert.deepEqual([opsPerSecond.length, opsPerSecond[10], opsPerSecond[20]], [25, 1000, 0]);
    assert.ok((weakP50Ms[10] ?? 0) <= 1 && (weakP50Ms[20] ?? 0) > 2000);
  });

  it('counts no latency of what was due before the window, though it completes in it', async () => {
    const { time, client, doors, loop } = await openStage(NO_LIMITS, 6);
    doors.recorder.open(6, 10, 'intended');
    const running = loop.run();
    time.advanceTo(9.999);
    await client.answer();
    time.advanceTo(10);
    await running;
    const { operations } = doors.recorder.result();
    assert.deepEqual([operations, latency(doors.recorder).totalCount], [10, 4]);
  });

  it('after a pause of its own sends all that is due, each with its own time, and moves nothing', async () => {
    const { time, client, doors, loop, firstMs } = await openStage(NO_LIMITS);
    const running = loop.run();
    time.advanceTo(2);
    await client.answer();
    time.pauseUntil(7.999);
    assert.deepEqual([loop.counts.sent, loop.inFlight], [8, 6]);
    await client.answer();
    isNear(latency(doors.recorder).maxValue, (7.999 - firstMs - 2) * 1000);
    assert.ok(doors.sendLag.share() > 0.5, 'most of the latency was the pause');
    time.advanceTo(firstMs + 8 - 0.001);
    assert.equal(loop.counts.sent, 8);
    time.advanceTo(firstMs + 8);
    assert.equal(loop.counts.sent, 9);
    time.advanceTo(10);
    await client.answer();
    await running;
    assert.deepEqual([loop.counts.intended, loop.counts.sent], [10, 10]);
  });

  it('sends what became due right before the end even if it wakes after it', async () => {
    const { time, client, loop } = await openStage(NO_LIMITS);
    const running = loop.run();
    time.pauseUntil(500);
    await client.answer();
    await running;
    assert.deepEqual([loop.counts.intended, loop.counts.sent], [10, 10]);
  });

  it('lets wait what is too much in flight, drops what is too much waiting, and counts both', async () => {
    const { time, client, doors, loop, firstMs } = await openStage({ inFlightLimit: 3, waitingLimit: 4 });
    const running = loop.run();
    time.advanceTo(9.999);
    assert.deepEqual([loop.inFlight, loop.waiting, loop.counts.dropped], [3, 4, 3]);
    await client.answer(2);
    assert.deepEqual([loop.inFlight, loop.waiting, loop.counts.sent], [3, 2, 5]);
    time.advanceTo(10);
    assert.deepEqual(loop.counts, {
      intended: 10,
      sent: 5,
      dropped: 3,
      inFlightMax: 3,
      waitingMax: 4,
      waitingAtEnd: 2,
      unansweredAtEnd: 3,
    });
    await client.answer();
    await running;
    assert.equal(doors.recorder.operations, 5);
    // The last one sent was the fifth to come, and it waited from then on.
    isNear(latency(doors.recorder).minNonZeroValue, (10 - firstMs - 4) * 1000);
  });

  it('counts what is due from the beginning of the window on', async () => {
    const { time, client, loop } = await openStage(NO_LIMITS, 6);
    const running = loop.run();
    time.advanceTo(10);
    await client.answer();
    await running;
    assert.deepEqual([loop.counts.intended, loop.counts.sent, loop.counts.inFlightMax], [4, 4, 10]);
  });

  it('goes on when the SDK refuses at once', async () => {
    const { time, doors, loop } = await openStage({ inFlightLimit: 1, waitingLimit: 100 }, 0, (session) =>
      intercept(session, () => {
        throw new ClientError('RESOURCE_EXHAUSTED', 'full');
      }),
    );
    const running = loop.run();
    for (let timeMs = 1; timeMs <= 10; timeMs++) {
      time.advanceTo(timeMs);
      await new Promise(setImmediate);
    }
    await running;
    const { operations, errorCodes } = doors.recorder.result();
    assert.deepEqual([operations, errorCodes], [0, { RESOURCE_EXHAUSTED: 10 }]);
  });

  it('sends nothing more once it is stopped', async () => {
    const { time, client, doors, loop } = await openStage({ inFlightLimit: 2, waitingLimit: 100 });
    const running = loop.run();
    time.advanceTo(5);
    loop.stop();
    time.advanceTo(10);
    await client.answer();
    await running;
    assert.deepEqual([doors.recorder.operations, loop.counts.sent, loop.counts.waitingAtEnd], [2, 2, 3]);
  });

  it('sends exactly what was intended in real time as well, and every read is right', async () => {
    const doors = createDoors();
    const streams = await openStreams(new MemoryClient(), doors, 3);
    const wakeup = await ThreadWakeup.open();
    const arrivals = new Arrivals({ rate: 5000, pattern: 'constant', random: new Random(7) });
    const beginMs = doors.now();
    const span = { beginMs, countFromMs: beginMs, untilMs: beginMs + 100 };
    const loop = new OpenLoop(doors, streams, { arrivals, wakeup }, NO_LIMITS, span);
    await loop.run();
    await wakeup.close();
    assert.deepEqual([loop.counts.intended, loop.counts.sent, doors.recorder.operations], [500, 500, 500]);
    assert.deepEqual([doors.verifier.totals.checked > 0, doors.verifier.totals.wrong], [true, 0]);
  });
});

describe('ThreadWakeup', () => {
  it('wakes once, never early, for the newest appointment only', async () => {
    const wakeup = await ThreadWakeup.open();
    let replaced = 0;
    for (const aheadMs of [5, 0, -5]) {
      wakeup.at(performance.now() + 3, () => replaced++);
      const atMs = performance.now() + aheadMs;
      await new Promise<void>((resolve) => wakeup.at(atMs, resolve));
      assert.ok(performance.now() >= atMs);
    }
    wakeup.at(performance.now() + 1, () => replaced++);
    wakeup.cancel();
    await new Promise<void>((resolve) => wakeup.at(performance.now() + 5, resolve));
    await wakeup.close();
    assert.equal(replaced, 0);
  });
});

/** The session with `hear` called before every operation. */
function intercept(session: Session, hear: () => void): Session {
  return new Proxy(session, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      return (...args: unknown[]): unknown => {
        hear();
        return Reflect.apply(member, target, args);
      };
    },
  });
}
