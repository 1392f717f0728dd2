// The cluster record in a JetStream key-value bucket: read, compare-and-set, news. Every question is answered, however
// long NATS is away; a write whose fate is unknown counts as a conflict, and the reader finds out. Knows how a record
// is written down, not what it means.

import { jetstream } from '@nats-io/jetstream';
import { type KV, type KvEntry, Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { z } from 'zod';
import { isStarting } from '../../protocol/coordinator/record.js';
import type { CoordinatorRecord, StoredRecord } from '../../protocol/coordinator/types.js';
import { EpochStatus } from '../../protocol/messages.js';
import { Backoff } from '../host/backoff.js';
import type { Log } from '../host/log.js';

const KEY = 'cluster';
// Revisions that the bucket keeps, for people who want to see how it came to this.
const HISTORY = 16;
const TIMEOUT_MS = 2000;
const FIRST_PAUSE_MS = 50;
const LAST_PAUSE_MS = 1000;

const memberSchema = z.object({ id: z.string(), index: z.int().min(0), address: z.string(), incarnation: z.int() });

// Version 1 knew one epoch only, so a record of it needs no word on how to recover another. Before version 3 the list of
// replicas never changed, and no change of the view preferred a leader. Before version 4 no witness started in an epoch
// that was not open.
const VERSION = 4;

const recordSchema = z.object({
  version: z.int().min(1).max(VERSION),
  clusterId: z.string().min(1),
  sessionFloor: z.int().min(1),
  config: z
    .object({
      clusterId: z.string().min(1),
      epoch: z.int().min(1),
      status: z.union([z.literal(EpochStatus.recovering), z.literal(EpochStatus.open)]),
      leader: z.int().min(0),
      replicas: z.array(memberSchema).min(1),
      witnesses: z.array(memberSchema).min(1),
      fastQuorum: z.int().min(1),
      openSlot: z.int().min(0),
      natsUrl: z.string(),
      version: z.int().min(1).default(1),
    })
    .optional(),
  recovery: z
    .object({
      opened: z.object({ epoch: z.int().min(1), witnesses: z.array(memberSchema).min(1) }).optional(),
      isLeaderChosen: z.boolean(),
      preferred: z.string().optional(),
    })
    .optional(),
});

/** The bucket holds something that is not a record of a version known here; nobody may overwrite it. */
export class RecordFormatError extends Error {
  override readonly name = 'RecordFormatError';
}

/** Text of a record: JSON, so that `nats kv get` shows it to people. */
export function encodeRecord(record: CoordinatorRecord): string {
  return JSON.stringify({ version: VERSION, ...record });
}

/** @throws RecordFormatError if the text is not a record. */
export function decodeRecord(text: string): CoordinatorRecord {
  try {
    const { clusterId, sessionFloor, config, recovery } = recordSchema.parse(JSON.parse(text));
    const isRecovering =
      config !== undefined && config.epoch > 1 && config.status === EpochStatus.recovering && !isStarting(config);
    if (isRecovering !== (recovery !== undefined)) {
      throw new Error(
        `epoch ${config?.epoch} is ${isRecovering ? '' : 'not '}to be recovered, the record says otherwise`,
      );
    }
    if (recovery === undefined) return { clusterId, sessionFloor, config, recovery };
    const { opened, isLeaderChosen, preferred } = recovery;
    return { clusterId, sessionFloor, config, recovery: { opened, isLeaderChosen, preferred } };
  } catch (error) {
    const detail = `the bucket does not hold a cluster record of version 1 to ${VERSION}: ${String(error)}`;
    throw new RecordFormatError(detail);
  }
}

/** One bucket, made if it does not exist. */
export class RecordStore {
  readonly #connection: NatsConnection;
  readonly #bucket: string;
  readonly #log: Log;
  #kv: Promise<KV> | null = null;
  #stopWatch: (() => void) | null = null;
  #isClosed = false;

  constructor(options: { connection: NatsConnection; bucket: string; log: Log }) {
    this.#connection = options.connection;
    this.#bucket = options.bucket;
    this.#log = options.log;
  }

  /**
   * What the bucket holds now; tries until it is known or the store is closed.
   * @throws RecordFormatError if what it holds is not a record.
   */
  async read(): Promise<StoredRecord> {
    const backoff = new Backoff(FIRST_PAUSE_MS, LAST_PAUSE_MS);
    for (;;) {
      try {
        const kv = await this.#open();
        return toStored(await kv.get(KEY));
      } catch (error) {
        if (error instanceof RecordFormatError || this.#isClosed) throw error;
        this.#kv = null;
        await this.#pause(backoff, error, 'the cluster record cannot be read');
      }
    }
  }

  /**
   * Compare-and-set.
   * @returns the new revision, or null if the record was changed by someone else or the outcome is not known.
   */
  async write(expectedRevision: number, record: CoordinatorRecord): Promise<number | null> {
    try {
      const kv = await this.#open();
      return await kv.put(KEY, encodeRecord(record), { previousSeq: expectedRevision, timeout: TIMEOUT_MS });
    } catch (error) {
      this.#log.info({ expectedRevision, error: String(error) }, 'the cluster record was not written');
      return null;
    }
  }

  /** Tells what the bucket holds now and after every change, whoever made it, until the store is closed. */
  async watch(onRead: (stored: StoredRecord) => void): Promise<void> {
    const backoff = new Backoff(FIRST_PAUSE_MS, LAST_PAUSE_MS);
    while (!this.#isClosed) {
      try {
        const kv = await this.#open();
        const entries = await kv.watch({ key: KEY });
        this.#stopWatch = () => entries.stop();
        for await (const entry of entries) {
          if (this.#isClosed) return;
          backoff.reset();
          onRead(toStored(entry));
        }
      } catch (error) {
        if (error instanceof RecordFormatError) throw error;
        this.#kv = null;
        if (!this.#isClosed) await this.#pause(backoff, error, 'the cluster record cannot be watched');
      }
    }
  }

  /** The server came back, perhaps without what it knew: the watch begins anew, and so does everything else. */
  renew(): void {
    this.#kv = null;
    this.#stopWatch?.();
  }

  /** Ends the watch and every attempt. Does not close the connection. */
  close(): void {
    this.#isClosed = true;
    this.#stopWatch?.();
  }

  #open(): Promise<KV> {
    // Direct reads may be answered by a server that is behind; this one has to be right.
    const options = { history: HISTORY, allow_direct: false, timeout: TIMEOUT_MS };
    this.#kv ??= new Kvm(jetstream(this.#connection, { timeout: TIMEOUT_MS })).create(this.#bucket, options);
    return this.#kv;
  }

  async #pause(backoff: Backoff, error: unknown, problem: string): Promise<void> {
    const pauseMs = backoff.take();
    this.#log.warn({ error: String(error), pauseMs }, problem);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

function toStored(entry: KvEntry | null): StoredRecord {
  if (entry === null) return { revision: 0, record: null };
  const record = entry.operation === 'PUT' ? decodeRecord(entry.string()) : null;
  return { revision: entry.revision, record };
}
