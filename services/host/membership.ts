// The node's side of the coordinator: makes itself known, says that it is alive, listens for configurations. Tries the
// coordinators in turn and for ever; a node serves on while none can be reached (D9). Does not judge configurations.

import { type ClientReadableStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  CoordinatorClient,
  type HeartbeatRequest,
  type HeartbeatResponse,
  NodeRole,
  type RegisterResponse,
  type WatchResponse,
} from '../../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { Backoff } from './backoff.js';
import { ConfigError } from './config.js';
import type { Log } from './log.js';
import { peerChannelOptions } from './server.js';
import type { Standing } from './store/kept-standing.js';

/** What a replica says of its state, besides its epoch. */
export type NodeState = Pick<HeartbeatRequest, 'lostEpoch' | 'stalledUs' | 'stateSlot' | 'stateHash'>;

/** Who the node is and what it wants to hear. */
export interface MembershipOptions {
  /** Addresses of the coordinators, at least one. */
  coordinators: readonly string[];
  role: 'replica' | 'witness';
  nodeId: string;
  /** Where others reach the node. */
  address: string;
  /** Random number of this process's life. */
  incarnation: number;
  /** Refuse any other cluster; empty to take what the coordinator says. */
  clusterId: string;
  /** The node's epoch now. */
  epoch: () => number;
  /** A configuration of the cluster, each time one is heard of; the same one may come again. */
  onConfig: (config: ClusterConfig) => void;
  /** What a former process of this life was told; nothing by default. */
  standing?: Standing | undefined;
  /** Keeps what this life was told, then calls `onKept`, in order. Default: at once, as what is kept nowhere is. */
  keepStanding?: ((standing: Standing, onKept: () => void) => void) | undefined;
  /** How the node's state is now; a node without one says nothing. */
  state?: (() => NodeState) | undefined;
  /** A coordinator found that the node's state is wrong: it has to end. A node without a state is never told. */
  onStop?: ((reason: string) => void) | undefined;
  log: Log;
  /** How long to ask for a name that a live node has; default 5,000. */
  namePatienceMs?: number;
}

/** What a node says of its state that has none. */
const NO_STATE: NodeState = { lostEpoch: 0, stalledUs: 0, stateSlot: 0, stateHash: 0 };
// Well below the time after which coordinators take a silent node for lost: when one of them is halted, another one has
// heard the node before that.
const CALL_MS = 700;
const FIRST_PAUSE_MS = 25;
const LAST_PAUSE_MS = 1000;
const SHORTEST_HEARTBEAT_MS = 10;
// After a crash the coordinator takes the former life of this node for alive until its silence is noticed, so a name that
// is taken is asked for again for longer than that.
const NAME_PATIENCE_MS = 5000;

/** A node's standing with the coordinators. */
export class Membership {
  private readonly clients: CoordinatorClient[];
  private readonly role: NodeRole;
  private readonly watchBackoff = new Backoff(FIRST_PAUSE_MS, LAST_PAUSE_MS);
  private clusterId: string;
  private current = 0;
  private heartbeatMs = 100;
  private watching: ClientReadableStream<WatchResponse> | null = null;
  private heartbeatTimer: NodeJS.Timeout | null = null;
  private watchTimer: NodeJS.Timeout | null = null;
  private isBeating = false;
  private isClosed = false;
  /** What this process knows. */
  private told: Standing;
  /** Of the same, what its next process would know too: only that is said, for whoever hears it counts on it (D9, F8). */
  private kept: Standing;
  /** The last configuration named this life at another address. */
  private isMisplaced = false;
  /** What the coordinator answered last. */
  private answered = { epoch: 0, version: 0 };

  constructor(private readonly options: MembershipOptions) {
    this.clusterId = options.clusterId;
    this.told = options.standing ?? { sessionFloor: 0, lastOpen: undefined };
    this.kept = this.told;
    this.role = options.role === 'replica' ? NodeRole.REPLICA : NodeRole.WITNESS;
    this.clients = options.coordinators.map(
      (address) => new CoordinatorClient(address, credentials.createInsecure(), peerChannelOptions),
    );
  }

  /**
   * Makes the node known; tries until a coordinator answers.
   * @returns the cluster's id.
   * @throws ConfigError if the coordinator refuses for a reason that trying again cannot mend: the name stays taken by
   * a live node, or the cluster is another one.
   */
  async register(): Promise<string> {
    const backoff = new Backoff(FIRST_PAUSE_MS, LAST_PAUSE_MS);
    const nameUntilMs = performance.now() + (this.options.namePatienceMs ?? NAME_PATIENCE_MS);
    for (;;) {
      const asked = this.current;
      try {
        const response = await this.callRegister();
        if (this.clusterId !== '' && response.clusterId !== this.clusterId) {
          throw new ConfigError(`cluster-id: the coordinator serves ${response.clusterId}, not ${this.clusterId}`);
        }
        this.clusterId = response.clusterId;
        this.noteFloor(response.sessionFloor);
        this.heartbeatMs = Math.max(SHORTEST_HEARTBEAT_MS, Math.floor(response.heartbeatUs / 1000));
        return response.clusterId;
      } catch (error) {
        const failure = describeFinal(error, this.options);
        const isNameTaken = isServiceError(error) && error.code === status.ALREADY_EXISTS;
        if (failure !== null && !(isNameTaken && performance.now() < nameUntilMs)) throw failure;
        if (!isNameTaken) this.leave(asked);
        const pauseMs = backoff.take();
        this.options.log.warn(
          { error: describeError(error), pauseMs },
          'the coordinator did not take the registration',
        );
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    }
  }

  /** Starts heartbeats and the watch. Call after `register`. */
  start(): void {
    this.heartbeatTimer = setInterval(this.beat, this.heartbeatMs);
    this.beat();
    this.watch();
  }

  /** Stops everything; no callback comes after this. */
  close(): void {
    this.isClosed = true;
    if (this.heartbeatTimer !== null) clearInterval(this.heartbeatTimer);
    if (this.watchTimer !== null) clearTimeout(this.watchTimer);
    this.watching?.cancel();
    this.watching = null;
    for (const client of this.clients) client.close();
  }

  private get client(): CoordinatorClient {
    return this.clients[this.current] as CoordinatorClient;
  }

  /** Turns away from the coordinator that failed, unless that was done before. */
  private leave(failed: number): void {
    if (this.current === failed) this.current = (failed + 1) % this.clients.length;
  }

  private callRegister(): Promise<RegisterResponse> {
    const { nodeId, address, incarnation } = this.options;
    const node = { clusterId: this.clusterId, role: this.role, nodeId, address, incarnation };
    const request = { ...node, epoch: this.options.epoch(), sessionFloor: this.kept.sessionFloor, ...this.open };
    return new Promise((resolve, reject) => {
      this.client.register(request, new Metadata(), callOptions(), (error, response) => {
        if (error === null) resolve(response);
        else reject(error);
      });
    });
  }

  private readonly beat = (): void => {
    // One at a time: a coordinator that is slow must not be asked more often for it.
    if (this.isBeating || this.isClosed) return;
    if (this.isMisplaced) return this.registerAgain();
    this.isBeating = true;
    const { nodeId, incarnation, epoch, state } = this.options;
    const life = { clusterId: this.clusterId, nodeId, role: this.role, incarnation };
    const { answered } = this;
    const { lastOpen, sessionFloor } = this.kept;
    // D9: the record may have been put back to an older snapshot; then nodes are the only ones who know.
    const isAhead =
      lastOpen !== undefined &&
      (lastOpen.epoch > answered.epoch || (lastOpen.epoch === answered.epoch && lastOpen.version > answered.version));
    const known = { sessionFloor, config: isAhead ? lastOpen : undefined, ...this.open };
    const request = { ...life, epoch: epoch(), ...(state?.() ?? NO_STATE), ...known };
    const asked = this.current;
    this.client.heartbeat(request, new Metadata(), callOptions(), (error, response) => {
      this.onBeat(asked, error, response);
    });
  };

  private onBeat(asked: number, error: ServiceError | null, response?: HeartbeatResponse): void {
    this.isBeating = false;
    if (this.isClosed) return;
    if (error === null) {
      if (response !== undefined) this.onAnswer(response);
      return;
    }
    if (error.code === status.NOT_FOUND) {
      // The coordinator started anew and has not heard of this node.
      return this.registerAgain();
    }
    this.options.log.debug({ error: error.message }, 'a heartbeat was lost');
    this.leave(asked);
    if (error.code !== status.DEADLINE_EXCEEDED || this.current === asked) return;
    // Halted rather than gone: its stream does not break by itself, and time has been lost already.
    this.watching?.cancel();
    this.beat();
  }

  /** Instead of a heartbeat; the next one comes at once, or after its pause if the node was not taken. */
  private registerAgain(): void {
    this.isBeating = true;
    const asked = this.current;
    this.callRegister().then(
      ({ sessionFloor }) => {
        this.isBeating = false;
        this.isMisplaced = false;
        this.noteFloor(sessionFloor);
        this.beat();
      },
      (failure: unknown) => {
        this.isBeating = false;
        this.leave(asked);
        this.options.log.warn({ error: describeError(failure) }, 'the coordinator did not take the node back');
      },
    );
  }

  private get open(): { openEpoch: number; openVersion: number } {
    const { lastOpen } = this.kept;
    return { openEpoch: lastOpen?.epoch ?? 0, openVersion: lastOpen?.version ?? 0 };
  }

  private onAnswer({ epoch, version, sessionFloor, stop }: HeartbeatResponse): void {
    this.answered = { epoch, version };
    if (stop !== '') return this.options.onStop?.(stop);
    this.noteFloor(sessionFloor);
  }

  private noteFloor(sessionFloor: number): void {
    if (sessionFloor > this.told.sessionFloor) this.keep({ ...this.told, sessionFloor });
  }

  private keep(told: Standing): void {
    this.told = told;
    const onKept = (): void => {
      this.kept = told;
      // Somebody may wait for ids until a majority of the replicas said that it knows them to be taken (F8).
      if (this.heartbeatTimer !== null) this.beat();
    };
    if (this.options.keepStanding === undefined) onKept();
    else this.options.keepStanding(told, onKept);
  }

  private onConfig(config: ClusterConfig): void {
    const { epoch = 0, version = 0 } = this.told.lastOpen ?? {};
    const isLater = config.epoch > epoch || (config.epoch === epoch && config.version > version);
    if (config.status === EpochStatus.open && isLater) this.keep({ ...this.told, lastOpen: config });
    this.isMisplaced = this.isNamedElsewhere(config);
    this.options.onConfig(config);
    // What else was written with it, and who listens, is learnt at once rather than at the next heartbeat.
    this.beat();
  }

  /** Whether others look for this life where it is not: it was told to one coordinator, and another one knew better. */
  private isNamedElsewhere({ replicas, witnesses }: ClusterConfig): boolean {
    const { address, incarnation } = this.options;
    const members = this.role === NodeRole.REPLICA ? replicas : witnesses;
    return members.some((member) => member.incarnation === incarnation && member.address !== address);
  }

  private watch(): void {
    const { nodeId, incarnation } = this.options;
    const asked = this.current;
    const stream = this.client.watch({ clusterId: this.clusterId, role: this.role, nodeId, incarnation });
    this.watching = stream;
    stream.on('data', (response: WatchResponse) => {
      this.watchBackoff.reset();
      if (this.isClosed || response.config === undefined) return;
      if (response.config.clusterId !== this.clusterId) {
        this.options.log.warn({ stranger: response.config.clusterId }, 'ignored the configuration of another cluster');
        return;
      }
      this.onConfig(response.config);
    });
    const onOver = (reason: string): void => {
      if (this.watching !== stream || this.isClosed) return;
      this.watching = null;
      this.options.log.debug({ reason }, 'the watch broke');
      this.leave(asked);
      this.watchTimer = setTimeout(() => this.watch(), this.watchBackoff.take());
    };
    stream.on('error', (error) => onOver(error.message));
    stream.on('end', () => onOver('ended'));
  }
}

function callOptions(): { deadline: number } {
  return { deadline: Date.now() + CALL_MS };
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}

function describeError(error: unknown): string {
  return isServiceError(error) ? error.details : String(error);
}

function describeFinal(error: unknown, options: MembershipOptions): ConfigError | null {
  if (error instanceof ConfigError) return error;
  if (!isServiceError(error)) return null;
  switch (error.code) {
    case status.ALREADY_EXISTS:
      return new ConfigError(`node-id: a live ${options.role} is already called ${options.nodeId}: ${error.details}`);
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
      return new ConfigError(`the coordinator refused this node: ${error.details}`);
    default:
      return null;
  }
}
