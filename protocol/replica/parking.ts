// Writes and reads that came before a predecessor of theirs. To the protocol waiting here is network delay; there is
// room for a bounded number, and the client is told where its hole begins.

import { commandBytes } from '../command.js';
import type { CheckedWrite } from '../messages.js';

/** Something of a session that waits until its writes up to `barrier` are ordered. */
export interface ParkedRead {
  barrier: number;
  client: number;
  resume: () => void;
}

interface ParkedSession {
  writes: Map<number, { write: CheckedWrite; client: number }>;
  reads: ParkedRead[];
}

/** What waits, by session. */
export class Parking {
  readonly #limits: { count: number; bytes: number };
  readonly #sessions = new Map<number, ParkedSession>();
  #size = 0;
  #bytes = 0;

  /** `count` of writes and reads, `bytes` of the writes. */
  constructor(limits: { count: number; bytes: number }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#size;
  }

  /** Sets a write aside; false if there is no room. A second copy of one takes the first one's place. */
  parkWrite(write: CheckedWrite, client: number): boolean {
    const { session, seq } = write.command;
    const parked = this.#sessions.get(session);
    if (parked?.writes.has(seq)) return true;
    if (this.#size >= this.#limits.count || this.#bytes >= this.#limits.bytes) return false;
    this.#for(session).writes.set(seq, { write, client });
    this.#size++;
    this.#bytes += commandBytes(write.command);
    return true;
  }

  /** Sets a read aside; false if there is no room. */
  parkRead(session: number, read: ParkedRead): boolean {
    if (this.#size >= this.#limits.count) return false;
    this.#for(session).reads.push(read);
    this.#size++;
    return true;
  }

  /** Takes out the session's write number `seq`, if it is here. */
  takeWrite(session: number, seq: number): { write: CheckedWrite; client: number } | undefined {
    const parked = this.#sessions.get(session);
    const found = parked?.writes.get(seq);
    if (parked === undefined || found === undefined) return undefined;
    parked.writes.delete(seq);
    this.#size--;
    this.#bytes -= commandBytes(found.write.command);
    this.#forgetIfEmpty(session, parked);
    return found;
  }

  /** Takes out the reads whose barrier has been reached. */
  takeReads(session: number, orderedThrough: number): ParkedRead[] {
    const parked = this.#sessions.get(session);
    if (parked === undefined || parked.reads.length === 0) return [];
    const ready = parked.reads.filter(({ barrier }) => barrier <= orderedThrough);
    if (ready.length === 0) return ready;
    parked.reads = parked.reads.filter(({ barrier }) => barrier > orderedThrough);
    this.#size -= ready.length;
    this.#forgetIfEmpty(session, parked);
    return ready;
  }

  /** Forgets what a client that is gone was waiting for; it asks again when it is back. */
  dropClient(client: number): void {
    for (const [session, parked] of this.#sessions) {
      const before = parked.writes.size + parked.reads.length;
      for (const [seq, { write, client: sender }] of parked.writes) {
        if (sender !== client) continue;
        parked.writes.delete(seq);
        this.#bytes -= commandBytes(write.command);
      }
      parked.reads = parked.reads.filter((read) => read.client !== client);
      this.#size -= before - parked.writes.size - parked.reads.length;
      this.#forgetIfEmpty(session, parked);
    }
  }

  /** Forgets what a session that has ended was waiting for. */
  dropSession(session: number): void {
    const parked = this.#sessions.get(session);
    if (parked === undefined) return;
    this.#sessions.delete(session);
    this.#size -= parked.writes.size + parked.reads.length;
    for (const { write } of parked.writes.values()) this.#bytes -= commandBytes(write.command);
  }

  #for(session: number): ParkedSession {
    let parked = this.#sessions.get(session);
    if (parked === undefined) {
      parked = { writes: new Map(), reads: [] };
      this.#sessions.set(session, parked);
    }
    return parked;
  }

  #forgetIfEmpty(session: number, parked: ParkedSession): void {
    if (parked.writes.size === 0 && parked.reads.length === 0) this.#sessions.delete(session);
  }
}
