// What a client process sends in one turn: one frame for each replica, and one for all witnesses together, since they
// are told the same. What only one witness needs again goes in a frame of its own.

import type { ClientOutput } from '../core.js';
import { FrameSet } from '../frames.js';
import type {
  AckQuery,
  ClusterConfig,
  ConfirmedRead,
  OutcomeQuery,
  ReadCheck,
  RecordRequest,
  SessionRequest,
  SessionUpkeep,
  StrongRead,
  WeakRead,
  Write,
} from '../messages.js';

/** Stands for every witness. */
const ALL = -1;

/** Frames under construction. */
export class Outbox {
  readonly #replicas: FrameSet<SessionRequest>;
  readonly #witnesses: FrameSet<RecordRequest>;
  #config: ClusterConfig;
  #leader = 0;

  constructor(clusterId: string, clientId: number, config: ClusterConfig) {
    this.#config = config;
    this.#leader = config.leader;
    this.#replicas = new FrameSet(() => ({
      clusterId,
      epoch: this.#config.epoch,
      clientId,
      writes: [],
      strongReads: [],
      confirmedReads: [],
      weakReads: [],
      ackQueries: [],
      ping: 0,
      trace: undefined,
      upkeep: undefined,
    }));
    this.#witnesses = new FrameSet(() => ({
      clusterId,
      epoch: this.#config.epoch,
      clientId,
      records: [],
      checks: [],
      trace: undefined,
    }));
  }

  /** From now on frames carry this epoch; what was not sent yet is dropped, and everything is sent anew. */
  enterEpoch(config: ClusterConfig): void {
    this.#config = config;
    this.#leader = config.leader;
    this.#replicas.clear();
    this.#witnesses.clear();
  }

  /** Other members in the same epoch. */
  follow(config: ClusterConfig): void {
    this.#config = config;
  }

  write(replica: number, write: Write, bytes: number): void {
    this.#replicas.for(replica, bytes).writes.push(write);
  }

  strongRead(read: StrongRead): void {
    this.#replicas.for(this.#leader, 40 + read.key.length).strongReads.push(read);
  }

  confirmedRead(read: ConfirmedRead): void {
    this.#replicas.for(this.#leader, 64 + read.key.length).confirmedReads.push(read);
  }

  weakRead(replica: number, read: WeakRead): void {
    this.#replicas.for(replica, 48 + read.key.length).weakReads.push(read);
  }

  ackQuery(replica: number, query: AckQuery): void {
    this.#replicas.for(replica, 12).ackQueries.push(query);
  }

  /** To the leader: these sessions live, or were closed. */
  sayAlive(session: number): void {
    this.#upkeep(8).alive.push(session);
  }

  sayEnded(session: number): void {
    this.#upkeep(8).ended.push(session);
  }

  /** To the leader: what became of a write? `settles` ends its session, in the same frame. */
  outcomeQuery(query: OutcomeQuery, settles: boolean): void {
    const upkeep = this.#upkeep(32);
    upkeep.queries.push(query);
    if (settles) upkeep.ended.push(query.session);
  }

  #upkeep(bytes: number): SessionUpkeep {
    const frame = this.#replicas.for(this.#leader, bytes);
    frame.upkeep ??= { alive: [], ended: [], queries: [] };
    return frame.upkeep;
  }

  /** To every witness, or to one. */
  record(write: Write, bytes: number, witness: number = ALL): void {
    this.#witnesses.for(witness, bytes).records.push(write);
  }

  /** To every witness, or to one. */
  check(check: ReadCheck, witness: number = ALL): void {
    this.#witnesses.for(witness, 24 + check.key.length).checks.push(check);
  }

  drain(outputs: ClientOutput[]): void {
    this.#replicas.drain((replica, frame) => outputs.push({ kind: 'session', to: [replica], frame }));
    this.#witnesses.drain((witness, frame) => {
      const to = witness === ALL ? this.#config.witnesses.map(({ index }) => index) : [witness];
      outputs.push({ kind: 'record', to, frame });
    });
  }
}
