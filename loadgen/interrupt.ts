// How the load generator is told to stop: by its user (SIGINT) or by whoever runs its process or container (SIGTERM). A
// measurement that may be hours old is not thrown away for either.

import type { EventEmitter } from 'node:events';

import { ExitCode } from './outcome/result.js';

/**
 * A signal that the first interrupt of `source`, a process, aborts: the measuring ends, and what there is is reported.
 * At the second `leave` is called, which ends the process at once.
 */
export function hearInterrupts(
  source: EventEmitter,
  stderr: { write(text: string): unknown },
  leave: (exitCode: number) => void,
): AbortSignal {
  const interrupt = new AbortController();
  const onSignal = (): void => {
    if (interrupt.signal.aborted) return leave(ExitCode.interrupted);
    interrupt.abort();
    stderr.write('\ninterrupted: stopping; once more to leave at once\n');
  };
  source.on('SIGINT', onSignal);
  source.on('SIGTERM', onSignal);
  return interrupt.signal;
}
