// One table from the reasons for a refusal to the gRPC statuses that end streams and unary calls with it, and whether
// asking again may help. Statuses are for the transport; what the protocol acts on is the refusal itself.

import { type StatusObject, status } from '@grpc/grpc-js';
import type { CoordinatorRefusal } from '../protocol/coordinator/types.js';
import { RefusalCode } from '../protocol/messages.js';

/** Why something was not served: the protocol's refusals, the coordinator's, and the ends of streams. */
export type RefusalReason =
  | keyof typeof RefusalCode
  | CoordinatorRefusal
  | 'superseded'
  | 'slow'
  | 'draining'
  | 'broken';

/** What a refusal means to the one who is refused. */
export interface Verdict {
  status: status;
  /** Whether the same request may be served later, here or elsewhere. It keeps its ids (F1). */
  retryable: boolean;
  /** The reason for both, for people. */
  why: string;
}

/** The table. */
export const verdicts: Readonly<Record<RefusalReason, Verdict>> = {
  epoch: { status: status.UNAVAILABLE, retryable: true, why: 'the epoch is another one; fetch the configuration' },
  notLeader: { status: status.UNAVAILABLE, retryable: true, why: 'another replica leads; fetch the configuration' },
  notOpen: { status: status.UNAVAILABLE, retryable: true, why: 'the epoch is not open yet' },
  invalid: { status: status.INVALID_ARGUMENT, retryable: false, why: 'a field is out of its limits' },
  full: {
    status: status.RESOURCE_EXHAUSTED,
    retryable: true,
    why: 'a bounded queue is full; wait before asking again',
  },
  sessionExpired: {
    status: status.FAILED_PRECONDITION,
    retryable: false,
    why: 'the lease of the session ran out and its end is in the log',
  },
  idReused: {
    status: status.ALREADY_EXISTS,
    retryable: false,
    why: 'the id names a command with another payload (B3)',
  },
  notReady: { status: status.UNAVAILABLE, retryable: true, why: 'the coordinator has not read its record yet' },
  clusterMismatch: { status: status.FAILED_PRECONDITION, retryable: false, why: 'this is another cluster' },
  duplicateNode: { status: status.ALREADY_EXISTS, retryable: false, why: 'a live node of that role has that name' },
  unknownNode: {
    status: status.NOT_FOUND,
    retryable: false,
    why: 'the node is not registered here; it has to register',
  },
  notLeadable: {
    status: status.FAILED_PRECONDITION,
    retryable: false,
    why: 'that replica is no member, is not heard, or too few others are',
  },
  sessionLimit: { status: status.OUT_OF_RANGE, retryable: false, why: 'every session id has been issued' },
  superseded: {
    status: status.ABORTED,
    retryable: false,
    why: 'a newer connection of the same process took over (E7)',
  },
  slow: {
    status: status.RESOURCE_EXHAUSTED,
    retryable: true,
    why: 'the receiver reads too slowly; too much is queued',
  },
  draining: { status: status.UNAVAILABLE, retryable: true, why: 'the process is shutting down' },
  broken: { status: status.INTERNAL, retryable: false, why: 'an invariant of the process is broken' },
};

const reasonsByCode = new Map<number, RefusalReason>(
  (Object.keys(RefusalCode) as (keyof typeof RefusalCode)[]).map((reason) => [RefusalCode[reason], reason]),
);

const retryableStatuses: ReadonlySet<number> = new Set(
  Object.values(verdicts)
    .filter((verdict) => verdict.retryable)
    .map((verdict) => verdict.status),
);

/** The reason behind a `RefusalCode` number; a number of a later version counts as `invalid`. */
export function parseRefusalCode(code: number): RefusalReason {
  return reasonsByCode.get(code) ?? 'invalid';
}

/** The status that ends a stream or a unary call. `detail` names the field, limit, epoch or address involved. */
export function statusOf(reason: RefusalReason, detail = ''): Pick<StatusObject, 'code' | 'details'> {
  const { status: code, why } = verdicts[reason];
  return { code, details: detail === '' ? why : `${why}: ${detail}` };
}

/** Whether a call that ended with this gRPC status may succeed when it is made again. */
export function isRetryableStatus(code: number): boolean {
  return retryableStatuses.has(code);
}
