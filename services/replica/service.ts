// A replica on the network: frames in become inputs of its core, outputs of the core become frames out. Decodes,
// encodes and routes; every decision is the core's.

import { type ServerUnaryCall, type sendUnaryData, status } from '@grpc/grpc-js';
import { NodeStamps } from '../../attribution/node-stamps.js';
import {
  decodeCollectResponse,
  decodeReplicateRequest,
  decodeReplicateResponse,
  decodeSessionRequest,
  encodeCollectRequest,
  encodeReplicateRequest,
  encodeReplicateResponse,
  encodeSessionResponse,
  replicaServiceDefinition,
} from '../../proto/codec.js';
import { checkAdmission, checkWrites } from '../../proto/frame-checks.js';
import { statusOf } from '../../proto/status.js';
import { type ReplicaInput, type ReplicaOutput, unreachable } from '../../protocol/core.js';
import { createSessionResponse } from '../../protocol/frames.js';
import type {
  AckBatch,
  AdmitRequest,
  AdmitResponse,
  ClusterConfig,
  FenceRequest,
  FenceResponse,
  LeadRequest,
  LeadResponse,
  ReplicateRequest,
  SessionRequest,
} from '../../protocol/messages.js';
import type { ReplicaBatch } from '../../protocol/replica/persistence.js';
import { ReplicaCore } from '../../protocol/replica/replica-core.js';
import type { Tracing } from '../../tracing/setup.js';
import { wallUs } from '../../tracing/wall-clock.js';
import { AckBus } from '../host/bus.js';
import { HeldCalls } from '../host/calls.js';
import { CoreLoop } from '../host/loop.js';
import type { NodeState } from '../host/membership.js';
import { NodeShell } from '../host/node-shell.js';
import type { OpenService } from '../host/program.js';
import type { Persister } from '../host/store/persister.js';
import { assertClient, assertCluster } from '../host/stream-rules.js';
import { ClientStreams, type FrameCall, PeerStreams, refuseCall } from '../host/streams.js';
import { ClientOutbox } from './client-outbox.js';
import { KeptReplica, REPLICA_FORMAT } from './kept-state.js';
import { LeaderLinks } from './leader-links.js';
import type { ReplicaConfig } from './settings.js';
import { TracedFrames } from './traced-frames.js';

const NO_STATE: NodeState = { lostEpoch: 0, stalledUs: 0, stateSlot: 0, stateHash: 0 };
const NOT_REGISTERED = { code: status.UNAVAILABLE, details: 'the replica has not joined its cluster yet' };

/**
 * Opens a replica: binds, registers, follows the cluster's configurations.
 * @throws ConfigError if its settings or its name make that impossible.
 */
export async function openReplica(
  config: ReplicaConfig,
  options: { onBroken?: (error: unknown) => void } = {},
): Promise<ReplicaService> {
  const shell = new NodeShell({
    role: 'replica',
    service: 'curpho.v1.Replica',
    format: REPLICA_FORMAT,
    config,
    ...options,
  });
  let service: ReplicaService | null = null;
  const whenOpen = (call: FrameCall, accept: (open: ReplicaService) => void): void => {
    if (service === null) refuseCall(call, NOT_REGISTERED);
    else accept(service);
  };
  shell.server.addService(replicaServiceDefinition, {
    session: (call: FrameCall) => whenOpen(call, (open) => open.clients.accept(call)),
    replicate: (call: FrameCall) => whenOpen(call, (open) => open.leaders.accept(call)),
    fence: (call: ServerUnaryCall<FenceRequest, FenceResponse>, callback: sendUnaryData<FenceResponse>) =>
      service === null ? callback(NOT_REGISTERED) : service.onFence(call, callback),
    lead: (call: ServerUnaryCall<LeadRequest, LeadResponse>, callback: sendUnaryData<LeadResponse>) =>
      service === null ? callback(NOT_REGISTERED) : service.onLead(call, callback),
    admit: (call: ServerUnaryCall<AdmitRequest, AdmitResponse>, callback: sendUnaryData<AdmitResponse>) =>
      service === null ? callback(NOT_REGISTERED) : service.onAdmit(call, callback),
  });
  await shell.open();
  const clusterId = await shell.register({
    epoch: () => service?.epoch ?? 0,
    state: () => service?.state ?? NO_STATE,
    onConfig: (next) => service?.onConfig(next),
  });
  service = new ReplicaService(shell, config, clusterId, await shell.openTracing(clusterId));
  shell.follow();
  return service;
}

/** One replica on the network. Made by `openReplica`. */
export class ReplicaService implements OpenService {
  readonly role = 'replica';
  readonly clients: ClientStreams;
  /** Streams that leaders opened to this replica. */
  readonly leaders: PeerStreams;
  private readonly core: ReplicaCore;
  private readonly loop: CoreLoop<ReplicaInput, ReplicaOutput>;
  private readonly links: LeaderLinks;
  private readonly outbox: ClientOutbox;
  private readonly stamps = new NodeStamps();
  /** Null where nothing is traced. */
  private readonly traced: TracedFrames | null;
  private readonly fences: HeldCalls<FenceResponse>;
  private readonly leads: HeldCalls<LeadResponse>;
  private readonly admissions: HeldCalls<AdmitResponse>;
  /** Null in durability `memory`. */
  private readonly persister: Persister<ReplicaBatch, ReplicaOutput> | null;
  private index = 0;
  private natsUrl = '';
  private lastCall = 0;

  constructor(
    private readonly shell: NodeShell,
    private readonly config: ReplicaConfig,
    readonly clusterId: string,
    tracing: Tracing | null,
  ) {
    const { log, nodeId, incarnation } = shell;
    const limits = { queueFrames: config.streamQueueFrames, queueBytes: config.streamQueueBytes };
    const { shards, descriptorLimit, batchDelayUs, durability } = config;
    const kept = shell.store && new KeptReplica(shell.store);
    const image = kept?.readImage();
    const sessionLeaseUs = config.sessionLease * 1000;
    this.core = new ReplicaCore({
      ...{ clusterId, id: nodeId, incarnation, shards, descriptorLimit, durability, image, sessionLeaseUs },
    });
    this.loop = new CoreLoop<ReplicaInput, ReplicaOutput>(this.core, {
      perform: (output) => this.perform(output),
      wantsTurn: () => this.core.wantsTurn,
      onTurn: () => this.onTurn(),
      onBroken: shell.onBroken,
      batchDelayUs,
    });
    this.persister = shell.startPersister(this.loop, (batch, changes) => kept?.write(batch, changes));
    shell.store?.onRefused(() => this.loop.push({ kind: 'persistRefused' }));
    this.clients = new ClientStreams({
      limits,
      log,
      onFrame: (client, frame) => this.onSession(client, frame),
      onGone: (client) => this.onClientGone(client),
    });
    this.leaders = new PeerStreams({ limits, log, onFrame: (frame) => this.onReplicate(frame) });
    this.links = new LeaderLinks(
      { id: nodeId, incarnation },
      {
        limits,
        log,
        onReplicaUp: (replica) => this.loop.push({ kind: 'peerUp', replica }),
        onLearnerUp: (learner) => this.loop.push({ kind: 'learnerUp', incarnation: learner }),
        onReplicated: (frame) => this.loop.push({ kind: 'replicated', frame: decodeReplicateResponse(frame) }),
        onCollected: (frame) => this.loop.push({ kind: 'collected', frame: decodeCollectResponse(frame) }),
      },
    );
    this.outbox = new ClientOutbox(this.clients);
    this.traced = tracing === null ? null : new TracedFrames(tracing.tracer, this.core);
    const nextCall = (): number => ++this.lastCall;
    this.fences = new HeldCalls(nextCall);
    this.leads = new HeldCalls(nextCall);
    this.admissions = new HeldCalls(nextCall);
    this.useNats(config.natsUrl);
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

  /** Life of this replica: one that lost its log is another. */
  get incarnation(): number {
    return this.shell.incarnation;
  }

  /** The replica's epoch. */
  get epoch(): number {
    return this.core.epoch;
  }

  /** What heartbeats say of its state. */
  get state(): NodeState {
    const { lostEpoch, stalledUs, stateHash } = this.core;
    return { lostEpoch, stalledUs, stateSlot: stateHash.slot, stateHash: stateHash.hash };
  }

  /** Counters and sizes of the replica and of everything around it. */
  stats(): Record<string, number> {
    const { clients, leaders, outbox, loop, core, links } = this;
    return {
      ...core.stats(),
      ...loop.stats(),
      ...clients.stats,
      ...outbox.stats,
      ...links.stats(),
      ...this.shell.store?.stats(),
      clients: clients.size,
      clientQueuedFrames: clients.queuedFrames,
      leaderFramesIn: leaders.stats.framesIn,
      leaderFramesOut: leaders.stats.framesOut,
      isSaturated: core.isSaturated ? 1 : 0,
    };
  }

  /** The coordinator says how the cluster is now. */
  onConfig(config: ClusterConfig): void {
    const member = config.replicas.find(({ id }) => id === this.nodeId);
    if (member !== undefined) this.index = member.index;
    if (this.config.natsUrl === '') this.useNats(config.natsUrl);
    this.loop.push({ kind: 'config', config });
    this.links.follow(config);
  }

  onFence(call: ServerUnaryCall<FenceRequest, FenceResponse>, callback: sendUnaryData<FenceResponse>): void {
    this.fences.hold(call, callback, (request, number) => {
      assertCluster(request.clusterId, this.clusterId);
      this.loop.push({ kind: 'fence', call: number, request });
    });
  }

  onLead(call: ServerUnaryCall<LeadRequest, LeadResponse>, callback: sendUnaryData<LeadResponse>): void {
    this.leads.hold(call, callback, (request, number) => {
      assertCluster(request.config?.clusterId ?? '', this.clusterId);
      checkWrites(request.replay, 'LeadRequest.replay');
      this.loop.push({ kind: 'lead', call: number, request });
      // Followers are dialled now: the coordinator publishes the configuration only once the epoch is open.
      if (request.config !== undefined) this.links.follow(request.config);
    });
  }

  onAdmit(call: ServerUnaryCall<AdmitRequest, AdmitResponse>, callback: sendUnaryData<AdmitResponse>): void {
    this.admissions.hold(call, callback, (request, number) => {
      assertCluster(request.clusterId, this.clusterId);
      checkAdmission(request);
      if (request.member !== undefined && this.core.isLeader) this.links.admit(request.member);
      this.loop.push({ kind: 'admit', call: number, request });
    });
  }

  /** Ends streams and calls, leaves the cluster, closes the server; takes a few seconds at most. */
  async close(): Promise<void> {
    this.shell.leave();
    await this.shell.settle();
    this.loop.close();
    this.traced?.close();
    this.links.close();
    const reason = statusOf('draining');
    this.clients.endAll(reason);
    this.leaders.endAll(reason);
    this.fences.refuseAll();
    this.leads.refuseAll();
    this.admissions.refuseAll();
    await Promise.all([this.shell.close(), this.outbox.bus?.close()]);
  }

  /** Clients are not to be read: what they sent already is more than goes on. */
  private get isSaturated(): boolean {
    return this.core.isSaturated || this.shell.isStoreBehind;
  }

  private onSession(client: number, bytes: Buffer): void {
    const receivedUs = this.traced === null ? 0 : wallUs();
    this.stamps.onArrival();
    const frame = decodeSessionRequest(bytes);
    assertCluster(frame.clusterId, this.clusterId);
    assertClient(frame.clientId, client);
    if (frame.ping > 0) {
      this.sendPong(client, frame.ping);
      if (isOnlyPing(frame)) return;
    }
    this.traced?.onSession(frame, client, receivedUs);
    this.stamps.onDecoded(frame.trace);
    this.loop.push({ kind: 'session', frame });
    this.stamps.onStepped(client, frame.trace);
    this.traced?.onSessionStepped(frame, this.index);
    if (this.isSaturated) this.clients.setHolding(true);
  }

  private onReplicate(bytes: Buffer): void {
    const receivedUs = this.traced === null ? 0 : wallUs();
    const frame = decodeReplicateRequest(bytes);
    assertCluster(frame.clusterId, this.clusterId);
    this.traced?.onReplicate(frame, receivedUs);
    this.loop.push({ kind: 'replicate', frame });
    this.traced?.onReplicateStepped();
  }

  private onClientGone(client: number): void {
    this.outbox.forget(client);
    this.stamps.forget(client);
    this.traced?.onClientGone(client);
    this.loop.push({ kind: 'clientGone', client });
  }

  /** Answers a distance measurement past the core, so that it measures the network and this loop alone. */
  private sendPong(client: number, ping: number): void {
    const frame = createSessionResponse(this.clusterId, this.core.epoch, this.index);
    frame.pong = ping;
    this.clients.send(client, encodeSessionResponse(frame));
  }

  private perform(output: ReplicaOutput): void {
    switch (output.kind) {
      case 'session':
        this.traced?.traceAnswers(output.client, output.frame);
        output.frame.trace = this.stamps.stamp(output.client, 'stream', output.frame.trace);
        this.outbox.sendSession(output.client, output.frame);
        return this.traced?.onSent();
      case 'acks':
        return this.sendAcks(output.client, output.batch);
      case 'replicate':
        this.traced?.traceReplicate(output.frame);
        return this.sendReplicate(output.to, output.frame);
      case 'replicated':
        this.leaders.reply(encodeReplicateResponse(output.frame));
        return this.traced?.onReplicated();
      case 'collect':
        return this.links.sendCollect(output.to, encodeCollectRequest(output.frame));
      case 'fenced':
        return this.fences.answer(output.call, output.response);
      case 'led':
        return this.leads.answer(output.call, output.response);
      case 'admitted':
        return this.admissions.answer(output.call, output.response);
      case 'persist':
        return this.persister?.persist(output);
      default:
        return unreachable(output);
    }
  }

  private sendReplicate(to: readonly number[], frame: ReplicateRequest): void {
    const bytes = encodeReplicateRequest(frame);
    if (frame.learner === 0) this.links.sendReplicate(to, bytes);
    else this.links.sendLearner(frame.learner, bytes);
  }

  private sendAcks(client: number, batch: AckBatch): void {
    this.traced?.traceAcks(batch);
    batch.trace = this.stamps.stamp(client, 'bus', batch.trace);
    const overNats = this.outbox.sendAcks(client, batch);
    this.traced?.onAcksSent(overNats);
  }

  private onTurn(): void {
    this.outbox.flush();
    this.stamps.onTurn();
    this.traced?.onTurn();
    this.clients.setHolding(this.isSaturated);
    this.shell.setServing(this.core.isOpen);
    this.shell.setEpoch(this.core.epoch);
  }

  private useNats(url: string): void {
    if (this.config.ackTransport === 'stream' || url === '' || url === this.natsUrl) return;
    this.natsUrl = url;
    const { clusterId, nodeId, log } = this;
    this.outbox.bus?.close().catch((error: unknown) => log.warn({ error: String(error) }, 'closing NATS failed'));
    this.outbox.bus = new AckBus({ url, clusterId, name: nodeId, log });
  }
}

function isOnlyPing(frame: SessionRequest): boolean {
  if (frame.upkeep !== undefined) return false;
  const { writes, strongReads, confirmedReads, weakReads, ackQueries } = frame;
  return writes.length + strongReads.length + confirmedReads.length + weakReads.length + ackQueries.length === 0;
}
