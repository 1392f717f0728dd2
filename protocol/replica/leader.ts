// Leading one epoch: orders writes by session and slot, answers from the speculative overlay, replicates, commits, and
// tells clients and witnesses what is committed. Made when leadership begins, thrown away when it ends.

import { copyCommand, samePayload, wrapCommand } from '../command.js';
import type { ReplicaOutput } from '../core.js';
import {
  type AdmitRequest,
  type CheckedWrite,
  type ClusterConfig,
  type Command,
  type CommitNotice,
  type ConfirmedRead,
  RefusalCode,
  type ReplicateResponse,
  type SessionUpkeep,
  type SessionWatermark,
  type StrongRead,
  type Write,
  type WriteReply,
} from '../messages.js';
import type { Quorums } from '../quorum.js';
import { Admissions } from './admissions.js';
import { RESULTS_PER_SESSION_LIMIT } from './dedup.js';
import { Endings } from './endings.js';
import { decideResult, keysOf, mutationValue } from './execute.js';
import { Followers } from './followers.js';
import type { ReplicaNode } from './node.js';
import { Overlay, type Pending } from './overlay.js';
import { Parking } from './parking.js';
import { StrongReads } from './strong-reads.js';

/** Held writes ordered by their own leader in one tick. */
const RELAY_BATCH = 1024;

/** Longest silence towards witnesses. */
const COLLECT_US = 1_000_000;

/** One epoch's leadership of one replica. */
export class Leader {
  readonly #node: ReplicaNode;
  readonly #overlay = new Overlay();
  readonly #followers: Followers;
  readonly #admissions: Admissions;
  readonly #reads: StrongReads;
  readonly #parking: Parking;
  readonly #endings: Endings;
  /** Highest seq of each session that has a slot in this log. */
  readonly #ordered = new Map<number, number>();
  /** Sessions whose commit watermark moved this turn, and where their weak writes lie that were committed in it. */
  readonly #touched = new Map<number, CommitNotice[]>();
  /** Holes to report at the end of the turn: session → first missing seq. */
  readonly #holes = new Map<number, { fromSeq: number; client: number }>();
  #nextRelayUs = 0;
  /** When gathered frames last left. */
  #pacedUs = Number.NEGATIVE_INFINITY;
  /** The last turn held frames back. */
  #isBehind = false;
  /** A write was appended whose caller can only be answered by its commit. */
  #isAwaited = false;
  /** When witnesses were last told what is committed. */
  #collectedUs = 0;
  /** Slot of this epoch's own entry; nothing is committed before it is (A9, P6). */
  readonly ownSlot: number;

  constructor(node: ReplicaNode, quorums: Quorums, replay: readonly Write[]) {
    this.#node = node;
    const { parkedLimit, parkedBytesLimit } = node.options;
    this.#parking = new Parking({ count: parkedLimit, bytes: parkedBytesLimit });
    this.#followers = new Followers(node, node.config?.replicas ?? [], quorums.majority);
    this.#admissions = new Admissions(node, this.#followers);
    this.#reads = new StrongReads(node, {
      overlay: this.#overlay,
      followers: this.#followers,
      parking: this.#parking,
      orderedThrough: (session) => this.orderedThrough(session),
      noteHole: (session, client) => this.#noteHole(session, client),
      refusesEnded: (session, client, operation) => this.#endings.refusesEnded(session, client, operation),
    });
    this.#endings = new Endings(node, {
      quorums,
      followers: this.#followers,
      append: (sessions) => node.log.append({ epoch: node.epoch, command: undefined, expiry: { sessions } }),
      orderHeld: (session) => this.#orderHeld(session),
      drop: (session) => this.#dropSession(session),
    });
    node.progress.awaitAnswers();
    this.#adoptTail();
    for (const { command } of replay) {
      // Replay order is session order; what is in the log already, or does not follow on, is not replayed.
      if (command === undefined || this.#endings.isEnding(command.session)) continue;
      if (!node.rules.mayReplay(command.seq, this.orderedThrough(command.session))) continue;
      this.#append(copyCommand(command, node.slab), 0, false);
    }
    this.ownSlot = node.log.append({ epoch: node.epoch, command: undefined, expiry: undefined });
  }

  /** Appended and uncommitted commands. */
  get uncommitted(): number {
    return this.#overlay.size;
  }

  /** A write of a client that is there. */
  onWrite(write: CheckedWrite, client: number): void {
    this.#endings.hear(write.command.session);
    this.#accept(write, client);
  }

  /** Says no to a session that has ended or is about to; false if it goes on. */
  refusesEnded(session: number, client: number, operation: { seq?: number; nonce?: number }): boolean {
    return this.#endings.refusesEnded(session, client, operation);
  }

  onUpkeep(upkeep: SessionUpkeep, client: number): void {
    this.#endings.onUpkeep(upkeep, client);
  }

  /** Somebody has said all that it holds of the sessions of an inquiry. */
  onAnswer(from: 'replica' | 'witness', index: number, number: number): void {
    this.#endings.onAnswer(from, index, number);
  }

  #accept(write: CheckedWrite, client: number): void {
    const { session, seq } = write.command;
    if (this.#endings.refusesEnded(session, client, { seq })) return;
    const { counts, rules, state } = this.#node;
    counts.proposals++;
    const ordered = this.orderedThrough(session);
    if (rules.isDuplicate(seq, ordered)) return this.#replyDuplicate(write.command, client);
    if (!rules.mayOrder(seq, ordered)) return this.#park(write, client);
    if ((state.dedup.get(session)?.results.size ?? 0) >= RESULTS_PER_SESSION_LIMIT) {
      const detail = `session ${session} has ${RESULTS_PER_SESSION_LIMIT} unacknowledged results`;
      return this.#node.refuse(client, RefusalCode.full, detail, { session, seq });
    }
    this.#order(write.command, client);
    this.#admitParked(session);
  }

  onStrongRead(read: StrongRead, client: number): void {
    this.#endings.hear(read.session);
    this.#reads.onStrongRead(read, client);
  }

  onConfirmedRead(read: ConfirmedRead, client: number): void {
    this.#endings.hear(read.session);
    this.#reads.onConfirmedRead(read, client);
  }

  onResponse(frame: ReplicateResponse): void {
    this.#followers.onResponse(frame);
  }

  onPeerUp(replica: number): void {
    this.#followers.onUp(replica);
  }

  onLearnerUp(incarnation: number): void {
    this.#followers.onLearnerUp(incarnation);
  }

  onAdmit(call: number, request: AdmitRequest): void {
    this.#admissions.onAdmit(call, request);
  }

  /** The list of replicas changed within the epoch (D10). */
  onMembers(config: ClusterConfig): void {
    this.#followers.follow(config.replicas);
    this.#admissions.onMembers();
    this.#endings.onMembers(config);
  }

  /** The leadership ends. */
  close(): void {
    this.#followers.close();
  }

  dropClient(client: number): void {
    this.#parking.dropClient(client);
    this.#reads.dropClient(client);
    this.#endings.dropClient(client);
  }

  /** A write that a follower relays or a witness reports: ordered like a proposal, answered to its session's client. */
  onRelayed(write: CheckedWrite): void {
    const { session, seq } = write.command;
    this.#node.counts.relayed++;
    if (seq <= this.#node.state.dedup.lastSeq(session)) this.#touch(session);
    const before = this.orderedThrough(session);
    this.#accept(write, this.#node.clientOf.get(session) ?? 0);
    // Whoever writes lives, although this leader may be the only one that does not hear it.
    if (this.orderedThrough(session) > before) this.#endings.renew(session);
  }

  onTick(): void {
    const { held, isOpen, nowUs, options } = this.#node;
    this.#followers.onTick();
    this.#endings.onTick();
    if (!isOpen || nowUs < this.#nextRelayUs) return;
    this.#nextRelayUs = nowUs + options.relayAfterUs / 4;
    for (const write of held.takeDue(nowUs - options.relayAfterUs, nowUs, RELAY_BATCH)) this.onRelayed(write);
  }

  /**
   * Commits what a majority has, answers what waited for it, and emits the frames of the turn. Most of what goes to
   * followers and witnesses is waited for by nobody, so under load it gathers for `paceUs`; the first after a pause and
   * whatever somebody waits for leaves at once.
   */
  onTurnEnd(outputs: ReplicaOutput[]): void {
    const { nowUs, options } = this.#node;
    if (!this.#node.maySpeak(true)) return this.#node.progress.awaitAnswers();
    this.#advanceCommit();
    this.#reads.settle();
    this.#endings.onTurnEnd(outputs);
    this.#admissions.settle((call, response) => outputs.push({ kind: 'admitted', call, response }));
    const isPaced = nowUs - this.#pacedUs < options.paceUs;
    this.#isBehind = isPaced;
    if (!isPaced || this.#isAwaited || this.#reads.size > 0) {
      this.#isAwaited = false;
      this.#followers.send((to, frame) => outputs.push({ kind: 'replicate', to, frame }));
      // A cluster of one has just replicated to everybody.
      this.#advanceCommit();
      this.#reads.settle();
    }
    this.#reportHoles();
    if (isPaced) return;
    this.#pacedUs = nowUs;
    this.#announceCommits(outputs);
    this.#trimLog();
  }

  /** Highest seq of a session that has a slot. */
  orderedThrough(session: number): number {
    return this.#ordered.get(session) ?? this.#node.state.dedup.lastSeq(session);
  }

  /** True if frames were held back that should leave soon, whatever else happens. */
  get wantsTurn(): boolean {
    return this.#isBehind && (this.#touched.size > 0 || this.#followers.hasNews());
  }

  /** Committed watermark of every session, for new witness lives. */
  committedWatermarks(): SessionWatermark[] {
    const watermarks: SessionWatermark[] = [];
    for (const [session, { lastSeq }] of this.#node.state.dedup)
      watermarks.push({ session, committedThrough: lastSeq });
    return watermarks;
  }

  /** What the log holds beyond the commit index is uncommitted here too (C3); nobody may rely on it yet. */
  #adoptTail(): void {
    const { log, commitSlot } = this.#node;
    for (let slot = commitSlot + 1; slot <= log.lastSlot; slot++) {
      const { command, expiry } = log.at(slot) ?? {};
      if (expiry !== undefined) this.#endings.noteAppended(expiry.sessions);
      if (command === undefined || command.seq <= this.orderedThrough(command.session)) continue;
      if (this.#endings.isEnding(command.session)) continue;
      this.#speculate(command, slot, 0, false);
    }
  }

  #order(command: Command, client: number): void {
    const pending = this.#append(copyCommand(command, this.#node.slab), client, true);
    if (!pending.ok) this.#node.counts.conflicts++;
    if (!pending.ok && command.strong) this.#isAwaited = true;
    if (command.strong && client !== 0) this.#reply(client, this.#speculativeReply(pending));
  }

  #append(command: Command, client: number, mayBeOk: boolean): Pending {
    const slot = this.#node.log.append({ epoch: this.#node.epoch, command, expiry: undefined });
    return this.#speculate(command, slot, client, mayBeOk);
  }

  #speculate(command: Command, slot: number, client: number, mayBeOk: boolean): Pending {
    const { rules, state } = this.#node;
    const overlay = this.#overlay;
    const keys = keysOf(command);
    let ok = mayBeOk;
    for (const key of keys) {
      const pendingOnKey = overlay.on(key);
      if (pendingOnKey !== undefined && rules.conflicts(pendingOnKey, command.session)) ok = false;
    }
    const result = decideResult(command, keys, {
      lookup: (key) => overlay.lookup(key) ?? state.store.get(key),
      absentSlot: (key) => state.store.absentSlot(key),
    });
    const values = keys.map((_, i) => mutationValue(command, i));
    const pending: Pending = { slot, command, keys, values, ok, result, client };
    overlay.add(pending);
    if (command.seq === 1) this.#endings.begin(command.session);
    this.#ordered.set(command.session, command.seq);
    return pending;
  }

  #speculativeReply({ command, slot, ok, result }: Pending): WriteReply {
    const { session, seq } = command;
    const committedThrough = this.#node.state.dedup.lastSeq(session);
    // A2: a result that rests on another session's uncommitted write is not given away.
    return {
      session,
      seq,
      slot,
      ok,
      committed: false,
      result: ok ? result : undefined,
      committedThrough,
      stale: false,
    };
  }

  #replyDuplicate(command: Command, client: number): void {
    const { session, seq, strong } = command;
    this.#node.counts.duplicates++;
    const record = this.#node.state.dedup.get(session);
    if (record === undefined || seq > record.lastSeq) return this.#replyPending(command, client);
    if (client === 0) return;
    if (!strong) {
      const notice = this.#node.commitNotice(session);
      this.#node.replies.for(client, 24).commitNotices.push(notice);
      return;
    }
    const executed = record.results.get(seq);
    const { slot, result } = executed ?? { slot: 0, result: undefined };
    // Only notices clear a write set, and the one for this write may have been lost.
    this.#node.replies.for(client, 24).commitNotices.push(this.#node.commitNotice(session));
    this.#reply(client, {
      session,
      seq,
      slot,
      ok: false,
      committed: true,
      result,
      committedThrough: seq,
      stale: !executed,
    });
  }

  /** F4: a duplicate of an appended write joins it; the answer is the one it had. */
  #replyPending(command: Command, client: number): void {
    const { session, seq, strong } = command;
    const key = keysOf(command)[0] ?? '';
    const pending = this.#overlay.on(key)?.find(({ command: c }) => c.session === session && c.seq === seq);
    if (pending === undefined || !samePayload(pending.command, command)) {
      if (client === 0) return;
      return this.#node.refuse(client, RefusalCode.idReused, `write ${session}#${seq} was sent with another payload`, {
        session,
        seq,
      });
    }
    pending.client = client === 0 ? pending.client : client;
    if (strong && client !== 0) this.#reply(client, this.#speculativeReply(pending));
  }

  #reply(client: number, reply: WriteReply): void {
    this.#node.replies.for(client, 48 + (reply.result?.value.length ?? 0)).writeReplies.push(reply);
  }

  #park(write: CheckedWrite, client: number): void {
    const { session } = write.command;
    this.#node.counts.parked++;
    const command = copyCommand(write.command, this.#node.slab);
    this.#parking.parkWrite({ ...wrapCommand(command, write.committedThrough) }, client);
    this.#noteHole(session, client);
  }

  #noteHole(session: number, client: number): void {
    if (client !== 0) this.#holes.set(session, { fromSeq: this.orderedThrough(session) + 1, client });
  }

  #admitParked(session: number): void {
    for (;;) {
      const ordered = this.orderedThrough(session);
      // A parked twin of what has just been ordered has nothing to wait for.
      this.#parking.takeWrite(session, ordered);
      const next = this.#parking.takeWrite(session, ordered + 1);
      if (next === undefined) break;
      this.#order(next.write.command, next.client);
    }
    for (const { resume } of this.#parking.takeReads(session, this.orderedThrough(session))) resume();
  }

  #advanceCommit(): void {
    const node = this.#node;
    const reached = this.#followers.majorityMatch();
    // Entries of older epochs commit only together with one of this epoch (P6b).
    if (reached <= node.commitSlot || node.log.epochAt(reached) !== node.epoch) return;
    for (let slot = node.commitSlot + 1; slot <= reached; slot++) this.#commit(slot);
  }

  #commit(slot: number): void {
    const node = this.#node;
    const { command, expiry } = node.log.at(slot) ?? {};
    const pending = this.#overlay.remove(slot);
    node.commitSlot = slot;
    if (expiry !== undefined) return this.#endings.onCommitted(slot, expiry.sessions);
    const result = node.state.apply(slot, command);
    if (command === undefined) return;
    const { session, seq, strong } = command;
    node.counts.committed++;
    node.held.release(session, seq);
    const notices = this.#touch(session);
    // No other answer will tell the slot of a weak write.
    if (!strong && result !== null) notices.push({ session, through: seq, slot });
    const client = pending?.client || (node.clientOf.get(session) ?? 0);
    if (!strong || client === 0 || result === null) return;
    // A7: the result of the committed execution, whatever was said speculatively.
    const reply = { session, seq, slot, ok: false, committed: true, result, committedThrough: seq, stale: false };
    this.#reply(client, reply);
  }

  #orderHeld(session: number): void {
    for (const write of this.#node.held.of(session, RELAY_BATCH)) this.onRelayed(write);
  }

  #dropSession(session: number): void {
    this.#parking.dropSession(session);
    this.#ordered.delete(session);
    this.#touched.delete(session);
    this.#holes.delete(session);
  }

  #reportHoles(): void {
    for (const [session, { fromSeq, client }] of this.#holes) {
      if (this.orderedThrough(session) >= fromSeq) continue;
      this.#node.replies.for(client, 16).needWrites.push({ session, fromSeq });
    }
    this.#holes.clear();
  }

  /** The session's watermark will be announced; returns what is to be said before that. */
  #touch(session: number): CommitNotice[] {
    const notices = this.#touched.get(session) ?? [];
    this.#touched.set(session, notices);
    return notices;
  }

  #announceCommits(outputs: ReplicaOutput[]): void {
    const { nowUs } = this.#node;
    // An empty one now and then: a witness that heard of no commit would not know whom to report stale entries to.
    const hasNews = this.#touched.size > 0 || this.#endings.hasUntold;
    if (!hasNews && nowUs - this.#collectedUs < COLLECT_US) return;
    this.#collectedUs = nowUs;
    const { acks, clientOf, config, options, epoch, index } = this.#node;
    const committed: SessionWatermark[] = [];
    for (const [session, notices] of this.#touched) {
      const notice = this.#node.commitNotice(session);
      if (notices.at(-1)?.through !== notice.through) notices.push(notice);
      committed.push({ session, committedThrough: notice.through });
      const client = clientOf.get(session);
      if (client === undefined) continue;
      for (const each of notices) acks.for(client, 24).commitNotices.push(each);
    }
    this.#touched.clear();
    const to = (config?.witnesses ?? []).map((witness) => witness.index);
    const frame = { clusterId: options.clusterId, epoch, leader: index, committed, inquiry: undefined };
    outputs.push({ kind: 'collect', to, frame: { ...frame, expired: this.#endings.takeUntold() } });
  }

  #trimLog(): void {
    const { log, commitSlot, options } = this.#node;
    const unneeded = Math.min(this.#followers.storedEverywhere(), this.#followers.neededAfter());
    this.#node.dropLog(Math.min(unneeded, commitSlot));
    if (log.length <= options.logEntriesLimit && log.bytes <= options.logBytesLimit) return;
    this.#node.dropLog(Math.min(commitSlot, log.lastSlot - Math.floor(log.length / 2)));
  }
}
