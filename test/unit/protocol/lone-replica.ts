// One replica core with a disk that keeps a batch only when the test says so, and whose process can be started anew.

import assert from 'node:assert/strict';
import type { ReplicaInput, ReplicaOutput } from '../../../protocol/core.js';
import type { CheckedWrite, ClusterConfig, Inquiry, LogEntry, ReplicateRequest } from '../../../protocol/messages.js';
import { EpochStatus } from '../../../protocol/messages.js';
import type { ReplicaBatch } from '../../../protocol/replica/persistence.js';
import { ReplicaCore } from '../../../protocol/replica/replica-core.js';
import { type ReplicaRules, replicaRules } from '../../../protocol/replica/rules.js';
import { ReplicaDisk } from '../../simulation/replica-disk.js';
import { write } from './lone-witness.js';
import { CLUSTER } from './story.js';

/** How the replica is set up. */
export interface LoneReplicaOptions {
  broken?: Partial<ReplicaRules>;
  checkpointEntries?: number;
  shards?: number;
  /** Replicas in the cluster; this one is r0. */
  replicas?: number;
}

/** Outputs of one kind. */
export type OutputOf<Kind extends ReplicaOutput['kind']> = Extract<ReplicaOutput, { kind: Kind }>;

/** r0 of a small cluster, in durability `disk`. */
export class LoneReplica {
  core: ReplicaCore;
  readonly disk = new ReplicaDisk();
  /** Batches that are not kept yet, oldest first. */
  readonly waiting: OutputOf<'persist'>[] = [];
  /** Everything that left, what waited for a batch included. */
  readonly said: ReplicaOutput[] = [];
  nowUs = 0;

  constructor(private readonly options: LoneReplicaOptions = {}) {
    this.core = this.#createCore();
  }

  /** One turn with one input. */
  turn(input: ReplicaInput): void {
    const outputs: ReplicaOutput[] = [];
    this.nowUs += 10_000;
    this.core.step(input, this.nowUs, outputs);
    this.core.step({ kind: 'turnEnd' }, this.nowUs, outputs);
    for (const output of outputs) this.#carryOut(output);
  }

  /** The disk keeps the oldest batches, all by default, and the process hears of it. */
  keep(count = this.waiting.length): void {
    for (const { batch, then } of this.waiting.splice(0, count)) {
      this.disk.keep(batch);
      for (const output of then) this.#carryOut(output);
      this.turn({ kind: 'persisted', number: batch.number });
    }
  }

  /** Keeps whatever there is until there is nothing more. */
  keepAll(): void {
    while (this.waiting.length > 0) this.keep();
  }

  /** The process ends; the next one begins with what the disk has kept. */
  restart(change: LoneReplicaOptions = {}): void {
    this.waiting.length = 0;
    this.said.length = 0;
    this.core = this.#createCore(change);
  }

  /** What of one kind left since the last call. */
  take<Kind extends ReplicaOutput['kind']>(kind: Kind): OutputOf<Kind>[] {
    const taken = this.said.filter((output): output is OutputOf<Kind> => output.kind === kind);
    const rest = this.said.filter((output) => output.kind !== kind);
    this.said.splice(0, this.said.length, ...rest);
    return taken;
  }

  /** Is told a configuration. */
  configure(epoch: number, leader: number, openSlot = 0): void {
    this.turn({ kind: 'config', config: this.config(epoch, leader, openSlot) });
  }

  /** Is asked to lead; answered with the open slot, undefined as long as it is not. */
  lead(epoch: number, replay: CheckedWrite[] = []): number | undefined {
    this.turn({ kind: 'lead', call: epoch, request: { config: this.config(epoch, 0), replay } });
    return this.take('led').at(-1)?.response.openSlot;
  }

  /** Is fenced; answered with epoch and last slot, undefined as long as it is not. */
  fence(epoch: number): [epoch: number, lastSlot: number] | undefined {
    const request = { clusterId: CLUSTER, epoch, incarnation: 100, wantsLastWrites: false };
    this.turn({ kind: 'fence', call: epoch, request });
    return this.fenced();
  }

  fenced(): [epoch: number, lastSlot: number] | undefined {
    const response = this.take('fenced').at(-1)?.response;
    return response && [response.epoch, response.lastSlot];
  }

  /** Hears of r1, which leads `epoch`: entries after a slot. */
  follow(epoch: number, prev: [slot: number, epoch: number], entries: LogEntry[], commitSlot = 0, stored = 0): void {
    const frame = createReplicate(epoch, prev);
    this.turn({ kind: 'replicate', frame: { ...frame, entries, commitSlot, storedEverywhere: stored } });
  }

  /** r1, which leads `epoch`, asks what is held here of some sessions. */
  ask(epoch: number, inquiry: Inquiry): void {
    this.turn({ kind: 'replicate', frame: { ...createReplicate(epoch, [0, 0]), inquiry } });
  }

  /** A client bound to this replica sends a weak write; what it is told at once. */
  send(id: string, epoch = 1): 'acknowledged' | 'refused' | 'nothing' {
    const writes = [{ ...write(id, { x: '1' }, { weak: true }), bound: 0 }];
    const rest = { strongReads: [], weakReads: [], confirmedReads: [], ackQueries: [], ping: 0 };
    const frame = { clusterId: CLUSTER, epoch, clientId: 1, writes, ...rest, trace: undefined, upkeep: undefined };
    this.turn({ kind: 'session', frame });
    if (this.take('acks').some(({ batch }) => batch.weakAcks.length > 0)) return 'acknowledged';
    return this.take('session').some(({ frame: { refusals } }) => refusals.length > 0) ? 'refused' : 'nothing';
  }

  /** What the leader was last told to be here; undefined if nothing since the last call. */
  matched(): number | undefined {
    const frame = this.take('replicated').at(-1)?.frame;
    assert.ok(frame === undefined || frame.ok, 'the logs should match');
    return frame?.matchSlot;
  }

  /** r1 says how far it has the log. */
  acknowledge(epoch: number, matchSlot: number): void {
    this.#answer(epoch, true, matchSlot);
  }

  /** r1 says that its log, which ends at `lastSlot`, is another one where it was asked. */
  deny(epoch: number, lastSlot: number): void {
    this.#answer(epoch, false, lastSlot);
  }

  #answer(epoch: number, ok: boolean, matchSlot: number): void {
    const frame = { clusterId: CLUSTER, epoch, replica: 1, incarnation: 101, ok, matchSlot, round: 0 };
    const rest = { relayed: [], inquiry: 0, snapshotSlot: 0, snapshotParts: 0 };
    this.turn({ kind: 'replicated', frame: { ...frame, ...rest } });
  }

  config(epoch: number, leader: number, openSlot = 0): ClusterConfig {
    const member = (id: string, index: number) => ({ id, index, address: '', incarnation: 100 + index });
    return {
      ...{ clusterId: CLUSTER, epoch, leader, openSlot, fastQuorum: 1, natsUrl: '', version: 1 },
      status: openSlot > 0 ? EpochStatus.open : EpochStatus.recovering,
      replicas: Array.from({ length: this.options.replicas ?? 3 }, (_, index) => member(`r${index}`, index)),
      witnesses: [member('w0', 0)],
    };
  }

  #createCore(change: LoneReplicaOptions = {}): ReplicaCore {
    const { broken, checkpointEntries = 1000, shards = 2 } = { ...this.options, ...change };
    return new ReplicaCore({
      ...{ clusterId: CLUSTER, id: 'r0', incarnation: 100, shards, descriptorLimit: 1000, paceUs: 0 },
      ...{ logKeptEntries: 2, durability: 'disk', image: this.disk.image(), checkpointEntries },
      rules: { ...replicaRules, ...broken },
    });
  }

  #carryOut(output: ReplicaOutput): void {
    if (output.kind === 'persist') this.waiting.push(structuredClone(output));
    else this.said.push(output);
  }
}

function createReplicate(epoch: number, [prevSlot, prevEpoch]: [slot: number, epoch: number]): ReplicateRequest {
  return {
    ...{ clusterId: CLUSTER, epoch, leader: 1, prevSlot, prevEpoch, entries: [], commitSlot: 0 },
    ...{ openSlot: 0, round: 0, storedEverywhere: 0, trace: undefined, learner: 0, snapshot: undefined },
    inquiry: undefined,
  };
}

/** Slots of the entries of batches, as `first-last`. */
export function rangesOf(batches: readonly { batch: ReplicaBatch }[]): string[] {
  return batches.map(({ batch: { firstSlot, entries } }) => `${firstSlot}-${firstSlot + entries.length - 1}`);
}
