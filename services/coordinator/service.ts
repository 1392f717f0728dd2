// The coordinator as a process sees it: gRPC calls become inputs of the core, its outputs become answers, compare-and-sets
// and calls to nodes. Decides nothing.

import { randomBytes } from 'node:crypto';
import type { handleUnaryCall, Server, StatusObject } from '@grpc/grpc-js';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Diagnostics } from '../../diagnostics/diagnostics.js';
import { addDiagnosticsService } from '../../diagnostics/diagnostics-service.js';
import {
  CoordinatorService as CoordinatorDefinition,
  type CoordinatorServer,
} from '../../proto/gen/curpho/v1/coordinator.js';
import { statusOf } from '../../proto/status.js';
import { CoordinatorCore } from '../../protocol/coordinator/coordinator-core.js';
import type {
  CoordinatorInput,
  CoordinatorOutput,
  CoordinatorRecord,
  StoredRecord,
} from '../../protocol/coordinator/types.js';
import { unreachable } from '../../protocol/core.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { EpochStatus } from '../../protocol/messages.js';
import { ConfigError } from '../host/config.js';
import { closeServer } from '../host/drain.js';
import { Health } from '../host/health.js';
import { createLog, type Log, type LogIdentity } from '../host/log.js';
import { CoreLoop } from '../host/loop.js';
import type { OpenService } from '../host/program.js';
import { bindServer, createServer } from '../host/server.js';
import { OperationCounts, sumTraffic } from '../host/traffic.js';
import { coordinatorKinds, natsFigures } from './figures.js';
import { NodeCalls } from './node-calls.js';
import { RecordStore } from './record-store.js';
import { type CoordinatorConfig, fastQuorumOf } from './settings.js';
import { Sightings } from './sightings.js';
import { type WatchCall, Watchers } from './watchers.js';

type CallAnswer = Extract<CoordinatorOutput, { call: number }>;
/** What an answer is turned into; null if it is a refusal. */
type PickResponse<Response> = (answer: CallAnswer) => Response | null;

const HEARTBEAT_US = 500_000;
const LIVENESS_US = 2_000_000;
const RETRY_US = 250_000;
const CLOSE_MS = 500;
const BROKEN_EXIT_CODE = 70;

/** A running coordinator. */
export class CoordinatorService implements OpenService {
  readonly role = 'coordinator';
  readonly log: Log;
  readonly #config: CoordinatorConfig;
  readonly #identity: LogIdentity;
  readonly #connection: NatsConnection;
  readonly #store: RecordStore;
  readonly #sightings: Sightings;
  readonly #calls = new NodeCalls();
  readonly #server: Server = createServer();
  readonly #health: Health;
  readonly #diagnostics: Diagnostics;
  readonly #loop: CoreLoop<CoordinatorInput, CoordinatorOutput>;
  readonly #answers = new Map<number, (answer: CallAnswer) => void>();
  /** Calls whose last attempt failed; only the first failure in a row is worth a warning. */
  readonly #failing = new Set<string>();
  readonly #watchers = new Watchers((life) => this.#loop.push({ kind: 'nodeLost', ...life }));
  #address = '';
  #lastCall = 0;
  #isClosed = false;

  private constructor(
    config: CoordinatorConfig,
    place: { connection: NatsConnection; identity: LogIdentity; log: Log },
  ) {
    const { connection, identity, log } = place;
    this.#config = config;
    this.#connection = connection;
    this.#identity = identity;
    this.log = log;
    this.#store = new RecordStore({ connection, bucket: config.bucket, log });
    this.#sightings = new Sightings({ connection, bucket: config.bucket });
    this.#loop = new CoreLoop(createCore(config, identity.node), {
      perform: (output) => this.#perform(output),
      onBroken: this.#onBroken,
    });
    this.#health = new Health(this.#server, 'curpho.v1.Coordinator');
    this.#server.addService(CoordinatorDefinition, this.#createHandlers());
    this.#diagnostics = new Diagnostics(() => ({ role: this.role, nodeId: this.nodeId, epoch: identity.epoch }));
    this.#diagnostics.observe({
      stats: () => this.stats(),
      kinds: coordinatorKinds,
      // What it is asked and asks are calls; it has no streams of frames.
      traffic: () => sumTraffic([], new OperationCounts()),
      resetPeaks: () => this.#loop.resetPeaks(),
    });
    addDiagnosticsService(this.#server, this.#diagnostics);
  }

  /**
   * Connects to NATS, waiting for it as long as it takes, and serves.
   * @throws ConfigError if no cluster of the wanted shape can work or the address cannot be had.
   */
  static async open(config: CoordinatorConfig): Promise<CoordinatorService> {
    const identity = { role: 'coordinator', node: config.nodeId, epoch: 0 };
    const log = createLog(identity, config.logLevel);
    log.info({ natsUrl: config.natsUrl }, 'waiting for NATS');
    const connection = await connect({
      servers: config.natsUrl,
      name: 'curpho-coordinator',
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 250,
    });
    try {
      const service = new CoordinatorService(config, { connection, identity, log });
      await service.#start();
      return service;
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  /** Where nodes and clients reach it, host:port. */
  get address(): string {
    return this.#address;
  }

  /** Its name in logs. */
  get nodeId(): string {
    return this.#identity.node;
  }

  /** Counters and sizes of the coordinator and of everything around it. */
  stats(): Record<string, number> {
    const sizes = { watchers: this.#watchers.size, callsHeld: this.#answers.size, callsFailing: this.#failing.size };
    return { ...this.#loop.stats(), ...natsFigures(this.#connection), ...sizes };
  }

  async #start(): Promise<void> {
    const bound = await bindServer(this.#server, this.#config.listen);
    this.#address = this.#config.advertise || bound;
    this.#identity.node ||= `${this.role}@${this.#address}`;
    this.#sightings.subscribe(
      (sighting) => this.#loop.push({ kind: 'nodeSeen', ...sighting }),
      () => this.#loop.push({ kind: 'cutOff' }),
    );
    this.#loop.start();
    this.#store.watch((stored) => this.#onRead(stored)).catch(this.#onStoreFailed);
    void this.#followConnection();
  }

  /** Refuses new calls, ends watches, lets go of NATS. The record is always complete, so nothing else needs saving. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#health.setServing(false);
    this.#diagnostics.close();
    this.#loop.close();
    this.#sightings.close();
    this.#store.close();
    this.#watchers.close();
    this.#calls.close();
    await closeServer(this.#server, CLOSE_MS);
    await this.#connection.close();
  }

  #createHandlers(): CoordinatorServer {
    return {
      getConfig: this.#unary(
        (call, { clusterId }) => ({ kind: 'getConfig', call, clusterId }),
        (answer) => (answer.kind === 'currentConfig' ? { config: answer.config } : null),
      ),
      register: this.#unary(
        (call, request) => ({ kind: 'register', call, request }),
        (answer) => (answer.kind === 'registered' ? answer.response : null),
      ),
      heartbeat: this.#unary(
        (call, request) => ({ kind: 'heartbeat', call, request }),
        (answer) => (answer.kind === 'heartbeatNoted' ? answer.response : null),
      ),
      openSessions: this.#unary(
        (call, request) => ({ kind: 'openSessions', call, request }),
        (answer) => (answer.kind === 'sessionsOpened' ? answer.response : null),
      ),
      transferLeader: this.#unary(
        (call, request) => ({ kind: 'transferLeader', call, request }),
        (answer) => (answer.kind === 'leaderTransferred' ? answer.response : null),
      ),
      watch: (call) => this.#watch(call),
    };
  }

  #unary<Request, Response>(
    toInput: (call: number, request: Request) => CoordinatorInput,
    pick: PickResponse<Response>,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      this.#ask(
        (number) => toInput(number, call.request),
        (answer) => {
          const response = pick(answer);
          if (response === null) callback(describeRefusal(answer));
          else callback(null, response);
        },
      );
    };
  }

  #watch(call: WatchCall): void {
    this.#ask(
      (number) => ({ kind: 'watch', call: number, clusterId: call.request.clusterId }),
      (answer) => {
        if (answer.kind !== 'watching') {
          call.emit('error', describeRefusal(answer));
          return;
        }
        if (call.cancelled) return;
        this.#watchers.add(call);
        if (answer.config !== undefined) call.write({ config: answer.config });
      },
    );
  }

  #ask(toInput: (call: number) => CoordinatorInput, onAnswer: (answer: CallAnswer) => void): void {
    const call = ++this.#lastCall;
    this.#answers.set(call, onAnswer);
    this.#loop.push(toInput(call));
  }

  #perform(output: CoordinatorOutput): void {
    switch (output.kind) {
      case 'readRecord':
        this.#store.read().then((stored) => this.#onRead(stored), this.#onStoreFailed);
        return;
      case 'writeRecord':
        return this.#writeRecord(output.expectedRevision, output.record);
      case 'nodeSeen':
        return this.#sightings.publish({ clusterId: output.clusterId, node: output.node, report: output.report });
      case 'stateDiffers':
        return this.log.fatal({ node: output.nodeId, detail: output.detail }, 'the state of a replica is wrong');
      case 'config':
        return this.#onConfig(output.config);
      case 'fence':
        return this.#onCall(output, this.#calls.fence(output.address, output.request), (response) => ({
          kind: 'fenced',
          attempt: output.attempt,
          response,
        }));
      case 'seal':
        return this.#onCall(output, this.#calls.seal(output.address, output.request), (response) => ({
          kind: 'sealed',
          attempt: output.attempt,
          response,
        }));
      case 'recoveryData':
        return this.#onCall(output, this.#calls.recoveryData(output.address, output.request), (response) => ({
          kind: 'recovered',
          attempt: output.attempt,
          response,
        }));
      case 'lead':
        return this.#onCall(output, this.#calls.lead(output.address, output.request), (response) => ({
          kind: 'led',
          attempt: output.attempt,
          response,
        }));
      case 'start':
        return this.#onCall(output, this.#calls.start(output.address, output.request), (response) => ({
          kind: 'started',
          attempt: output.attempt,
          response,
        }));
      case 'admit':
        return this.#onCall(output, this.#calls.admit(output.address, output.request), (response) => ({
          kind: 'admitted',
          attempt: output.attempt,
          response,
        }));
      case 'waiting':
        return this.#sayWaiting(output.detail);
      case 'halt':
        throw new Error(output.detail);
      case 'currentConfig':
      case 'watching':
      case 'registered':
      case 'heartbeatNoted':
      case 'sessionsOpened':
      case 'leaderTransferred':
      case 'callRefused':
        this.#answers.get(output.call)?.(output);
        this.#answers.delete(output.call);
        return;
      default:
        unreachable(output);
    }
  }

  #writeRecord(expectedRevision: number, record: CoordinatorRecord): void {
    this.#store.write(expectedRevision, record).then((revision) => {
      this.#loop.push(revision === null ? { kind: 'recordConflict' } : { kind: 'recordWritten', revision });
    }, this.#onStoreFailed);
  }

  #sayWaiting(detail: string): void {
    if (detail === '') this.log.info('the cluster has what it waited for');
    else this.log.warn({ detail }, 'the cluster waits');
  }

  /** Healthy means that nodes can register, not that an epoch is open: nodes may be started only once this is healthy. */
  #onRead(stored: StoredRecord): void {
    this.#loop.push({ kind: 'recordRead', stored });
    if (stored.record !== null && !this.#isClosed) this.#health.setServing(true);
  }

  /** A server that lost its bucket is told what this coordinator knows: the core writes what it reads differently. */
  async #followConnection(): Promise<void> {
    for await (const event of this.#connection.status()) {
      if (this.#isClosed) continue;
      if (event.type === 'disconnect' || event.type === 'reconnect') this.#loop.push({ kind: 'cutOff' });
      if (event.type !== 'reconnect') continue;
      this.#store.renew();
      this.#store.read().then((stored) => this.#onRead(stored), this.#onStoreFailed);
    }
  }

  readonly #onStoreFailed = (error: unknown): void => {
    // After `close` an attempt that was under way fails; nobody waits for it.
    if (!this.#isClosed) this.#onBroken(error);
  };

  /** Goes on under no circumstances: the rules or the bucket say that it would be wrong. */
  readonly #onBroken = (error: unknown): void => {
    this.log.fatal({ error: error instanceof Error ? error.stack : String(error) }, 'a coordinator cannot go on');
    process.exit(BROKEN_EXIT_CODE);
  };

  #onConfig(config: ClusterConfig): void {
    const isOpen = config.status === EpochStatus.open;
    this.#identity.epoch = config.epoch;
    this.log.info({ isOpen, leader: config.leader, openSlot: config.openSlot }, 'configuration in force');
    this.#watchers.tell(config);
  }

  #onCall<Response>(
    output: { kind: string; attempt: number; address: string },
    answer: Promise<Response>,
    toInput: (response: Response) => CoordinatorInput,
  ): void {
    const { kind, attempt, address } = output;
    const name = `${kind} ${address}`;
    answer.then(
      (response) => {
        this.#failing.delete(name);
        this.#loop.push(toInput(response));
      },
      (error: unknown) => {
        const level = this.#failing.has(name) ? 'debug' : 'warn';
        this.#failing.add(name);
        this.log[level]({ call: kind, address, error: String(error) }, 'a node did not do what it was asked');
        this.#loop.push({ kind: 'attemptFailed', attempt });
      },
    );
  }
}

/** Opens a coordinator; see `CoordinatorService.open`. */
export function openCoordinator(config: CoordinatorConfig): Promise<CoordinatorService> {
  return CoordinatorService.open(config);
}

function createCore(config: CoordinatorConfig, name: string): CoordinatorCore {
  try {
    return new CoordinatorCore({
      clusterIdProposal: config.clusterId || randomBytes(8).toString('hex'),
      replicas: config.replicas,
      witnesses: config.witnesses,
      fastQuorum: fastQuorumOf(config),
      natsUrl: config.natsUrl,
      sessionLimit: config.sessionLimit,
      name,
      heartbeatUs: HEARTBEAT_US,
      livenessUs: LIVENESS_US,
      retryUs: RETRY_US,
      replaceAfterUs: config.replaceAfter * 1_000_000,
    });
  } catch (error) {
    throw error instanceof RangeError ? new ConfigError(error.message) : error;
  }
}

/** The gRPC error that a refusal becomes. */
function describeRefusal(answer: CallAnswer): Error & Pick<StatusObject, 'code' | 'details'> {
  const reason =
    answer.kind === 'callRefused'
      ? statusOf(answer.refusal, answer.detail)
      : statusOf('broken', `the core answered ${answer.kind}`);
  return Object.assign(new Error(reason.details), reason);
}
