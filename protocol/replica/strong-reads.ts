// Strong reads at the leader. The first attempt is answered at once from the speculative state, and the client decides
// with the witnesses' words whether it stands; the confirmed read waits until what it shows is committed and a majority
// has answered a confirmation round that began after it came (A8, F6).

import { bytesToText, NO_BYTES } from '../bytes.js';
import { type ConfirmedRead, RefusalCode, type StrongRead, type StrongReadReply } from '../messages.js';
import type { Followers } from './followers.js';
import type { ReplicaNode } from './node.js';
import type { Overlay } from './overlay.js';
import type { Parking } from './parking.js';
import { readKey, readRange, readReplyBytes } from './weak-reads.js';

interface Waiting {
  read: ConfirmedRead;
  client: number;
  /** Slot that must be committed first. */
  needSlot: number;
  /** Newest round when the read came; a later one must be answered by a majority. */
  roundAtStart: number;
}

/** What strong reads need of the leadership they belong to. */
interface Leadership {
  overlay: Overlay;
  followers: Followers;
  parking: Parking;
  orderedThrough(session: number): number;
  noteHole(session: number, client: number): void;
  refusesEnded(session: number, client: number, operation: { nonce: number }): boolean;
}

/** Strong reads of one leadership. */
export class StrongReads {
  readonly #node: ReplicaNode;
  readonly #leadership: Leadership;
  #waiting: Waiting[] = [];

  constructor(node: ReplicaNode, leadership: Leadership) {
    this.#node = node;
    this.#leadership = leadership;
  }

  /** Confirmed reads that wait. */
  get size(): number {
    return this.#waiting.length;
  }

  onStrongRead(read: StrongRead, client: number): void {
    this.#node.counts.strongReads++;
    if (this.#leadership.refusesEnded(read.session, client, { nonce: read.nonce })) return;
    if (this.#waitsForBarrier(read, client, () => this.#answer(read, client))) return;
    this.#answer(read, client);
  }

  onConfirmedRead(read: ConfirmedRead, client: number): void {
    this.#node.counts.confirmedReads++;
    if (this.#leadership.refusesEnded(read.session, client, { nonce: read.nonce })) return;
    if (this.#waitsForBarrier(read, client, () => this.#enlist(read, client))) return;
    this.#enlist(read, client);
  }

  /** Answers confirmed reads that have all they need, and starts a round for those that have none under way. */
  settle(): void {
    if (this.#waiting.length === 0) return;
    const { followers } = this.#leadership;
    const { commitSlot, rules, replies } = this.#node;
    const confirmed = followers.confirmedRound();
    this.#waiting = this.#waiting.filter(({ read, client, needSlot, roundAtStart }) => {
      if (needSlot > commitSlot || !rules.isConfirmed(roundAtStart, confirmed)) return true;
      const reply =
        read.range === undefined
          ? readKey(this.#node, read.nonce, read.key)
          : readRange(this.#node, read.nonce, read.range);
      replies.for(client, readReplyBytes(reply)).confirmedReadReplies.push(reply);
      return false;
    });
    if (this.#waiting.some(({ roundAtStart }) => roundAtStart === followers.round)) {
      followers.round++;
      this.#node.counts.rounds++;
    }
  }

  dropClient(client: number): void {
    this.#waiting = this.#waiting.filter((waiting) => waiting.client !== client);
  }

  /** C1: a read is answered only when the session's writes up to the barrier have their slots. */
  #waitsForBarrier(read: StrongRead | ConfirmedRead, client: number, resume: () => void): boolean {
    const { session, barrier, nonce } = read;
    const { orderedThrough, parking, noteHole } = this.#leadership;
    if (this.#node.rules.passesBarrier(barrier, orderedThrough(session))) return false;
    this.#node.counts.parked++;
    if (!parking.parkRead(session, { barrier, client, resume })) {
      this.#node.refuse(client, RefusalCode.full, 'too many reads wait for earlier writes of their sessions', {
        nonce,
      });
    }
    noteHole(session, client);
    return true;
  }

  #answer(read: StrongRead, client: number): void {
    const reply = this.#speculativeReply(read);
    this.#node.replies.for(client, 64 + reply.value.length + 8 * reply.pending.length).strongReadReplies.push(reply);
  }

  #speculativeReply({ nonce, key }: StrongRead): StrongReadReply {
    const { store } = this.#node.state;
    const { overlay } = this.#leadership;
    const text = bytesToText(key);
    const speculation = overlay.lookup(text);
    const version = speculation === undefined ? store.get(text) : undefined;
    const value = speculation === undefined ? (version?.value ?? null) : speculation.value;
    const writer = speculation?.by.command ?? version;
    return {
      nonce,
      present: value !== null,
      value: value === null ? NO_BYTES : this.#node.slab.toBytes(value),
      version: speculation?.slot ?? version?.slot ?? store.absentSlot(text),
      readFrom: writer === undefined ? undefined : { session: writer.session, seq: writer.seq },
      committed: speculation === undefined,
      conflict: speculation !== undefined && !this.#node.rules.mayShowSpeculation(speculation.by),
      pending: overlay.idsOn(text),
    };
  }

  #enlist(read: ConfirmedRead, client: number): void {
    const { overlay, followers } = this.#leadership;
    const { log } = this.#node;
    let needSlot = 0;
    if (read.range !== undefined) needSlot = log.lastSlot;
    else {
      needSlot = overlay.on(bytesToText(read.key))?.at(-1)?.slot ?? 0;
      for (const { slot, command } of overlay) {
        // Own writes that q witnesses hold survive anything that this read survives (R5).
        const own = command.session === read.session && command.seq <= read.barrier;
        if (own && command.seq > read.coveredThrough) needSlot = Math.max(needSlot, slot);
      }
    }
    this.#waiting.push({ read, client, needSlot, roundAtStart: followers.round });
  }
}
