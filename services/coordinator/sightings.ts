// Coordinators of one cluster tell each other which nodes they hear, over NATS. Nodes register with one coordinator
// only, and this lets any of them gather members and refuse a name that is taken. Hints: losing one costs time only.

import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import type { NodeReport, SeenNode } from '../../protocol/coordinator/types.js';
import { EpochStatus } from '../../protocol/messages.js';

/** A node that some coordinator heard. */
export interface Sighting {
  clusterId: string;
  node: SeenNode;
  report: NodeReport;
}

const count = z.int().min(0);
const members = z.array(z.object({ id: z.string(), index: count, address: z.string(), incarnation: count })).min(1);

const configSchema = z.object({
  ...{ clusterId: z.string(), epoch: count, leader: count, replicas: members, witnesses: members },
  ...{ fastQuorum: count, openSlot: count, natsUrl: z.string(), version: count },
  status: z.union([z.literal(EpochStatus.recovering), z.literal(EpochStatus.open)]),
});

const sightingSchema = z.object({
  clusterId: z.string(),
  node: z.object({ role: z.int(), id: z.string(), address: z.string(), incarnation: z.int() }),
  report: z.object({
    ...{ epoch: count, lostEpoch: count, stateSlot: count, stateHash: count, sessionFloor: count },
    ...{ openEpoch: count, openVersion: count, stalledUs: count.default(0) },
    config: configSchema.optional(),
  }),
});

/** After this long without what was published last, or anything else, sightings do not come through. */
const ECHO_MS = 1000;
const CHECK_MS = 100;

/** The sightings of the coordinators that share a bucket. */
export class Sightings {
  readonly #connection: NatsConnection;
  readonly #subject: string;
  #checker: NodeJS.Timeout | null = null;
  /** When the first sighting was published of which nothing came back; null if there is none. */
  #awaitedMs: number | null = null;

  constructor(options: { connection: NatsConnection; bucket: string }) {
    this.#connection = options.connection;
    this.#subject = `curpho.coordinators.${options.bucket}.seen`;
  }

  /** Tells the others; nothing happens while NATS is away. */
  publish(sighting: Sighting): void {
    if (this.#connection.isClosed()) return;
    this.#awaitedMs ??= performance.now();
    this.#connection.publish(this.#subject, JSON.stringify(sighting));
  }

  /**
   * Hears all of them, its own included; what is malformed is dropped. While nothing comes back of what it publishes, NATS
   * is away or halted and `onCutOff` is called again and again.
   */
  subscribe(onSeen: (sighting: Sighting) => void, onCutOff: () => void): void {
    this.#checker = setInterval(() => {
      if (this.#awaitedMs !== null && performance.now() - this.#awaitedMs > ECHO_MS) onCutOff();
    }, CHECK_MS);
    this.#connection.subscribe(this.#subject, {
      callback: (error, message) => {
        if (error !== null) return;
        this.#awaitedMs = null;
        const sighting = sightingSchema.safeParse(parseJson(message.string()));
        if (!sighting.success) return;
        const { clusterId, node, report } = sighting.data;
        onSeen({ clusterId, node, report: { ...report, config: report.config } });
      },
    });
  }

  /** Ends the watch over what comes back; the subscription ends with the connection. */
  close(): void {
    if (this.#checker !== null) clearInterval(this.#checker);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
