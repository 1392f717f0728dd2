// The one place where a failure of a load process becomes a gRPC status and, on the driver's side, an error again. The
// status is for the transport; the code of the SDK or of the service travels beside it, so that the driver can still
// tell a cluster that nobody reaches from a value that nobody takes.

import { Metadata, type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { UsageError } from './flag-values.js';
import { errorCode } from './worker/operation-lane.js';

/**
 * A load process could not do what it was asked; `code` is the SDK's where the SDK failed. The pool's own are:
 *
 * - `WORKER_LOST`: the process ended, or answers no more.
 * - `WORKER_BUSY`: it carries out another run.
 * - `WRONG_RUN`: the run that the call names is not, or no longer, the one it carries out.
 * - `CLOCK_SKEW`: its clock is too far off for a common start.
 */
export class WorkerError extends Error {
  override name = 'WorkerError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Name of the metadata that carries the code; absent where the transport failed rather than the process. */
const CODE_KEY = 'curpho-error-code';

/** Codes that have a status of their own; all others are failures inside of the process. */
const STATUSES: ReadonlyMap<string, status> = new Map([
  ['INVALID_ARGUMENT', status.INVALID_ARGUMENT],
  ['UNREACHABLE', status.UNAVAILABLE],
  ['DEADLINE_EXCEEDED', status.DEADLINE_EXCEEDED],
  ['RESOURCE_EXHAUSTED', status.RESOURCE_EXHAUSTED],
  ['WRONG_CLUSTER', status.FAILED_PRECONDITION],
  ['CLOSED', status.ABORTED],
  ['WORKER_BUSY', status.RESOURCE_EXHAUSTED],
  ['WRONG_RUN', status.FAILED_PRECONDITION],
]);

/** The status that ends a call with this failure. */
export function encodeFailure(error: unknown): Pick<StatusObject, 'code' | 'details' | 'metadata'> {
  const code = error instanceof UsageError ? 'INVALID_ARGUMENT' : errorCode(error);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, code);
  const details = error instanceof Error ? error.message : String(error);
  return { code: STATUSES.get(code) ?? status.INTERNAL, details, metadata };
}

/** The failure that the process reported, `worker` being its name; null if the transport failed. */
export function decodeFailure(error: ServiceError, worker: string): WorkerError | null {
  const [code] = error.metadata.get(CODE_KEY);
  return code === undefined ? null : new WorkerError(code.toString(), `${worker}: ${error.details}`);
}
