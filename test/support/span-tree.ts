// Exported spans as a test wants them: attributes by key, and traces as trees in words.

import type { KeyValue } from '../../proto/gen/opentelemetry/proto/common/v1/common.js';
import type { ResourceSpans } from '../../proto/gen/opentelemetry/proto/trace/v1/trace.js';
import { Span_SpanKind } from '../../proto/gen/opentelemetry/proto/trace/v1/trace.js';

/** A span, and the service that it came from. */
export interface ExportedSpan {
  service: string;
  instance: string;
  traceId: string;
  spanId: string;
  /** Empty for a root. */
  parentId: string;
  name: string;
  kind: string;
  startUs: number;
  endUs: number;
  attributes: Record<string, string | number | boolean>;
  links: { traceId: string; spanId: string }[];
  isError: boolean;
}

/** Every span of an export. */
export function readSpans(resourceSpans: readonly ResourceSpans[]): ExportedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const of = readAttributes(resource?.attributes ?? []);
    const service = String(of['service.name']);
    const instance = String(of['service.instance.id']);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service,
        instance,
        traceId: toHex(span.traceId),
        spanId: toHex(span.spanId),
        parentId: toHex(span.parentSpanId),
        name: span.name,
        kind: Span_SpanKind[span.kind] ?? String(span.kind),
        startUs: Number(BigInt(span.startTimeUnixNano) / 1000n),
        endUs: Number(BigInt(span.endTimeUnixNano) / 1000n),
        attributes: readAttributes(span.attributes),
        links: span.links.map((link) => ({ traceId: toHex(link.traceId), spanId: toHex(link.spanId) })),
        isError: span.status?.code === 2,
      })),
    );
  });
}

/**
 * A trace in words: one line per span, indented under its parent, siblings by service and name, equal ones counted.
 * @throws if there is not exactly one root, or a span hangs under nothing.
 */
export function describeTree(trace: readonly ExportedSpan[]): string[] {
  const roots = trace.filter((span) => span.parentId === '');
  const [root] = roots;
  if (root === undefined || roots.length !== 1) throw new Error(`${roots.length} roots in ${trace.length} spans`);
  const ids = new Set(trace.map((span) => span.spanId));
  const orphan = trace.find((span) => span.parentId !== '' && !ids.has(span.parentId));
  if (orphan !== undefined) throw new Error(`${orphan.name} of ${orphan.service} hangs under no span of its trace`);
  return describeSpan(root, trace, '');
}

function describeSpan(span: ExportedSpan, trace: readonly ExportedSpan[], indent: string): string[] {
  const children = trace.filter((candidate) => candidate.parentId === span.spanId);
  const texts = children
    .map((child) => describeSpan(child, trace, `${indent}  `))
    .sort((a, b) => (`${a}` < `${b}` ? -1 : 1));
  const lines: string[] = [];
  for (let at = 0; at < texts.length; ) {
    const text = texts[at] ?? [];
    let count = 0;
    while (at < texts.length && `${texts[at]}` === `${text}`) {
      at++;
      count++;
    }
    const [first = '', ...rest] = text;
    lines.push(count === 1 ? first : `${first} ×${count}`, ...rest);
  }
  return [`${indent}${span.service.replace('curpho-', '')}: ${span.name}`, ...lines];
}

function readAttributes(list: readonly KeyValue[]): ExportedSpan['attributes'] {
  const attributes: ExportedSpan['attributes'] = {};
  for (const { key, value } of list) {
    switch (value?.value?.$case) {
      case 'intValue':
        attributes[key] = Number(value.value.value);
        break;
      case 'stringValue':
      case 'boolValue':
      case 'doubleValue':
        attributes[key] = value.value.value;
        break;
      default:
        throw new Error(`attribute ${key} is of a kind that this test does not know`);
    }
  }
  return attributes;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
