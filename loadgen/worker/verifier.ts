// Judges every read of one process: is it a value that was written, is it at least as new as it has to be. Two versions
// of a key are ordered by slot only if the same epoch named both, and else by their writer's own order; where neither
// applies nothing is claimed, so that legal overlap and view changes never raise an alarm. Knows nothing of the SDK.

import { FloorTable } from './floor-table.js';
import type { ValueCodec } from './value-codec.js';

const SESSION_ROWS = 1 << 16;
const PROCESS_ROWS = 1 << 21;
const EXAMPLES_LIMIT = 10;

/** How far the newest own write of a key has come. */
const OwnState = { none: 0, pending: 1, pendingAndMissed: 2, done: 3 } as const;

/** Totals of one process. */
export interface VerifierTotals {
  /** Reads that were judged. */
  checked: number;
  wrong: number;
  /** Reads that returned a value. */
  found: number;
  /** The first few complaints, as sentences. */
  examples: string[];
}

class SessionTable extends FloorTable {
  /** Serial of the newest own write issued, 0 for none. */
  readonly ownSerial: Float64Array;
  readonly ownState: Uint8Array;
  /** Highest slot that this process had seen when that write was issued, and its epoch: the write's own slot is above. */
  readonly aboveSlot: Float64Array;
  readonly aboveEpoch: Float64Array;

  constructor(capacity: number) {
    super(capacity);
    this.ownSerial = new Float64Array(capacity);
    this.ownState = new Uint8Array(capacity);
    this.aboveSlot = new Float64Array(capacity);
    this.aboveEpoch = new Float64Array(capacity);
  }

  protected override clearRow(row: number): void {
    this.ownSerial[row] = 0;
    this.ownState[row] = OwnState.none;
  }
}

/** What one session has issued and seen. Made by `Verifier.openSession`. */
export class SessionView {
  readonly session: number;
  /** Values written so far; the next one gets `issued + 1`. */
  issued = 0;
  /** @internal */
  readonly rows: SessionTable;

  constructor(session: number, keys: number) {
    this.session = session;
    this.rows = new SessionTable(Math.min(keys, SESSION_ROWS));
  }
}

/** What a read must not fall behind, captured when it is sent. Preallocated by the caller and reused. */
export class ReadExpectation {
  keyIndex = 0;
  strong = false;
  ownSerial = 0;
  /** What its session knew of the key. */
  readonly seen = { slot: 0, epoch: 0, writer: 0, serial: 0 };
  /** What strong operations of the whole process had shown; only for strong reads. */
  readonly strongSeen = { slot: 0, epoch: 0, writer: 0, serial: 0 };
}

type Version = ReadExpectation['seen'];

/** The judge of one process. Memory is bounded by the number of sessions and keys, never by the length of the run. */
export class Verifier {
  readonly totals: VerifierTotals = { checked: 0, wrong: 0, found: 0, examples: [] };
  /** Set once all keys were written and committed before any session began: a strong read that finds nothing is wrong. */
  preloaded = false;
  readonly #codec: ValueCodec;
  readonly #keys: number;
  readonly #views = new Map<number, SessionView>();
  readonly #strongRows: FloorTable;
  #newestSlot = 0;
  #newestEpoch = 0;
  readonly #version: Version = { slot: 0, epoch: 0, writer: 0, serial: 0 };

  constructor(codec: ValueCodec, keys: number) {
    this.#codec = codec;
    this.#keys = keys;
    this.#strongRows = new FloorTable(Math.min(keys, PROCESS_ROWS));
  }

  openSession(session: number): SessionView {
    const view = new SessionView(session, this.#keys);
    this.#views.set(session, view);
    return view;
  }

  /** Call right before a write is handed to the SDK. Returns its serial. */
  writeIssued(view: SessionView, keyIndex: number): number {
    const serial = ++view.issued;
    const rows = view.rows;
    const row = rows.claim(keyIndex);
    rows.ownSerial[row] = serial;
    rows.ownState[row] = OwnState.pending;
    rows.aboveSlot[row] = this.#newestSlot;
    rows.aboveEpoch[row] = this.#newestEpoch;
    return serial;
  }

  /** The write is acknowledged (weak: locally); it was certainly issued, so missing it is wrong. */
  writeDone(view: SessionView, keyIndex: number, serial: number): void {
    const row = view.rows.find(keyIndex);
    if (row < 0 || view.rows.ownSerial[row] !== serial) return;
    const wasMissed = view.rows.ownState[row] === OwnState.pendingAndMissed;
    view.rows.ownState[row] = OwnState.done;
    if (wasMissed) this.#complainOfMissedWrite(view, keyIndex, serial);
  }

  /**
   * A strong write is complete: no strong read that begins from now on may show anything older. `slot` has to be the
   * write's own slot; what a weak write answers is only a bound (its commit is told for several writes at once).
   */
  strongWriteDone(
    view: SessionView,
    keyIndex: number,
    serial: number,
    { slot, epoch }: { slot: number; epoch: number },
  ): void {
    this.writeDone(view, keyIndex, serial);
    if (slot === 0) return;
    const version = this.#version;
    version.slot = slot;
    version.epoch = epoch;
    version.writer = view.session;
    version.serial = serial;
    this.#remember(view, keyIndex, version, true);
  }

  /** The write failed or its outcome is unknown: nothing may be expected of it. */
  writeLost(view: SessionView, keyIndex: number, serial: number): void {
    const row = view.rows.find(keyIndex);
    if (row < 0 || view.rows.ownSerial[row] !== serial) return;
    view.rows.ownSerial[row] = 0;
    view.rows.ownState[row] = OwnState.none;
  }

  /** Call right before a read is handed to the SDK. */
  readIssued(view: SessionView, keyIndex: number, strong: boolean, expectation: ReadExpectation): void {
    expectation.keyIndex = keyIndex;
    expectation.strong = strong;
    const row = view.rows.find(keyIndex);
    expectation.ownSerial = row < 0 ? 0 : (view.rows.ownSerial[row] ?? 0);
    copyRow(view.rows, row, expectation.seen);
    copyRow(this.#strongRows, strong ? this.#strongRows.find(keyIndex) : -1, expectation.strongSeen);
  }

  /** Judges an answer; false if it is wrong. `slot` and `epoch` are the version's, 0 where the SDK does not know it. */
  readDone(
    view: SessionView,
    expectation: ReadExpectation,
    answer: { value: Uint8Array | null; slot: number; epoch: number },
  ): boolean {
    this.totals.checked++;
    if (answer.value === null) return this.#judgeAbsence(view, expectation);
    this.totals.found++;
    const { keyIndex, strong, seen, strongSeen } = expectation;
    const decoded = this.#codec.decoded;
    if (!this.#codec.decode(answer.value))
      return this.#complain(`key ${keyIndex}: the value's length or checksum is wrong`);
    if (decoded.keyIndex !== keyIndex)
      return this.#complain(`key ${keyIndex}: the value belongs to key ${decoded.keyIndex}`);
    const author = this.#views.get(decoded.session);
    if (decoded.serial < 1 || (author !== undefined && decoded.serial > author.issued)) {
      return this.#complain(`key ${keyIndex}: session ${decoded.session} never wrote its value ${decoded.serial}`);
    }
    const version = this.#version;
    version.writer = decoded.session;
    version.serial = decoded.serial;
    version.epoch = answer.epoch;
    // A weak read may show an own write that has no slot yet, laid over an older version: its slot would mean that one.
    version.slot = !strong && decoded.session === view.session ? 0 : answer.slot;
    if (isOlder(version, seen))
      return this.#complain(
        `session ${view.session} went back in time on key ${keyIndex}: ${describe(version)} after ${describe(seen)}`,
      );
    if (isOlder(version, strongSeen)) {
      return this.#complain(
        `strong read of key ${keyIndex} is stale: ${describe(version)} began after ${describe(strongSeen)} was complete`,
      );
    }
    if (!this.#judgeOwnWrite(view, expectation, version)) return false;
    if (version.slot > 0) this.#remember(view, keyIndex, version, strong);
    return true;
  }

  #judgeAbsence(view: SessionView, { keyIndex, strong, seen, strongSeen, ownSerial }: ReadExpectation): boolean {
    // Nothing is ever deleted by this workload, so what was once seen stays.
    if (seen.slot > 0)
      return this.#complain(`session ${view.session} lost sight of key ${keyIndex}, which was ${describe(seen)}`);
    if (strongSeen.slot > 0)
      return this.#complain(`strong read found no key ${keyIndex}, which was ${describe(strongSeen)}`);
    if (strong && this.preloaded)
      return this.#complain(`strong read found no key ${keyIndex}, although all keys were loaded`);
    return ownSerial === 0 || this.#missedOwnWrite(view, keyIndex, ownSerial);
  }

  #judgeOwnWrite(view: SessionView, { keyIndex, ownSerial }: ReadExpectation, version: Version): boolean {
    if (ownSerial === 0) return true;
    if (version.writer === view.session)
      return version.serial >= ownSerial || this.#missedOwnWrite(view, keyIndex, ownSerial);
    const rows = view.rows;
    const row = rows.find(keyIndex);
    if (row < 0 || rows.ownSerial[row] !== ownSerial || version.slot === 0) return true;
    // Slots of one epoch are given out in order, so the own write is above every slot seen before it was issued.
    if (rows.aboveEpoch[row] === version.epoch && version.slot <= (rows.aboveSlot[row] ?? 0))
      return this.#missedOwnWrite(view, keyIndex, ownSerial);
    return true;
  }

  /** A complaint if the write is acknowledged, else a suspicion: it may still turn out never to have been executed. */
  #missedOwnWrite(view: SessionView, keyIndex: number, serial: number): boolean {
    const rows = view.rows;
    const row = rows.find(keyIndex);
    if (row < 0 || rows.ownSerial[row] !== serial) return true;
    if (rows.ownState[row] === OwnState.done) return this.#complainOfMissedWrite(view, keyIndex, serial);
    rows.ownState[row] = OwnState.pendingAndMissed;
    return true;
  }

  #remember(view: SessionView, keyIndex: number, version: Version, strong: boolean): void {
    view.rows.raise(view.rows.claim(keyIndex), version);
    if (strong) this.#strongRows.raise(this.#strongRows.claim(keyIndex), version);
    if (version.epoch > this.#newestEpoch) {
      this.#newestEpoch = version.epoch;
      this.#newestSlot = version.slot;
    } else if (version.epoch === this.#newestEpoch && version.slot > this.#newestSlot) {
      this.#newestSlot = version.slot;
    }
  }

  #complainOfMissedWrite(view: SessionView, keyIndex: number, serial: number): false {
    return this.#complain(`session ${view.session} did not see its own write ${serial} of key ${keyIndex}`);
  }

  #complain(sentence: string): false {
    this.totals.wrong++;
    if (this.totals.examples.length < EXAMPLES_LIMIT) this.totals.examples.push(sentence);
    return false;
  }
}

function isOlder(version: Version, known: Version): boolean {
  if (version.writer === known.writer && version.serial < known.serial) return true;
  return version.slot > 0 && version.epoch === known.epoch && version.slot < known.slot;
}

function copyRow(table: FloorTable, row: number, into: Version): void {
  into.slot = row < 0 ? 0 : (table.slot[row] ?? 0);
  into.epoch = row < 0 ? 0 : (table.epoch[row] ?? 0);
  into.writer = row < 0 ? 0 : (table.writer[row] ?? 0);
  into.serial = row < 0 ? 0 : (table.serial[row] ?? 0);
}

function describe(version: Version): string {
  return `value ${version.serial} of session ${version.writer} (epoch ${version.epoch}, slot ${version.slot})`;
}
