// The one error that the SDK throws, and the one place where foreign errors (gRPC statuses) become it. Knows what a
// caller can do about a failure; does not know where in the SDK it arose.

import { type ServiceError, status } from '@grpc/grpc-js';
import type { CommandId } from '../protocol/messages.js';

/**
 * What went wrong, as far as a caller can act on it.
 *
 * - `INVALID_ARGUMENT`: the caller's mistake; nothing was sent.
 * - `UNREACHABLE`: nobody answered at the addresses named in the message.
 * - `DEADLINE_EXCEEDED`: the deadline passed; the operation has had and will have no effect.
 * - `UNKNOWN_OUTCOME`: a numbered write is no longer waited for; it may take effect now or later. `id` names it.
 * - `ABORTED`: the caller's signal ended the wait; the operation has had and will have no effect.
 * - `RESOURCE_EXHAUSTED`: a bounded queue of this client is full; nothing was sent.
 * - `WRONG_CLUSTER`: the coordinator, or the token, belongs to another cluster.
 * - `SESSION_EXPIRED`: the cluster has ended the session, which was not heard of for too long; a weak write that `id` names
 *   may be lost, an operation without one has had and will have no effect.
 * - `ID_REUSED`: another write has the id of this one; it has had and will have no effect.
 * - `CLOSED`: the client or the session was closed; the operation has had and will have no effect.
 */
export type ClientErrorCode =
  | 'INVALID_ARGUMENT'
  | 'UNREACHABLE'
  | 'DEADLINE_EXCEEDED'
  | 'UNKNOWN_OUTCOME'
  | 'ABORTED'
  | 'RESOURCE_EXHAUSTED'
  | 'WRONG_CLUSTER'
  | 'SESSION_EXPIRED'
  | 'ID_REUSED'
  | 'CLOSED';

/** Every failure that the SDK reports. The message names the field or address and the limit that was missed. */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;
  /** With `UNKNOWN_OUTCOME`: the write whose outcome is unknown; with `SESSION_EXPIRED`: a weak write that may be lost. */
  readonly id: CommandId | undefined;

  constructor(code: ClientErrorCode, message: string, details: { id?: CommandId | undefined; cause?: unknown } = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.id = details.id;
  }
}

/** A caller's mistake: `field` and what is wrong with it. */
export function invalidArgument(field: string, problem: string): ClientError {
  return new ClientError('INVALID_ARGUMENT', `${field}: ${problem}`);
}

/** Whether an error came out of a gRPC call. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/** A failed unary call as the SDK reports it; `address` is whom the call was meant for. */
export function fromGrpcError(error: unknown, address: string): ClientError {
  if (error instanceof ClientError) return error;
  if (!isServiceError(error)) return new ClientError('UNREACHABLE', `${address}: ${String(error)}`, { cause: error });
  const message = `${address}: ${error.details || error.message}`;
  switch (error.code) {
    case status.INVALID_ARGUMENT:
      return new ClientError('INVALID_ARGUMENT', message, { cause: error });
    case status.FAILED_PRECONDITION:
    case status.PERMISSION_DENIED:
      return new ClientError('WRONG_CLUSTER', message, { cause: error });
    case status.OUT_OF_RANGE:
      return new ClientError('RESOURCE_EXHAUSTED', message, { cause: error });
    default:
      return new ClientError('UNREACHABLE', message, { cause: error });
  }
}

/** Whether asking again, or asking another coordinator, may help. */
export function isRetryable(error: ClientError): boolean {
  return error.code === 'UNREACHABLE';
}
