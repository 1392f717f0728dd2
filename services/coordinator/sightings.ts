// Coordinators of one cluster tell each other which nodes they hear, over NATS. Nodes register with one coordinator
// only, and this lets any of them gather members and refuse a name that is taken. Hints: losing one costs time only.

import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import type { SeenNode } from '../../protocol/coordinator/types.js';

/** A node that some coordinator heard. */
export interface Sighting {
  clusterId: string;
  node: SeenNode;
}

const sightingSchema = z.object({
  clusterId: z.string(),
  node: z.object({ role: z.int(), id: z.string(), address: z.string(), incarnation: z.int() }),
});

/** The sightings of the coordinators that share a bucket. */
export class Sightings {
  readonly #connection: NatsConnection;
  readonly #subject: string;

  constructor(options: { connection: NatsConnection; bucket: string }) {
    this.#connection = options.connection;
    this.#subject = `curpho.coordinators.${options.bucket}.seen`;
  }

  /** Tells the others; nothing happens while NATS is away. */
  publish(sighting: Sighting): void {
    if (!this.#connection.isClosed()) this.#connection.publish(this.#subject, JSON.stringify(sighting));
  }

  /** Hears all of them, its own included; what is malformed is dropped. Ends with the connection. */
  subscribe(onSeen: (sighting: Sighting) => void): void {
    this.#connection.subscribe(this.#subject, {
      callback: (error, message) => {
        if (error !== null) return;
        const sighting = sightingSchema.safeParse(parseJson(message.string()));
        if (sighting.success) onSeen(sighting.data);
      },
    });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
