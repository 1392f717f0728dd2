// A loopback TCP proxy in front of one process, through which everybody else dials it: passes bytes on, late, in one
// direction only, or not at all. What the process itself dials goes through the doors of others, which cannot tell who
// calls; so a closed door is an inbound partition, never full isolation. Knows nothing of what the bytes mean.

import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Server, type Socket } from 'node:net';

/** Bytes that one direction of one connection keeps while they are late; its sender waits beyond that. */
const QUEUE_BYTES_LIMIT = 1 << 20;

/** What a door does to everything that passes. */
export interface DoorState {
  /** What others send to the process stays at the door, connections stay open. */
  holdsIn: boolean;
  /** What the process answers stays at the door. */
  holdsOut: boolean;
  /** Connections are broken, and new ones as soon as they are made. */
  isCut: boolean;
  /** Milliseconds that everything is late at least, each way. */
  delayMs: number;
  /** Milliseconds that it may be later than that; order is kept. */
  jitterMs: number;
}

/** A door that is open. */
export const OPEN_DOOR: Readonly<DoorState> = {
  ...{ holdsIn: false, holdsOut: false, isCut: false },
  ...{ delayMs: 0, jitterMs: 0 },
};

/** One door. Closed with the cluster behind it. */
export class NetworkDoor {
  /** host:port that others dial; empty before `open`. */
  address = '';
  readonly #target: { host: string; port: number };
  readonly #random: () => number;
  readonly #server: Server;
  readonly #lanes = new Set<Lane>();
  #state: DoorState = { ...OPEN_DOOR };

  /** @param target host:port of the process behind it. @param random numbers in [0, 1), for jitter. */
  constructor(target: string, random: () => number) {
    const [host = '', port = ''] = target.split(':');
    this.#target = { host, port: Number(port) };
    this.#random = random;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  async open(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.address = `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this.address;
  }

  /** From now on this is what happens; what was held and is no longer goes on its way, in order. */
  set(change: Partial<DoorState>): void {
    this.#state = { ...OPEN_DOOR, ...change };
    for (const lane of this.#lanes) {
      if (this.#state.isCut) lane.break();
      else lane.advance();
    }
  }

  close(): void {
    this.#server.close();
    for (const lane of this.#lanes) lane.break();
  }

  #accept(caller: Socket): void {
    if (this.#state.isCut) {
      caller.destroy();
      return;
    }
    const callee = createConnection({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const lateMs = (): number => this.#state.delayMs + this.#random() * this.#state.jitterMs;
    const inward = new Lane(caller, callee, () => this.#state.holdsIn, lateMs);
    const outward = new Lane(callee, caller, () => this.#state.holdsOut, lateMs);
    for (const lane of [inward, outward]) {
      this.#lanes.add(lane);
      lane.onOver = () => this.#lanes.delete(lane);
    }
  }
}

type Parcel = { dueMs: number; bytes: Buffer } | { dueMs: number; bytes: null; isClose: boolean };

/** One direction of one connection. The end of a connection travels like its bytes: held or late with them. */
class Lane {
  onOver: () => void = () => undefined;
  readonly #queue: Parcel[] = [];
  #queuedBytes = 0;
  #lastDueMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #waitsForDrain = false;

  constructor(
    private readonly from: Socket,
    private readonly to: Socket,
    private readonly isHeld: () => boolean,
    private readonly lateMs: () => number,
  ) {
    from.on('data', (bytes: Buffer) => this.#add({ bytes }));
    from.on('end', () => this.#add({ bytes: null, isClose: false }));
    from.on('close', () => this.#add({ bytes: null, isClose: true }));
    from.on('error', () => from.destroy());
    to.on('drain', () => {
      this.#waitsForDrain = false;
      this.advance();
    });
    // Whoever is gone takes no more bytes; its own lane tells the other side, at its time.
    to.on('close', () => this.#finish());
  }

  /** Passes on what may go now. */
  advance(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.isHeld() || this.#waitsForDrain) return;
    for (let parcel = this.#queue[0]; parcel !== undefined; parcel = this.#queue[0]) {
      const waitMs = parcel.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.advance(), waitMs);
        return;
      }
      this.#queue.shift();
      if (!this.#pass(parcel)) return;
    }
  }

  /** Both ends of the connection are gone at once. */
  break(): void {
    this.from.destroy();
    this.to.destroy();
    this.#finish();
  }

  /** False if nothing more may follow at the moment. */
  #pass(parcel: Parcel): boolean {
    if (parcel.bytes === null) {
      if (parcel.isClose) this.to.destroy();
      else this.to.end();
      if (parcel.isClose) this.#finish();
      return !parcel.isClose;
    }
    this.#queuedBytes -= parcel.bytes.length;
    if (this.#queuedBytes < QUEUE_BYTES_LIMIT) this.from.resume();
    if (this.to.write(parcel.bytes)) return true;
    this.#waitsForDrain = true;
    return false;
  }

  #add(what: { bytes: Buffer } | { bytes: null; isClose: boolean }): void {
    this.#lastDueMs = Math.max(this.#lastDueMs, performance.now() + this.lateMs());
    this.#queue.push({ ...what, dueMs: this.#lastDueMs });
    this.#queuedBytes += what.bytes?.length ?? 0;
    if (this.#queuedBytes >= QUEUE_BYTES_LIMIT) this.from.pause();
    if (this.#queue.length === 1) this.advance();
  }

  #finish(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.onOver();
  }
}
