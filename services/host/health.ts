// The standard gRPC health service of a node: SERVING only while the node takes part in an open epoch, so that "healthy"
// means that operations are answered. Knows nothing of epochs itself.

import type { Server } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

/** A node's health, under the empty name and that of its service. */
export class Health {
  private readonly implementation: HealthImplementation;
  private isServing = false;

  /** Starts as NOT_SERVING. `service` is the full name, `package.Service`. */
  constructor(
    server: Server,
    private readonly service: string,
  ) {
    this.implementation = new HealthImplementation({ '': 'NOT_SERVING', [service]: 'NOT_SERVING' });
    this.implementation.addToServer(server);
  }

  /** Says whether operations are answered from now on. */
  setServing(isServing: boolean): void {
    if (isServing === this.isServing) return;
    this.isServing = isServing;
    const status = isServing ? 'SERVING' : 'NOT_SERVING';
    this.implementation.setStatus('', status);
    this.implementation.setStatus(this.service, status);
  }
}
