// Every queue is bounded: full means no, and what is in stays in. Frames close before they grow too large.

import assert from 'node:assert/strict';
import { Slab } from '../../../protocol/bytes.js';
import type { ReplicaOutput } from '../../../protocol/core.js';
import { FrameSet } from '../../../protocol/frames.js';
import { FRAME_BYTES_SOFT_LIMIT, FRAME_OPERATIONS_LIMIT } from '../../../protocol/limits.js';
import { type CheckedWrite, EpochStatus, RefusalCode } from '../../../protocol/messages.js';
import { HeldWrites } from '../../../protocol/replica/held-writes.js';
import type { ReplicaOptions } from '../../../protocol/replica/node.js';
import { Parking } from '../../../protocol/replica/parking.js';
import { ReplicaCore } from '../../../protocol/replica/replica-core.js';
import { LoneReplica } from './lone-replica.js';
import { idOf, LoneWitness, write } from './lone-witness.js';
import { CLUSTER, toBytes } from './story.js';

const weak = (id: string) => write(id, { x: '1' }, { weak: true });

/** One replica that leads an open epoch, alone or with two followers that never answer. */
class LoneLeader {
  readonly core: ReplicaCore;
  nowUs = 0;

  constructor(followers: 0 | 2, options: Partial<ReplicaOptions> = {}) {
    this.core = new ReplicaCore({
      paceUs: 0,
      clusterId: CLUSTER,
      id: 'r0',
      incarnation: 1,
      shards: 1,
      descriptorLimit: 2,
      ...options,
    });
    const member = (id: string, index: number) => ({ id, index, address: '', incarnation: 1 });
    const replicas = Array.from({ length: 1 + followers }, (_, i) => member(`r${i}`, i));
    const shape = {
      replicas,
      witnesses: [member('w0', 0)],
      fastQuorum: 1,
      leader: 0,
      natsUrl: '',
      version: 1,
      openSlot: 0,
    };
    const config = { clusterId: CLUSTER, epoch: 1, status: EpochStatus.recovering, ...shape };
    this.core.step({ kind: 'lead', call: 1, request: { config, replay: [] } }, 0, []);
    this.core.step({ kind: 'turnEnd' }, 0, []);
    this.core.step({ kind: 'config', config: { ...config, status: EpochStatus.open, openSlot: 1 } }, 0, []);
  }

  /** One turn with a frame of writes, and of strong and weak reads that wait for write number `awaited`. */
  turn(writes: CheckedWrite[], reads: { strong?: number; weak?: number; awaited?: number } = {}): ReplicaOutput[] {
    const read = { session: 9, key: toBytes('x') };
    const strongReads = Array.from({ length: reads.strong ?? 0 }, (_, i) => ({
      ...read,
      nonce: i + 1,
      barrier: reads.awaited ?? 0,
    }));
    const token = { range: undefined, tokenEpoch: 0, tokenSlot: 0, cleared: reads.awaited ?? 0 };
    const weakReads = Array.from({ length: reads.weak ?? 0 }, (_, i) => ({ ...read, ...token, nonce: 100 + i }));
    const rest = { confirmedReads: [], ackQueries: [], ping: 0, trace: undefined, upkeep: undefined };
    const frame = { clusterId: CLUSTER, epoch: 1, clientId: 1, writes, strongReads, weakReads, ...rest };
    const outputs: ReplicaOutput[] = [];
    this.core.step({ kind: 'session', frame }, this.nowUs, outputs);
    this.core.step({ kind: 'turnEnd' }, this.nowUs, outputs);
    return outputs;
  }

  refusals(outputs: ReplicaOutput[]): { code: number; nonce: number; seq: number }[] {
    return outputs.flatMap((output) => (output.kind === 'session' ? output.frame.refusals : []));
  }
}

describe('frames', () => {
  const createSet = () => new FrameSet<number[]>(() => []);
  const drained = (set: FrameSet<number[]>) => {
    const frames: string[] = [];
    set.drain((peer, frame) => frames.push(`${peer}:${frame.join()}`));
    return frames;
  };

  it('one frame for each peer, closed by the message that takes it over the soft limit', () => {
    const set = createSet();
    set.for(1, FRAME_BYTES_SOFT_LIMIT - 1).push(1);
    set.for(1, FRAME_BYTES_SOFT_LIMIT).push(2);
    set.for(2, 1).push(3);
    set.for(1, 1).push(4);
    assert.deepEqual(drained(set), ['1:1,2', '1:4', '2:3']);
    assert.deepEqual(drained(set), []);
  });

  it('no more operations than a frame may have, in the order they came', () => {
    const set = createSet();
    const count = 2 * FRAME_OPERATIONS_LIMIT + 1;
    for (let i = 0; i < count; i++) set.for(7, 0).push(i);
    const sizes: number[] = [];
    const all: number[] = [];
    set.drain((_, frame) => {
      sizes.push(frame.length);
      all.push(...frame);
    });
    assert.deepEqual(sizes, [FRAME_OPERATIONS_LIMIT, FRAME_OPERATIONS_LIMIT, 1]);
    assert.ok(all.every((value, i) => value === i));
  });

  it('what was meant for a peer that is gone is dropped, closed frames too', () => {
    const set = createSet();
    for (let i = 0; i < 3; i++) for (const peer of [1, 2]) set.for(peer, FRAME_BYTES_SOFT_LIMIT).push(i);
    set.drop(1);
    assert.deepEqual(drained(set), ['2:0', '2:1', '2:2']);
    set.for(3, FRAME_BYTES_SOFT_LIMIT).push(1);
    set.for(3, 1).push(2);
    set.clear();
    assert.deepEqual(drained(set), []);
  });

  it('a witness that answers a lot answers in several frames', () => {
    const witness = new LoneWitness();
    const records = Array.from({ length: FRAME_OPERATIONS_LIMIT + 1 }, (_, i) =>
      write(`1#${i + 1}`, { [`k${i}`]: '' }),
    );
    const answers = witness.step({
      kind: 'record',
      frame: { clusterId: CLUSTER, epoch: 1, clientId: 1, records, checks: [], trace: undefined },
    });
    const sizes = answers.map((output) => (output.kind === 'record' ? output.frame.recordReplies.length : -1));
    assert.deepEqual(sizes, [FRAME_OPERATIONS_LIMIT, 1]);
  });

  it('a leader with much to replicate sends several frames in slot order', () => {
    const leader = new LoneLeader(2, { descriptorLimit: 100 });
    const big = 'v'.repeat(400_000);
    const outputs = leader.turn(Array.from({ length: 5 }, (_, i) => write(`1#${i + 1}`, { x: big })));
    const frames = outputs.flatMap((output) => (output.kind === 'replicate' ? [output.frame] : []));
    assert.deepEqual(
      frames.map(({ prevSlot, entries }) => [prevSlot, entries.length]),
      [
        [1, 3],
        [4, 2],
      ],
    );
  });
});

describe('limits of a replica', () => {
  it('B10: weak writes beyond the room for held ones are refused and not acknowledged; held ones stay', () => {
    const leader = new LoneLeader(2, { heldLimit: 2 });
    const outputs = leader.turn([weak('1#1'), weak('1#2'), weak('1#3'), weak('1#1')]);
    const acks = outputs.flatMap((output) => (output.kind === 'acks' ? output.batch.weakAcks : []));
    assert.deepEqual(
      acks.map(({ seq }) => seq),
      [1, 2, 1],
    );
    assert.deepEqual(
      leader.refusals(outputs).map(({ code, seq }) => [code, seq]),
      [[RefusalCode.full, 3]],
    );
    assert.equal(leader.core.inspect().held, 2);
  });

  it('P9: only slotted writes count against the descriptor limit, parked ones have a bound of their own', () => {
    const leader = new LoneLeader(2, { parkedLimit: 2 });
    const outputs = leader.turn([2, 3, 4, 5].map((seq) => write(`1#${seq}`, { x: '1' })));
    const needs = outputs.flatMap((output) => (output.kind === 'session' ? output.frame.needWrites : []));
    assert.deepEqual(needs, [{ session: 1, fromSeq: 1 }]);
    assert.equal(leader.core.isSaturated, false);
    leader.turn([write('1#1', { x: '1' })]);
    assert.deepEqual(
      [leader.core.inspect().lastSlot, leader.core.isSaturated],
      [4, true],
      '#1 to #3; the others come again',
    );
  });

  it('strong reads that wait for their session’s writes are bounded', () => {
    const leader = new LoneLeader(2, { parkedLimit: 2 });
    const outputs = leader.turn([], { strong: 3, awaited: 1 });
    assert.deepEqual(
      leader.refusals(outputs).map(({ code, nonce }) => [code, nonce]),
      [[RefusalCode.full, 3]],
    );
    const answered = leader.turn([write('9#1', { x: '1' })]).flatMap((output) => {
      return output.kind === 'session' ? output.frame.strongReadReplies.map(({ nonce }) => nonce) : [];
    });
    assert.deepEqual(answered, [1, 2]);
  });

  it('weak reads that wait for the applied state are bounded', () => {
    const leader = new LoneLeader(2, { weakReadLimit: 2 });
    const outputs = leader.turn([], { weak: 3, awaited: 1 });
    assert.deepEqual(
      leader.refusals(outputs).map(({ code, nonce }) => [code, nonce]),
      [[RefusalCode.full, 102]],
    );
  });

  it('F3: a session that acknowledges no results is not ordered beyond their limit', () => {
    const leader = new LoneLeader(0);
    leader.turn(Array.from({ length: 4096 }, (_, i) => write(`1#${i + 1}`, { x: '1' })));
    assert.equal(leader.core.inspect().commitSlot, 4097);
    const outputs = leader.turn([write('1#4097', { x: '1' }), write('2#1', { x: '1' })]);
    assert.deepEqual(
      leader.refusals(outputs).map(({ code, seq }) => [code, seq]),
      [[RefusalCode.full, 4097]],
    );
    assert.equal(leader.core.inspect().commitSlot, 4098, 'other sessions go on');
  });

  it('a client that is gone leaves nothing waiting', () => {
    const leader = new LoneLeader(2, { parkedLimit: 2, weakReadLimit: 2 });
    leader.turn([write('1#2', { x: '1' })], { strong: 1, weak: 2, awaited: 1 });
    leader.core.step({ kind: 'clientGone', client: 1 }, 0, []);
    assert.equal(leader.core.stats().weakReadsWaiting, 0);
    const outputs = leader.turn([], { strong: 2, awaited: 1 });
    assert.deepEqual(leader.refusals(outputs), []);
  });
});

describe('held and parked', () => {
  it('held writes: one for each id, released up to a number, due again after a while', () => {
    const held = new HeldWrites({ writes: 3, bytes: 1 << 20 }, new Slab());
    assert.deepEqual(
      ['1#2', '1#1', '2#1', '2#1', '3#1'].map((id) => held.hold(weak(id), 10)),
      [true, true, true, true, false],
    );
    assert.deepEqual([held.size, held.has(1, 2), held.has(3, 1)], [3, true, false]);
    assert.deepEqual(held.takeDue(9, 20, 9), []);
    assert.deepEqual(held.takeDue(10, 20, 2).map(idOf), ['1#1', '1#2'], 'in order of number');
    assert.deepEqual(held.takeDue(10, 20, 9).map(idOf), ['2#1']);
    assert.deepEqual(held.takeDue(19, 30, 9), [], 'their clocks began again');
    held.release(1, 1);
    assert.deepEqual([held.size, held.has(1, 1), held.has(1, 2)], [2, false, true]);
    held.release(1, 9);
    held.release(7, 9);
    assert.equal(held.size, 1);
  });

  it('E9: the oldest held writes of a session are relayed first, however late they came', () => {
    const held = new HeldWrites({ writes: 200, bytes: 1 << 20 }, new Slab());
    const seqs = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);
    for (const seq of [...seqs(65, 66), ...seqs(1, 64)]) held.hold(weak(`1#${seq}`), 0);
    const due = held.takeDue(0, 1, 200).map(({ command }) => command.seq);
    assert.deepEqual(due, seqs(1, 64), 'younger ones wait for these at the leader and may not stand in their way');
  });

  it('parking: bounded, one for each id, and a client that goes takes only its own', () => {
    const parking = new Parking({ count: 3, bytes: 1 << 20 });
    assert.ok(
      parking.parkWrite(weak('1#3'), 1) && parking.parkWrite(weak('1#3'), 1) && parking.parkWrite(weak('1#4'), 2),
    );
    assert.equal(parking.parkRead(1, { barrier: 2, client: 1, resume: () => {} }), true);
    assert.equal(parking.parkWrite(weak('2#2'), 1), false);
    assert.equal(parking.parkRead(2, { barrier: 2, client: 1, resume: () => {} }), false);
    assert.equal(parking.parkWrite(weak('1#3'), 1), true, 'what is there needs no room');
    assert.deepEqual([parking.takeReads(1, 1).length, parking.takeReads(1, 2).length, parking.size], [0, 1, 2]);
    parking.dropClient(1);
    assert.deepEqual([parking.size, parking.takeWrite(1, 3), parking.takeWrite(1, 4)?.client], [1, undefined, 2]);
    assert.equal(parking.size, 0);
  });
});

describe('pacing', () => {
  const entriesOf = (outputs: ReplicaOutput[]) =>
    outputs.flatMap((output) => (output.kind === 'replicate' ? output.frame.entries.length : []));

  it('what nobody waits for gathers for a while; the first after a pause leaves at once', () => {
    const leader = new LoneLeader(2, { paceUs: 1000 });
    leader.nowUs = 5000;
    assert.deepEqual(entriesOf(leader.turn([weak('1#1')])), [1]);
    leader.nowUs = 5500;
    assert.deepEqual(entriesOf(leader.turn([weak('1#2')])), []);
    assert.equal(leader.core.wantsTurn, true);
    leader.nowUs = 6000;
    assert.deepEqual(entriesOf(leader.turn([weak('1#3')])), [2]);
    assert.equal(leader.core.wantsTurn, false);
  });

  it('a write that only its commit can answer does not wait', () => {
    const leader = new LoneLeader(2, { paceUs: 1000 });
    leader.nowUs = 5000;
    leader.turn([weak('1#1')]);
    leader.nowUs = 5100;
    assert.deepEqual(entriesOf(leader.turn([write('2#1', { y: '1' })])), [], 'nothing conflicts with it');
    assert.deepEqual(
      entriesOf(leader.turn([write('3#1', { x: '2' })])),
      [2],
      'the weak write on its key is uncommitted',
    );
  });

  it('D6: what is on its way to a follower is bounded by bytes, whatever a replay holds', () => {
    const replica = new LoneReplica();
    const replay = Array.from({ length: 60 }, (_, at) => write(`${at + 1}#1`, { x: 'v'.repeat(1_000_000) }));
    replica.lead(1, replay);
    replica.keepAll();
    const slotsTo = (follower: number) => {
      const frames = replica.take('replicate').filter(({ to }) => to.includes(follower));
      return frames.map(({ frame }) => frame.prevSlot + frame.entries.length);
    };
    const first = Math.max(...slotsTo(1));
    assert.ok(first >= 8 && first <= 10, `${first} writes of a megabyte are on their way`);
    replica.acknowledge(1, 8);
    for (let turn = 0; turn < 5; turn++) replica.turn({ kind: 'tick' });
    const second = Math.max(...slotsTo(1));
    assert.ok(second > first && second <= 18, `${second} after eight were acknowledged`);
  });
});
