// What one node keeps through its end. Batches are kept in order; those that come while one is being flushed go together
// with the next flush. The thread that writes does the waiting, so the event loop never does. Does not know what is kept.

import { statfsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Log } from '../log.js';
import { dataFile, type Records } from './environment.js';
import { DamageError } from './examination.js';
import type { DirectoryLock } from './lock.js';
import { ChangeWriter, unseal } from './records.js';
import type { WriterReport, WriterRequest, WriterSettings } from './writer-thread.js';

/** Who kept what is there. */
export interface StoreIdentity {
  /** Format of the records. */
  format: number;
  role: string;
  nodeId: string;
  /** Empty until the node joined one. */
  clusterId: string;
  /** Life of the node: as long as it remembers, it is the same (B6). */
  incarnation: number;
}

/** What an opened directory hands to its store. */
export interface NodeStoreOptions {
  directory: string;
  bytesLimit: number;
  records: Records;
  lock: DirectoryLock;
  identity: StoreIdentity;
  keepIdentity: (identity: StoreIdentity) => void;
  log: Log;
}

/** Counters since the start. */
export interface StoreStats {
  storeBatches: number;
  storeFlushes: number;
  /** Sum and longest, without what went wrong. */
  storeFlushUs: number;
  storeFlushUsMax: number;
  storeBytesIn: number;
  storeWaitingBytes: number;
  storeFileBytes: number;
}

/** Batches that go into one transaction. */
interface Group {
  block: ChangeWriter;
  onKept: (() => void)[];
}

/** A group is closed by the batch that takes it over this size. */
const GROUP_BYTES_SOFT_LIMIT = 4 << 20;

/**
 * The store of one node. First it is read, then, from the first batch on, it is written; made by `openStore`.
 */
export class NodeStore {
  private readonly counters: StoreStats = {
    storeBatches: 0,
    storeFlushes: 0,
    storeFlushUs: 0,
    storeFlushUsMax: 0,
    storeBytesIn: 0,
    storeWaitingBytes: 0,
    storeFileBytes: 0,
  };
  private identity: StoreIdentity;
  /** Null once writing began. */
  private records: Records | null;
  private worker: Worker | null = null;
  /** The last one takes further batches. */
  private readonly waiting: Group[] = [];
  private flushing: Group | null = null;
  private flushingBytes = 0;
  private stuckReason: string | null = null;
  private tellRefused: () => void = () => undefined;
  private isClosed = false;
  private onIdle: (() => void)[] = [];
  private onClosed: () => void = () => undefined;
  private onBroken: (error: Error) => void = (error) => {
    throw error;
  };

  constructor(private readonly options: NodeStoreOptions) {
    this.identity = options.identity;
    this.records = options.records;
  }

  /** Life of the node that keeps its memory here (B6). */
  get incarnation(): number {
    return this.identity.incarnation;
  }

  /** Cluster that the node belongs to; empty if it never joined one. */
  get clusterId(): string {
    return this.identity.clusterId;
  }

  get directory(): string {
    return this.options.directory;
  }

  /** Bytes that wait to be kept, those being flushed included. */
  get waitingBytes(): number {
    return this.flushingBytes + this.waiting.reduce((sum, { block }) => sum + block.length, 0);
  }

  /** True while nothing can be kept: the disk is full, or refuses. */
  get isStuck(): boolean {
    return this.stuckReason !== null;
  }

  stats(): Readonly<StoreStats> {
    this.counters.storeWaitingBytes = this.waitingBytes;
    return this.counters;
  }

  /** Remembers the cluster that the node belongs to from now on. Only before the first batch. */
  joinCluster(clusterId: string): void {
    if (this.identity.clusterId === clusterId) return;
    this.identity = { ...this.identity, clusterId };
    this.options.keepIdentity(this.identity);
  }

  /**
   * Records from key `start` on and below `end`, in order of their keys. Only before the first batch.
   * @throws DamageError if a record is not what was written.
   */
  *read(start: Buffer, end: Buffer): Generator<readonly [key: Buffer, value: Buffer]> {
    if (this.records === null) throw new Error('the store is being written');
    for (const { key, value } of this.records.getRange({ start, end })) yield [key, this.unseal(key, value)];
  }

  /** One record; undefined if there is none. As `read`. */
  get(key: Buffer): Buffer | undefined {
    if (this.records === null) throw new Error('the store is being written');
    const sealed = this.records.get(key);
    return sealed === undefined ? undefined : this.unseal(key, sealed);
  }

  /**
   * Ends reading; batches may come.
   * @param onBroken nothing can be kept any more, and what waits never will be.
   */
  async startWriting(onBroken: (error: Error) => void): Promise<void> {
    this.onBroken = onBroken;
    await this.records?.close();
    this.records = null;
    const { directory, bytesLimit } = this.options;
    const workerData: WriterSettings = { directory, bytesLimit };
    const worker = new Worker(new URL('./writer-thread.js', import.meta.url), { workerData });
    worker.on('message', (report: WriterReport) => this.onReport(report));
    worker.on('error', (error) => this.onBroken(new DamageError(`${dataFile(directory)}: ${error}`)));
    this.worker = worker;
    this.maybeFlush();
  }

  /** Has `tell` called when the disk refuses what it is given; it is given that again until it keeps it. */
  onRefused(tell: () => void): void {
    this.tellRefused = tell;
  }

  /** Keeps what `fill` writes, all of it or nothing and after all batches before; then calls `onKept`, in order. */
  write(fill: (changes: ChangeWriter) => void, onKept: () => void): void {
    let group = this.waiting.at(-1);
    if (group === undefined || group.block.length > GROUP_BYTES_SOFT_LIMIT) {
      group = { block: new ChangeWriter(), onKept: [] };
      this.waiting.push(group);
    }
    fill(group.block);
    group.onKept.push(onKept);
    this.counters.storeBatches++;
    this.maybeFlush();
  }

  /** Resolves once everything written so far is kept, or `withinMs` have passed. */
  flush(withinMs: number): Promise<void> {
    if (this.flushing === null && this.waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.onIdle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Keeps what waits, unless that does not come about within `withinMs`; then closes. */
  async close(withinMs: number): Promise<void> {
    if (this.isClosed) return;
    await this.flush(withinMs);
    this.isClosed = true;
    const { worker } = this;
    if (worker === null) {
      await this.records?.close();
    } else if (this.flushing === null) {
      const closed = new Promise<void>((resolve) => {
        this.onClosed = resolve;
      });
      this.post({ kind: 'close' });
      await closed;
      await worker.terminate();
    } else {
      await worker.terminate();
    }
    this.options.lock.release();
  }

  private unseal(key: Buffer, sealed: Buffer): Buffer {
    try {
      return unseal(key, sealed);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      throw new DamageError(`${dataFile(this.options.directory)}: ${text}`);
    }
  }

  private maybeFlush(): void {
    if (this.flushing !== null || this.worker === null || this.isClosed) return;
    const group = this.waiting.shift();
    if (group === undefined) {
      for (const resolve of this.onIdle.splice(0)) resolve();
      return;
    }
    this.flushing = group;
    const block = group.block.take();
    this.flushingBytes = block.length;
    this.counters.storeBytesIn += block.length;
    this.post({ kind: 'keep', block }, [block.buffer as ArrayBuffer]);
  }

  private post(request: WriterRequest, transfer: ArrayBuffer[] = []): void {
    this.worker?.postMessage(request, transfer);
  }

  private onReport(report: WriterReport): void {
    switch (report.kind) {
      case 'kept':
        return this.onKept(report.flushUs, report.fileBytes);
      case 'stuck':
        return this.onStuck(report.reason);
      case 'broken':
        return this.onBroken(new DamageError(`${dataFile(this.options.directory)}: ${report.reason}`));
      case 'closed':
        return this.onClosed();
    }
  }

  private onKept(flushUs: number, fileBytes: number): void {
    const { counters } = this;
    counters.storeFlushes++;
    counters.storeFlushUs += flushUs;
    counters.storeFlushUsMax = Math.max(counters.storeFlushUsMax, flushUs);
    counters.storeFileBytes = fileBytes;
    if (this.stuckReason !== null) {
      this.stuckReason = null;
      this.options.log.info({ directory: this.options.directory }, 'the store keeps what it is given again');
    }
    const group = this.flushing;
    this.flushing = null;
    this.flushingBytes = 0;
    // The next flush begins first: what the callbacks do takes its time meanwhile.
    this.maybeFlush();
    for (const onKept of group?.onKept ?? []) onKept();
    this.maybeFlush();
  }

  private onStuck(reason: string): void {
    this.stuckReason = reason;
    this.tellRefused();
    const { directory, log, bytesLimit } = this.options;
    const { bavail, bsize } = statfsSync(directory);
    log.error(
      { path: dataFile(directory), reason, freeBytes: bavail * bsize, bytesLimit },
      'nothing can be kept: the node stops answering until it can; it tries again every 250 ms',
    );
  }
}
