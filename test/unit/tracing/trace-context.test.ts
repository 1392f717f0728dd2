// The trace context between its two forms.

import assert from 'node:assert/strict';
import { parseTraceparent } from '../../../tracing/trace-context.js';

describe('trace context', () => {
  const ids = '0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331';

  it('is 25 bytes when sampled and empty when not', () => {
    const sampled = parseTraceparent(`00-${ids}-01`) ?? new Uint8Array(0);
    assert.equal(Buffer.from(sampled).toString('hex'), `${ids.replace('-', '')}01`);
    assert.equal(parseTraceparent(`00-${ids}-00`)?.length, 0);
  });

  it('is nothing if the text is not a traceparent', () => {
    for (const text of ['', `00-${ids}`, `00-${ids}-1`, `00-${ids.toUpperCase()}-01`])
      assert.equal(parseTraceparent(text), null);
  });
});
