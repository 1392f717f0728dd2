// Snapshots at the sender: the state of one slot, frozen and cut into parts that fit into frames, for whoever lacks
// entries that the log no longer has. One at a time, shared by all who need it; each takes its parts at its own pace.
// Knows nothing of followers: who needs one and what it has received is their business.

import { NO_BYTES, textToBytes } from '../bytes.js';
import type { SnapshotKey, SnapshotPart, SnapshotResult, SnapshotSession } from '../messages.js';
import type { SessionRecord } from './dedup.js';
import type { ReplicaNode } from './node.js';
import type { FrozenState } from './state.js';
import type { Version } from './store.js';

/** What a part, besides its size, also ends at, so that many small keys do not make one long turn. */
const PART_ITEMS = 4096;
/** Parts on their way to one receiver. */
const WINDOW_PARTS = 4;

/** What a receiver has been sent of one snapshot. */
export class SnapshotReader {
  readonly slot: number;
  readonly #parts: Iterator<SnapshotPart>;
  readonly #release: (reader: SnapshotReader) => void;
  /** Parts that were cut and not acknowledged, the next to be acknowledged first. */
  readonly #pending: SnapshotPart[] = [];
  #acknowledged = 0;
  #sent = 0;
  #isCut = false;
  #isClosed = false;

  constructor(slot: number, parts: Iterator<SnapshotPart>, release: (reader: SnapshotReader) => void) {
    this.slot = slot;
    this.#parts = parts;
    this.#release = release;
  }

  /** The receiver has the first `parts` parts of the snapshot of `slot`. True if that is more than before. */
  acknowledge(slot: number, parts: number): boolean {
    if (slot !== this.slot || parts <= this.#acknowledged) return false;
    this.#pending.splice(0, parts - this.#acknowledged);
    this.#acknowledged = parts;
    this.#sent = Math.max(this.#sent, parts);
    return true;
  }

  /** What was sent and not acknowledged may be lost: it is due again. */
  rewind(): void {
    this.#sent = this.#acknowledged;
  }

  /** True once the state behind it goes on: nothing more is to be had here. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether a part may be sent now. */
  get isDue(): boolean {
    if (this.#isClosed) return false;
    const isCutThrough = this.#isCut && this.#sent >= this.#acknowledged + this.#pending.length;
    return !isCutThrough && this.#sent - this.#acknowledged < WINDOW_PARTS;
  }

  /** The next part to send; null if the receiver has to answer first or all are on their way. */
  take(): SnapshotPart | null {
    if (!this.isDue) return null;
    const at = this.#sent - this.#acknowledged;
    if (at === this.#pending.length) {
      const { value, done } = this.#parts.next();
      if (done === true) {
        this.#isCut = true;
        return null;
      }
      this.#pending.push(value);
    }
    this.#sent++;
    return this.#pending[at] ?? null;
  }

  /** The receiver needs no more of it. */
  close(): void {
    this.#isClosed = true;
    this.#pending.length = 0;
    this.#release(this);
  }
}

/** The snapshot of the moment, as long as somebody takes it. */
export class SnapshotSender {
  readonly #node: ReplicaNode;
  readonly #readers = new Set<SnapshotReader>();
  #frozen: FrozenState | null = null;

  constructor(node: ReplicaNode) {
    this.#node = node;
  }

  /** Slot of the snapshot that somebody takes; undefined if there is none. The log is kept from there on. */
  get slot(): number | undefined {
    return this.#frozen?.slot;
  }

  /** For a receiver that needs one: the snapshot that others take as well, if the log still goes on from it. */
  open(): SnapshotReader {
    const { log, state, options } = this.#node;
    if (this.#frozen !== null && log.epochAt(this.#frozen.slot) === undefined) this.close();
    this.#frozen ??= state.freeze();
    const { slot } = this.#frozen;
    const parts = cutParts(this.#frozen, log.epochAt(slot) ?? 0, options.snapshotPartBytes);
    const reader = new SnapshotReader(slot, parts, (released) => {
      this.#readers.delete(released);
      if (this.#readers.size === 0) this.#thaw();
    });
    this.#readers.add(reader);
    return reader;
  }

  /** Nobody takes the snapshot any further. */
  close(): void {
    for (const reader of [...this.#readers]) reader.close();
  }

  #thaw(): void {
    if (this.#frozen !== null) this.#node.state.thaw();
    this.#frozen = null;
  }
}

/** All parts in order. Walks the frozen state once. */
function* cutParts(frozen: FrozenState, slotEpoch: number, partBytes: number): Generator<SnapshotPart> {
  let part = createPart(frozen.slot, slotEpoch, 0);
  let bytes = 0;
  let items = 0;
  for (const item of listItems(frozen, partBytes)) {
    if (bytes >= partBytes || items >= PART_ITEMS) {
      yield part;
      part = createPart(frozen.slot, slotEpoch, part.number + 1);
      bytes = 0;
      items = 0;
    }
    items++;
    bytes += item.bytes;
    if (item.key !== null) part.keys.push(item.key);
    else part.sessions.push(item.session);
  }
  part.isLast = true;
  part.expired = frozen.ended;
  part.forgottenSlots = frozen.shards.map(({ forgottenSlot }) => forgottenSlot);
  yield part;
}

function createPart(slot: number, slotEpoch: number, number: number): SnapshotPart {
  return { slot, slotEpoch, number, isLast: false, keys: [], sessions: [], expired: [], forgottenSlots: [] };
}

type Item = { key: SnapshotKey; session: null; bytes: number } | { key: null; session: SnapshotSession; bytes: number };

function* listItems({ shards, sessions }: FrozenState, partBytes: number): Generator<Item> {
  for (const { versions, tombstones } of shards) {
    for (const key of tombstones) {
      const version = versions.get(key);
      if (version !== undefined) yield toKeyItem(key, version);
    }
    for (const [key, version] of versions) if (version.value !== null) yield toKeyItem(key, version);
  }
  for (const [session, record] of sessions) yield* toSessionItems(session, record, partBytes);
}

function toKeyItem(key: string, { value, slot, session, seq }: Version): Item {
  const bytes = key.length + (value?.length ?? 0) + 32;
  const deleted = value === null;
  const written = { slot, session, seq };
  return {
    key: { key: textToBytes(key), value: deleted ? NO_BYTES : textToBytes(value), deleted, ...written },
    session: null,
    bytes,
  };
}

/** A session whose results do not fit into one part comes in several pieces, which the receiver puts together. */
function* toSessionItems(session: number, record: SessionRecord, partBytes: number): Generator<Item> {
  const { lastSeq, lastSlot, ackedThrough } = record;
  const createPiece = (): SnapshotSession => ({ session, lastSeq, lastSlot, ackedThrough, results: [] });
  let piece = createPiece();
  let bytes = 32;
  for (const [seq, { slot, result }] of record.results) {
    if (bytes >= partBytes) {
      yield { key: null, session: piece, bytes };
      piece = createPiece();
      bytes = 32;
    }
    const kept: SnapshotResult = { seq, slot, result };
    piece.results.push(kept);
    bytes += 32 + result.value.length;
  }
  yield { key: null, session: piece, bytes };
}
