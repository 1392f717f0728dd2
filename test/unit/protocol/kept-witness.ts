// A witness core with a disk that keeps batches only when it is told to, for the rules of durability. Answers come back
// as text, in the order in which they left.

import assert from 'node:assert/strict';
import type { WitnessInput, WitnessOutput } from '../../../protocol/core.js';
import type { CheckedWrite, SessionWatermark } from '../../../protocol/messages.js';
import { RecordStatus } from '../../../protocol/messages.js';
import type { WitnessBatch, WitnessImage } from '../../../protocol/witness/persistence.js';
import { WitnessCore, type WitnessOptions } from '../../../protocol/witness/witness-core.js';
import { createStart, idOf } from './lone-witness.js';
import { CLUSTER, toBytes } from './story.js';

/** A witness with a disk. Answers are texts: `c1 1#1 accepted:1`, `sealed e2 life 1`, `c1 check 1#1,2#1 @0`. */
export class KeptWitness {
  core: WitnessCore;
  /** Batches that the disk has not kept yet, oldest first. */
  readonly underWay: { batch: WitnessBatch; then: WitnessOutput[] }[] = [];
  readonly kept: WitnessBatch[] = [];
  private sent: string[] = [];
  private nowUs = 0;

  constructor(private readonly options: Partial<WitnessOptions> = {}) {
    this.core = this.create();
    this.start(1);
    this.keepAll();
    this.answers();
  }

  /** What was answered since the last look. */
  answers(): string[] {
    return this.sent.splice(0);
  }

  turn(...inputs: WitnessInput[]): void {
    for (const input of [...inputs, { kind: 'turnEnd' } as const]) this.step(input);
  }

  record(client: number, ...records: CheckedWrite[]): void {
    this.turn(frame(client, records));
  }

  check(client: number, session: number, key: string, epoch = 1): void {
    const checks = [{ nonce: 1, session, key: toBytes(key) }];
    this.turn({ kind: 'record', frame: { ...frame(client, []).frame, checks, epoch } });
  }

  collect(session: number, committedThrough: number): void {
    const committed = [{ session, committedThrough }];
    const request = { clusterId: CLUSTER, epoch: 1, leader: 0, committed, inquiry: undefined, expired: [] };
    this.turn({ kind: 'collect', frame: request });
  }

  /** The leader asks what is held of these sessions. */
  inquire(number: number, ...sessions: number[]): void {
    const inquiry = { number, sessions };
    this.turn({
      kind: 'collect',
      frame: { clusterId: CLUSTER, epoch: 1, leader: 0, committed: [], inquiry, expired: [] },
    });
  }

  seal(epoch: number): void {
    this.turn(sealed(epoch));
  }

  recover(epoch: number): void {
    this.turn({ kind: 'recoveryData', call: 1, request: { clusterId: CLUSTER, epoch } });
  }

  start(epoch: number, committed: SessionWatermark[] = []): void {
    this.turn({ kind: 'start', call: 1, request: createStart(epoch, committed) });
  }

  tickAfter(us: number): void {
    this.nowUs += us;
    this.turn({ kind: 'tick' });
  }

  /** The disk has kept the oldest batches. */
  keep(count: number): void {
    for (const { batch, then } of this.underWay.splice(0, count)) {
      this.kept.push(batch);
      for (const output of then) this.perform(output);
      this.turn({ kind: 'persisted', number: batch.number });
    }
  }

  keepAll(): void {
    while (this.underWay.length > 0) this.keep(1);
  }

  /** The process ends, and another one begins with what was kept. */
  restart(): void {
    this.underWay.length = 0;
    const image = imageOf(this.kept);
    this.core = this.create(image);
  }

  private create(image?: WitnessImage): WitnessCore {
    return new WitnessCore({
      ...{ clusterId: CLUSTER, id: 'w0', incarnation: 7, shards: 4, durability: 'disk', ...this.options },
      ...(image && { image }),
    });
  }

  private step(input: WitnessInput): void {
    const outputs: WitnessOutput[] = [];
    this.core.step(input, this.nowUs, outputs);
    for (const output of outputs) this.perform(output);
  }

  private perform(output: WitnessOutput): void {
    if (output.kind === 'persist') this.underWay.push(output);
    else this.sent.push(...textsOf(output));
  }
}

const STATUS_NAMES = new Map<number, string>(Object.entries(RecordStatus).map(([name, code]) => [code, name]));

function textsOf(output: WitnessOutput): string[] {
  switch (output.kind) {
    case 'record': {
      const { recordReplies, checkReplies, refusals } = output.frame;
      return [
        ...recordReplies.map(
          ({ session, seq, status, watermark }) => `${session}#${seq} ${STATUS_NAMES.get(status)}:${watermark}`,
        ),
        ...checkReplies.map(({ pending, watermark }) => {
          return `check ${pending.map(({ session, seq }) => `${session}#${seq}`).join(',')} @${watermark}`;
        }),
        ...refusals.map(({ detail }) => `refused: ${detail}`),
      ].map((text) => `c${output.client} ${text}`);
    }
    case 'sealed':
      return [`sealed e${output.response.epoch} life ${output.response.lifeEpoch}`];
    case 'recovered':
      return [`recovered ${output.response.entries.map(idOf).join(' ')}`];
    case 'collected':
      return [
        `${output.frame.inquiry > 0 ? `holds (${output.frame.inquiry})` : 'stale'} ${output.frame.stale.map(idOf).join(' ')}`,
      ];
    case 'started':
    case 'ended':
      return [`${output.kind} e${output.response.epoch}`];
    default:
      return [output.kind];
  }
}

/** A frame of records. */
export function frame(client: number, records: CheckedWrite[], epoch = 1) {
  const request = { clusterId: CLUSTER, epoch, clientId: client, records, checks: [], trace: undefined };
  return { kind: 'record', frame: request } as const;
}

/** A seal. */
export function sealed(epoch: number): WitnessInput {
  return { kind: 'seal', call: 1, request: { clusterId: CLUSTER, epoch } };
}

/** What a store makes of batches. */
function imageOf(batches: readonly WitnessBatch[]): WitnessImage | undefined {
  const entries = new Map<number, CheckedWrite>();
  const sessions = new Map<number, number>();
  let asked: WitnessImage['asked'];
  for (const batch of batches) {
    if (batch.isFresh) {
      entries.clear();
      sessions.clear();
      asked = undefined;
    }
    asked = batch.asked ?? asked;
    for (const { arrival, write: added } of batch.added) entries.set(arrival, added);
    for (const arrival of batch.removed)
      assert.ok(entries.delete(arrival), `arrival ${arrival} is there to be removed`);
    for (const { session, committedThrough } of batch.sessions) sessions.set(session, committedThrough);
  }
  const last = batches.at(-1);
  if (last === undefined) return undefined;
  return {
    promises: last.promises,
    entries: Array.from(entries, ([arrival, found]) => ({ arrival, write: found })),
    sessions: Array.from(sessions, ([session, committedThrough]) => ({ session, committedThrough })),
    asked,
  };
}
