// The SDK's public face: `connect`, the error it throws, and the types. Everything else in this room is private to it.

import type { ClientTracer } from '../tracing/client-tracer.js';
import { ClientError, type ClientErrorCode, invalidArgument } from './client-error.js';
import { ClusterClient } from './cluster-client.js';
import { type CheckedOptions, checkConnectOptions } from './options.js';
import { SessionIds } from './session-ids.js';
import { CoordinatorLink } from './transport/coordinator-link.js';
import type { Client, ConnectOptions } from './types.js';

export type * from './types.js';
export { ClientError, type ClientErrorCode };

/**
 * Connects this process to a cluster: finds the configuration, opens one stream to each node and binds to the closest
 * replica. One connection serves any number of sessions; a process needs one.
 *
 * @throws ClientError `INVALID_ARGUMENT` naming the option, `UNREACHABLE` naming the addresses that did not answer
 *   within `deadlineMs`, `WRONG_CLUSTER`.
 */
export async function connect(options: ConnectOptions): Promise<Client> {
  const checked = checkConnectOptions(options);
  const endMs = performance.now() + checked.deadlineMs;
  const link = new CoordinatorLink(checked.targets, checked.clusterId);
  let client: ClusterClient | null = null;
  try {
    const config = await link.getConfig(checked.deadlineMs);
    const { boundReplica } = checked;
    if (boundReplica !== null && !config.replicas.some((replica) => replica.id === boundReplica)) {
      const names = config.replicas.map((replica) => replica.id).join(', ');
      throw invalidArgument('boundReplica', `${JSON.stringify(boundReplica)} is none of ${names}`);
    }
    const sessionIds = new SessionIds(link);
    const clientId = await sessionIds.take(endMs - performance.now());
    const tracer = await createTracer(checked);
    client = new ClusterClient({ options: checked, config, clientId, link, sessionIds, tracer });
    await client.open(endMs - performance.now());
    return client;
  } catch (error) {
    if (client === null) link.close();
    else await client.close({ graceMs: 0 });
    throw error;
  }
}

/** OpenTelemetry is loaded only where it is wanted. */
async function createTracer({ tracing }: CheckedOptions): Promise<ClientTracer | null> {
  if (tracing === null) return null;
  const { ClientTracer } = await import('../tracing/client-tracer.js');
  return new ClientTracer(tracing);
}
