// What the coordinator says to nodes: fence, lead, admit; seal, recovery data, start. One channel per address, one attempt per
// call; who is called again, and when, is the core's business.

import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ReplicaClient } from '../../proto/gen/curpho/v1/replica.js';
import { WitnessClient } from '../../proto/gen/curpho/v1/witness.js';
import { commandBytes } from '../../protocol/command.js';
import type {
  AdmitRequest,
  AdmitResponse,
  FenceRequest,
  FenceResponse,
  GetRecoveryDataRequest,
  GetRecoveryDataResponse,
  LeadRequest,
  LeadResponse,
  SealRequest,
  SealResponse,
  StartRequest,
  StartResponse,
  Write,
} from '../../protocol/messages.js';
import { peerChannelOptions } from '../host/server.js';

// Leading takes as long as a majority needs to be reached and to store the epoch's own entry.
const LEAD_MS = 5000;
// And as long as the replay takes on its way there and from there to a majority, over a slow network.
const REPLAY_BYTES_PER_MS = 16_384;
// A whole pool, which may be many megabytes.
const RECOVERY_DATA_MS = 10_000;
const CALL_MS = 2000;
// Bringing a replica up to date takes as long as its copy of everything takes; the call is made again until it is there.
const ADMIT_MS = 60_000;

type Callback<T> = (error: ServiceError | null, response: T) => void;
type Options = { deadline: number };

/** Calls to replicas and witnesses. Each rejects with a ServiceError if the node did not answer with success in time. */
export class NodeCalls {
  readonly #replicas = new Map<string, ReplicaClient>();
  readonly #witnesses = new Map<string, WitnessClient>();

  fence(address: string, request: FenceRequest): Promise<FenceResponse> {
    const client = this.#replica(address);
    return call(CALL_MS, (options, done: Callback<FenceResponse>) =>
      client.fence(request, new Metadata(), options, done),
    );
  }

  lead(address: string, request: LeadRequest): Promise<LeadResponse> {
    const client = this.#replica(address);
    const bytes = request.replay.reduce((sum, { command }) => sum + (command ? commandBytes(command) : 0), 0);
    return call(LEAD_MS + Math.ceil(bytes / REPLAY_BYTES_PER_MS), (options, done: Callback<LeadResponse>) =>
      client.lead(request, new Metadata(), options, done),
    );
  }

  admit(address: string, request: AdmitRequest): Promise<AdmitResponse> {
    const client = this.#replica(address);
    return call(ADMIT_MS, (options, done: Callback<AdmitResponse>) =>
      client.admit(request, new Metadata(), options, done),
    );
  }

  seal(address: string, request: SealRequest): Promise<SealResponse> {
    const client = this.#witness(address);
    return call(CALL_MS, (options, done: Callback<SealResponse>) =>
      client.seal(request, new Metadata(), options, done),
    );
  }

  start(address: string, request: StartRequest): Promise<StartResponse> {
    const client = this.#witness(address);
    return call(CALL_MS, (options, done: Callback<StartResponse>) =>
      client.start(request, new Metadata(), options, done),
    );
  }

  /** The whole pool, put together from its parts. */
  async recoveryData(address: string, request: GetRecoveryDataRequest): Promise<GetRecoveryDataResponse> {
    const options = { deadline: Date.now() + RECOVERY_DATA_MS };
    const parts = this.#witness(address).getRecoveryData(request, new Metadata(), options);
    const entries: Write[] = [];
    let incarnation = 0;
    for await (const part of parts as AsyncIterable<GetRecoveryDataResponse>) {
      if (incarnation !== 0 && part.incarnation !== incarnation) throw new Error('two lives answered one call');
      incarnation = part.incarnation;
      for (const entry of part.entries) entries.push(entry);
    }
    return { incarnation, entries };
  }

  /** Closes all channels; calls under way fail. */
  close(): void {
    for (const client of this.#replicas.values()) client.close();
    for (const client of this.#witnesses.values()) client.close();
  }

  #replica(address: string): ReplicaClient {
    let client = this.#replicas.get(address);
    client ??= new ReplicaClient(address, credentials.createInsecure(), peerChannelOptions);
    this.#replicas.set(address, client);
    return client;
  }

  #witness(address: string): WitnessClient {
    let client = this.#witnesses.get(address);
    client ??= new WitnessClient(address, credentials.createInsecure(), peerChannelOptions);
    this.#witnesses.set(address, client);
    return client;
  }
}

function call<T>(timeoutMs: number, send: (options: Options, done: Callback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    send({ deadline: Date.now() + timeoutMs }, (error, response) =>
      error === null ? resolve(response) : reject(error),
    );
  });
}
