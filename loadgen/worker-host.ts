// Gives a LoadWorker a voice over child-process IPC: one request at a time, one answer each. Knows the messages and the
// channel and nothing of load; a network service would replace this file and leave worker.ts alone.

import { errorCode } from './closed-loop.js';
import { type Connect, LoadWorker } from './worker.js';
import type { WorkerReply, WorkerRequest } from './worker-messages.js';

const PROGRESS_EVERY_MS = 250;

/** Serves the parent of this process until the channel closes. `connect` is the SDK's, or a double's. */
export function serveWorker(connect: Connect): void {
  let worker: LoadWorker | null = null;
  const isConnected = (): LoadWorker => {
    if (worker === null) throw new Error('the first request has to be connect');
    return worker;
  };
  const close = async (): Promise<void> => {
    const closing = worker;
    worker = null;
    await closing?.close();
  };
  const handle = async (request: WorkerRequest): Promise<WorkerReply> => {
    switch (request.kind) {
      case 'connect':
        worker = await LoadWorker.connect(request.setup, connect);
        return { kind: 'done' };
      case 'preload':
        await isConnected().preload(
          request.firstKey,
          request.endKey,
          throttled((keys) => send({ kind: 'progress', keys })),
        );
        return { kind: 'done' };
      case 'preloaded':
        isConnected().expectAllKeys();
        return { kind: 'done' };
      case 'prepare':
        await isConnected().prepare(request.threads);
        return { kind: 'done' };
      case 'load':
        return { kind: 'loaded', result: await isConnected().load(request.phase) };
      case 'close':
        await close();
        return { kind: 'done' };
    }
  };
  process.on('message', (request: WorkerRequest) => {
    handle(request).then(send, (error: unknown) => {
      send({ kind: 'failed', code: errorCode(error), message: error instanceof Error ? error.message : String(error) });
    });
  });
  // The terminal signals the whole group: the parent decides what an interrupt means, and its end is ours.
  process.on('SIGINT', () => {});
  process.on('disconnect', () => void close().finally(() => process.exit(0)));
}

function send(reply: WorkerReply): void {
  process.send?.(reply);
}

function throttled(report: (keys: number) => void): (keys: number) => void {
  let lastMs = 0;
  return (keys) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < PROGRESS_EVERY_MS) return;
    lastMs = nowMs;
    report(keys);
  };
}
