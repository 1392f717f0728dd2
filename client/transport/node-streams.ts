// All streams of a client process, one per node of the configuration: opens and closes them as the configuration
// changes, encodes each frame once for all its receivers, and turns what arrives into inputs of the core.

import { Metadata } from '@grpc/grpc-js';
import {
  decodeRecordResponse,
  decodeSessionResponse,
  encodeRecordRequest,
  encodeSessionRequest,
  streamMethods,
} from '../../proto/codec.js';
import type { ClientInput } from '../../protocol/core.js';
import type { ClusterConfig, RecordRequest, SessionRequest } from '../../protocol/messages.js';
import { ConditionWaits } from '../condition-waits.js';
import type { FrameSender } from '../driver-ports.js';
import { BoundReplica } from './bound-replica.js';
import { NodeStream, type StreamCounters } from './node-stream.js';

/** How the streams are opened. */
export interface NodeStreamsOptions {
  clientId: number;
  config: ClusterConfig;
  ackTransport: 'nats' | 'stream';
  /** Name of the replica to stay bound to, or null. */
  boundReplica: string | null;
  /** Monotonic milliseconds. */
  clock: () => number;
  /** A frame was read and is not decoded yet. */
  onArrival: () => void;
  onInput: (input: ClientInput) => void;
  /** Congestion is over. */
  onResume: () => void;
}

type NodeRole = 'replica' | 'witness';

/** The streams of one client process. */
export class NodeStreams implements FrameSender {
  readonly counters: StreamCounters = {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    reconnects: 0,
  };
  readonly bound: BoundReplica;
  private readonly options: NodeStreamsOptions;
  private readonly replicas = new Map<number, NodeStream>();
  private readonly witnesses = new Map<number, NodeStream>();
  private config: ClusterConfig;
  private readonly ups = new ConditionWaits();
  private lastConnection = 0;

  constructor(options: NodeStreamsOptions) {
    this.options = options;
    this.config = options.config;
    const pinned = options.config.replicas.find((replica) => replica.id === options.boundReplica);
    this.bound = new BoundReplica({
      clientId: options.clientId,
      pinned: pinned?.index ?? null,
      clock: options.clock,
      sendPing: (replica, ping) => this.sendPing(replica, ping),
      onBind: (replica) => options.onInput({ kind: 'bind', replica }),
    });
  }

  /** Opens streams to new members and closes those to former ones. */
  applyConfig(config: ClusterConfig): void {
    this.config = config;
    this.closeFormer('witness', this.witnesses, config.witnesses);
    this.closeFormer('replica', this.replicas, config.replicas);
    this.bound.setMembers(config.replicas.map((replica) => replica.index));
    for (const { index, address } of config.replicas) this.openNew('replica', this.replicas, index, address);
    for (const { index, address } of config.witnesses) this.openNew('witness', this.witnesses, index, address);
  }

  /** Resolves once every stream is up, or `limitMs` later: operations begun before that would be needlessly slow. */
  async allUp(limitMs: number): Promise<void> {
    const isUp = (stream: NodeStream): boolean => stream.isUp;
    const isDone = (): boolean => [...this.replicas.values(), ...this.witnesses.values()].every(isUp);
    await this.ups.until(isDone, limitMs, undefined);
  }

  sendSession(to: number[], frame: SessionRequest): void {
    const bytes = encodeSessionRequest(frame);
    for (const index of to) this.replicas.get(index)?.send(bytes);
  }

  sendRecord(to: number[], frame: RecordRequest): void {
    const bytes = encodeRecordRequest(frame);
    for (const index of to) this.witnesses.get(index)?.send(bytes);
  }

  /** Only the leader and the bound replica are waited for; any other slow node is left behind and told later. */
  isCongested(): boolean {
    if (this.replicas.get(this.config.leader)?.isCongested) return true;
    const bound = this.bound.index;
    return bound !== null && this.replicas.get(bound)?.isCongested === true;
  }

  close(): void {
    this.bound.close();
    for (const stream of this.replicas.values()) stream.close();
    for (const stream of this.witnesses.values()) stream.close();
  }

  private closeFormer(
    role: NodeRole,
    streams: Map<number, NodeStream>,
    members: readonly { index: number; address: string }[],
  ): void {
    for (const [index, stream] of streams) {
      if (members.some((member) => member.index === index && member.address === stream.address)) continue;
      const wasUp = stream.isUp;
      stream.close();
      streams.delete(index);
      if (wasUp) this.onDown(role, index);
      if (role === 'replica') this.bound.forget(index);
    }
  }

  private openNew(role: NodeRole, streams: Map<number, NodeStream>, index: number, address: string): void {
    if (streams.has(index)) return;
    const stream = new NodeStream({
      address,
      path: role === 'replica' ? streamMethods.session.path : streamMethods.record.path,
      createMetadata: () => this.createMetadata(role),
      counters: this.counters,
      events: {
        onUp: () => this.onUp(role, index),
        onDown: () => this.onDown(role, index),
        onFrame: (bytes) => (role === 'replica' ? this.onSessionFrame(index, bytes) : this.onRecordFrame(bytes)),
        onDrain: this.options.onResume,
      },
    });
    streams.set(index, stream);
  }

  private createMetadata(role: NodeRole): Metadata {
    const metadata = new Metadata();
    metadata.set('curpho-client', String(this.options.clientId));
    metadata.set('curpho-connection', String(++this.lastConnection));
    if (role === 'replica' && this.options.ackTransport === 'stream') metadata.set('curpho-acks', 'stream');
    return metadata;
  }

  private onUp(role: NodeRole, index: number): void {
    if (role === 'witness') {
      this.options.onInput({ kind: 'witnessUp', witness: index });
    } else {
      this.options.onInput({ kind: 'replicaUp', replica: index });
      this.bound.onUp(index);
    }
    this.ups.wake();
  }

  private onDown(role: NodeRole, index: number): void {
    if (role === 'witness') {
      this.options.onInput({ kind: 'witnessDown', witness: index });
    } else {
      this.options.onInput({ kind: 'replicaDown', replica: index });
      this.bound.onDown(index);
    }
  }

  private onSessionFrame(index: number, bytes: Buffer): void {
    this.options.onArrival();
    const frame = decodeSessionResponse(bytes);
    if (frame.pong !== 0) this.bound.onPong(index, frame.pong);
    this.options.onInput({ kind: 'session', frame });
  }

  private onRecordFrame(bytes: Buffer): void {
    this.options.onArrival();
    this.options.onInput({ kind: 'record', frame: decodeRecordResponse(bytes) });
  }

  private sendPing(replica: number, ping: number): void {
    this.sendSession([replica], {
      clusterId: this.config.clusterId,
      epoch: this.config.epoch,
      clientId: this.options.clientId,
      writes: [],
      strongReads: [],
      confirmedReads: [],
      weakReads: [],
      ackQueries: [],
      ping,
      trace: undefined,
      upkeep: undefined,
    });
  }
}
