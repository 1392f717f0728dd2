// Reads the file that a run's traces are kept in: OTLP JSON, one export per line. Gives spans as the rules about them need
// them, with plain attributes; judges nothing.

import { readFileSync } from 'node:fs';
import { z } from 'zod';

const attributesSchema = z.array(
  z.object({
    key: z.string(),
    value: z.object({
      stringValue: z.string().optional(),
      boolValue: z.boolean().optional(),
      // Integers beyond what a double holds are written as text.
      intValue: z.union([z.number(), z.string()]).optional(),
      doubleValue: z.union([z.number(), z.string()]).optional(),
    }),
  }),
);

const lineSchema = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: attributesSchema }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              traceId: z.string(),
              parentSpanId: z.string().default(''),
              name: z.string(),
              attributes: attributesSchema,
            }),
          ),
        }),
      ),
    }),
  ),
});

/** Attributes by their keys. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** One span, and the process that it came from. */
export interface TraceSpan {
  traceId: string;
  isRoot: boolean;
  name: string;
  instance: string;
  attributes: Attributes;
}

/** The file is not what a run writes. */
export class TraceFormatError extends Error {
  override readonly name = 'TraceFormatError';
}

/** All spans of a file. @throws TraceFormatError naming the line. */
export function readTraceFile(file: string): TraceSpan[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line, at) => (line === '' ? [] : readLine(line, at + 1)));
}

function readLine(text: string, line: number): TraceSpan[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new TraceFormatError(`line ${line} is not JSON`);
  }
  const { data } = lineSchema.safeParse(parsed);
  if (data === undefined) throw new TraceFormatError(`line ${line} is not an export of traces in OTLP JSON`);
  return data.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const instance = String(plain(resource.attributes)['service.instance.id'] ?? '');
    return scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, parentSpanId, name, attributes }) => {
        return { traceId, isRoot: parentSpanId === '', name, instance, attributes: plain(attributes) };
      }),
    );
  });
}

function plain(list: z.infer<typeof attributesSchema>): Attributes {
  const attributes: Record<string, string | number | boolean> = {};
  for (const { key, value } of list) {
    const number = value.intValue ?? value.doubleValue;
    attributes[key] = value.stringValue ?? value.boolValue ?? (number === undefined ? '' : Number(number));
  }
  return attributes;
}
