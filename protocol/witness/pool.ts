// The witness's memory: writes not known to be committed, by key and by session, in arrival order, and for each session
// how far it is known. One arrival counter for the whole life, across shards: replay is the order of that counter.

import { bytesToText, shardOf } from '../bytes.js';
import { ChurnMap } from '../churn-map.js';
import { writeBytes } from '../command.js';
import { FRAME_BYTES_SOFT_LIMIT } from '../limits.js';
import type { CheckedWrite } from '../messages.js';
import { SeqWindow } from '../seq-window.js';
import type { WitnessJournal } from './journal.js';
import type { WitnessImage } from './persistence.js';

/** A kept write. */
export interface PoolEntry {
  write: CheckedWrite;
  keys: string[];
  /** Position among everything this life has kept. */
  arrival: number;
  /** When it was kept or last reported as stale. */
  sinceUs: number;
}

/** A session as a witness knows it. */
export interface PoolSession {
  /** Highest contiguous seq known, pending or committed; ≥ `committedThrough`. */
  watermark: number;
  /** Highest seq known to be committed. */
  committedThrough: number;
  /** Kept writes, `committedThrough` < seq ≤ `watermark`. */
  entries: SeqWindow<PoolEntry>;
  /** Records that wait for a predecessor, seq > `watermark` + 1. */
  parked: Map<number, { write: CheckedWrite; client: number }>;
}

/** All kept writes of one life. */
export class Pool {
  readonly #shards: ChurnMap<PoolEntry[]>[] = [];
  readonly #sessions = new Map<number, PoolSession>();
  readonly #journal: WitnessJournal | undefined;
  #arrivals = 0;
  #size = 0;
  #bytes = 0;
  #parked = 0;
  #parkedBytes = 0;

  /** @param journal told of every change; absent where nothing is kept through the end of the process. */
  constructor(shards: number, journal?: WitnessJournal) {
    this.#journal = journal;
    for (let i = 0; i < shards; i++) this.#shards.push(new ChurnMap());
  }

  /** Kept writes. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Records that wait for a predecessor. */
  get parked(): number {
    return this.#parked;
  }

  /** Bytes of the same. */
  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  /** Sessions known. */
  get sessions(): number {
    return this.#sessions.size;
  }

  session(session: number): PoolSession {
    let known = this.#sessions.get(session);
    if (known === undefined) {
      known = { watermark: 0, committedThrough: 0, entries: new SeqWindow(1), parked: new Map() };
      this.#sessions.set(session, known);
    }
    return known;
  }

  /** Highest contiguous seq known of a session, without making room for it. */
  watermark(session: number): number {
    return this.#sessions.get(session)?.watermark ?? 0;
  }

  /**
   * Arrival of the newest write that an answer about `pending` and the watermark of `session` shows; 0 for none. Of what
   * lies below the watermark and is not here any more it is known that it was committed.
   */
  newestShown(pending: readonly PoolEntry[] | undefined, session: number): number {
    const known = this.#sessions.get(session);
    const own = known?.entries.get(known.watermark)?.arrival ?? 0;
    return Math.max(own, pending?.at(-1)?.arrival ?? 0);
  }

  /** Kept writes on a key, in arrival order; undefined if there are none. */
  on(key: string): readonly PoolEntry[] | undefined {
    return this.#shardOf(key).get(key);
  }

  keep(write: CheckedWrite, keys: string[], nowUs: number): void {
    const entry: PoolEntry = { write, keys, arrival: ++this.#arrivals, sinceUs: nowUs };
    this.#insert(entry);
    this.#journal?.add(entry.arrival, write);
  }

  /**
   * Takes in what a former process of this life kept; the pool must be empty. Parked records are not part of it: they
   * were never answered for, and their clients send them again.
   * @throws if an entry comes before what is known by then: the store is not what was kept.
   */
  restore({ entries, sessions }: WitnessImage, copy: (write: CheckedWrite) => CheckedWrite): void {
    for (const { session, committedThrough } of sessions) {
      const known = this.session(session);
      known.committedThrough = committedThrough;
      known.watermark = committedThrough;
    }
    for (const { arrival, write } of entries) {
      const { session, seq, mutations } = write.command;
      const known = this.session(session);
      if (arrival <= this.#arrivals || seq <= known.watermark) {
        throw new Error(
          `write ${session}#${seq}, arrival ${arrival}, was found after ${describe(known, this.#arrivals)}`,
        );
      }
      this.#arrivals = arrival;
      known.watermark = seq;
      const keys = mutations.map(({ key }) => bytesToText(key));
      this.#insert({ write: copy(write), keys, arrival, sinceUs: 0 });
    }
    this.#journal?.resume(this.#arrivals);
  }

  /** A session's writes up to `through` are committed: they leave, and the watermark is at least there. */
  collect(session: number, through: number): void {
    const known = this.session(session);
    if (through <= known.committedThrough) return;
    known.committedThrough = through;
    this.#journal?.noteSession(session, through);
    while (known.entries.size > 0 && known.entries.first <= through) {
      const entry = known.entries.shift();
      if (entry !== undefined) this.#remove(entry);
    }
    for (const seq of known.parked.keys()) if (seq <= through) this.takeParked(session, seq);
    known.watermark = Math.max(known.watermark, through);
  }

  /** A session has ended: whatever is kept of it goes. */
  end(session: number): void {
    const known = this.#sessions.get(session);
    if (known === undefined) return;
    for (const entry of known.entries) this.#remove(entry);
    for (const seq of [...known.parked.keys()]) this.takeParked(session, seq);
    this.#sessions.delete(session);
    this.#journal?.noteSession(session, 0);
  }

  /** Up to `limit` kept writes of one session, lowest seq first. */
  of(session: number, limit: number): CheckedWrite[] {
    const kept = this.#sessions.get(session)?.entries;
    return kept === undefined ? [] : [...kept].slice(0, limit).map(({ write }) => write);
  }

  park(write: CheckedWrite, client: number): void {
    this.takeParked(write.command.session, write.command.seq);
    const { parked } = this.session(write.command.session);
    this.#parked++;
    this.#parkedBytes += writeBytes(write);
    parked.set(write.command.seq, { write, client });
  }

  takeParked(session: number, seq: number): { write: CheckedWrite; client: number } | undefined {
    const known = this.#sessions.get(session);
    const found = known?.parked.get(seq);
    if (known === undefined || found === undefined) return undefined;
    known.parked.delete(seq);
    this.#parked--;
    this.#parkedBytes -= writeBytes(found.write);
    return found;
  }

  /** Every kept write, in arrival order. */
  inArrivalOrder(): PoolEntry[] {
    const all: PoolEntry[] = [];
    for (const { entries } of this.#sessions.values()) all.push(...entries);
    return all.sort((a, b) => a.arrival - b.arrival);
  }

  /**
   * Up to `limit` writes, as many as fit in a frame, kept since before `untilUs`, in arrival order; their clocks start
   * again.
   */
  takeStale(untilUs: number, nowUs: number, limit: number): CheckedWrite[] {
    if (this.#size === 0) return [];
    const stale: CheckedWrite[] = [];
    let bytes = 0;
    for (const entry of this.inArrivalOrder()) {
      if (stale.length >= limit || bytes >= FRAME_BYTES_SOFT_LIMIT) break;
      if (entry.sinceUs > untilUs) continue;
      entry.sinceUs = nowUs;
      stale.push(entry.write);
      bytes += writeBytes(entry.write);
    }
    return stale;
  }

  #insert(entry: PoolEntry): void {
    const { command } = entry.write;
    this.session(command.session).entries.add(command.seq, entry);
    this.#size++;
    this.#bytes += writeBytes(entry.write);
    for (const key of new Set(entry.keys)) {
      const shard = this.#shardOf(key);
      const list = shard.get(key);
      if (list === undefined) shard.add(key, [entry]);
      else list.push(entry);
    }
  }

  #remove(entry: PoolEntry): void {
    this.#journal?.remove(entry.arrival);
    this.#size--;
    this.#bytes -= writeBytes(entry.write);
    for (const key of new Set(entry.keys)) {
      const shard = this.#shardOf(key);
      const list = shard.get(key);
      if (list === undefined) continue;
      list.splice(list.indexOf(entry), 1);
      if (list.length === 0) shard.delete(key);
    }
  }

  #shardOf(key: string): ChurnMap<PoolEntry[]> {
    const shard = this.#shards[this.#shards.length === 1 ? 0 : shardOf(key, this.#shards.length)];
    if (shard === undefined) throw new Error(`no shard for key of ${key.length} bytes`);
    return shard;
  }
}

function describe({ watermark, committedThrough }: PoolSession, arrivals: number): string {
  return `arrival ${arrivals}, where the session stands at ${watermark}, committed through ${committedThrough}`;
}
