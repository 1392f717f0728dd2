// Coordinators in this process over a real nats-server, and nodes that only say yes: what a replica and six lines of a
// witness answer to the coordinator.

import { once } from 'node:events';
import {
  type ClientReadableStream,
  connectivityState,
  credentials,
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import {
  CoordinatorClient,
  type GetConfigResponse,
  NodeRole,
  type OpenSessionsResponse,
  type RegisterResponse,
  type TransferLeaderResponse,
  type WatchResponse,
} from '../../proto/gen/curpho/v1/coordinator.js';
import { type LeadRequest, type LeadResponse, ReplicaService } from '../../proto/gen/curpho/v1/replica.js';
import { type StartRequest, type StartResponse, WitnessService } from '../../proto/gen/curpho/v1/witness.js';
import type { ClusterConfig } from '../../protocol/messages.js';
import { openCoordinator } from '../../services/coordinator/service.js';
import { coordinatorSettings } from '../../services/coordinator/settings.js';
import { readConfig } from '../../services/host/config.js';

/** A coordinator in this process with flags as on its command line. */
export async function openTestCoordinator(natsUrl: string, flags: readonly string[] = []) {
  const argv = ['--nats-url', natsUrl, '--log-level', 'silent', '--cluster-id', '', ...flags];
  const service = await openCoordinator(readConfig(coordinatorSettings, argv, {}));
  return { service, calls: new CoordinatorCalls(service.address) };
}

type Callback<T> = (error: ServiceError | null, response: T) => void;

/** What a node says of itself. */
export interface NodeRegistration {
  role: NodeRole;
  nodeId: string;
  address: string;
  incarnation: number;
}

/** Calls to a coordinator as promises. */
export class CoordinatorCalls {
  readonly client: CoordinatorClient;

  constructor(address: string) {
    this.client = new CoordinatorClient(address, credentials.createInsecure());
  }

  register(node: NodeRegistration) {
    const request = { clusterId: '', epoch: 0, sessionFloor: 0, openEpoch: 0, openVersion: 0, ...node };
    return this.#retry((done: Callback<RegisterResponse>) => this.client.register(request, done));
  }

  getConfig(clusterId = ''): Promise<ClusterConfig | undefined> {
    return this.#retry((done: Callback<GetConfigResponse>) => this.client.getConfig({ clusterId }, done)).then(
      (response) => response.config,
    );
  }

  openSessions(clusterId: string, count: number) {
    return this.#retry((done: Callback<OpenSessionsResponse>) => this.client.openSessions({ clusterId, count }, done));
  }

  transferLeader(clusterId: string, replicaId: string) {
    return this.#retry((done: Callback<TransferLeaderResponse>) =>
      this.client.transferLeader({ clusterId, replicaId }, done),
    );
  }

  /** The first configuration that is told and satisfies `accept`. */
  async watchFor(accept: (config: ClusterConfig) => boolean): Promise<ClusterConfig> {
    await this.getConfig();
    const stream: ClientReadableStream<WatchResponse> = this.client.watch({
      clusterId: '',
      role: NodeRole.UNSPECIFIED,
      nodeId: '',
      incarnation: 0,
    });
    stream.on('error', () => undefined);
    try {
      for (;;) {
        const [response] = (await once(stream, 'data')) as [WatchResponse];
        if (response.config !== undefined && accept(response.config)) return response.config;
      }
    } finally {
      stream.cancel();
    }
  }

  /** A coordinator that has only just begun says so, and is asked again. */
  async #retry<T>(send: (done: Callback<T>) => unknown): Promise<T> {
    for (;;) {
      try {
        return await new Promise<T>((resolve, reject) => {
          send((error, response) => (error === null ? resolve(response) : reject(error)));
        });
      } catch (error) {
        const isEarly = error instanceof Error && error.message.includes('record has not been read');
        if (!isEarly) throw error;
      }
    }
  }
}

/** Pause between heartbeats. */
const BEAT_MS = 50;

/** Nodes that obey, all behind one server, and what they were asked. */
export class ObedientNodes {
  readonly leads: LeadRequest[] = [];
  readonly starts: StartRequest[] = [];
  readonly #server = new Server();
  readonly #timers: NodeJS.Timeout[] = [];
  #address = '';
  #sessionFloor = 0;

  /** Whether the leader answers; if not, it refuses. */
  isLeading = true;

  async open(): Promise<void> {
    const { lead } = ReplicaService;
    const { start } = WitnessService;
    this.#server.register(lead.path, this.#onLead, lead.responseSerialize, lead.requestDeserialize, 'unary');
    this.#server.register(start.path, this.#onStart, start.responseSerialize, start.requestDeserialize, 'unary');
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    this.#address = `127.0.0.1:${port}`;
  }

  /** r0..r2 and w0..w2 as they register. */
  members(): NodeRegistration[] {
    const roles = [
      [NodeRole.REPLICA, 'r'],
      [NodeRole.WITNESS, 'w'],
    ] as const;
    return roles.flatMap(([role, letter]) =>
      [0, 1, 2].map((index) => ({ role, nodeId: `${letter}${index}`, address: this.#address, incarnation: index + 1 })),
    );
  }

  /** Registers all of them with a coordinator, and sends it heartbeats. */
  async register(calls: CoordinatorCalls): Promise<void> {
    for (const member of this.members()) await calls.register(member);
    this.follow(calls);
  }

  /** The replicas say that they are there and repeat what they are told, until the nodes are closed. */
  follow(calls: CoordinatorCalls): void {
    for (const member of this.members()) {
      if (member.role === NodeRole.REPLICA) this.#timers.push(setInterval(() => this.#beat(member, calls), BEAT_MS));
    }
  }

  #beat({ role, nodeId, incarnation }: NodeRegistration, calls: CoordinatorCalls): void {
    if (calls.client.getChannel().getConnectivityState(false) === connectivityState.SHUTDOWN) return;
    const clusterId = this.leads[0]?.config?.clusterId ?? '';
    const life = { clusterId, role, nodeId, incarnation, epoch: 1, sessionFloor: this.#sessionFloor };
    const said = {
      lostEpoch: 0,
      stalledUs: 0,
      stateSlot: 0,
      stateHash: 0,
      config: undefined,
      openEpoch: 0,
      openVersion: 0,
    };
    calls.client.heartbeat({ ...life, ...said }, (error, response) => {
      if (error === null) this.#sessionFloor = Math.max(this.#sessionFloor, response.sessionFloor);
    });
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#server.forceShutdown();
  }

  readonly #onLead: handleUnaryCall<LeadRequest, LeadResponse> = (call, callback) => {
    this.leads.push(call.request);
    if (this.isLeading) callback(null, { openSlot: 1, committed: [{ session: 5, committedThrough: 2 }] });
    else callback({ code: 14, details: 'not now' });
  };

  readonly #onStart: handleUnaryCall<StartRequest, StartResponse> = (call, callback) => {
    this.starts.push(call.request);
    const { config, witnessId } = call.request;
    const member = config?.witnesses.find(({ id }) => id === witnessId);
    callback(null, { epoch: config?.epoch ?? 0, incarnation: member?.incarnation ?? 0 });
  };
}

/** Calls a coordinator at an address and lets go of it. */
export async function withCoordinator<T>(address: string, use: (calls: CoordinatorCalls) => Promise<T>): Promise<T> {
  const calls = new CoordinatorCalls(address);
  try {
    return await use(calls);
  } finally {
    calls.client.close();
  }
}
