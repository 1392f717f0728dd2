// What the coordinator says to nodes: lead, start. One channel per address, one attempt per call; who is called again,
// and when, is the core's business.

import { credentials, Metadata, type ServiceError } from '@grpc/grpc-js';
import { ReplicaClient } from '../../proto/gen/curpho/v1/replica.js';
import { WitnessClient } from '../../proto/gen/curpho/v1/witness.js';
import type { LeadRequest, LeadResponse, StartRequest, StartResponse } from '../../protocol/messages.js';
import { peerChannelOptions } from '../host/server.js';

// Leading takes as long as a majority needs to be reached and to store the epoch's own entry.
const LEAD_MS = 5000;
const START_MS = 2000;

type Callback<T> = (error: ServiceError | null, response: T) => void;

/** Calls to replicas and witnesses. */
export class NodeCalls {
  readonly #replicas = new Map<string, ReplicaClient>();
  readonly #witnesses = new Map<string, WitnessClient>();

  /** Rejects with a ServiceError if the node did not answer with success in time. */
  lead(address: string, request: LeadRequest): Promise<LeadResponse> {
    const client =
      this.#replicas.get(address) ?? new ReplicaClient(address, credentials.createInsecure(), peerChannelOptions);
    this.#replicas.set(address, client);
    return call((done: Callback<LeadResponse>) => client.lead(request, new Metadata(), deadlineIn(LEAD_MS), done));
  }

  /** Rejects with a ServiceError if the node did not answer with success in time. */
  start(address: string, request: StartRequest): Promise<StartResponse> {
    const client =
      this.#witnesses.get(address) ?? new WitnessClient(address, credentials.createInsecure(), peerChannelOptions);
    this.#witnesses.set(address, client);
    return call((done: Callback<StartResponse>) => client.start(request, new Metadata(), deadlineIn(START_MS), done));
  }

  /** Closes all channels; calls under way fail. */
  close(): void {
    for (const client of this.#replicas.values()) client.close();
    for (const client of this.#witnesses.values()) client.close();
  }
}

function deadlineIn(milliseconds: number): { deadline: number } {
  return { deadline: Date.now() + milliseconds };
}

function call<T>(send: (done: Callback<T>) => unknown): Promise<T> {
  return new Promise((resolve, reject) => {
    send((error, response) => (error === null ? resolve(response) : reject(error)));
  });
}
