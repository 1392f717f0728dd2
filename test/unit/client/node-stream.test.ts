// One stream to one node under steady traffic, against a small gRPC server in this process.

import assert from 'node:assert/strict';
import { Metadata, Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { createStreamCounters, NodeStream, OVERRUN_BYTES } from '../../../client/transport/node-stream.js';
import { replicaServiceDefinition, streamMethods } from '../../../proto/codec.js';

const FRAME = Buffer.alloc(64 << 10);
const WINDOW_FRAMES = 64;

describe('node stream', () => {
  it('does not take a node for slow that keeps up with traffic which never pauses', async () => {
    const server = new Server();
    const unused = (): void => {};
    server.addService(replicaServiceDefinition, {
      session: (stream: ServerDuplexStream<Buffer, Buffer>) => {
        stream.sendMetadata(new Metadata());
        stream.on('error', unused);
        stream.on('data', () => stream.write(Buffer.alloc(1)));
      },
      replicate: unused,
      fence: unused,
      lead: unused,
    });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    const counters = createStreamCounters();
    let downs = 0;
    let stream: NodeStream | undefined;
    await new Promise<void>((resolve) => {
      const events = {
        onUp: () => {
          for (let i = 0; i < WINDOW_FRAMES; i++) stream?.send(FRAME, 1);
        },
        onDown: () => {
          downs++;
          resolve();
        },
        onFrame: () => {
          if (counters.bytesReceived * FRAME.length > 3 * OVERRUN_BYTES) resolve();
          else stream?.send(FRAME, 1);
        },
        onDrain: unused,
      };
      const address = `127.0.0.1:${port}`;
      const createMetadata = (): Metadata => new Metadata();
      stream = new NodeStream({ address, path: streamMethods.session.path, createMetadata, counters, events });
    });
    stream?.close();
    server.forceShutdown();
    assert.equal(downs, 0);
    assert.ok(counters.bytesSent > 2 * OVERRUN_BYTES);
  });
});
