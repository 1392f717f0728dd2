// Writes small histories by hand: each call is one operation, text instead of base64, seqs counted by themselves. Without
// a time an operation follows the one before it.

import type { HistoryEvent, Outcome } from '../../checkers/history.js';

/** What may be said about an operation beyond its arguments. */
export interface Circumstances {
  /** Invocation and return in microseconds; without a return it never came back. */
  at?: [number, number?];
  outcome?: Outcome;
  slot?: number;
  epoch?: number;
}

/** Text as the histories hold it. */
export function bytes(text: string): string;
export function bytes(text: string | null): string | null;
export function bytes(text: string | null): string | null {
  return text === null ? null : Buffer.from(text).toString('base64');
}

/** A history under construction. Methods of weak operations start with `weak`. */
export class Story {
  readonly history: HistoryEvent[] = [];
  private clock = 0;
  private readonly seqs = new Map<number, number>();

  put(session: number, key: string, value: string, circumstances: Circumstances = {}): this {
    return this.write(
      session,
      { op: 'put', consistency: 'strong', key: bytes(key), value: bytes(value) },
      circumstances,
    );
  }

  weakPut(session: number, key: string, value: string, circumstances: Circumstances = {}): this {
    return this.write(session, { op: 'put', consistency: 'weak', key: bytes(key), value: bytes(value) }, circumstances);
  }

  delete(session: number, key: string, circumstances: Circumstances = {}): this {
    return this.write(session, { op: 'delete', consistency: 'strong', key: bytes(key) }, circumstances);
  }

  weakDelete(session: number, key: string, circumstances: Circumstances = {}): this {
    return this.write(session, { op: 'delete', consistency: 'weak', key: bytes(key) }, circumstances);
  }

  batch(session: number, writes: Record<string, string | null>, circumstances: Circumstances = {}): this {
    const changes = Object.entries(writes).map(([key, value]) => ({ key: bytes(key), value: bytes(value) }));
    return this.write(session, { op: 'batch', consistency: 'strong', key: '', writes: changes }, circumstances);
  }

  /** A compare-and-set that matched. */
  cas(
    session: number,
    key: string,
    [expected, value]: [string | null, string],
    circumstances: Circumstances = {},
  ): this {
    const call = {
      op: 'cas',
      consistency: 'strong',
      key: bytes(key),
      expected: bytes(expected),
      value: bytes(value),
    } as const;
    return this.write(session, { ...call, result: { applied: true } }, circumstances);
  }

  /** A compare-and-set that found something else. */
  casMissed(
    session: number,
    key: string,
    [expected, value, found]: [string | null, string, string | null],
    circumstances: Circumstances = {},
  ): this {
    const call = {
      op: 'cas',
      consistency: 'strong',
      key: bytes(key),
      expected: bytes(expected),
      value: bytes(value),
    } as const;
    return this.write(session, { ...call, result: { applied: false, found: bytes(found) } }, circumstances);
  }

  get(session: number, key: string, value: string | null, circumstances: Circumstances = {}): this {
    return this.read(
      session,
      { op: 'get', consistency: 'strong', key: bytes(key), result: bytes(value) },
      circumstances,
    );
  }

  weakGet(session: number, key: string, value: string | null, circumstances: Circumstances = {}): this {
    return this.read(session, { op: 'get', consistency: 'weak', key: bytes(key), result: bytes(value) }, circumstances);
  }

  scan(
    session: number,
    found: Record<string, string>,
    circumstances: Circumstances & { from?: string; more?: boolean; weak?: boolean } = {},
  ): this {
    const entries = Object.entries(found).map(([key, value]) => ({ key: bytes(key), value: bytes(value) }));
    const result = { entries, more: circumstances.more ?? false };
    const consistency = circumstances.weak ? 'weak' : 'strong';
    return this.read(session, { op: 'scan', consistency, key: bytes(circumstances.from ?? ''), result }, circumstances);
  }

  private write(
    session: number,
    call: Pick<HistoryEvent, 'op' | 'consistency' | 'key'> & Partial<HistoryEvent>,
    circumstances: Circumstances,
  ): this {
    const seq = (this.seqs.get(session) ?? 0) + 1;
    this.seqs.set(session, seq);
    return this.add({ ...call, session, seq }, circumstances);
  }

  private read(
    session: number,
    call: Pick<HistoryEvent, 'op' | 'consistency' | 'key'> & Partial<HistoryEvent>,
    circumstances: Circumstances,
  ): this {
    return this.add({ ...call, session, seq: this.seqs.get(session) ?? 0 }, circumstances);
  }

  private add(
    call: Pick<HistoryEvent, 'op' | 'consistency' | 'key' | 'session' | 'seq'> & Partial<HistoryEvent>,
    {
      at = [this.clock + 1, this.clock + 2],
      outcome = at[1] === undefined ? 'unknown' : 'ok',
      slot = 0,
      epoch = 1,
    }: Circumstances,
  ): this {
    const event: HistoryEvent = { ...call, invokeUs: at[0], outcome, slot, epoch };
    if (at[1] !== undefined) event.returnUs = at[1];
    if (outcome !== 'ok') delete event.result;
    this.clock = Math.max(this.clock, at[0], at[1] ?? 0);
    this.history.push(event);
    return this;
  }
}
