// The table of refusals: every protocol refusal is in it, and a status tells the same about retrying as the reason.

import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import { isRetryableStatus, parseRefusalCode, type RefusalReason, statusOf, verdicts } from '../../../proto/status.js';
import { RefusalCode } from '../../../protocol/messages.js';

describe('refusals as gRPC statuses', () => {
  it('every refusal code has its reason', () => {
    for (const [reason, code] of Object.entries(RefusalCode)) assert.equal(parseRefusalCode(code), reason);
    assert.equal(parseRefusalCode(0), 'invalid');
    assert.equal(parseRefusalCode(99), 'invalid');
  });

  it('no refusal is a success, and every one says why', () => {
    for (const verdict of Object.values(verdicts)) {
      assert.notEqual(verdict.status, status.OK);
      assert.ok(verdict.why.length > 10);
    }
  });

  it('a status says the same about retrying as the reason behind it', () => {
    for (const [reason, verdict] of Object.entries(verdicts)) {
      assert.equal(isRetryableStatus(verdict.status), verdict.retryable, reason);
    }
    assert.equal(isRetryableStatus(status.OK), false);
  });

  it('the detail follows the reason', () => {
    const reason: RefusalReason = 'epoch';
    assert.deepEqual(statusOf(reason), { code: status.UNAVAILABLE, details: verdicts.epoch.why });
    assert.equal(statusOf(reason, 'this node is in 4').details, `${verdicts.epoch.why}: this node is in 4`);
  });
});
