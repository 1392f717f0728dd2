// Following an epoch's leader: takes over its log, commits what it says is committed, and answers how far this replica
// has and keeps the same. Knows nothing of how the epoch came to be or of clients.

import { copyCommand } from '../command.js';
import type { ReplicaOutput } from '../core.js';
import type { ReplicateRequest, ReplicateResponse, SnapshotPart } from '../messages.js';
import type { ReplicaNode } from './node.js';
import { SnapshotReceiver } from './snapshot-receiver.js';

/** Held writes relayed to the leader in one frame. */
const RELAY_BATCH = 256;

/** What is to be said to the leader; the slot and all else is filled in when it leaves. */
type OwedAnswer = { ok: true } | { ok: false; hintSlot: number };

/** One replica as a follower, whichever epoch it is in. */
export class Following {
  readonly #node: ReplicaNode;
  readonly #snapshot: SnapshotReceiver;
  /** Slot up to which this log equals that of the epoch's leader. */
  #verifiedSlot: number;
  /** Slot that the leader was last told in this epoch; -1 if there is nobody to tell. */
  #toldSlot = -1;
  /** Answer owed to the leader at the end of the turn. */
  #answer: OwedAnswer | null = null;
  #round = 0;
  #nextRelayUs = 0;

  constructor(node: ReplicaNode) {
    this.#node = node;
    this.#snapshot = new SnapshotReceiver(node);
    this.#verifiedSlot = node.commitSlot;
  }

  /** Another epoch began: nothing is known of its leader's log but that it holds what is committed. */
  begin(): void {
    this.#answer = null;
    this.#round = 0;
    this.#toldSlot = -1;
    this.#snapshot.forget();
    this.#verifiedSlot = this.#node.commitSlot;
    this.#node.asked.clear();
  }

  /** A frame of the leader of this epoch. */
  onReplicate(frame: ReplicateRequest): void {
    const node = this.#node;
    this.#round = Math.max(this.#round, frame.round);
    this.#toldSlot = Math.max(this.#toldSlot, 0);
    if (frame.snapshot !== undefined) this.#onSnapshot(frame.snapshot);
    const epochHere = node.log.epochAt(frame.prevSlot);
    if (frame.snapshot !== undefined || frame.prevSlot < node.log.floor) {
      // Nothing of the log, or an old duplicate, from before what everybody has stored.
    } else if (epochHere === undefined || epochHere !== frame.prevEpoch) {
      // Too short: the end of this log is the next to try. Different: what is committed is the same everywhere.
      const isShort = node.log.lastSlot < frame.prevSlot;
      this.#answer = { ok: false, hintSlot: isShort ? node.log.lastSlot : node.commitSlot };
      return;
    } else {
      this.#store(frame);
    }
    this.#commitThrough(Math.min(frame.commitSlot, this.#verifiedSlot));
    if (frame.openSlot > 0) node.openSlot = frame.openSlot;
    if (frame.inquiry !== undefined) node.asked.onInquiry(frame.inquiry);
    node.dropLog(Math.min(frame.storedEverywhere, node.commitSlot));
    this.#answer = { ok: true };
  }

  /** More is kept than before, of the log or of what was asked: the leader waits to hear it. */
  onKept(): void {
    if (this.#toldSlot < 0) return;
    if (this.#matchSlot > this.#toldSlot || this.#mayAnswerInquiry) this.#answer ??= { ok: true };
  }

  /** Emits the answer that is owed, unless this replica does not keep yet that it follows this epoch (C6). */
  onTurnEnd(outputs: ReplicaOutput[]): void {
    const owed = this.#answer;
    if (owed === null || !this.#node.maySpeak(false)) return;
    this.#answer = null;
    if (owed.ok) this.#toldSlot = this.#matchSlot;
    const { options, epoch, index } = this.#node;
    const { clusterId, incarnation } = options;
    const frame: ReplicateResponse = {
      clusterId,
      epoch,
      replica: index,
      incarnation,
      round: this.#round,
      relayed: [],
      ok: owed.ok,
      matchSlot: owed.ok ? this.#toldSlot : owed.hintSlot,
      inquiry: 0,
      snapshotSlot: this.#snapshot.slot,
      snapshotParts: this.#snapshot.parts,
    };
    this.#maybeRelay(frame);
    outputs.push({ kind: 'replicated', frame });
  }

  /** C6: what the leader may count on. */
  get #matchSlot(): number {
    return this.#node.rules.acknowledgedSlot(this.#verifiedSlot, this.#node.durableSlot);
  }

  get #mayAnswerInquiry(): boolean {
    const { asked, epoch, journal, rules } = this.#node;
    return asked.isOwed && rules.mayAnswerInquiry(journal === null || journal.keepsInquiry(epoch, asked.number));
  }

  /**
   * Takes a part of a snapshot; the last one puts the state in place. Of the log stays what verifiably goes on from
   * there: whatever this replica acknowledged to anybody and is not part of the state lies on the same log as the
   * leader's, so it stays.
   */
  #onSnapshot(part: SnapshotPart): void {
    const node = this.#node;
    // What is applied already is as good.
    if (part.slot <= node.commitSlot) return this.#snapshot.forget();
    const received = this.#snapshot.take(part);
    if (received === null) return;
    const { slot, slotEpoch } = part;
    if (node.log.epochAt(slot) !== slotEpoch && node.log.lastSlot > slot) node.cutLog(slot);
    node.log.beginAfter(slot, slotEpoch);
    node.state = received.state;
    node.commitSlot = slot;
    this.#verifiedSlot = Math.max(this.#verifiedSlot, slot);
    node.journal?.install({ floor: slot, floorEpoch: slotEpoch }, received.lastPiece);
    for (const [session, { lastSeq }] of received.state.dedup) node.held.release(session, lastSeq);
  }

  #store(frame: ReplicateRequest): void {
    const node = this.#node;
    const { log, commitSlot } = node;
    let slot = frame.prevSlot;
    for (const entry of frame.entries) {
      slot++;
      const epochHere = log.epochAt(slot);
      if (epochHere === entry.epoch || slot <= log.floor) continue;
      if (epochHere !== undefined) {
        if (slot <= commitSlot) throw new Error(`committed slot ${slot} would be cut in epoch ${frame.epoch}`);
        node.cutLog(slot - 1);
      }
      const command = entry.command && copyCommand(entry.command, node.slab);
      log.append({ epoch: entry.epoch, command, expiry: entry.expiry });
    }
    this.#verifiedSlot = Math.max(this.#verifiedSlot, slot);
  }

  #commitThrough(slot: number): void {
    const { log, state, held, counts } = this.#node;
    for (let next = this.#node.commitSlot + 1; next <= slot; next++) {
      const { command, expiry } = log.at(next) ?? {};
      this.#node.commitSlot = next;
      if (expiry !== undefined) this.#node.endSessions(next, expiry.sessions);
      else state.apply(next, command);
      if (command === undefined) continue;
      counts.committed++;
      held.release(command.session, command.seq);
    }
  }

  /** E9: what this replica has held for long goes to the leader with the next answer. */
  #maybeRelay(answer: ReplicateResponse): void {
    const { asked, counts, held, nowUs, options } = this.#node;
    if (this.#mayAnswerInquiry) {
      const { number, held: relayed } = asked.answer((session, limit) => held.of(session, limit));
      answer.inquiry = number;
      answer.relayed = relayed;
      counts.relayed += relayed.length;
      return;
    }
    if (nowUs < this.#nextRelayUs) return;
    this.#nextRelayUs = nowUs + options.relayAfterUs / 4;
    answer.relayed = held.takeDue(nowUs - options.relayAfterUs, nowUs, RELAY_BATCH);
    counts.relayed += answer.relayed.length;
  }
}
