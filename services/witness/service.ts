// A witness on the network: frames in become inputs of its core, outputs of the core become frames out. Decodes,
// encodes and routes; every decision is the core's.

import {
  type ServerUnaryCall,
  type ServerWritableStream,
  type status as StatusCode,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { NodeStamps } from '../../attribution/node-stamps.js';
import {
  decodeCollectRequest,
  decodeRecordRequest,
  encodeCollectResponse,
  encodeRecordResponse,
  witnessServiceDefinition,
} from '../../proto/codec.js';
import { parseRefusalCode, statusOf } from '../../proto/status.js';
import { unreachable, type WitnessInput, type WitnessOutput } from '../../protocol/core.js';
import type {
  ClusterConfig,
  EndRequest,
  EndResponse,
  GetRecoveryDataRequest,
  GetRecoveryDataResponse,
  SealRequest,
  SealResponse,
  StartRequest,
  StartResponse,
} from '../../protocol/messages.js';
import type { WitnessBatch } from '../../protocol/witness/persistence.js';
import { WitnessCore } from '../../protocol/witness/witness-core.js';
import type { Tracing } from '../../tracing/setup.js';
import { wallUs } from '../../tracing/wall-clock.js';
import { type CallAnswer, HeldCalls } from '../host/calls.js';
import { CoreLoop } from '../host/loop.js';
import { NodeShell } from '../host/node-shell.js';
import type { OpenService } from '../host/program.js';
import type { Persister } from '../host/store/persister.js';
import { assertClient, assertCluster } from '../host/stream-rules.js';
import { ClientStreams, type FrameCall, PeerStreams, refuseCall } from '../host/streams.js';
import { KeptWitness, WITNESS_FORMAT } from './kept-state.js';
import { sendRecoveryData } from './recovery-chunks.js';
import type { WitnessConfig } from './settings.js';
import { TracedFrames } from './traced-frames.js';

type RecoveryCall = ServerWritableStream<GetRecoveryDataRequest, GetRecoveryDataResponse>;

const NOT_REGISTERED = { code: status.UNAVAILABLE, details: 'the witness has not joined its cluster yet' };

/**
 * Opens a witness: binds, registers, waits to be started by a coordinator.
 * @throws ConfigError if its settings or its name make that impossible.
 */
export async function openWitness(
  config: WitnessConfig,
  options: { onBroken?: (error: unknown) => void } = {},
): Promise<WitnessService> {
  const shell = new NodeShell({
    role: 'witness',
    service: 'curpho.v1.Witness',
    format: WITNESS_FORMAT,
    config,
    ...options,
  });
  let service: WitnessService | null = null;
  const stream = (accept: (open: WitnessService, call: FrameCall) => void) => (call: FrameCall) =>
    service === null ? refuseCall(call, NOT_REGISTERED) : accept(service, call);
  const unary =
    <Q, A>(accept: (open: WitnessService, call: ServerUnaryCall<Q, A>, callback: CallAnswer<A>) => void) =>
    (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>) =>
      service === null ? callback(NOT_REGISTERED) : accept(service, call, callback);
  shell.server.addService(witnessServiceDefinition, {
    record: stream((open, call) => open.clients.accept(call)),
    collect: stream((open, call) => open.leaders.accept(call)),
    seal: unary<SealRequest, SealResponse>((open, call, callback) => open.onSeal(call, callback)),
    start: unary<StartRequest, StartResponse>((open, call, callback) => open.onStart(call, callback)),
    end: unary<EndRequest, EndResponse>((open, call, callback) => open.onEnd(call, callback)),
    getRecoveryData: (call: RecoveryCall) =>
      service === null ? failCall(call, NOT_REGISTERED) : service.onGetRecoveryData(call),
  });
  await shell.open();
  const clusterId = await shell.register({ epoch: () => service?.epoch ?? 0, onConfig: ignoreConfig });
  service = new WitnessService(shell, config, clusterId, await shell.openTracing(clusterId));
  shell.follow();
  return service;
}

/** A witness lives by what the coordinator tells it in calls; a configuration alone never starts or ends a life. */
function ignoreConfig(_config: ClusterConfig): void {}

function failCall(call: RecoveryCall, reason: { code: StatusCode; details: string }): void {
  call.emit('error', Object.assign(new Error(reason.details), reason));
}

/** One witness on the network. Made by `openWitness`. */
export class WitnessService implements OpenService {
  readonly role = 'witness';
  readonly clients: ClientStreams;
  /** Streams that leaders opened to this witness. */
  readonly leaders: PeerStreams;
  private readonly core: WitnessCore;
  private readonly loop: CoreLoop<WitnessInput, WitnessOutput>;
  private readonly stamps = new NodeStamps();
  /** Null where nothing is traced. */
  private readonly traced: TracedFrames | null;
  private readonly seals: HeldCalls<SealResponse>;
  private readonly recoveries: HeldCalls<GetRecoveryDataResponse>;
  private readonly starts: HeldCalls<StartResponse>;
  private readonly ends: HeldCalls<EndResponse>;
  /** Null in durability `memory`. */
  private readonly persister: Persister<WitnessBatch, WitnessOutput> | null;
  private lastCall = 0;

  constructor(
    private readonly shell: NodeShell,
    config: WitnessConfig,
    readonly clusterId: string,
    tracing: Tracing | null,
  ) {
    const { log, nodeId, incarnation } = shell;
    const limits = { queueFrames: config.streamQueueFrames, queueBytes: config.streamQueueBytes };
    const { shards, durability } = config;
    const kept = shell.store && new KeptWitness(shell.store);
    const image = kept?.readImage();
    const life = { incarnation, durability, ...(image !== undefined && { image }) };
    this.core = new WitnessCore({ clusterId, id: nodeId, shards, ...life });
    this.loop = new CoreLoop<WitnessInput, WitnessOutput>(this.core, {
      perform: (output) => this.perform(output),
      onTurn: () => this.onTurn(),
      onBroken: shell.onBroken,
      batchDelayUs: config.batchDelayUs,
    });
    this.persister = shell.startPersister(this.loop, (batch, changes) => kept?.write(batch, changes));
    this.clients = new ClientStreams({
      limits,
      log,
      onFrame: (client, frame) => this.onRecord(client, frame),
      onGone: (client) => this.onClientGone(client),
    });
    this.leaders = new PeerStreams({ limits, log, onFrame: (frame) => this.onCollect(frame) });
    this.traced = tracing === null ? null : new TracedFrames(tracing.tracer);
    const nextCall = (): number => ++this.lastCall;
    this.seals = new HeldCalls(nextCall);
    this.recoveries = new HeldCalls(nextCall);
    this.starts = new HeldCalls(nextCall);
    this.ends = new HeldCalls(nextCall);
    this.loop.start();
  }

  get nodeId(): string {
    return this.shell.nodeId;
  }

  get address(): string {
    return this.shell.address;
  }

  get log(): NodeShell['log'] {
    return this.shell.log;
  }

  /** Life of this witness (B6). */
  get incarnation(): number {
    return this.shell.incarnation;
  }

  /** The witness's epoch. */
  get epoch(): number {
    return this.core.epoch;
  }

  /** Counters and sizes of the witness and of everything around it. */
  stats(): Record<string, number> {
    const { clients, leaders, loop, core } = this;
    return {
      ...core.stats(),
      ...loop.stats(),
      ...clients.stats,
      ...this.shell.store?.stats(),
      clients: clients.size,
      clientQueuedFrames: clients.queuedFrames,
      leaderFramesIn: leaders.stats.framesIn,
      leaderFramesOut: leaders.stats.framesOut,
    };
  }

  onSeal(call: ServerUnaryCall<SealRequest, SealResponse>, callback: CallAnswer<SealResponse>): void {
    this.seals.hold(call, callback, (request, number) => {
      assertCluster(request.clusterId, this.clusterId);
      this.loop.push({ kind: 'seal', call: number, request });
    });
  }

  onGetRecoveryData(call: RecoveryCall): void {
    const answer: CallAnswer<GetRecoveryDataResponse> = (error, response) => {
      if (response !== undefined) sendRecoveryData(call, response);
      else failCall(call, { code: error?.code ?? status.UNKNOWN, details: error?.details ?? '' });
    };
    this.recoveries.hold(call, answer, (request, number) => {
      assertCluster(request.clusterId, this.clusterId);
      this.loop.push({ kind: 'recoveryData', call: number, request });
    });
  }

  onStart(call: ServerUnaryCall<StartRequest, StartResponse>, callback: CallAnswer<StartResponse>): void {
    this.starts.hold(call, callback, (request, number) => {
      assertCluster(request.config?.clusterId ?? '', this.clusterId);
      this.loop.push({ kind: 'start', call: number, request });
    });
  }

  onEnd(call: ServerUnaryCall<EndRequest, EndResponse>, callback: CallAnswer<EndResponse>): void {
    this.ends.hold(call, callback, (request, number) => {
      assertCluster(request.clusterId, this.clusterId);
      this.loop.push({ kind: 'end', call: number, request });
    });
  }

  /** Ends streams and calls, leaves the cluster, closes the server; takes a few seconds at most. */
  async close(): Promise<void> {
    this.shell.leave();
    await this.shell.settle();
    this.loop.close();
    this.traced?.close();
    const reason = statusOf('draining');
    this.clients.endAll(reason);
    this.leaders.endAll(reason);
    for (const calls of [this.seals, this.recoveries, this.starts, this.ends]) calls.refuseAll();
    await this.shell.close();
  }

  private onRecord(client: number, bytes: Buffer): void {
    const receivedUs = this.traced === null ? 0 : wallUs();
    this.stamps.onArrival();
    const frame = decodeRecordRequest(bytes);
    assertCluster(frame.clusterId, this.clusterId);
    assertClient(frame.clientId, client);
    this.traced?.onRecord(frame, client, receivedUs);
    this.stamps.onDecoded(frame.trace);
    this.loop.push({ kind: 'record', frame });
    this.stamps.onStepped(client, frame.trace);
    this.traced?.onRecordStepped(frame, this.core.epoch);
  }

  private onClientGone(client: number): void {
    this.stamps.forget(client);
    this.traced?.onClientGone(client);
    this.loop.push({ kind: 'clientGone', client });
  }

  private onCollect(bytes: Buffer): void {
    const frame = decodeCollectRequest(bytes);
    assertCluster(frame.clusterId, this.clusterId);
    this.loop.push({ kind: 'collect', frame });
  }

  private perform(output: WitnessOutput): void {
    switch (output.kind) {
      case 'record':
        this.traced?.traceAnswers(output.client, output.frame);
        output.frame.trace = this.stamps.stamp(output.client, 'stream', output.frame.trace);
        this.clients.send(output.client, encodeRecordResponse(output.frame));
        return this.traced?.onSent();
      case 'collected':
        return this.leaders.reply(encodeCollectResponse(output.frame));
      case 'sealed':
        return this.seals.answer(output.call, output.response);
      case 'recovered':
        return this.recoveries.answer(output.call, output.response);
      case 'started':
        return this.starts.answer(output.call, output.response);
      case 'ended':
        return this.ends.answer(output.call, output.response);
      case 'callRefused':
        return this.refuse(output.call, output.code, output.detail);
      case 'persist':
        return this.persister?.persist(output);
      default:
        return unreachable(output);
    }
  }

  private refuse(call: number, code: number, detail: string): void {
    const reason = statusOf(parseRefusalCode(code), detail);
    for (const calls of [this.seals, this.recoveries, this.starts, this.ends]) if (calls.refuse(call, reason)) return;
  }

  private onTurn(): void {
    this.stamps.onTurn();
    this.traced?.onTurn();
    // While the disk is full no answer can leave; those to reads would pile up without any bytes that wait for the disk.
    this.clients.setHolding(this.shell.isStoreBehind || this.shell.isStoreStuck);
    this.shell.setServing(this.core.isRecording);
    this.shell.setEpoch(this.core.epoch);
  }
}
