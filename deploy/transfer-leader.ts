// `npm run cluster -- transfer`: asks the coordinators of a running cluster to have another replica lead, and waits for
// the epoch that comes of it. Whoever leads it then is what counts; the coordinator may find that another log is needed.

import { setTimeout as pause } from 'node:timers/promises';
import { credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import {
  CoordinatorClient,
  type GetConfigResponse,
  type TransferLeaderResponse,
} from '../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../protocol/messages.js';
import { EpochStatus } from '../protocol/messages.js';

const CALL_MS = 2000;
const POLL_MS = 50;

/** What to transfer, and for how long to try. */
export interface TransferOptions {
  /** Coordinators, host:port. */
  targets: readonly string[];
  /** Name of the replica that should lead. */
  to: string;
  timeoutMs: number;
}

/** Who leads after a transfer. */
export interface Transferred {
  leader: string;
  epoch: number;
}

/** The command; its result is the exit code: 0 the replica leads, 1 another one does, 3 refused or not answered. */
export async function runTransfer(options: TransferOptions, json: boolean): Promise<number> {
  try {
    const transferred = await transferLeader(options);
    const { leader, epoch } = transferred;
    process.stdout.write(json ? `${JSON.stringify(transferred)}\n` : `${leader} leads epoch ${epoch}\n`);
    return leader === options.to ? 0 : 1;
  } catch (error) {
    process.stderr.write(`cluster: ${error instanceof Error ? error.message : String(error)}\n`);
    return 3;
  }
}

type Answer<T> = (error: ServiceError | null, response: T) => void;
type Ask<T> = (client: CoordinatorClient, options: { deadline: number }, answer: Answer<T>) => void;

/**
 * Has another replica lead, if that can be.
 * @returns who leads the epoch that began, or that leads already.
 * @throws Error that says why, if the coordinators refuse, do not answer, or the epoch does not open in time.
 */
export async function transferLeader({ targets, to, timeoutMs }: TransferOptions): Promise<Transferred> {
  const clients = targets.map((target) => new CoordinatorClient(target, credentials.createInsecure()));
  const end = Date.now() + timeoutMs;
  try {
    const getConfig: Ask<GetConfigResponse> = (client, options, answer) =>
      client.getConfig({ clusterId: '' }, new Metadata(), options, answer);
    const { config } = await askAny(clients, end, getConfig);
    const request = { clusterId: config?.clusterId ?? '', replicaId: to };
    const transfer: Ask<TransferLeaderResponse> = (client, options, answer) =>
      client.transferLeader(request, new Metadata(), options, answer);
    const { epoch } = await askAny(clients, end, transfer);
    while (Date.now() < end) {
      const now = (await askAny(clients, end, getConfig)).config;
      if (now?.status === EpochStatus.open && now.epoch >= epoch) return { leader: leaderOf(now), epoch: now.epoch };
      await pause(POLL_MS);
    }
    throw new Error(`epoch ${epoch}, which ${to} may lead, did not open in ${timeoutMs} ms`);
  } finally {
    for (const client of clients) client.close();
  }
}

function leaderOf({ replicas, leader }: ClusterConfig): string {
  return replicas[leader]?.id ?? '';
}

/** Asks one coordinator after the other until one answers or refuses for good. */
async function askAny<T>(clients: readonly CoordinatorClient[], end: number, ask: Ask<T>): Promise<T> {
  let last = 'there is no coordinator to ask';
  for (let attempt = 0; Date.now() < end; attempt++) {
    const client = clients[attempt % clients.length];
    if (client === undefined) break;
    const answer = await new Promise<T | ServiceError>((resolve) => {
      const deadline = Math.min(end, Date.now() + CALL_MS);
      ask(client, { deadline }, (error, response) => resolve(error ?? response));
    });
    if (!(answer instanceof Error)) return answer;
    last = answer.details;
    const isWorthAnother = answer.code === status.UNAVAILABLE || answer.code === status.DEADLINE_EXCEEDED;
    if (!isWorthAnother) break;
    await pause(POLL_MS);
  }
  throw new Error(last);
}
