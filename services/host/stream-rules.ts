// What a node demands of every frame before a core sees it, and the status that ends a stream which does not comply.
// Does not read operations: the codec has checked them, the core judges them.

import type { StatusObject } from '@grpc/grpc-js';
import { FrameError } from '../../proto/codec.js';
import { type RefusalReason, statusOf } from '../../proto/status.js';

/** A sender that is in the wrong place: another cluster, or not who its stream says it is. */
export class SenderError extends Error {
  override readonly name = 'SenderError';

  constructor(
    readonly reason: RefusalReason,
    detail: string,
  ) {
    super(detail);
  }
}

/** @throws SenderError if a frame means another cluster. */
export function assertCluster(clusterId: string, expected: string): void {
  if (clusterId === expected) return;
  throw new SenderError('clusterMismatch', `cluster_id must be ${expected}, not ${clusterId.slice(0, 64)}`);
}

/** @throws SenderError if a frame speaks for another client than its stream, whose replies would go astray. */
export function assertClient(clientId: number, expected: number): void {
  if (clientId === expected) return;
  throw new SenderError('invalid', `client_id must be ${expected} as in the stream's metadata, not ${clientId}`);
}

/** The status for an error that the sender of a frame or call has caused; null for any other error. */
export function describeSenderFault(error: unknown): Pick<StatusObject, 'code' | 'details'> | null {
  if (error instanceof FrameError) return statusOf('invalid', error.message);
  if (error instanceof SenderError) return statusOf(error.reason, error.message);
  return null;
}
