// Ending a process: gently on the first signal, at once on the second. Knows nothing of what has to be ended.

import type { Server } from '@grpc/grpc-js';
import type { Log } from './log.js';

/** A service as the signal handler sees it. */
export interface Drainable {
  /** Stops taking work, ends its streams, lets go of its peers. Must be harmless to call once. */
  close(): Promise<void>;
}

const GRACE_MS = 5000;

/** Waits for calls under way, at most `graceMs`, then cuts them off. */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
    server.tryShutdown(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Ends the process with 0 once `service` is closed or 5 s have passed; a second signal ends it at once with 130. */
export function drainOnSignals(service: Drainable, log: Log): void {
  let isDraining = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isDraining) process.exit(130);
    isDraining = true;
    log.info({ signal }, 'draining');
    setTimeout(() => {
      log.warn({ graceMs: GRACE_MS }, 'not everything ended in time');
      process.exit(0);
    }, GRACE_MS).unref();
    service.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ error: String(error) }, 'draining failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
