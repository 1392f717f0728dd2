// The judge of reads: what is wrong is caught, and what is merely concurrent, or beyond a view change, is left alone.

import assert from 'node:assert/strict';
import { ValueCodec } from '../../../loadgen/worker/value-codec.js';
import { ReadExpectation, type SessionView, Verifier } from '../../../loadgen/worker/verifier.js';

const KEY = 5;
const codec = new ValueCodec(100);

class Scene {
  readonly verifier = new Verifier(codec, 1000);
  readonly alice = this.verifier.openSession(1);
  readonly bob = this.verifier.openSession(2);

  write(view: SessionView, keyIndex = KEY): number {
    return this.verifier.writeIssued(view, keyIndex);
  }

  strongDone(view: SessionView, serial: number, slot: number, epoch = 1): void {
    this.verifier.strongWriteDone(view, KEY, serial, { slot, epoch });
  }

  send(view: SessionView, strong: boolean): ReadExpectation {
    const expectation = new ReadExpectation();
    this.verifier.readIssued(view, KEY, strong, expectation);
    return expectation;
  }

  answer(
    view: SessionView,
    sent: ReadExpectation,
    of: { writer: number; serial: number; slot: number; epoch?: number } | null,
  ): boolean {
    if (of === null) return this.verifier.readDone(view, sent, { value: null, slot: 0, epoch: 1 });
    const value = codec.encode(KEY, of.writer, of.serial);
    return this.verifier.readDone(view, sent, { value, slot: of.slot, epoch: of.epoch ?? 1 });
  }

  read(
    view: SessionView,
    strong: boolean,
    of: { writer: number; serial: number; slot: number; epoch?: number } | null,
  ): boolean {
    return this.answer(view, this.send(view, strong), of);
  }
}

describe('Verifier: the value itself', () => {
  it('finds one altered byte, another key and a value that nobody wrote', () => {
    const { verifier, alice } = new Scene();
    const expectation = new ReadExpectation();
    verifier.writeIssued(alice, KEY);
    const judge = (value: Uint8Array) => {
      verifier.readIssued(alice, KEY, false, expectation);
      return verifier.readDone(alice, expectation, { value, slot: 3, epoch: 1 });
    };
    const altered = codec.encode(KEY, 1, 1);
    altered[70] = (altered[70] ?? 0) ^ 1;
    assert.equal(judge(altered), false);
    assert.equal(judge(codec.encode(KEY + 1, 1, 1)), false);
    assert.equal(judge(codec.encode(KEY, 1, 2)), false);
    assert.equal(judge(codec.encode(KEY, 1, 1)), true);
    assert.deepEqual([verifier.totals.checked, verifier.totals.wrong, verifier.totals.found], [4, 3, 4]);
    assert.match(verifier.totals.examples.join('\n'), /checksum[\s\S]*belongs to key 6[\s\S]*never wrote its value 2/);
  });

  it('believes writers of other processes', () => {
    const scene = new Scene();
    assert.equal(scene.read(scene.alice, true, { writer: 77, serial: 1000, slot: 9 }), true);
  });
});

describe('Verifier: order within a session', () => {
  it('finds two versions that swapped places', () => {
    const scene = new Scene();
    assert.equal(scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20 }), true);
    assert.equal(scene.read(scene.alice, false, { writer: 88, serial: 1, slot: 10 }), false);
  });

  it('finds a writer going backwards even across epochs', () => {
    const scene = new Scene();
    scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20, epoch: 1 });
    assert.equal(scene.read(scene.alice, false, { writer: 77, serial: 1, slot: 30, epoch: 2 }), false);
  });

  it('lets reads that overlap answer in any order', () => {
    const scene = new Scene();
    const first = scene.send(scene.alice, false);
    const second = scene.send(scene.alice, false);
    assert.equal(scene.answer(scene.alice, first, { writer: 77, serial: 2, slot: 20 }), true);
    assert.equal(scene.answer(scene.alice, second, { writer: 88, serial: 1, slot: 10 }), true);
  });

  it('does not compare slots of different epochs', () => {
    const scene = new Scene();
    scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20, epoch: 1 });
    assert.equal(scene.read(scene.alice, false, { writer: 88, serial: 1, slot: 15, epoch: 2 }), true);
    assert.equal(scene.read(scene.alice, false, { writer: 99, serial: 1, slot: 14, epoch: 2 }), false);
  });

  it('lets another session be behind on weak reads', () => {
    const scene = new Scene();
    scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20 });
    assert.equal(scene.read(scene.bob, false, { writer: 77, serial: 1, slot: 10 }), true);
    assert.equal(scene.read(scene.bob, false, { writer: 77, serial: 2, slot: 20 }), true);
  });

  it('finds a key that vanished', () => {
    const scene = new Scene();
    assert.equal(scene.read(scene.alice, false, null), true);
    scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20 });
    assert.equal(scene.read(scene.alice, false, null), false);
  });
});

describe('Verifier: own writes', () => {
  it('finds an acknowledged own write that is not shown', () => {
    const scene = new Scene();
    const serial = scene.write(scene.alice);
    scene.verifier.writeDone(scene.alice, KEY, serial);
    assert.equal(scene.read(scene.alice, false, null), false);
    assert.equal(scene.read(scene.alice, false, { writer: 1, serial, slot: 0 }), true);
  });

  it('finds the version from before an own write', () => {
    const scene = new Scene();
    scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20 });
    const serial = scene.write(scene.alice);
    scene.verifier.writeDone(scene.alice, KEY, serial);
    assert.equal(scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20 }), false);
    assert.equal(
      scene.read(scene.alice, false, { writer: 88, serial: 9, slot: 21 }),
      true,
      'somebody may have written after',
    );
  });

  it('finds an older own write', () => {
    const scene = new Scene();
    const older = scene.write(scene.alice);
    const newer = scene.write(scene.alice);
    scene.verifier.writeDone(scene.alice, KEY, older);
    scene.verifier.writeDone(scene.alice, KEY, newer);
    assert.equal(scene.read(scene.alice, false, { writer: 1, serial: older, slot: 0 }), false);
  });

  it('asks nothing of a write issued after the read was sent', () => {
    const scene = new Scene();
    const sent = scene.send(scene.alice, true);
    const serial = scene.write(scene.alice);
    scene.strongDone(scene.alice, serial, 20);
    assert.equal(scene.answer(scene.alice, sent, null), true);
  });

  it('waits with its judgement until a missed write is acknowledged, and forgets it if the write fails', () => {
    const scene = new Scene();
    const lost = scene.write(scene.alice);
    assert.equal(scene.read(scene.alice, false, null), true);
    scene.verifier.writeLost(scene.alice, KEY, lost);
    assert.equal(scene.read(scene.alice, false, null), true);
    assert.equal(scene.verifier.totals.wrong, 0);
    const done = scene.write(scene.alice);
    assert.equal(scene.read(scene.alice, false, null), true);
    scene.verifier.writeDone(scene.alice, KEY, done);
    assert.equal(scene.verifier.totals.wrong, 1);
  });

  it('does not mistake the slot under an own pending write for the write going back', () => {
    const scene = new Scene();
    scene.read(scene.alice, false, { writer: 77, serial: 2, slot: 20 });
    const serial = scene.write(scene.alice);
    assert.equal(scene.read(scene.alice, false, { writer: 1, serial, slot: 3 }), true);
  });
});

describe('Verifier: strong reads in the whole process', () => {
  it('finds a strong read older than a strong write complete before it began', () => {
    const scene = new Scene();
    const serial = scene.write(scene.alice);
    scene.strongDone(scene.alice, serial, 20);
    assert.equal(scene.read(scene.bob, true, { writer: 77, serial: 1, slot: 10 }), false);
    assert.equal(scene.read(scene.bob, true, null), false);
    assert.equal(scene.read(scene.bob, true, { writer: 1, serial, slot: 20 }), true);
  });

  it('finds a strong read older than an earlier strong read of another session', () => {
    const scene = new Scene();
    scene.read(scene.alice, true, { writer: 77, serial: 2, slot: 20 });
    assert.equal(scene.read(scene.bob, true, { writer: 88, serial: 1, slot: 10 }), false);
  });

  it('lets a strong read that overlaps the write see the version before', () => {
    const scene = new Scene();
    const serial = scene.write(scene.alice);
    const sent = scene.send(scene.bob, true);
    scene.strongDone(scene.alice, serial, 20);
    assert.equal(scene.answer(scene.bob, sent, { writer: 77, serial: 1, slot: 10 }), true);
  });

  it('lets weak reads of other sessions, and strong reads after weak writes, be behind', () => {
    const scene = new Scene();
    const strong = scene.write(scene.alice);
    scene.strongDone(scene.alice, strong, 20);
    assert.equal(scene.read(scene.bob, false, { writer: 77, serial: 1, slot: 10 }), true);
    const weak = scene.write(scene.alice);
    scene.verifier.writeDone(scene.alice, KEY, weak);
    assert.equal(scene.read(scene.bob, true, { writer: 1, serial: strong, slot: 20 }), true);
  });

  it('expects every key once all are loaded, of strong reads only', () => {
    const scene = new Scene();
    scene.verifier.preloaded = true;
    assert.equal(scene.read(scene.alice, false, null), true);
    assert.equal(scene.read(scene.alice, true, null), false);
  });
});

describe('Verifier: memory', () => {
  it('forgets a key for another that shares its place, without an alarm', () => {
    const verifier = new Verifier(codec, 10_000_000);
    const view = verifier.openSession(1);
    const expectation = new ReadExpectation();
    const serial = verifier.writeIssued(view, 1);
    verifier.writeDone(view, 1, serial);
    verifier.writeIssued(view, 1 + 65_536);
    verifier.readIssued(view, 1, false, expectation);
    assert.equal(verifier.readDone(view, expectation, { value: null, slot: 0, epoch: 1 }), true);
    assert.equal(verifier.totals.wrong, 0);
  });
});
