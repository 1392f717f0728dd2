// The bounded queue in front of a stream.

import assert from 'node:assert/strict';
import { FrameWriter, HARD_CAP_FACTOR } from '../../../services/host/frame-writer.js';

/** A stream that takes `room` frames and then says stop. */
function createSink(room: number) {
  const written: string[] = [];
  return {
    written,
    room,
    write(bytes: Buffer): boolean {
      written.push(bytes.toString());
      this.room--;
      return this.room > 0;
    },
  };
}

const frame = (text: string): Buffer => Buffer.from(text);

describe('frame writer', () => {
  it('writes through while the stream takes frames, then queues in order', () => {
    const sink = createSink(2);
    const writer = new FrameWriter(sink, { queueFrames: 10, queueBytes: 1000 });
    for (const text of ['a', 'b', 'c', 'd']) assert.ok(writer.send(frame(text)));
    assert.deepEqual(sink.written, ['a', 'b']);
    assert.equal(writer.queuedFrames, 2);
    assert.equal(writer.queuedBytes, 2);
    sink.room = 1;
    writer.onDrain();
    assert.deepEqual(sink.written, ['a', 'b', 'c']);
    sink.room = 5;
    writer.onDrain();
    writer.send(frame('e'));
    assert.deepEqual(sink.written, ['a', 'b', 'c', 'd', 'e']);
    assert.equal(writer.queuedBytes, 0);
  });

  it('is congested above the soft bound of frames or of bytes', () => {
    const writer = new FrameWriter(createSink(1), { queueFrames: 2, queueBytes: 10 });
    writer.send(frame('x'));
    writer.send(frame('1'));
    writer.send(frame('2'));
    assert.ok(!writer.isCongested);
    writer.send(frame('3'));
    assert.ok(writer.isCongested);
    const bytes = new FrameWriter(createSink(1), { queueFrames: 100, queueBytes: 10 });
    bytes.send(frame('x'));
    bytes.send(frame('12345678901'));
    assert.ok(bytes.isCongested);
  });

  it('refuses frames beyond the hard cap, but one frame of any size fits an empty queue', () => {
    const limits = { queueFrames: 2, queueBytes: 10 };
    const writer = new FrameWriter(createSink(1), limits);
    writer.send(frame('x'));
    for (let i = 0; i < limits.queueFrames * HARD_CAP_FACTOR; i++) assert.ok(writer.send(frame('1')));
    assert.ok(!writer.send(frame('1')));
    const large = new FrameWriter(createSink(1), limits);
    large.send(frame('x'));
    assert.ok(large.send(Buffer.alloc(1000)));
    assert.ok(!large.send(frame('1')));
  });

  it('keeps order and counts over many partial drains', () => {
    const sink = createSink(1);
    const writer = new FrameWriter(sink, { queueFrames: 1000, queueBytes: 1 << 20 });
    const sent: string[] = [];
    for (let i = 0; i < 5000; i++) {
      sent.push(String(i));
      assert.ok(writer.send(frame(String(i))));
    }
    while (writer.queuedFrames > 0) {
      sink.room = 7;
      writer.onDrain();
    }
    assert.deepEqual(sink.written, sent);
    assert.equal(writer.queuedBytes, 0);
  });
});
