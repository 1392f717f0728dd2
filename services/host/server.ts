// The gRPC server and channels as every node sets them up: message sizes, keepalive, binding. Knows no service.

import { type ChannelOptions, logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { FRAME_BYTES_HARD_LIMIT } from '../../protocol/limits.js';
import { ConfigError } from './config.js';

// A node that stopped without closing its sockets is noticed within two of these.
const KEEPALIVE_MS = 2000;
// Unary calls of a view change may be far larger than a frame: a replay holds what full pools of several witnesses held,
// weak writes of which one copy is enough. Seven full pools fit.
const MESSAGE_BYTES_LIMIT = 1 << 30;
// Window of what the dialling side receives; the default of 64 KiB would halt a peer after a large value until the next update.
const FLOW_CONTROL_WINDOW = 4 << 20;

const sizes: ChannelOptions = {
  'grpc.max_receive_message_length': Math.max(MESSAGE_BYTES_LIMIT, FRAME_BYTES_HARD_LIMIT),
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_MS,
  'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW,
};

/** Options of a channel from one node to another. Its own connection, so that it fails and fills alone. */
export const peerChannelOptions: ChannelOptions = {
  ...sizes,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 25,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.enable_retries': 0,
};

/** A server without services. */
export function createServer(): Server {
  // What grpc-js would print is reported as an error where it happens, and stderr is for our log lines.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE);
  return new Server(sizes);
}

/**
 * Binds the server and begins to serve.
 * @returns the bound address, host:port with the real port.
 * @throws ConfigError if the address cannot be had.
 */
export function bindServer(server: Server, listen: string): Promise<string> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`${listen.slice(0, listen.lastIndexOf(':'))}:${port}`);
      else reject(new ConfigError(`listen: cannot listen on ${listen}: ${error.message}`));
    });
  });
}
