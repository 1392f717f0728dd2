// How failures of gRPC calls reach the caller.

import assert from 'node:assert/strict';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { ClientError, type ClientErrorCode, fromGrpcError, isRetryable } from '../../../client/client-error.js';
import { type RefusalReason, statusOf } from '../../../proto/status.js';

function createServiceError(reason: Pick<ServiceError, 'code' | 'details'>): ServiceError {
  return Object.assign(new Error(reason.details), { ...reason, metadata: new Metadata() });
}

describe('client error', () => {
  const table: [RefusalReason, ClientErrorCode][] = [
    ['clusterMismatch', 'WRONG_CLUSTER'],
    ['invalid', 'INVALID_ARGUMENT'],
    ['sessionLimit', 'RESOURCE_EXHAUSTED'],
    ['notReady', 'UNREACHABLE'],
    ['draining', 'UNREACHABLE'],
    ['full', 'UNREACHABLE'],
  ];
  for (const [reason, code] of table) {
    it(`a coordinator's ${reason} is ${code} and names the address`, () => {
      const error = fromGrpcError(createServiceError(statusOf(reason)), 'host:1');
      assert.equal(error.code, code);
      assert.match(error.message, /^host:1: /);
      assert.equal(isRetryable(error), code === 'UNREACHABLE');
    });
  }

  it('a silent or absent coordinator is worth another attempt', () => {
    for (const code of [status.DEADLINE_EXCEEDED, status.UNAVAILABLE, status.UNKNOWN, status.CANCELLED]) {
      assert.ok(isRetryable(fromGrpcError(createServiceError({ code, details: 'x' }), 'host:1')));
    }
    assert.ok(isRetryable(fromGrpcError(new Error('not of gRPC'), 'host:1')));
  });

  it('what is a ClientError already stays what it is', () => {
    const error = new ClientError('CLOSED', 'closed', { id: { session: 1, seq: 2 }, cause: 'why' });
    assert.equal(fromGrpcError(error, 'host:1'), error);
    assert.deepEqual([error.name, error.id, error.cause], ['ClientError', { session: 1, seq: 2 }, 'why']);
  });
});
