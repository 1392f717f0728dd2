// The gRPC service over a process's diagnostics. Asks nobody who they are: it tells figures, no data, and what it begins to
// watch costs the same however often it is asked to.

import type { Server } from '@grpc/grpc-js';
import { type DiagnosticsServer, DiagnosticsService } from '../proto/gen/curpho/v1/diagnostics.js';
import type { Diagnostics } from './diagnostics.js';

/** Adds the service to a server that does not serve yet. */
export function addDiagnosticsService(server: Server, diagnostics: Diagnostics): void {
  const handlers: DiagnosticsServer = {
    reset: (_call, callback) => callback(null, { resets: diagnostics.reset() }),
    snapshot: (_call, callback) => callback(null, { snapshot: diagnostics.snapshot() }),
  };
  server.addService(DiagnosticsService, handlers);
}
