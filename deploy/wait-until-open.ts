// Asks coordinators for the configuration until an epoch is open.

import { setTimeout as pause } from 'node:timers/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import { CoordinatorClient } from '../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../protocol/messages.js';
import { EpochStatus } from '../protocol/messages.js';

const POLL_MS = 20;
const CALL_MS = 1000;

/**
 * The first open configuration that any of the coordinators tells, of an epoch after `afterEpoch`.
 * @throws Error that says how far it came if there is none by `deadline` (milliseconds of the epoch).
 */
export async function waitUntilOpen(options: {
  coordinators: readonly string[];
  deadline: number;
  /** Nobody waits any more. */
  isCancelled: () => boolean;
  /** The last epoch of a cluster that was stopped: its leader does not lead that one again (C4). Default 0. */
  afterEpoch?: number;
}): Promise<ClusterConfig> {
  const { coordinators, deadline, isCancelled, afterEpoch = 0 } = options;
  const clients = coordinators.map((address) => new CoordinatorClient(address, credentials.createInsecure()));
  let last = 'no coordinator answered';
  try {
    for (let attempt = 0; Date.now() < deadline && !isCancelled(); attempt++) {
      const client = clients[attempt % clients.length];
      if (client === undefined) break;
      try {
        const config = await getConfig(client);
        if (config?.status === EpochStatus.open && config.epoch > afterEpoch) return config;
        last = describeProgress(config);
      } catch (error) {
        last = `no coordinator answers: ${String(error)}`;
      }
      await pause(POLL_MS);
    }
  } finally {
    for (const client of clients) client.close();
  }
  throw new Error(`the cluster did not open in time: ${last}`);
}

function describeProgress(config: ClusterConfig | undefined): string {
  if (config === undefined) return 'replicas and witnesses have not all registered';
  return `epoch ${config.epoch} is not open yet: replica ${config.replicas[config.leader]?.id} has not led it yet`;
}

/** The open epoch that a coordinator knows of, 0 if there is none or it does not answer. */
export async function findEpoch(coordinator: string): Promise<number> {
  const client = new CoordinatorClient(coordinator, credentials.createInsecure());
  try {
    const config = await getConfig(client);
    return config?.status === EpochStatus.open ? config.epoch : 0;
  } catch {
    return 0;
  } finally {
    client.close();
  }
}

function getConfig(client: CoordinatorClient): Promise<ClusterConfig | undefined> {
  return new Promise((resolve, reject) => {
    client.getConfig({ clusterId: '' }, new Metadata(), { deadline: Date.now() + CALL_MS }, (error, response) => {
      if (error === null) resolve(response.config);
      else reject(error);
    });
  });
}
