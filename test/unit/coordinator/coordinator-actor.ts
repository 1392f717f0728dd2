// A coordinator core on a stage: a bucket with compare-and-set, steps at a virtual time, and what it wanted done as a
// list that the test carries out, or does not.

import assert from 'node:assert/strict';
import { CoordinatorCore } from '../../../protocol/coordinator/coordinator-core.js';
import type {
  CoordinatorInput,
  CoordinatorOutput,
  CoordinatorRecord,
  CoordinatorSettings,
  HeartbeatRequest,
  StoredRecord,
} from '../../../protocol/coordinator/types.js';
import { NodeRole } from '../../../protocol/coordinator/types.js';
import type { FenceResponse, SealResponse, Write } from '../../../protocol/messages.js';

/** The outputs of one kind. */
export type OutputOf<K extends CoordinatorOutput['kind']> = Extract<CoordinatorOutput, { kind: K }>;

/** The record's bucket. */
export class Bucket {
  stored: StoredRecord = { revision: 0, record: null };

  /** The new revision, or null if the expected one is not the present one. */
  compareAndSet(expectedRevision: number, record: CoordinatorRecord): number | null {
    if (expectedRevision !== this.stored.revision) return null;
    this.stored = { revision: expectedRevision + 1, record: structuredClone(record) };
    return this.stored.revision;
  }
}

export const settings: CoordinatorSettings = {
  clusterIdProposal: 'cluster-a',
  name: 'k0',
  replicas: 3,
  witnesses: 3,
  fastQuorum: 3,
  natsUrl: 'nats://127.0.0.1:4222',
  sessionLimit: 1_000_000,
  heartbeatUs: 250_000,
  livenessUs: 2_000_000,
  retryUs: 250_000,
};

/** How long a node whose stream broke has to be heard on another way. */
export const STREAM_GRACE_US = settings.livenessUs / 8;

const NO_CONFIG = { openEpoch: 0, openVersion: 0 };

/** One coordinator over a bucket. */
export class Actor {
  readonly core: CoordinatorCore;
  nowUs = 1_000_000;
  /** Everything it ever wanted done, bucket accesses included. */
  readonly log: CoordinatorOutput[] = [];
  readonly #bucket: Bucket;
  #lastCall = 0;

  constructor(bucket: Bucket, overrides: Partial<CoordinatorSettings> = {}) {
    this.#bucket = bucket;
    this.core = new CoordinatorCore({ ...settings, ...overrides });
  }

  /** Steps once and carries nothing out. */
  step(input: CoordinatorInput): CoordinatorOutput[] {
    const outputs: CoordinatorOutput[] = [];
    this.core.step(input, this.nowUs, outputs);
    this.log.push(...outputs);
    return outputs;
  }

  /** Steps, and carries out bucket accesses until there are no more; returns everything wanted on the way. */
  run(input: CoordinatorInput): CoordinatorOutput[] {
    const wanted = this.step(input);
    for (let next = 0; next < wanted.length; next++) {
      const answer = this.accessBucket(wanted[next] as CoordinatorOutput);
      if (answer !== null) wanted.push(...this.step(answer));
    }
    return wanted;
  }

  /** What the bucket says to an output; null if the output does not concern it. */
  accessBucket(output: CoordinatorOutput): CoordinatorInput | null {
    if (output.kind === 'readRecord') return { kind: 'recordRead', stored: structuredClone(this.#bucket.stored) };
    if (output.kind !== 'writeRecord') return null;
    const revision = this.#bucket.compareAndSet(output.expectedRevision, output.record);
    return revision === null ? { kind: 'recordConflict' } : { kind: 'recordWritten', revision };
  }

  /** Lets time pass and ticks. */
  pass(durationUs: number): CoordinatorOutput[] {
    this.nowUs += durationUs;
    return this.run({ kind: 'tick' });
  }

  register(role: number, nodeId: string, options: { incarnation?: number; clusterId?: string; address?: string } = {}) {
    const { incarnation = incarnationOf(nodeId), clusterId = '', address = `${nodeId}:1` } = options;
    const request = { clusterId, role, nodeId, address, incarnation, epoch: 0, sessionFloor: 0, ...NO_CONFIG };
    return this.run({ kind: 'register', call: ++this.#lastCall, request });
  }

  /** A node says that it is there, and what else it says of itself. */
  heartbeat(role: number, nodeId: string, said: Partial<HeartbeatRequest> = {}) {
    const { clusterIdProposal: clusterId } = settings;
    const life = { clusterId, role, nodeId, incarnation: incarnationOf(nodeId) };
    const nothing = { lostEpoch: 0, stateSlot: 0, stateHash: 0, sessionFloor: 0, config: undefined, ...NO_CONFIG };
    const request = { ...life, epoch: 1, ...nothing, ...said };
    return this.run({ kind: 'heartbeat', call: ++this.#lastCall, request });
  }

  /** All replicas say that they are there, and know what the record knows of sessions. */
  hearReplicas(said: Partial<HeartbeatRequest> = {}): CoordinatorOutput[] {
    const sessionFloor = this.#bucket.stored.record?.sessionFloor ?? 0;
    return ['r0', 'r1', 'r2'].flatMap((id) => this.heartbeat(NodeRole.replica, id, { sessionFloor, ...said }));
  }

  openSessions(count: number, clusterId = settings.clusterIdProposal): CoordinatorOutput[] {
    return this.run({ kind: 'openSessions', call: ++this.#lastCall, request: { clusterId, count } });
  }

  /** Ticks and registers r0..r2 and w0..w2; returns what the last registration led to. */
  gather(): CoordinatorOutput[] {
    this.run({ kind: 'tick' });
    for (const id of ['r2', 'r0', 'r1']) this.register(NodeRole.replica, id);
    for (const id of ['w1', 'w0']) this.register(NodeRole.witness, id);
    return this.register(NodeRole.witness, 'w2');
  }

  /** The stream of a replica broke, and it was not heard on another way soon after. */
  lose(nodeId: string, incarnation = incarnationOf(nodeId)): CoordinatorOutput[] {
    return [...this.breakStream(NodeRole.replica, nodeId, incarnation), ...this.pass(STREAM_GRACE_US)];
  }

  /** The stream of a node broke, just now. */
  breakStream(role: number, nodeId: string, incarnation = incarnationOf(nodeId)): CoordinatorOutput[] {
    return this.run({ kind: 'nodeLost', role, nodeId, incarnation });
  }

  /** A replica answers its last `fence`. */
  answerFence(nodeId: string, log: Partial<FenceResponse> = {}): CoordinatorOutput[] {
    const { attempt, request } = this.#lastTo('fence', nodeId);
    const response = { epoch: request.epoch, lastEpoch: 1, lastSlot: 1, lastWrites: [], ...log };
    return this.run({ kind: 'fenced', attempt, response });
  }

  /** A witness answers its last `seal`. */
  answerSeal(nodeId: string, life: Partial<SealResponse> = {}): CoordinatorOutput[] {
    const { attempt, request } = this.#lastTo('seal', nodeId);
    const incarnation = incarnationOf(nodeId);
    return this.run({
      kind: 'sealed',
      attempt,
      response: { epoch: request.epoch, incarnation, lifeEpoch: 1, entries: 0, ...life },
    });
  }

  /** A witness hands its pool over. */
  answerRead(nodeId: string, entries: Write[] = [], incarnation = incarnationOf(nodeId)): CoordinatorOutput[] {
    const { attempt } = this.#lastTo('recoveryData', nodeId);
    return this.run({ kind: 'recovered', attempt, response: { incarnation, entries } });
  }

  /** The last call of a kind to a node. */
  #lastTo<K extends 'fence' | 'seal' | 'recoveryData'>(kind: K, nodeId: string): OutputOf<K> {
    const isTo = (output: CoordinatorOutput): boolean => 'address' in output && output.address === `${nodeId}:1`;
    const call = of(this.log, kind).findLast(isTo);
    assert.ok(call, `${nodeId} was never asked to ${kind}`);
    return call;
  }

  /** The leader answers the last `lead`. */
  answerLead(openSlot = 1): CoordinatorOutput[] {
    const lead = last(this.log, 'lead');
    return this.run({
      kind: 'led',
      attempt: lead.attempt,
      response: { openSlot, committed: [{ session: 7, committedThrough: 3 }] },
    });
  }

  /** The leader answers, and a witness starts, which is as many as it takes with q = m. */
  open(openSlot = 1, witnessId = 'w1'): CoordinatorOutput[] {
    return [...this.answerLead(openSlot), ...this.answerStart(witnessId)];
  }

  /** A witness answers its last `start`. */
  answerStart(witnessId: string, incarnation = incarnationOf(witnessId)): CoordinatorOutput[] {
    const start = of(this.log, 'start').findLast(({ request }) => request.witnessId === witnessId);
    assert.ok(start, `${witnessId} was never started`);
    return this.run({
      kind: 'started',
      attempt: start.attempt,
      response: { epoch: start.request.config?.epoch ?? 0, incarnation },
    });
  }
}

/** A coordinator whose first epoch is open: r0 leads, w0 to w2 live. */
export function openActor(bucket: Bucket, overrides: Partial<CoordinatorSettings> = {}): Actor {
  const actor = new Actor(bucket, overrides);
  actor.gather();
  actor.answerLead(1);
  for (const id of ['w0', 'w1', 'w2']) actor.answerStart(id);
  actor.hearReplicas();
  return actor;
}

/** Life of a node in these tests unless it says otherwise. */
export function incarnationOf(nodeId: string): number {
  return 100 + nodeId.charCodeAt(0) * 10 + Number(nodeId.slice(1));
}

/** The outputs of a kind. */
export function of<K extends CoordinatorOutput['kind']>(outputs: CoordinatorOutput[], kind: K): OutputOf<K>[] {
  return outputs.filter((output): output is OutputOf<K> => output.kind === kind);
}

/** The last output of a kind, which must exist. */
export function last<K extends CoordinatorOutput['kind']>(outputs: CoordinatorOutput[], kind: K): OutputOf<K> {
  const found = of(outputs, kind).at(-1);
  assert.ok(found, `no ${kind} among ${outputs.map((output) => output.kind).join(' ') || 'nothing'}`);
  return found;
}
