// The trace context between its forms.

import assert from 'node:assert/strict';
import {
  decodeTraceContext,
  encodeTraceContext,
  isSampled,
  parseTraceparent,
  TRACE_CONTEXT_BYTES,
} from '../../../tracing/trace-context.js';

describe('trace context', () => {
  const ids = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';
  const [traceId = '', spanId = ''] = ids.split('-');

  it('names a span, sampled or not', () => {
    const sampled = parseTraceparent(`00-${ids}-01`);
    assert.deepEqual(sampled, { traceId, spanId, traceFlags: 1, isRemote: true });
    const unsampled = parseTraceparent(`00-${ids}-00`);
    assert.deepEqual(
      [sampled, unsampled].map((context) => context !== null && isSampled(context)),
      [true, false],
    );
  });

  it('is nothing if the text is not a traceparent', () => {
    for (const text of ['', `00-${ids}`, `00-${ids}-1`, `00-${ids.toUpperCase()}-01`])
      assert.equal(parseTraceparent(text), null);
  });

  it('travels as 25 bytes and comes back as it was', () => {
    const bytes = encodeTraceContext({ traceId, spanId, traceFlags: 1 });
    assert.equal(bytes.length, TRACE_CONTEXT_BYTES);
    assert.equal(Buffer.from(bytes).toString('hex'), `${ids.replace('-', '')}01`);
    // A view into a frame, as the codec hands it out.
    const frame = Buffer.concat([Buffer.from('xyz'), bytes]);
    assert.deepEqual(decodeTraceContext(frame.subarray(3)), { traceId, spanId, traceFlags: 1, isRemote: true });
  });
});
