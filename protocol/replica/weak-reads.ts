// Weak reads at any replica: answered from applied state that has reached what the reading session has seen, after a
// bounded wait if need be. Uncommitted writes are never shown here, not even to their owner (E4).

import { bytesToText, NO_BYTES } from '../bytes.js';
import { type ReadReply, RefusalCode, type ScanRange, type WeakRead } from '../messages.js';
import type { ReplicaNode } from './node.js';

interface Waiting {
  read: WeakRead;
  client: number;
  untilUs: number;
}

/** Weak reads that wait for the state to catch up. */
export class WeakReads {
  readonly #node: ReplicaNode;
  #waiting: Waiting[] = [];
  /** State position at which the waiting reads were last tried. */
  #triedAt = '';

  constructor(node: ReplicaNode) {
    this.#node = node;
  }

  get size(): number {
    return this.#waiting.length;
  }

  onRead(read: WeakRead, client: number): void {
    const node = this.#node;
    node.counts.weakReads++;
    // What the session has written is no longer known here, so nothing can be held against it.
    if (node.isEnded(read.session)) return node.refuseEnded(read.session, client, { nonce: read.nonce });
    if (this.#mayAnswer(read)) return this.#answer(read, client);
    if (this.#waiting.length >= node.options.weakReadLimit) {
      return node.refuse(client, RefusalCode.full, `more than ${node.options.weakReadLimit} weak reads wait`, read);
    }
    node.counts.weakWaits++;
    this.#waiting.push({ read, client, untilUs: node.nowUs + node.options.weakWaitUs });
  }

  /** Answers what has become answerable, refers on what has waited too long. Called when state or time moved. */
  retry(): void {
    if (this.#waiting.length === 0) return;
    const node = this.#node;
    const position = `${node.epoch}/${node.openSlot}/${node.state.appliedSlot}`;
    const moved = position !== this.#triedAt;
    this.#triedAt = position;
    this.#waiting = this.#waiting.filter(({ read, client, untilUs }) => {
      if (moved && this.#mayAnswer(read)) {
        this.#answer(read, client);
        return false;
      }
      if (node.nowUs < untilUs) return true;
      node.counts.referred++;
      node.replies.for(client, 32).weakReadReplies.push({ ...createReadReply(read.nonce), refer: true });
      return false;
    });
  }

  /** Reads of an older epoch are asked again by their clients. */
  clear(): void {
    this.#waiting = [];
  }

  dropClient(client: number): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((waiting) => waiting.client !== client);
  }

  #mayAnswer(read: WeakRead): boolean {
    const node = this.#node;
    return node.rules.mayAnswerWeak(read, {
      epoch: node.epoch,
      openSlot: node.openSlot,
      appliedSlot: node.state.appliedSlot,
      sessionSeq: node.state.dedup.lastSeq(read.session),
    });
  }

  #answer(read: WeakRead, client: number): void {
    const { state, replies } = this.#node;
    const reply =
      read.range === undefined
        ? readKey(this.#node, read.nonce, read.key)
        : readRange(this.#node, read.nonce, read.range);
    reply.sessionSeq = state.dedup.lastSeq(read.session);
    replies.for(client, readReplyBytes(reply)).weakReadReplies.push(reply);
  }
}

/** A reply to fill in. */
export function createReadReply(nonce: number): ReadReply {
  return { nonce, present: false, value: NO_BYTES, version: 0, sessionSeq: 0, entries: [], more: false, refer: false };
}

/** Bytes of a reply, to within its envelope. */
export function readReplyBytes(reply: ReadReply): number {
  let bytes = 48 + reply.value.length;
  for (const { key, value } of reply.entries) bytes += 8 + key.length + value.length;
  return bytes;
}

/** Reads a key from the applied state. */
export function readKey(node: ReplicaNode, nonce: number, key: Uint8Array): ReadReply {
  const text = bytesToText(key);
  const { store } = node.state;
  const version = store.get(text);
  const reply = createReadReply(nonce);
  reply.version = version?.slot ?? store.absentSlot(text);
  if (version !== undefined && version.value !== null) {
    reply.present = true;
    reply.value = node.slab.toBytes(version.value);
  }
  return reply;
}

/** Reads a range from the applied state; its version is the applied slot. */
export function readRange(node: ReplicaNode, nonce: number, range: ScanRange): ReadReply {
  const { store, appliedSlot } = node.state;
  const { limit, byteLimit } = range;
  const page = store.scan({ start: bytesToText(range.start), end: bytesToText(range.end), limit, byteLimit });
  return { ...createReadReply(nonce), version: appliedSlot, ...page };
}
