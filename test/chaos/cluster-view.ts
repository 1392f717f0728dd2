// What coordinators say of the cluster, asked again and again on a way that no fault is on: the processes' own addresses,
// not the doors in front of them. Decides nothing.

import { setTimeout as pause } from 'node:timers/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import { CoordinatorClient } from '../../proto/gen/curpho/v1/coordinator.js';
import type { ClusterConfig } from '../../protocol/messages.js';

const POLL_MS = 100;
const CALL_MS = 800;

/** The newest configuration that any coordinator told. */
export class ClusterView {
  /** Null until one was told. */
  config: ClusterConfig | null = null;
  readonly #clients = new Map<string, CoordinatorClient>();

  /** @param coordinators where each coordinator listens, by name. */
  constructor(coordinators: ReadonlyMap<string, string>) {
    for (const [name, address] of coordinators) {
      // A coordinator that was away is asked at once when it is back, not after a pause that grew meanwhile.
      const options = { 'grpc.initial_reconnect_backoff_ms': 50, 'grpc.max_reconnect_backoff_ms': 200 };
      this.#clients.set(name, new CoordinatorClient(address, credentials.createInsecure(), options));
    }
  }

  /** Asks all coordinators once; answers the names of those that told a configuration. */
  async ask(): Promise<string[]> {
    const names = await Promise.all(
      [...this.#clients].map(async ([name, client]) => {
        const config = await getConfig(client);
        if (config !== null && isNewer(config, this.config)) this.config = config;
        return config === null ? [] : [name];
      }),
    );
    return names.flat();
  }

  /** Resolves with true once `isMet`, which is told who answers, or with false after `limitMs` or once aborted. */
  async until(
    isMet: (answering: readonly string[]) => boolean,
    limitMs: number,
    signal: AbortSignal,
  ): Promise<boolean> {
    const end = performance.now() + limitMs;
    while (!signal.aborted) {
      if (isMet(await this.ask())) return true;
      if (performance.now() >= end) return false;
      await pause(POLL_MS);
    }
    return false;
  }

  /** Whether some coordinator can write the record, which handing out a session id takes, within `limitMs`. */
  async canWrite(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const clusterId = this.config?.clusterId ?? '';
    const end = performance.now() + limitMs;
    while (!signal.aborted && performance.now() < end) {
      for (const client of this.#clients.values()) if (await openSession(client, clusterId)) return true;
      await pause(POLL_MS);
    }
    return false;
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }
}

function isNewer(config: ClusterConfig, known: ClusterConfig | null): boolean {
  if (known === null) return true;
  const order = ({ epoch, status, version }: ClusterConfig): number[] => [epoch, status, version];
  const [left, right] = [order(config), order(known)];
  const at = left.findIndex((value, index) => value !== right[index]);
  return at >= 0 && (left[at] ?? 0) > (right[at] ?? 0);
}

function getConfig(client: CoordinatorClient): Promise<ClusterConfig | null> {
  return new Promise((resolve) => {
    client.getConfig({ clusterId: '' }, new Metadata(), { deadline: Date.now() + CALL_MS }, (error, response) => {
      resolve(error === null ? (response.config ?? null) : null);
    });
  });
}

function openSession(client: CoordinatorClient, clusterId: string): Promise<boolean> {
  const request = { clusterId, count: 1 };
  return new Promise((resolve) => {
    client.openSessions(request, new Metadata(), { deadline: Date.now() + CALL_MS }, (error) =>
      resolve(error === null),
    );
  });
}
