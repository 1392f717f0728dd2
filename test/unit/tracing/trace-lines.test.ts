// Lines of a trace file: their form against the SDK's own, and what is left out when there is no room.

import assert from 'node:assert/strict';
import { ExportTraceServiceRequest } from '../../../proto/gen/opentelemetry/proto/collector/trace/v1/trace_service.js';
import { scanExport } from '../../../tracing/trace-export.js';
import { chooseTraces, encodeTraceLine } from '../../../tracing/trace-lines.js';
import { makeRichSpans, makeSpans, toExport, toSdkJson, traceIdOf } from './span-samples.js';

const ALL = 1e9;
const decode = (bytes: Uint8Array): ExportTraceServiceRequest => ExportTraceServiceRequest.decode(bytes);
const encode = (request: ExportTraceServiceRequest): Uint8Array => ExportTraceServiceRequest.encode(request).finish();

function write(exports: readonly Uint8Array[], bytesLimit: number): { text: string; traces: Set<string> } {
  const traces = chooseTraces(exports, bytesLimit);
  return { text: exports.map((bytes) => encodeTraceLine(bytes, traces).text).join(''), traces };
}

describe('trace lines', () => {
  it('are what the SDK itself writes, to the character', () => {
    const spans = makeRichSpans();
    assert.equal(write([toExport(spans)], ALL).text, `${toSdkJson(spans)}\n`);
  });

  it('keep values that the SDK never sends', () => {
    const request = decode(toExport(makeSpans([{ trace: 1 }])));
    request.resourceSpans[0]!.scopeSpans[0]!.spans[0]!.attributes = [
      { key: 'huge', value: { value: { $case: 'intValue', value: '9223372036854775807' } } },
      { key: 'none', value: { value: { $case: 'doubleValue', value: Number.NaN } } },
      { key: 'bytes', value: { value: { $case: 'bytesValue', value: Uint8Array.of(255, 0) } } },
      { key: 'empty', value: undefined },
    ];
    const { resourceSpans } = JSON.parse(write([encode(request)], ALL).text);
    assert.deepEqual(resourceSpans[0].scopeSpans[0].spans[0].attributes, [
      { key: 'huge', value: { intValue: '9223372036854775807' } },
      { key: 'none', value: { doubleValue: 'NaN' } },
      { key: 'bytes', value: { bytesValue: '/wA=' } },
      { key: 'empty', value: {} },
    ]);
  });

  it('hold whole traces, the earliest ones, whatever the limit', () => {
    // Three traces, interleaved over two exports, the last to begin mentioned first.
    const spans = [
      { trace: 3, startNs: 30 },
      { trace: 1, startNs: 10 },
      { trace: 2, startNs: 20 },
      { trace: 2, startNs: 25 },
      { trace: 1, startNs: 40 },
      { trace: 3, startNs: 50 },
    ];
    const exports = [toExport(makeSpans(spans.slice(0, 3))), toExport(makeSpans(spans.slice(3)))];
    const whole = write(exports, ALL).text.length;
    const seen = new Set<number>();
    for (let limit = 0; limit <= whole; limit++) {
      const { text, traces } = write(exports, limit);
      assert.ok(text.length <= limit, `${text.length} bytes for a limit of ${limit}`);
      const earliest = [1, 2, 3].slice(0, traces.size).map(traceIdOf);
      assert.deepEqual([...traces], earliest);
      assert.equal((text.match(/"spanId"/g) ?? []).length, 2 * traces.size, 'no trace is cut');
      for (const line of text.split('\n').slice(0, -1)) JSON.parse(line);
      seen.add(traces.size);
    }
    assert.deepEqual([...seen], [0, 1, 2, 3]);
  });

  it('leave out an export whose spans turn out to be garbage', () => {
    const good = toExport(makeSpans([{ trace: 1 }]));
    assert.equal(write([Uint8Array.of(0xff, 0xff), good], ALL).text, write([good], ALL).text);
  });
});

describe('quick look at an export', () => {
  it('finds the spans and their traces', () => {
    const spans = makeRichSpans();
    const seen: string[] = [];
    const counts = scanExport(toExport(spans), (traceId) => seen.push(Buffer.from(traceId).toString('hex')));
    assert.deepEqual(counts, { spans: spans.length, invalid: 0 });
    assert.deepEqual(
      seen,
      spans.map((span) => span.spanContext().traceId),
    );
  });

  it('tells spans without proper ids, which no line contains', () => {
    const request = decode(toExport(makeSpans([{ trace: 1 }, { trace: 1 }, { trace: 1 }, { trace: 1 }])));
    const [first, second, third] = request.resourceSpans[0]!.scopeSpans[0]!.spans;
    first!.traceId = new Uint8Array(16);
    second!.spanId = Uint8Array.of(1, 2, 3);
    third!.traceId = new Uint8Array(0);
    const bytes = encode(request);
    assert.deepEqual(
      scanExport(bytes, () => undefined),
      { spans: 1, invalid: 3 },
    );
    assert.equal(encodeTraceLine(bytes, new Set([traceIdOf(1)])).spans, 1);
  });

  it('refuses what is cut short at any place', () => {
    const bytes = toExport(makeSpans([{ trace: 1 }]));
    for (let length = 1; length < bytes.length; length++) {
      assert.throws(() => scanExport(bytes.subarray(0, length), () => undefined), `${length} bytes`);
    }
  });
});
