// Turns exports into lines of OTLP JSON that fit a file. What does not fit is left out by the trace, latest first: a
// trace with holes misleads, a missing one does not. Touches no disk.

import type { ResourceSpans } from '../proto/gen/opentelemetry/proto/trace/v1/trace.js';
import { encodeResource, encodeScope, encodeSpan, toHex } from './otlp-json.js';
import { decodeExport } from './trace-export.js';

/** One export, as it goes into the file. */
export interface TraceLine {
  /** With its newline; empty if there is no span to write. */
  text: string;
  spans: number;
}

/** What is known of a trace before it is chosen. */
interface TraceSize {
  /** When its first span began, nanoseconds as decimal text. */
  startedAt: string;
  bytes: number;
}

/**
 * The traces that fit into `bytesLimit`: the earliest ones, each with all its spans.
 * @param exports Encoded; one that cannot be decoded has no traces.
 */
export function chooseTraces(exports: readonly Uint8Array[], bytesLimit: number): Set<string> {
  const sizes = new Map<string, TraceSize>();
  let room = bytesLimit;
  for (const bytes of exports) {
    let spanBytes = 0;
    const { text } = encodeLine(bytes, (traceId, startedAt, span) => {
      const length = Buffer.byteLength(span) + 1;
      spanBytes += length;
      addSize(sizes, traceId, { startedAt, bytes: length });
      return true;
    });
    // What is around the spans is charged in full, however few of them will be left.
    room -= Buffer.byteLength(text) - spanBytes;
  }
  const chosen = new Set<string>();
  for (const [traceId, { bytes }] of [...sizes].sort(([, a], [, b]) => compareDecimals(a.startedAt, b.startedAt))) {
    room -= bytes;
    if (room < 0) break;
    chosen.add(traceId);
  }
  return chosen;
}

/** The line of one export with the spans of chosen traces; no line if it cannot be decoded. */
export function encodeTraceLine(bytes: Uint8Array, chosen: ReadonlySet<string>): TraceLine {
  return encodeLine(bytes, (traceId) => chosen.has(traceId));
}

type Choice = (traceId: string, startedAt: string, text: string) => boolean;

function encodeLine(bytes: Uint8Array, choose: Choice): TraceLine {
  let spans = 0;
  const resources = tryDecode(bytes).map((resource) =>
    wrap(
      `{"resource":${encodeResource(resource.resource)},"scopeSpans":[`,
      resource.scopeSpans.map((scope) => {
        const texts: string[] = [];
        for (const span of scope.spans) {
          const traceId = toHex(span.traceId);
          const text = encodeSpan(span, traceId);
          if (choose(traceId, span.startTimeUnixNano, text)) texts.push(text);
        }
        spans += texts.length;
        return wrap(`{"scope":${encodeScope(scope.scope)},"spans":[`, texts, scope.schemaUrl);
      }),
      resource.schemaUrl,
    ),
  );
  const text = resources.filter((each) => each !== '').join(',');
  return { text: text === '' ? '' : `{"resourceSpans":[${text}]}\n`, spans };
}

function tryDecode(bytes: Uint8Array): ResourceSpans[] {
  try {
    return decodeExport(bytes);
  } catch {
    // The quick look let it pass, so the fault is inside a span. Its sender is long gone.
    return [];
  }
}

/** An object that ends with a list; the empty string if the list has nothing in it. */
function wrap(start: string, items: readonly string[], schemaUrl: string): string {
  const list = items.filter((item) => item !== '').join(',');
  if (list === '') return '';
  return schemaUrl === '' ? `${start}${list}]}` : `${start}${list}],"schemaUrl":${JSON.stringify(schemaUrl)}}`;
}

function addSize(sizes: Map<string, TraceSize>, traceId: string, part: TraceSize): void {
  const size = sizes.get(traceId);
  if (size === undefined) {
    sizes.set(traceId, part);
    return;
  }
  size.bytes += part.bytes;
  if (compareDecimals(part.startedAt, size.startedAt) < 0) size.startedAt = part.startedAt;
}

function compareDecimals(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : Number(a > b));
}
