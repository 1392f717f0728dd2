// A little load on a real cluster, recorded in the form that the checkers read, so that what clients saw while processes
// died can be judged. Sessions run one operation after the other; waiting is for counts, never for time.

import assert from 'node:assert/strict';
import { type Client, ClientError, type Session, type WeakWrite } from '../../client/index.js';
import type { HistoryEvent } from '../checkers/history.js';
import { checkHistory } from '../checkers/index.js';
import { describeViolation } from '../simulation/sweep.js';

const KEYS = 8;

/** Base64 of a text, as histories spell keys and values. */
function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function encodeBytes(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('base64');
}

function nowUs(): number {
  return Math.round(performance.now() * 1000);
}

/** Sessions that read and write a few keys, and others that count one up by compare-and-set. */
export class RecordedLoad {
  readonly history: HistoryEvent[] = [];
  /** Compare-and-sets of the counter that were answered as applied. */
  increments = 0;
  private readonly weakWrites: WeakWrite[] = [];
  private readonly running: Promise<void>[] = [];
  private readonly lastSeqs = new Map<number, number>();
  private readonly waits: { isMet: () => boolean; resolve: () => void }[] = [];
  private values = 0;
  private isOver = false;

  /** Adds sessions that read and write; answers their ids. */
  async start(client: Client, sessions: number): Promise<number[]> {
    const ids: number[] = [];
    for (let count = 0; count < sessions; count++) {
      const session = await client.session();
      ids.push(session.id);
      this.run(session, () => this.operate(session));
    }
    return ids;
  }

  /** Adds a session that counts. */
  async startCounter(client: Client): Promise<void> {
    const session = await client.session();
    this.run(session, () => this.increment(session));
  }

  /** Resolves when so many more operations were answered, of which `accept` is true. */
  answered(count: number, accept: (event: HistoryEvent) => boolean = () => true): Promise<void> {
    const from = this.history.length;
    const isMet = (): boolean => this.history.slice(from).filter(accept).length >= count;
    return new Promise((resolve) => this.waits.push({ isMet, resolve }));
  }

  /** Ends the load and waits until every weak write is committed. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
    await Promise.all(this.weakWrites.map((write) => write.committed));
  }

  /** Asks a client for everything there is, and holds it and the history against what was promised. */
  async judge(client: Client): Promise<void> {
    const session = await client.session();
    const { entries, cursor } = await session.scan({ start: 'k', end: 'l', limit: 1000 });
    assert.equal(cursor, null);
    const finalState = new Map(
      entries.map(({ key, value }) => [encodeBytes(key) ?? '', encodeBytes(value) ?? ''] as const),
    );
    const report = checkHistory(this.history, finalState);
    assert.equal(report.violations.map(describeViolation).join('\n'), '');
    assert.equal(report.counts.exhausted, 0);
    const counter = await session.get('counter');
    assert.equal(Number(Buffer.from(counter.value ?? []).toString()), this.increments);
  }

  private run(session: Session, operate: () => Promise<void>): void {
    this.lastSeqs.set(session.id, 0);
    const loop = async (): Promise<void> => {
      while (!this.isOver) await operate();
    };
    this.running.push(loop());
  }

  private async operate(session: Session): Promise<void> {
    const key = `k${Math.floor(Math.random() * KEYS)}`;
    const kind = Math.random();
    const event: HistoryEvent = {
      ...{ session: session.id, seq: this.lastSeqs.get(session.id) ?? 0, op: 'get', key: encode(key) },
      ...{ consistency: 'strong', invokeUs: nowUs(), outcome: 'ok', slot: 0, epoch: 0 },
    };
    if (kind < 0.25) await this.put(session, key, event);
    else if (kind < 0.5) await this.putWeakly(session, key, event);
    else if (kind < 0.8) await this.get(session, key, event, 'strong');
    else await this.get(session, key, event, 'weak');
    this.history.push(event);
    for (const wait of this.waits) if (wait.isMet()) wait.resolve();
  }

  private async put(session: Session, key: string, event: HistoryEvent): Promise<void> {
    const value = `v${++this.values}`;
    Object.assign(event, { op: 'put', value: encode(value) });
    try {
      const { id, slot, epoch } = await session.put(key, value);
      Object.assign(event, { seq: id.seq, slot, epoch, returnUs: nowUs() });
    } catch (error) {
      if (!(error instanceof ClientError) || error.code !== 'UNKNOWN_OUTCOME') throw error;
      Object.assign(event, { seq: error.id?.seq ?? 0, outcome: 'unknown' });
    }
    this.lastSeqs.set(session.id, event.seq);
  }

  private async putWeakly(session: Session, key: string, event: HistoryEvent): Promise<void> {
    const value = `v${++this.values}`;
    Object.assign(event, { op: 'put', value: encode(value), consistency: 'weak' });
    const write = session.put(key, value, { consistency: 'weak' });
    this.weakWrites.push(write);
    const { slot, epoch } = await write.local;
    Object.assign(event, { seq: write.id.seq, slot, epoch, returnUs: nowUs() });
    this.lastSeqs.set(session.id, event.seq);
  }

  private async get(session: Session, key: string, event: HistoryEvent, consistency: 'strong' | 'weak'): Promise<void> {
    const { value, slot, epoch } = await session.get(key, { consistency });
    Object.assign(event, { consistency, result: encodeBytes(value), slot, epoch, returnUs: nowUs() });
  }

  private async increment(session: Session): Promise<void> {
    const { value } = await session.get('counter');
    const next = value === null ? 1 : Number(Buffer.from(value).toString()) + 1;
    const { applied } = await session.compareAndSet('counter', value, String(next));
    if (applied) this.increments++;
  }
}
