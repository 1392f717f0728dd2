// A gRPC service that does nothing: it sends every frame back. What remains is what a frame costs by itself. Set up like
// our services and knows nothing of them.

import {
  Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type sendUnaryData,
} from '@grpc/grpc-js';

import { FRAME_BYTES_HARD_LIMIT } from '../../protocol/limits.js';

/** As every node of a cluster has it. */
const FLOW_CONTROL_WINDOW = 4 << 20;

function passBytes(bytes: Buffer): Buffer {
  return bytes;
}

function defineMethod(path: string, isStream: boolean): MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: isStream,
    responseStream: isStream,
    requestSerialize: passBytes,
    requestDeserialize: passBytes,
    responseSerialize: passBytes,
    responseDeserialize: passBytes,
  };
}

/** `frames` echoes a stream of frames; `usage` answers processor time so far in microseconds, a big-endian double. */
export const echoMethods = {
  frames: defineMethod('/curpho.calibration.FrameEcho/Frames', true),
  usage: defineMethod('/curpho.calibration.FrameEcho/Usage', false),
} as const;

/** A service that runs. */
export interface FrameEcho {
  /** `host:port` on the loopback interface. */
  address: string;
  /** Ends it with every stream. */
  close(): void;
}

/** Starts the service on a free port. */
export async function openFrameEcho(): Promise<FrameEcho> {
  const server = new Server({
    'grpc.max_receive_message_length': FRAME_BYTES_HARD_LIMIT,
    'grpc.max_send_message_length': -1,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
  });
  server.addService(echoMethods, { frames: echoFrames, usage: answerUsage });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}

function echoFrames(call: ServerDuplexStream<Buffer, Buffer>): void {
  // The caller takes headers as the sign that the stream is up.
  call.sendMetadata(new Metadata());
  call.on('data', (frame: Buffer) => call.write(frame));
  call.on('end', () => call.end());
  // A caller that has seen enough cancels; what was on its way to it is lost, which is all that this says.
  call.on('error', () => undefined);
}

function answerUsage(_call: unknown, callback: sendUnaryData<Buffer>): void {
  const { user, system } = process.cpuUsage();
  const answer = Buffer.alloc(8);
  answer.writeDoubleBE(user + system);
  callback(null, answer);
}
