// The gRPC server around a WorkerService: calls in, statuses out, the standard health service beside it. Knows no rule
// of its own; a call that its driver ended, or whose driver is gone, becomes a signal.

import {
  type ChannelOptions,
  type handleServerStreamingCall,
  type handleUnaryCall,
  logVerbosity,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  setLogVerbosity,
} from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';

import {
  type LoadWorkerServer,
  LoadWorkerService,
  type LoadWorkerStartRequest,
  type LoadWorkerStartResponse,
  type PreloadRequest,
  type PreloadResponse,
} from '../../proto/gen/curpho/v1/load_worker.js';
import { UsageError } from '../flag-values.js';
import { encodeFailure } from '../worker-error.js';
import type { WorkerService } from './worker-service.js';

const options: ChannelOptions = {
  // A plan is a few hundred bytes.
  'grpc.max_receive_message_length': 1 << 16,
  // A phase's histograms and timeline are about a megabyte.
  'grpc.max_send_message_length': -1,
  // A driver whose machine is gone says nothing of it: its calls end within these two together.
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 10_000,
};

/** A server that serves. */
export interface WorkerServer {
  /** host:port with the real port. */
  address: string;
  /** Cuts off all calls. */
  close(): void;
}

/**
 * Serves on `listen`, host:port.
 * @throws UsageError if the address cannot be had.
 */
export async function serveOn(listen: string, service: WorkerService): Promise<WorkerServer> {
  // What grpc-js would print is reported as an error where it happens.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  const server = new Server(options);
  server.addService(LoadWorkerService, handlersOf(service));
  new HealthImplementation({ '': 'SERVING', 'curpho.v1.LoadWorker': 'SERVING' }).addToServer(server);
  const address = await bind(server, listen);
  return { address, close: () => server.forceShutdown() };
}

function handlersOf(service: WorkerService): LoadWorkerServer {
  return {
    plan: unary((request, signal) => service.plan(request, signal)),
    readClock: unary(async (request) => service.readClock(request)),
    preload: streaming<PreloadRequest, PreloadResponse>((request, send, signal) =>
      service.preload(request, (keys) => send({ keys }), signal),
    ),
    prepare: unary(async (request, signal) => {
      await service.prepare(request, signal);
      return {};
    }),
    start: streaming<LoadWorkerStartRequest, LoadWorkerStartResponse>(async (request, send, signal) => {
      const result = await service.start(request, (value) => send({ update: { $case: 'progress', value } }), signal);
      send({ update: { $case: 'result', value: result } });
    }),
    cancel: unary(async (request) => {
      await service.cancel(request);
      return {};
    }),
  };
}

function unary<Q, R>(handle: (request: Q, signal: AbortSignal) => Promise<R>): handleUnaryCall<Q, R> {
  return (call, callback) => {
    handle(call.request, signalOf(call)).then(
      (response) => callback(null, response),
      (error: unknown) => callback(encodeFailure(error)),
    );
  };
}

function streaming<Q, R>(
  handle: (request: Q, send: (response: R) => void, signal: AbortSignal) => Promise<void>,
): handleServerStreamingCall<Q, R> {
  return (call) => {
    handle(call.request, (response) => call.write(response), signalOf(call)).then(
      () => call.end(),
      (error: unknown) => call.emit('error', encodeFailure(error)),
    );
  };
}

/** Aborted when the call ends before it is answered. */
function signalOf<Q, R>(call: ServerUnaryCall<Q, R> | ServerWritableStream<Q, R>): AbortSignal {
  const controller = new AbortController();
  if (call.cancelled) controller.abort();
  else call.once('cancelled', () => controller.abort());
  return controller.signal;
}

function bind(server: Server, listen: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`${listen.slice(0, listen.lastIndexOf(':'))}:${port}`);
      else reject(new UsageError(`--listen: cannot listen on ${listen}: ${error.message}`));
    });
  });
}
